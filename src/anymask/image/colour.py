"""Any 8-bit Pillow image, to sRGB and alpha."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from anymask.image.rows import DECODER_ERRORS

# ICC's names of colour spaces, and the mode of the pixels they are for.
_SPACE_OF_MODE = (("L", "GRAY"), ("RGB", "RGB"), ("CMYK", "CMYK"), ("LAB", "Lab"))
_SAME_WITHIN_LEVELS = 2


def to_rgb(
    image: Image.Image, icc: bytes | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, tuple[str, ...]]:
    """Give an image's colours as sRGB, and its alpha apart.

    Args:
        image: A decoded image of any 8-bit mode.
        icc: Profile of its colours, or None for sRGB.

    Returns:
        uint8, (H, W, 3); opacity, uint8, (H, W), or None if all is opaque; and notes.
    """
    base, alpha = _without_alpha(image)
    notes: tuple[str, ...] = ()
    if icc is not None:
        base, notes = _by_profile(base, icc)
    if base.mode == "LAB":
        base = _from_lab(base)
    rgb = np.array(base if base.mode == "RGB" else base.convert("RGB"))
    if alpha is not None and alpha.min() == 255:
        alpha = None
    return rgb, alpha, notes


def split_alpha(
    levels: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Give sRGB samples as three colours, and their alpha apart.

    Args:
        levels: Grey, grey and alpha, RGB, or RGBA; uint8, (H, W, 1 to 4).

    Returns:
        uint8, (H, W, 3), a copy; opacity, uint8, (H, W), or None if all is opaque.
    """
    num_bands = levels.shape[2]
    if num_bands >= 3:
        rgb = np.array(levels[:, :, :3], order="C")
    else:
        rgb = np.repeat(levels[:, :, :1], 3, axis=2)
    if num_bands in (1, 3):
        return rgb, None
    alpha = np.array(levels[:, :, -1], order="C")
    return rgb, (None if alpha.min() == 255 else alpha)


def over_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a picture over white.

    Args:
        rgb: uint8, (H, W, 3), not multiplied by alpha.
        alpha: Opacity, uint8, (H, W).

    Returns:
        uint8, (H, W, 3).
    """
    opacity = alpha[:, :, None].astype(np.uint16)
    return ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def _without_alpha(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """Split off alpha; palettes, odd modes and transparent colours are expanded."""
    mode = image.mode
    if mode in ("La", "RGBa"):
        image = image.convert("LA" if mode == "La" else "RGBA")
    elif mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    elif mode == "1":
        image = image.convert("L")
    elif mode in ("RGBX", "YCbCr", "HSV"):
        image = image.convert("RGB")
    if image.mode not in ("LA", "RGBA"):
        return image, None
    alpha = np.array(image.getchannel("A"))
    return image.convert("L" if image.mode == "LA" else "RGB"), alpha


def _by_profile(image: Image.Image, icc: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Bring colours to sRGB through a profile; leave those that are sRGB already untouched."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = str(profile.profile.xcolor_space).strip()
        if (image.mode, space) == ("L", "RGB"):
            image = image.convert("RGB")  # grey, but described as a colour picture's grey
        if (image.mode, space) not in _SPACE_OF_MODE:
            return image, (f"its colour profile is for {space}, not {image.mode}; not used",)
        transform = ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), image.mode, "RGB"
        )
        if _is_srgb(transform, image.mode):
            return image, ()
        converted = ImageCms.applyTransform(image, transform)
    except (*DECODER_ERRORS, ImageCms.PyCMSError):
        return image, ("its colour profile is broken; colours are taken as sRGB",)
    return (image, ()) if converted is None else (converted, ())


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Say whether a transform leaves a grid of colours as it is.

    Most pictures name sRGB, in many wordings. Passing them through untouched keeps them equal
    to what other programs decode, and is faster.
    """
    if mode not in ("L", "RGB"):
        return False
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    if mode == "L":
        probe = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(grid)
    changed = ImageCms.applyTransform(probe, transform)
    if changed is None:
        return False
    before = np.asarray(probe.convert("RGB")).astype(np.int16)
    return bool(np.abs(np.asarray(changed).astype(np.int16) - before).max() <= _SAME_WITHIN_LEVELS)


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))
    return image.convert("RGB") if converted is None else converted
