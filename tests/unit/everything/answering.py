"""A small model whose answers to clicks are known: discs on a plain ground."""

from dataclasses import dataclass

import numpy as np
import torch

from anymask.image.picture import Picture
from anymask.model.sam import KeptMasks
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_batch
from anymask.weights.loaded import LoadedModel
from tests.unit.predict import networks

SIDE = 256
HEIGHT, WIDTH = 96, 128
SCALE = SIDE / WIDTH


@dataclass(frozen=True)
class Disc:
    """A thing on the picture: its centre and radius in pixels, the score its mask gets."""

    x: float
    y: float
    radius: float
    score: float = 0.95
    slope: float = 20.0

    def mask(self) -> np.ndarray:
        """Where it is, bool (HEIGHT, WIDTH)."""
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        return np.hypot(columns + 0.5 - self.x, rows + 0.5 - self.y) < self.radius


def answering_model(monkeypatch, *discs: Disc) -> LoadedModel:
    """A model that answers a click with the three smallest discs under it, the rest unsure."""
    loaded = networks.loaded(networks.small_vit(SIDE))

    def decode_kept(features, prompts, keep, prepared=None, masks=slice(1, None)):
        places = prompts.points[0, :, 0].numpy()
        answers = [_answer(discs, x, y) for x, y in places]
        logits, iou = (torch.tensor(np.stack(part)) for part in zip(*answers, strict=True))
        kept = keep(iou).nonzero()[:, 0]
        yield KeptMasks(kept, logits[kept], iou[kept])

    monkeypatch.setattr(loaded.sam, "decode_kept", decode_kept, raising=False)
    return loaded


def embedded(loaded: LoadedModel, no_data: np.ndarray | None = None) -> ImageEmbedding:
    """A picture of 128 × 96 pixels, embedded."""
    picture = Picture(pixels=networks.picture(HEIGHT, WIDTH), no_data=no_data)
    (embedding,) = embed_batch(loaded, (picture,))
    return embedding


def _answer(discs, x, y):
    x, y = x / SCALE, y / SCALE
    rows, columns = (np.mgrid[: SIDE // 4, : SIDE // 4] + 0.5) * 4 / SCALE
    under = sorted(
        (one for one in discs if np.hypot(one.x - x, one.y - y) < one.radius),
        key=lambda one: one.radius,
    )[:3]
    logits = np.full((3, SIDE // 4, SIDE // 4), -20.0, np.float32)
    iou = np.full(3, 0.1, np.float32)
    for slot, one in enumerate(under):
        logits[slot] = one.slope * (one.radius - np.hypot(columns - one.x, rows - one.y))
        iou[slot] = one.score
    return logits, iou
