"""Changes to a picture that leave what is on it the same: colours, mirror image, scale, faults.

Source: Segment Anything (Kirillov et al., 2023), appendix A: large-scale jitter, scale 0.1 to 2.0,
where only the first two stages' data is trained on; nothing of the kind for the published models.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int, int, int]
"""A part of a picture: x0, y0, x1, y1 in its pixels, ends exclusive."""

MOST_DEGREES = 15.0
TURNED_SHARE = 0.5
# Each fault of `distort` comes with this chance, whatever the others do.
FAULT_SHARE, GREY_SHARE = 0.2, 0.1
BLUR_PX = (0.4, 1.6)
JPEG_QUALITY = (20, 81)
NOISE_LEVELS = (2.0, 12.0)


def recolour(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change contrast, brightness, saturation and tint, four times out of five.

    Args:
        pixels: uint8 RGB, (H, W, 3).
        rng: Source of chance.
    """
    if rng.random() >= 0.8:
        return pixels
    x = pixels.astype(np.float32)
    mean = x.mean()
    x = (x - mean) * np.float32(rng.uniform(0.7, 1.3)) + mean * np.float32(rng.uniform(0.7, 1.3))
    grey = x.mean(2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.4)
    x = grey + (x - grey) * np.float32(saturation)
    x *= rng.uniform(0.92, 1.08, 3).astype(np.float32)
    recoloured: NDArray[np.uint8] = np.clip(x, 0, 255).astype(np.uint8)
    return recoloured


def draw_degrees(rng: np.random.Generator) -> float:
    """Choose how far a picture is turned, degrees: not at all half of the time.

    Args:
        rng: Source of chance.
    """
    if rng.random() >= TURNED_SHARE:
        return 0.0
    return float(rng.uniform(-MOST_DEGREES, MOST_DEGREES))


def distort(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur a picture, add noise, take its colours, or store it as a bad JPEG; or none of it.

    Args:
        pixels: uint8 RGB, (H, W, 3).
        rng: Source of chance.
    """
    changed = pixels
    if rng.random() < FAULT_SHARE:
        changed = np.asarray(cv2.GaussianBlur(changed, (0, 0), rng.uniform(*BLUR_PX)), np.uint8)
    if rng.random() < GREY_SHARE:
        grey = cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY)
        changed = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    if rng.random() < FAULT_SHARE:
        noise = rng.standard_normal(changed.shape, np.float32)
        noise *= np.float32(rng.uniform(*NOISE_LEVELS))
        changed = np.clip(np.rint(changed + noise), 0, 255).astype(np.uint8)
    if rng.random() < FAULT_SHARE:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*JPEG_QUALITY))]
        # The order of the colours matters: brightness is kept better than colour.
        bgr = cv2.cvtColor(changed, cv2.COLOR_RGB2BGR)
        stored = cv2.imencode(".jpg", bgr, quality)[1]
        changed = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB), np.uint8)
    return changed


def mirror_used(plane: NDArray[np.uint8], used_width: int) -> NDArray[np.uint8]:
    """Mirror the left part of a plane (H, W), which holds the picture; padding stays right.

    Args:
        plane: (H, W).
        used_width: Columns that hold the picture.
    """
    mirrored = plane.copy()
    mirrored[:, :used_width] = plane[:, :used_width][:, ::-1]
    return mirrored


def jitter_scale(
    size_hw: tuple[int, int], scales: tuple[float, float], rng: np.random.Generator
) -> tuple[Window, float]:
    """Choose a scale, and the part of the picture that a square frame then holds.

    At scale 1 the picture's longer side fills the frame. A larger picture is cut anywhere, a
    smaller one leaves padding.

    Args:
        size_hw: Height and width of the picture, pixels.
        scales: Smallest and largest scale; every scale between has the same chance.
        rng: Source of chance.

    Returns:
        The window, and the share of the frame's side that its longer side fills, in (0, 1].
    """
    height, width = size_hw
    scale = float(rng.uniform(*scales))
    if scale <= 1:
        return (0, 0, width, height), scale
    longest = max(1, round(max(height, width) / scale))
    part_w, part_h = min(width, longest), min(height, longest)
    left, top = (int(rng.integers(slack + 1)) for slack in (width - part_w, height - part_h))
    return (left, top, left + part_w, top + part_h), 1.0


def fitted(height: int, width: int, size: float) -> tuple[int, int]:
    """Give height and width after the longer side became `size`, pixels."""
    factor = size / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def resized(pixels: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a picture: averaging where it shrinks, bilinear where it grows.

    Args:
        pixels: uint8, (H, W, 3) or (H, W).
        size_hw: New height and width, pixels.
    """
    shrinks = max(size_hw) < max(pixels.shape[:2])
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size_hw[::-1], interpolation=kind), dtype=np.uint8)
