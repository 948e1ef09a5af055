"""Embedding + many single points → the masks worth drawing, a few at a time.

Where `predict` wraps every answer for people, this hands out bare logits and keeps none of them:
everything mode asks thousands of points and wants few of the answers.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from anymask.image.frame import points_to_frame
from anymask.model.prompt_encoder import FOREGROUND, PADDING, PromptBatch
from anymask.model.sam import which_masks
from anymask.predict.decode import refuse_foreign
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import prepare
from anymask.weights.loaded import LoadedModel

Worth = Callable[[NDArray[np.float32]], NDArray[np.bool_]]
"""Given predicted IoU (p, 3) of some points, says whose masks are wanted, bool (p,)."""


class PointAnswers(NamedTuple):
    """Answers to some points of a list.

    Attributes:
        numbers: Which points they are, int64 (K,).
        low_res_logits: Float32 (K, 3, h, w).
        iou: Predicted IoU, float32 (K, 3).
        num_done: How many points of the list have been asked so far.
    """

    numbers: NDArray[np.int64]
    low_res_logits: NDArray[np.float32]
    iou: NDArray[np.float32]
    num_done: int


@torch.inference_mode()
def answer_points(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    points_xy: NDArray[np.float64],
    worth: Worth,
    *,
    at_once: int = 64,
) -> Iterator[PointAnswers]:
    """Ask for three masks at each of many points.

    Args:
        loaded: The model.
        embedding: The picture, embedded by this model.
        points_xy: (x, y) in pixels of the upright picture, (N, 2).
        worth: Says which points' masks are wanted, asked of some points after the other. Where
            the model knows the scores before the masks, others are not drawn.
        at_once: Points handed to the network together.

    Yields:
        The wanted answers of a few points at a time, in order; on the CPU.

    Raises:
        InputError: If `embedding` is none.
        StateError: If the embedding was made by another model.

    Source:
        Segment Anything (Kirillov et al., 2023), section 5 (masks of a grid of points).
    """
    refuse_foreign(loaded, embedding)
    embedding = prepare(loaded, embedding)
    in_frame = points_to_frame(points_xy, embedding.frame).astype(np.float32)
    device = loaded.device

    num_done = 0

    def keep(iou: torch.Tensor) -> torch.Tensor:
        nonlocal num_done
        num_done += len(iou)
        return torch.from_numpy(worth(iou.float().cpu().numpy())).to(device)

    for start in range(0, len(in_frame), at_once):
        batch = _single_points(in_frame[start : start + at_once], device)
        # Whatever a program around this call has chosen for its own network.
        with torch.autocast(device.type, enabled=False):
            for part in loaded.sam.decode_kept(
                embedding.features, batch, keep, embedding.prepared, which_masks(multimask=True)
            ):
                yield PointAnswers(
                    start + part.numbers.cpu().numpy(),
                    part.low_res_logits.float().cpu().numpy(),
                    part.iou.float().cpu().numpy(),
                    num_done,
                )


def _single_points(in_frame: NDArray[np.float32], device: torch.device) -> PromptBatch:
    """Give one click a prompt, each with its padding point."""
    points = torch.from_numpy(in_frame)[:, None]
    points = torch.cat([points, torch.zeros_like(points)], 1)[None]
    labels = torch.tensor([FOREGROUND, PADDING]).expand(1, len(in_frame), 2)
    return PromptBatch(points.to(device), labels.to(device))
