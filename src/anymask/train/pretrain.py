"""Pre-training of a ViT on pictures without masks: crops, one step, and a picture of what it draws.

Source: Masked Autoencoders Are Scalable Vision Learners (He et al., 2022), section 3, appendix A.1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.errors import ConfigError, DataError
from anymask.image.names import display_name
from anymask.model.configs import IMAGENET_MEAN, IMAGENET_STD
from anymask.model.masked_autoencoder import (
    MaskedAutoencoder,
    cut_patches,
    join_patches,
    normalise_patches,
    reconstruction_loss,
)

SMALLEST_AREA_SHARE = 0.2
WIDEST_RATIO = 4 / 3
HIDDEN_GREY = 127
TRIES = 1000


# --- one step ---


def reconstruct(
    model: MaskedAutoencoder,
    pixels: Tensor,
    rng: np.random.Generator,
    *,
    mask_share: float = 0.75,
    scale: float = 1.0,
) -> dict[str, float]:
    """Hide patches, draw them, and back-propagate what is wrong.

    Args:
        model: The autoencoder; gradients are added to its parameters.
        pixels: Normalised pictures, (B, 3, S, S).
        rng: Source of chance.
        mask_share: Share of the patches that is hidden, strictly between 0 and 1.
        scale: Factor of the gradients, say 1 / steps that are added up.

    Returns:
        Figures for the log: "loss", and "explained", the share of the hidden patches' variance
        that was drawn.

    Raises:
        ConfigError: If the share leaves nothing in sight or nothing hidden, or the pictures are
            not of the model's size.
    """
    visible = _visible(model, pixels, mask_share, rng)
    drawn = model(pixels, visible)
    loss = reconstruction_loss(drawn, pixels, visible, model.config.vit.patch)
    (scale * loss).backward()
    found = float(loss.detach())
    return {"loss": found, "explained": 1.0 - found}


def draw_visible(
    num_pictures: int, num_patches: int, mask_share: float, rng: np.random.Generator
) -> Tensor:
    """Choose what each picture shows, without order or neighbourhood.

    Args:
        num_pictures: B.
        num_patches: S.
        mask_share: Share of the patches that is hidden.
        rng: Source of chance.

    Returns:
        Sorted indices of the visible patches, int64 (B, V), V = S (1 - mask_share) rounded.

    Raises:
        ConfigError: If nothing would be visible, or nothing hidden.
    """
    num_visible = round(num_patches * (1 - mask_share)) if math.isfinite(mask_share) else 0
    if not 0 < num_visible < num_patches:
        raise ConfigError(
            f"mask_share {mask_share} of {num_patches} patches leaves nothing "
            f"{'hidden' if num_visible > 0 else 'in sight'}",
            hint="use 0.75",
        )
    order = np.argsort(rng.random((num_pictures, num_patches)), axis=1)
    return torch.from_numpy(np.sort(order[:, :num_visible], axis=1))


def _visible(
    model: MaskedAutoencoder, pixels: Tensor, mask_share: float, rng: np.random.Generator
) -> Tensor:
    side = model.config.input_size
    if pixels.shape[1:] != (3, side, side):
        raise ConfigError(
            f"crops must be {side} pixels wide and high, got {pixels.shape[3]} × {pixels.shape[2]}",
            hint=f"draw them at {side}",
        )
    num_patches = (side // model.config.vit.patch) ** 2
    return draw_visible(len(pixels), num_patches, mask_share, rng).to(pixels.device)


# --- pictures ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One part of a picture.

    Attributes:
        pixels: uint8 RGB, (S, S, 3).
        name: Data set and picture, "set/picture".
        bad: Names of pictures drawn before this one that could not be read.
    """

    pixels: NDArray[np.uint8]
    name: str
    bad: tuple[str, ...] = ()


@dataclass(frozen=True)
class Crops:
    """Crops of the pictures of a mixture, which need no masks; travels to other processes.

    Attributes:
        mixture: The pictures, and how often each set is drawn.
    """

    mixture: Mixture

    def draw(self, size: int, rng: np.random.Generator) -> Crop:
        """Draw one crop of `size` pixels.

        Args:
            size: Side of the crop, pixels.
            rng: Source of chance.

        Raises:
            DataError: If a thousand pictures in a row cannot be read.
        """
        bad: list[str] = []
        for _ in range(TRIES):
            sets = self.mixture.sets
            group = sets[int(rng.choice(len(sets), p=self.mixture.chances))]
            index = int(rng.integers(len(group)))
            name = f"{group.name}/{index}"
            try:
                picture = group[index]
                name = f"{picture.set_name}/{picture.name}"
                pixels = draw_crop(picture, size, rng)
            except (DataError, OSError):
                bad.append(name)
                continue
            return Crop(pixels=pixels, name=name, bad=tuple(dict.fromkeys(bad)))
        raise DataError(
            f"none of {TRIES} pictures could be read, the first was {bad[0]!r}",
            hint="run anymask data check on the folder",
        )


