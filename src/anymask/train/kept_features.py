"""Learning under a frozen encoder: every picture is encoded once, its features are kept.

A ViT needs many seconds for a picture on a processor, the decoder a fraction of one. With whole
pictures that are only mirrored there are two frames a picture; their features lie in files, so a
run that goes on, and every process of it, finds them again.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from anymask.data.samples import Sample
from anymask.masks.atomic import write_bytes
from anymask.model.configs import MaskedAutoencoderConfig
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.train.batch import collate
from anymask.train.interaction import converse
from anymask.train.recipes import Recipe
from anymask.train.run import Task
from anymask.train.task import Segmenting

FRAMES_A_PICTURE = 2
STORED = torch.float16


@dataclass(slots=True, kw_only=True)
class SegmentingKept(Segmenting):
    """Learn masks from prompts, with the features of each frame kept in a file.

    Attributes:
        folder: Where the files lie.
    """

    folder: Path

    def learn(
        self, drawn: list[Sample], rng: np.random.Generator, scale: float
    ) -> dict[str, float]:
        """Add one batch's gradients; see `train.run.Task`."""
        batch = collate(drawn, self.model)
        features = [
            self.features_of(sample, pixels)
            for sample, pixels in zip(drawn, batch.pixels, strict=True)
        ]
        encoded = Encoded(self.model, torch.stack(features))
        settings = self.settings.conversation
        figures = converse(cast("Sam", encoded), batch, rng, settings, scale=scale)
        losses = [value for name, value in figures.items() if name.startswith("loss")]
        return figures | {
            "loss": float(np.mean(losses)),
            "size": float(batch.pixels.shape[-1]),
            "redraws": float(np.mean([sample.redraws for sample in drawn])),
        }

    def features_of(self, sample: Sample, pixels: Tensor) -> Tensor:
        """Give the image embedding of a frame, (C, h, w): from its file, or made and kept.

        Args:
            sample: The sample; its frame names the file.
            pixels: The frame as the model wants it, (3, S, S).
        """
        path = self.folder / f"{hashlib.sha256(sample.frame.tobytes()).hexdigest()[:32]}.npy"
        if path.is_file():
            kept = torch.from_numpy(np.load(path, allow_pickle=False))
            return kept.to(pixels.device, pixels.dtype)
        with torch.no_grad():
            embedding = self.model.encode(pixels[None]).embedding[0].to(STORED)
        buffer = io.BytesIO()
        np.save(buffer, embedding.cpu().numpy(), allow_pickle=False)
        write_bytes(path, buffer.getvalue())
        return embedding.to(pixels.dtype)


class Encoded:
    """A model whose pictures are encoded already.

    Args:
        model: The model.
        embeddings: Image embeddings of the pictures it will be asked about, (B, C, h, w).
    """

    def __init__(self, model: Sam, embeddings: Tensor) -> None:
        self.model, self.embeddings = model, embeddings

    @property
    def image_encoder(self) -> nn.Module:
        """The encoder, of which nothing learns."""
        return self.model.image_encoder

    def encode(self, _pixels: Tensor) -> ImageFeatures:
        """Give the embeddings, (B, C, h, w), whatever the pixels."""
        return ImageFeatures(self.embeddings)

    def decode(self, features: ImageFeatures, prompts: PromptBatch) -> MaskPredictions:
        """Answer prompts; see `Sam.decode`."""
        return self.model.decode(features, prompts)


def with_kept_features(task: Task, recipe: Recipe, folder: Path) -> Task:
    """Give a task that keeps features where that pays, else the task as it is.

    Args:
        task: The task.
        recipe: The recipe it was built from.
        folder: Where the features go.
    """
    if not keeps_features(recipe) or not isinstance(task, Segmenting):
        return task
    return SegmentingKept(
        model=task.model,
        settings=task.settings,
        source=task.source,
        held_back=task.held_back,
        folder=folder,
    )


def keeps_features(recipe: Recipe) -> bool:
    """Say whether a run shows the same few frames again and again to an encoder that stays."""
    shown = recipe.settings.sample
    is_same = shown.zoom_share == 0 and shown.whole_share == 1 and shown.jitter is None
    is_same = is_same and shown.copy_paste_share == 0 and not shown.distort
    return (
        recipe.frozen != "nothing"
        and recipe.low_rank is None
        and getattr(recipe.architecture, "vit", None) is not None
        and is_same
        and not shown.recolour
    )


def kept_bytes(recipe: Recipe, pictures: int) -> int:
    """Give how much disk the features of a run take, 0 if it keeps none.

    Args:
        recipe: The recipe.
        pictures: Pictures it learns from.
    """
    architecture = recipe.architecture
    if not keeps_features(recipe) or isinstance(architecture, MaskedAutoencoderConfig):
        return 0
    cells = (recipe.settings.largest_size // 16) ** 2
    return FRAMES_A_PICTURE * pictures * architecture.embedding_dim * cells * STORED.itemsize
