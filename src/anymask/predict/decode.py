"""Embedding + prompts → masks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anymask.data.clicks import centre_click
from anymask.errors import InputError, PromptError, StateError
from anymask.image.frame import boxes_to_frame, points_to_frame
from anymask.masks.mask import Mask, Masks
from anymask.masks.origin import Origin
from anymask.model.prompt_encoder import BOTTOM_RIGHT, PADDING, TOP_LEFT, PromptBatch
from anymask.model.sam import which_masks
from anymask.predict.asked import origin_of, placed_origins
from anymask.predict.checks import check_prompt
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import prepare
from anymask.predict.rough_mask import read_mask
from anymask.vocabulary import ImageFrame, Prompt
from anymask.weights.loaded import LoadedModel

# Bounds of one batch; memory grows with prompts × image cells and prompts × points.
PROMPTS_AT_ONCE = 64
POINTS_AT_ONCE = 1024

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
        One Masks a prompt, in order; each mask's prompt is in pixels, its mask as logits.

    Raises:
        PromptError: If a prompt cannot be used; among several the sentence begins with its number,
            from 0.
        InputError: If `embedding` is none.
        StateError: If the embedding was made by another model.
    """
    refuse_foreign(loaded, embedding)
    asked = _check_all(prompts, embedding, normalized=normalized)
    embedding = prepare(loaded, embedding)
    answers: dict[int, Masks] = {}
    checked = [prompt for prompt, _ in asked]
    for indices, logits, scores in decode_all(loaded, embedding, checked, multimask=multimask):
        for row, index in enumerate(indices):
            prompt, notes = asked[index]
            given = replace(prompt, mask=prompts[index].mask)
            origin = origin_of(loaded, embedding, given, multimask=multimask)
            answer = logits[row], scores[row]
            answers[index] = to_masks(answer, embedding, prompt, notes, origin=origin)
        if on_progress is not None:
            on_progress(len(answers), len(asked))
    return [answers[index] for index in range(len(asked))]


