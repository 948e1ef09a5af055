"""Embedding + prompts → masks."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from anymask.errors import StateError
from anymask.image.frame import boxes_to_frame, points_to_frame
from anymask.masks.mask import Mask, Masks
from anymask.model.prompt_encoder import BOTTOM_RIGHT, PADDING, TOP_LEFT, PromptBatch
from anymask.model.sam import choose_masks
from anymask.predict.checks import check_prompt
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.rough_mask import mask_prompt
from anymask.vocabulary import ImageFrame, Prompt
from anymask.weights.loaded import LoadedModel

PROMPTS_AT_ONCE = 64

Progress = Callable[[int, int], None]


def predict(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    prompts: Sequence[Prompt],
    *,
    multimask: bool | None = None,
    normalized: bool = False,
    on_progress: Progress | None = None,
) -> list[Masks]:
    """Answer prompts on one picture.

    Prompts with equally many points are decoded together; the others never see each other's
    padding, so each answer is that of the prompt alone.

    Args:
        loaded: The model.
        embedding: The picture, embedded by this model.
        prompts: Any number of prompts.
        multimask: Three masks a prompt (True) or one (False); None gives three for a single
            point and one otherwise.
        normalized: Whether coordinates run from 0 to 1.
        on_progress: Called with prompts done and prompts in all.

    Returns:
        One Masks a prompt, in order.

    Raises:
        PromptError: If a prompt cannot be used.
        StateError: If the embedding was made by another model.
    """
    refuse_foreign(loaded, embedding)
    checked = [check_prompt(p, embedding.frame.original_hw, normalized=normalized) for p in prompts]
    logits = [_mask_logits(prompt, embedding) for prompt, _ in checked]
    groups: dict[tuple[int, bool], list[int]] = {}
    for index, (prompt, _) in enumerate(checked):
        shape = (len(model_points(prompt, embedding.frame)[1]), logits[index] is not None)
        groups.setdefault(shape, []).append(index)
    answers: dict[int, Masks] = {}
    for indices in groups.values():
        for start in range(0, len(indices), PROMPTS_AT_ONCE):
            some = indices[start : start + PROMPTS_AT_ONCE]
            batch = to_batch(
                [checked[i][0] for i in some], [logits[i] for i in some], embedding, loaded.device
            )
            both = decode_batch(loaded, embedding, batch)
            for row, index in enumerate(some):
                prompt, notes = checked[index]
                wants_three = is_ambiguous(prompt) if multimask is None else multimask
                kept = [(low[row], iou[row]) for low, iou in both][0 if wants_three else 1]
                answers[index] = to_masks(kept, embedding, prompt, notes)
            if on_progress is not None:
                on_progress(len(answers), len(prompts))
    return [answers[index] for index in range(len(prompts))]


def is_ambiguous(prompt: Prompt) -> bool:
    """Say whether a prompt is one lone point, which may mean a whole, a part or a subpart."""
    return len(prompt.points) == 1 and prompt.box is None and prompt.mask is None


def refuse_foreign(loaded: LoadedModel, embedding: ImageEmbedding) -> None:
    """Make sure an embedding belongs to a model.

    Raises:
        StateError: If it was made by other weights or for another frame.
    """
    if embedding.model_sha256 != loaded.sha256:
        raise StateError(
            f"the embedding is of model {embedding.model_name} ({embedding.model_sha256[:8]}), "
            f"this is {loaded.name} ({loaded.sha256[:8]})",
            hint="embed the picture with this model",
        )
    size, expected = embedding.frame.input_size, loaded.sam.config.input_size
    if size != expected:
        raise StateError(
            f"the embedding is of a {size}-pixel frame, this model uses {expected}",
            hint="embed the picture with this model",
        )


def model_points(
    prompt: Prompt, frame: ImageFrame
) -> tuple[np.ndarray, list[int]]:  # type: ignore[type-arg]
    """Give a prompt's points and corners in the model frame, with labels.

    A prompt without a box ends with one padding point; a box is two points behind the others.

    Args:
        prompt: A checked prompt.
        frame: Where the picture lies in the model's square.

    Returns:
        (x, y) rows, float32 (N, 2), and N labels.

    Source:
        Behaviour of the published prompt encoder.
    """
    rows = points_to_frame(np.array(prompt.points, dtype=np.float64).reshape(-1, 2), frame)
    labels = list(prompt.labels)
    if prompt.box is None:
        if labels:
            rows, labels = np.concatenate([rows, np.zeros((1, 2))]), [*labels, PADDING]
    else:
        corners = boxes_to_frame(np.array([prompt.box]), frame).reshape(2, 2)
        rows, labels = np.concatenate([rows, corners]), [*labels, TOP_LEFT, BOTTOM_RIGHT]
    return rows.astype(np.float32), labels


def to_batch(
    prompts: Sequence[Prompt],
    logits: Sequence[np.ndarray | None],  # type: ignore[type-arg]
    embedding: ImageEmbedding,
    device: torch.device,
) -> PromptBatch:
    """Join prompts with equally many points.

    Args:
        prompts: P checked prompts.
        logits: Mask prompt of each, (h, w), all or none of them None.
        embedding: The picture they are about.
        device: Where the tensors go.

    Returns:
        Points (1, P, N, 2), labels (1, P, N), mask logits (1, P, 1, h, w) or None.
    """
    rows = [model_points(prompt, embedding.frame) for prompt in prompts]
    points = torch.from_numpy(np.stack([xy for xy, _ in rows]))[None]
    labels = torch.tensor([labels for _, labels in rows], dtype=torch.int64)[None]
    maps = [x for x in logits if x is not None]
    stacked = torch.from_numpy(np.stack(maps))[None, :, None].to(device) if maps else None
    return PromptBatch(points.to(device), labels.view(1, len(prompts), -1).to(device), stacked)


@torch.inference_mode()
def decode_batch(
    loaded: LoadedModel, embedding: ImageEmbedding, batch: PromptBatch
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Decode one batch of prompts.

    Returns:
        The three guesses and the single mask: low-resolution logits (P, M, h, w) and scores
        (P, M) each, on the CPU.
    """
    answer = loaded.sam.decode(embedding.to(loaded.device).features, batch)
    three, one = (choose_masks(answer, multimask=wanted) for wanted in (True, False))
    return (
        (three.low_res_logits[0].float().cpu(), three.iou[0].float().cpu()),
        (one.low_res_logits[0].float().cpu(), one.iou[0].float().cpu()),
    )


def to_masks(
    answer: tuple[Tensor, Tensor], embedding: ImageEmbedding, prompt: Prompt, notes: tuple[str, ...]
) -> Masks:
    """Wrap one prompt's low-resolution logits (M, h, w) and scores (M,) as Masks."""
    logits, scores = answer
    picture = embedding.picture
    return Masks(
        tuple(
            Mask(
                score=float(score),
                low_res_logits=low.numpy().copy(),
                frame=embedding.frame,
                picture=None if picture is None else picture.pixels,
                alpha=None if picture is None else picture.alpha,
                prompt=prompt,
            )
            for low, score in zip(logits, scores, strict=True)
        ),
        warnings=notes,
    )


def _mask_logits(prompt: Prompt, embedding: ImageEmbedding) -> np.ndarray | None:  # type: ignore[type-arg]
    if prompt.mask is None:
        return None
    return mask_prompt(prompt.mask, embedding.frame, embedding.low_res_hw)
