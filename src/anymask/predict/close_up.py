"""Zooming: a window around a small object is encoded by itself, and the question asked again there.

Windows have a few sizes and lie on a grid, so that clicks on one object share a window: the second
costs no encoding, and no answer depends on what was asked before.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anymask.errors import StateError
from anymask.image.picture import Picture
from anymask.masks.boxes import IntBox
from anymask.masks.close_up import CloseUp, pasted_low_res
from anymask.masks.mask import Mask, Masks
from anymask.predict.care import kind_of
from anymask.predict.cells import Logits, cell_centres, logits_at
from anymask.predict.decode import decode_all
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_batch
from anymask.vocabulary import Box, ImageFrame, Prompt
from anymask.weights.loaded import LoadedModel

# Chosen on held-back training pictures, see docs/how-to/get-a-better-mask.md. A window is so many
# times as long as the box that was given, or as the answer to clicks and what they lie on;
BOX_CONTEXT = 2.0
ANSWER_CONTEXT = 3.0
# and counts so much: half where only the box is known there too, more where the answer goes along.
BOX_SHARE = 0.5
ANSWER_SHARE = 0.75
# Larger windows would show little that the whole picture did not, as a share of its longer side.
LARGEST_WINDOW = 0.5
SMALLEST_WINDOW_PX = 16
# Sides grow by this factor from one size to the next; windows begin at multiples of side / STEPS.
_GROWTH = math.sqrt(2)
_STEPS = 8
# Cells of a window's padding in a mask prompt: not the object.
_OUTSIDE_LOGIT = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One answer that is asked again in a window: whose it is, where, what."""

    prompt_number: int
    mask_number: int
    window: IntBox
    whole: Logits
    share: float
    prompt: Prompt


def zoomed(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    answers: Sequence[Masks],
    on_done: Callable[[int], None],
) -> list[Masks]:
    """Ask about small objects again from close by; large ones stay as they are.

    Args:
        loaded: The model.
        embedding: The picture, prepared, with its picture.
        answers: Answers of `predict` about it, or of other steps after it.
        on_done: Called with the number of each answer that is ready.

    Returns:
        The answers with the windows pasted in; scores and choice are those of before.
    """
    looks = [look for number, masks in enumerate(answers) for look in _looks(number, masks)]
    found = [list(masks) for masks in answers]
    left = [0] * len(answers)
    for look in looks:
        left[look.prompt_number] += 1
    for number in np.flatnonzero(np.array(left) == 0):
        on_done(int(number))
    for window in sorted({look.window for look in looks}):
        group = [look for look in looks if look.window == window]
        for look, close_up in zip(group, _look_closely(loaded, embedding, group), strict=True):
            masks = found[look.prompt_number]
            masks[look.mask_number] = _with_close_up(masks[look.mask_number], close_up)
            left[look.prompt_number] -= 1
            if left[look.prompt_number] == 0:
                on_done(look.prompt_number)
    return [replace(old, items=tuple(new)) for old, new in zip(answers, found, strict=True)]