def decode_all(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    prompts: Sequence[Prompt],
    *,
    multimask: bool | None,
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Decode checked prompts in batches of equally many points.

    Args:
        loaded: The model.
        embedding: The picture, prepared, on the model's device.
        prompts: Checked prompts in pixels, each mask as logits (h, w).
        multimask: As in `predict`.

    Yields:
        Numbers of B prompts, their logits (B, M, h, w) and scores (B, M), on the CPU.
    """
    for indices, wants_three in _batches(prompts, embedding.frame, multimask=multimask):
        batch = to_batch([prompts[i] for i in indices], embedding.frame, loaded.device)
        yield indices, *decode_batch(loaded, embedding, batch, multimask=wants_three)


def is_ambiguous(prompt: Prompt) -> bool:
    """Say whether a prompt is one lone point, which may mean a whole, a part or a subpart."""
    return len(prompt.points) == 1 and prompt.box is None and prompt.mask is None


def refuse_foreign(loaded: LoadedModel, embedding: ImageEmbedding) -> None:
    """Make sure an embedding belongs to a model.

    Raises:
        InputError: If it is no embedding.
        StateError: If it was made by other weights or for another frame.
    """
    if not isinstance(embedding, ImageEmbedding):
        raise InputError(
            f"embedding must be an ImageEmbedding, got {type(embedding).__name__}",
            hint="make it with embed first",
        )
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


def model_points(prompt: Prompt, frame: ImageFrame) -> tuple[NDArray[np.float32], list[int]]:
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


def to_batch(prompts: Sequence[Prompt], frame: ImageFrame, device: torch.device) -> PromptBatch:
    """Join prompts with equally many points.

    Args:
        prompts: P checked prompts; all or none of them have a mask, as logits (h, w).
        frame: Where their picture lies in the model's square.
        device: Where the tensors go.

    Returns:
        Points (1, P, N, 2), labels (1, P, N), mask logits (1, P, 1, h, w) or None.
    """
    rows = [model_points(prompt, frame) for prompt in prompts]
    points = torch.from_numpy(np.stack([xy for xy, _ in rows]))[None]
    labels = torch.tensor([labels for _, labels in rows], dtype=torch.int64)[None]
    maps = [prompt.mask for prompt in prompts if prompt.mask is not None]
    logits = torch.from_numpy(np.stack(maps))[None, :, None].to(device) if maps else None
    return PromptBatch(points.to(device), labels.view(1, len(prompts), -1).to(device), logits)


@torch.inference_mode()
def decode_batch(
    loaded: LoadedModel, embedding: ImageEmbedding, batch: PromptBatch, *, multimask: bool
) -> tuple[Tensor, Tensor]:
    """Decode one batch of prompts.

    Args:
        loaded: The model.
        embedding: The picture, prepared, on the model's device.
        batch: P prompts.
        multimask: Three masks a prompt, or one.

    Returns:
        Low-resolution logits (P, M, h, w) and scores (P, M), on the CPU.
    """
    masks = which_masks(multimask=multimask)
    # Whatever a program around this call has chosen for its own network.
    with torch.autocast(loaded.device.type, enabled=False):
        answer = loaded.sam.decode(embedding.features, batch, embedding.prepared, masks)
    return answer.low_res_logits[0].float().cpu(), answer.iou[0].float().cpu()


def to_masks(
    answer: tuple[Tensor, Tensor],
    embedding: ImageEmbedding,
    prompt: Prompt,
    notes: tuple[str, ...],
    *,
    origin: Origin,
) -> Masks:
    """Wrap one prompt's low-resolution logits (M, h, w) and scores (M,) as Masks."""
    picture = embedding.picture
    logits = answer[0].numpy().copy()
    logits.flags.writeable = False
    origins = placed_origins(origin, answer[1].tolist())
    return Masks(
        tuple(
            Mask(
                score=float(score),
                low_res_logits=low,
                frame=embedding.frame,
                picture=None if picture is None else picture.pixels,
                alpha=None if picture is None else picture.alpha,
                no_data=None if picture is None else picture.no_data,
                prompt=prompt,
                origin=one,
            )
            for low, score, one in zip(logits, answer[1], origins, strict=True)
        ),
        warnings=notes,
    )


def _check_all(
    prompts: Sequence[Prompt], embedding: ImageEmbedding, *, normalized: bool
) -> list[tuple[Prompt, tuple[str, ...]]]:
    """Give each prompt in pixels, its mask as logits, and what is odd about it."""
    if isinstance(prompts, Prompt):
        raise PromptError("prompts must be a list, got one Prompt", hint="pass [prompt]")
    asked = []
    for number, prompt in enumerate(prompts):
        try:
            asked.append(_check(prompt, embedding, normalized=normalized))
        except PromptError as error:
            if len(prompts) == 1:
                raise
            raise PromptError(f"prompt {number}: {error.message}", hint=error.hint) from error
    return asked


def _check(
    prompt: Prompt, embedding: ImageEmbedding, *, normalized: bool
) -> tuple[Prompt, tuple[str, ...]]:
    if not isinstance(prompt, Prompt):
        raise PromptError(
            f"a {type(prompt).__name__} is no Prompt", hint="write Prompt(points=..., labels=...)"
        )
    checked, notes = check_prompt(prompt, embedding.frame.original_hw, normalized=normalized)
    if checked.mask is None:
        return checked, notes
    rough = read_mask(checked.mask, embedding.frame, embedding.low_res_hw)
    rough.logits.flags.writeable = False
    checked = replace(checked, mask=rough.logits)
    is_alone = not checked.points and checked.box is None
    if not is_alone or rough.inside is None or not rough.inside.any():
        return checked, notes
    x, y = centre_click(rough.inside)
    note = f"the mask came alone, so a click at ({x}, {y}) inside it was added"
    return replace(checked, points=((x, y),), labels=(1,)), (*notes, note)


def _batches(
    prompts: Sequence[Prompt], frame: ImageFrame, *, multimask: bool | None
) -> Iterator[tuple[list[int], bool]]:
    """Give the numbers of prompts that can be decoded together, each prompt once.

    With each group comes whether three masks are wanted of its prompts.
    """
    groups: dict[tuple[int, bool, bool], list[int]] = {}
    for number, prompt in enumerate(prompts):
        num_points = len(model_points(prompt, frame)[1])
        wants_three = is_ambiguous(prompt) if multimask is None else multimask
        key = (num_points, prompt.mask is not None, wants_three)
        groups.setdefault(key, []).append(number)
    for (num_points, _, wants_three), numbers in groups.items():
        at_once = min(PROMPTS_AT_ONCE, max(1, POINTS_AT_ONCE // max(1, num_points)))
        for start in range(0, len(numbers), at_once):
            yield numbers[start : start + at_once], wants_three