def draw_crop(picture: AnnotatedPicture, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut a fifth to the whole of a picture, resize it to a square, and mirror every other one.

    Args:
        picture: A picture; its masks are not looked at.
        size: Side S of the crop, pixels.
        rng: Source of chance.

    Returns:
        uint8 RGB, (S, S, 3).

    Raises:
        DataError: If the picture cannot be decoded.
    """
    encoded = np.frombuffer(picture.encoded, np.uint8)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    if decoded is None:
        raise DataError(
            f"{display_name(picture.name)}: is not a readable picture", hint="check the data set"
        )
    height, width = decoded.shape[:2]
    area = height * width * rng.uniform(SMALLEST_AREA_SHARE, 1.0)
    ratio = math.exp(rng.uniform(-math.log(WIDEST_RATIO), math.log(WIDEST_RATIO)))
    crop_h = min(height, max(1, round(math.sqrt(area / ratio))))
    crop_w = min(width, max(1, round(math.sqrt(area * ratio))))
    top = int(rng.integers(height - crop_h + 1))
    left = int(rng.integers(width - crop_w + 1))
    crop = decoded[top : top + crop_h, left : left + crop_w]
    kind = cv2.INTER_AREA if size < min(crop_h, crop_w) else cv2.INTER_CUBIC
    resized = cv2.resize(crop, (size, size), interpolation=kind)
    if rng.random() < 0.5:
        resized = resized[:, ::-1]
    return np.ascontiguousarray(resized, np.uint8)


def as_pixels(crops: Sequence[Crop], device: torch.device | str = "cpu") -> Tensor:
    """Join crops of one size into normalised pixels (B, 3, S, S) on a device."""
    frames = torch.from_numpy(np.stack([crop.pixels for crop in crops])).to(device)
    mean, std = (torch.tensor(values, device=device) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((frames - mean) / std).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def reconstruction_sheet(
    model: MaskedAutoencoder,
    pixels: Tensor,
    rng: np.random.Generator,
    *,
    mask_share: float = 0.75,
) -> NDArray[np.uint8]:
    """Show what the autoencoder makes of pictures: original, what it sees, what it draws.

    A patch is drawn without its mean and contrast, which the model is never asked for; here both
    are taken from the original, so a patch it knows nothing of shows as its mean colour.

    Args:
        model: The autoencoder; it stays as it is.
        pixels: Normalised pictures, (B, 3, S, S).
        rng: Source of chance.
        mask_share: Share of the patches that is hidden.

    Returns:
        uint8 RGB, one row a picture, (B S, 3 S, 3).

    Raises:
        ConfigError: If the share leaves nothing in sight or nothing hidden, or the pictures are
            not of the model's size.
    """
    was_training, patch = model.training, model.config.vit.patch
    visible = _visible(model, pixels, mask_share, rng)
    try:
        drawn = model.eval()(pixels, visible).float()  # (B, patches, values)
    finally:
        model.train(was_training)
    patches = cut_patches(pixels.float(), patch)
    _, mean, deviation = normalise_patches(patches)
    is_visible = torch.zeros(patches.shape[:2], device=pixels.device, dtype=torch.bool)
    is_visible = is_visible.scatter(1, visible, value=True)[..., None]
    size_hw = (pixels.shape[2], pixels.shape[3])
    whole = _as_colours(
        join_patches(torch.where(is_visible, patches, drawn * deviation + mean), patch, size_hw)
    )
    shown = join_patches(is_visible.expand_as(patches).float(), patch, size_hw) > 0
    original = _as_colours(pixels.float())
    seen = np.where(shown.permute(0, 2, 3, 1).cpu().numpy(), original, HIDDEN_GREY)
    rows = np.concatenate([original, seen, whole], axis=2)  # (B, S, 3 S, 3)
    return rows.reshape(-1, *rows.shape[2:]).astype(np.uint8)


def _as_colours(pixels: Tensor) -> NDArray[np.uint8]:
    mean, std = (pixels.new_tensor(values) for values in (IMAGENET_MEAN, IMAGENET_STD))
    colours = (pixels.permute(0, 2, 3, 1) * std + mean).round().clamp(0, 255)
    return colours.to(torch.uint8).cpu().numpy()
