"""What the loop can learn: masks from prompts, or hidden patches from visible ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import Sample, SampleSettings
from anymask.evaluate.compare import as_loaded, mean_scores, score_pictures
from anymask.image.read import read_picture
from anymask.masks.atomic import write_bytes
from anymask.masks.png import png_bytes
from anymask.model.masked_autoencoder import MaskedAutoencoder, reconstruction_loss
from anymask.model.sam import Sam
from anymask.train.batch import collate
from anymask.train.feed import Source
from anymask.train.interaction import converse
from anymask.train.parameters import layerwise_groups, parameter_groups
from anymask.train.pretrain import (
    Crop,
    as_pixels,
    draw_crop,
    draw_visible,
    reconstruct,
    reconstruction_sheet,
)
from anymask.train.settings import TrainSettings
from anymask.train.sheet import batch_sheet, progress_row, progress_sheet

CHECKED_CLICKS = (1, 3, 8)
SHEET_ROWS = 6
MASK_SHARE = 0.75


@dataclass(frozen=True)
class Samples:
    """Samples of a mixture, made one way; travels to other processes.

    Attributes:
        mixture: The pictures.
        settings: How samples are made.
    """

    mixture: Mixture
    settings: SampleSettings

    def draw(self, size: int, rng: np.random.Generator) -> Sample:
        """Draw one sample with a frame of `size` pixels."""
        return self.mixture.draw(size, self.settings, rng)


@dataclass(slots=True, kw_only=True)
class Segmenting:
    """Learn to answer prompts with masks.

    Attributes:
        model: The model.
        settings: The run.
        source: Samples.
        held_back: Pictures to measure on.
    """

    model: Sam
    settings: TrainSettings
    source: Source[Any]
    held_back: tuple[AnnotatedPicture, ...] = ()

    def groups(self) -> list[dict[str, Any]]:
        """Give the parameters that learn; see `train.run.Task`."""
        how = self.settings.optimizer
        if self.model.config.vit is not None:
            groups = layerwise_groups(
                self.model,
                how.rate,
                layer_decay=how.layer_decay,
                weight_decay=how.weight_decay,
            )
        else:
            groups = parameter_groups(
                self.model, how.rate, how.backbone_rate, weight_decay=how.weight_decay
            )
        return cast("list[dict[str, Any]]", groups)

    def learn(
        self, drawn: list[Sample], rng: np.random.Generator, scale: float
    ) -> dict[str, float]:
        """Add one batch's gradients; see `train.run.Task`."""
        batch = collate(drawn, self.model)
        figures = converse(self.model, batch, rng, self.settings.conversation, scale=scale)
        losses = [value for name, value in figures.items() if name.startswith("loss")]
        return figures | {
            "loss": float(np.mean(losses)),
            "size": float(batch.pixels.shape[-1]),
            "redraws": float(np.mean([sample.redraws for sample in drawn])),
        }

    def check(self, average: nn.Module, sheet: Path) -> dict[str, float]:
        """Measure on held-back pictures; see `train.run.Task`."""
        if not self.held_back:
            return {}
        loaded = as_loaded(cast("Sam", average))
        rows = score_pictures(
            loaded,
            self.held_back,
            counts=CHECKED_CLICKS,
            most_masks=self.settings.check_masks,
        )
        looked_at = [
            progress_row(loaded, read_picture(p.encoded), p.mask(0), p.name, CHECKED_CLICKS)
            for p in self.held_back[:SHEET_ROWS]
        ]
        write_bytes(sheet, png_bytes(Image.fromarray(progress_sheet(looked_at))))
        return mean_scores(rows)

    def draw_batch(self, drawn: list[Sample]) -> NDArray[np.uint8]:
        """Draw a batch as the model sees it; see `train.run.Task`."""
        return batch_sheet(collate(drawn, self.model), self.model.config)


@dataclass(slots=True, kw_only=True)
class Reconstructing:
    """Learn to fill in hidden patches.

    Attributes:
        model: The autoencoder.
        settings: The run.
        source: Crops of pictures.
        held_back: Pictures to measure on; their masks are not looked at.
    """

    model: MaskedAutoencoder
    settings: TrainSettings
    source: Source[Any]
    held_back: tuple[AnnotatedPicture, ...] = ()

    def groups(self) -> list[dict[str, Any]]:
        """Give the parameters that learn; see `train.run.Task`."""
        how = self.settings.optimizer
        groups = layerwise_groups(
            self.model, how.rate, layer_decay=how.layer_decay, weight_decay=how.weight_decay
        )
        return cast("list[dict[str, Any]]", groups)

    def learn(self, drawn: list[Crop], rng: np.random.Generator, scale: float) -> dict[str, float]:
        """Add one batch's gradients; see `train.run.Task`."""
        pixels = as_pixels(drawn, next(self.model.parameters()).device)
        return reconstruct(self.model, pixels, rng, scale=scale)

    def check(self, average: nn.Module, sheet: Path) -> dict[str, float]:
        """Draw held-back pictures and say how much was explained; see `train.run.Task`."""
        if not self.held_back:
            return {}
        rng = np.random.default_rng(0)
        size, model = self.settings.largest_size, cast("MaskedAutoencoder", average)
        crops = [
            Crop(pixels=draw_crop(picture, size, rng), name=picture.name)
            for picture in self.held_back[:SHEET_ROWS]
        ]
        pixels = as_pixels(crops, next(model.parameters()).device)
        write_bytes(sheet, png_bytes(Image.fromarray(reconstruction_sheet(model, pixels, rng))))
        patch = model.config.vit.patch
        visible = draw_visible(len(pixels), (size // patch) ** 2, MASK_SHARE, rng).to(pixels.device)
        with torch.no_grad():
            loss = float(reconstruction_loss(model(pixels, visible), pixels, visible, patch))
        return {"explained": 1.0 - loss}

    def draw_batch(self, drawn: list[Crop]) -> NDArray[np.uint8]:
        """Draw a batch as the model sees it and what it makes of it; see `train.run.Task`."""
        pixels = as_pixels(drawn[:SHEET_ROWS], next(self.model.parameters()).device)
        return reconstruction_sheet(self.model, pixels, np.random.default_rng(0))