def window_around(box: Box, size_hw: tuple[int, int], context: float) -> IntBox | None:
    """Give the window in which an object is looked at again.

    Args:
        box: The object's box, pixels.
        size_hw: Size of the picture, pixels.
        context: How many times the box's longer side the window is long, about.

    Returns:
        x0, y0, x1, y1, pixels, square unless the picture is narrower; None where the object is too
        large to gain from it.
    """
    H, W = size_hw
    longest = max(H, W)
    x0, y0, x1, y1 = box
    wanted = max(context * max(x1 - x0, y1 - y0), SMALLEST_WINDOW_PX)
    sizes = round(math.log(longest / wanted, _GROWTH))
    side = round(longest * _GROWTH**-sizes)
    if side > LARGEST_WINDOW * longest + 1 or side < SMALLEST_WINDOW_PX:
        return None
    starts = []
    for low, high, whole in ((x0, x1, W), (y0, y1, H)):
        step = max(1, side // _STEPS)
        start = round(((low + high) / 2 - side / 2) / step) * step
        starts.append(min(max(0, start), max(0, whole - side)))
    x, y = starts
    return x, y, min(x + side, W), min(y + side, H)


def view_key(loaded: LoadedModel, *name: object) -> tuple[object, ...]:
    """Give the name under which a view is kept: which it is, and what encoded it.

    Args:
        loaded: The model.
        *name: What the view shows.
    """
    return (*name, loaded.sha256, str(loaded.device), loaded.engine, loaded.precision)


def need_picture(embedding: ImageEmbedding, what: str) -> Picture:
    """Give the picture that a view is made from.

    Args:
        embedding: The picture's embedding.
        what: The option that was asked for.

    Raises:
        StateError: If the embedding does not carry its picture.
    """
    if embedding.picture is None:
        raise StateError(
            f"the embedding of {embedding.picture_name} was saved without its picture, which "
            f"{what} looks at again",
            hint=f"embed the picture anew, or pass {what}=False",
        )
    return embedding.picture


def _looks(number: int, masks: Masks) -> list[_Look]:
    """Give what is asked again: the best candidate, and others that fit into its window."""
    prompt = masks.best.prompt
    if prompt is None:
        return []
    is_box = kind_of(prompt) == "box"
    reaches = [
        prompt.box if is_box else _reach(prompt, np.asarray(mask.low_res_logits), mask.frame)
        for mask in masks
    ]
    reach = reaches[masks.items.index(masks.best)]
    if reach is None:
        return []
    context = BOX_CONTEXT if is_box else ANSWER_CONTEXT
    window = window_around(reach, masks.best.frame.original_hw, context)
    moved = None if window is None else _moved(prompt, window)
    if window is None or moved is None:
        return []
    return [
        _Look(
            prompt_number=number,
            mask_number=place,
            window=window,
            whole=np.asarray(mask.low_res_logits),
            share=BOX_SHARE if is_box else ANSWER_SHARE,
            prompt=moved,
        )
        for place, (mask, other) in enumerate(zip(masks, reaches, strict=True))
        if other is not None and _is_within(other, window)
    ]


def _is_within(box: Box, window: IntBox) -> bool:
    (x0, y0, x1, y1), (left, top, right, bottom) = box, window
    return left <= x0 and top <= y0 and x1 <= right and y1 <= bottom


def _reach(prompt: Prompt, low: Logits, frame: ImageFrame) -> Box | None:
    """Give the box around the answer, the prompt's box and the points on the object."""
    inside = low > 0
    if not inside.any():
        return None
    H, W = frame.original_hw
    x0, x1 = _extent(np.flatnonzero(inside.any(axis=0)), low.shape[1], frame, 1)
    y0, y1 = _extent(np.flatnonzero(inside.any(axis=1)), low.shape[0], frame, 0)
    boxes = [(x0, y0, x1, y1)]
    boxes += [
        (x, y, x + 1, y + 1) for (x, y), on in zip(prompt.points, prompt.labels, strict=True) if on
    ]
    boxes += [] if prompt.box is None else [prompt.box]
    rows = np.array(boxes)
    low_x, low_y = rows[:, :2].min(axis=0)
    high_x, high_y = rows[:, 2:].max(axis=0)
    return max(0.0, low_x), max(0.0, low_y), min(float(W), high_x), min(float(H), high_y)


def _extent(
    cells: NDArray[np.intp], num_cells: int, frame: ImageFrame, axis: int
) -> tuple[float, float]:
    """Give where the first of some cells begins and the last one ends, pixels of the picture."""
    centres = cell_centres(frame, num_cells, axis)
    half = centres[0]
    return float(centres[cells[0]] - half), float(centres[cells[-1]] + half)


def _moved(prompt: Prompt, window: IntBox) -> Prompt | None:
    """Give the prompt in pixels of a window, without what lies outside; None if nothing is left."""
    x0, y0, x1, y1 = window
    kept = [
        ((x - x0, y - y0), label)
        for (x, y), label in zip(prompt.points, prompt.labels, strict=True)
        if x0 <= x < x1 and y0 <= y < y1
    ]
    box = None
    if prompt.box is not None:
        left, top, right, bottom = prompt.box
        box = (max(left, x0) - x0, max(top, y0) - y0, min(right, x1) - x0, min(bottom, y1) - y0)
        if box[0] >= box[2] or box[1] >= box[3]:
            box = None
    if box is None and not any(label for _, label in kept):
        return None
    return Prompt(
        points=tuple(point for point, _ in kept), labels=tuple(label for _, label in kept), box=box
    )


def _look_closely(
    loaded: LoadedModel, embedding: ImageEmbedding, looks: Sequence[_Look]
) -> list[CloseUp]:
    """Answer the looks into one window, in order."""
    window = looks[0].window
    view = embedding.views.find_or_make(
        view_key(loaded, "window", window), lambda: _window_view(loaded, embedding, window)
    )
    prompts = [_with_answer(look, embedding.frame, view) for look in looks]
    answers: dict[int, Logits] = {}
    for numbers, logits, _ in decode_all(loaded, view, prompts, multimask=False):
        answers |= {number: logits[row, 0].numpy() for row, number in enumerate(numbers)}
    return [
        CloseUp(
            whole=look.whole,
            logits=answers[number].copy(),
            frame=view.frame,
            corner_xy=window[:2],
            share=look.share,
        )
        for number, look in enumerate(looks)
    ]


def _window_view(loaded: LoadedModel, embedding: ImageEmbedding, window: IntBox) -> ImageEmbedding:
    x0, y0, x1, y1 = window
    pixels = np.ascontiguousarray(need_picture(embedding, "zoom").pixels[y0:y1, x0:x1])
    (view,) = embed_batch(
        loaded, (Picture(pixels=pixels, name=f"a window of {embedding.picture_name}"),)
    )
    return view


def _with_answer(look: _Look, frame: ImageFrame, view: ImageEmbedding) -> Prompt:
    """Give the prompt in the window; clicks come with the first answer as it lies there."""
    if kind_of(look.prompt) == "box":
        return look.prompt
    x0, y0, *_ = look.window
    height, width = view.frame.original_hw
    h, w = view.low_res_hw
    rows, columns = (cell_centres(view.frame, num, axis) for axis, num in ((0, h), (1, w)))
    mask = logits_at(look.whole, frame, rows + y0, columns + x0)
    outside = min(_OUTSIDE_LOGIT, float(mask.min()))
    mask[rows > height] = outside
    mask[:, columns > width] = outside
    return replace(look.prompt, mask=mask)


def _with_close_up(mask: Mask, close_up: CloseUp) -> Mask:
    low = pasted_low_res(close_up, mask.frame)
    low.flags.writeable = False
    return replace(mask, low_res_logits=low, close_up=close_up)
