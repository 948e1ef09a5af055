"""Flipping: the mirrored picture is asked too, and the two answers averaged."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from anymask.image.picture import Picture
from anymask.masks.mask import Mask, Masks
from anymask.predict.cells import Logits, cell_centres, logits_at
from anymask.predict.close_up import need_picture, view_key
from anymask.predict.decode import decode_all
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_batch
from anymask.vocabulary import ImageFrame, Prompt
from anymask.weights.loaded import LoadedModel


def averaged_with_mirror(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    answers: Sequence[Masks],
    *,
    multimask: bool | None,
) -> list[Masks]:
    """Average answers, logits and scores, with those about the mirrored picture.

    Args:
        loaded: The model.
        embedding: The picture, prepared, with its picture.
        answers: Answers of `predict` about it.
        multimask: What was passed to `predict`.

    Returns:
        The answers; each mask's place among the candidates is the same.
    """
    if not answers:
        return []
    frame = embedding.frame
    view = embedding.views.find_or_make(
        view_key(loaded, "mirror"), lambda: _mirror_view(loaded, embedding)
    )
    prompts = [_mirrored_prompt(masks[0], frame) for masks in answers]
    found: dict[int, Masks] = {}
    for numbers, logits, scores in decode_all(loaded, view, prompts, multimask=multimask):
        for row, number in enumerate(numbers):
            items = [
                _averaged(mask, low.numpy(), float(score))
                for mask, low, score in zip(answers[number], logits[row], scores[row], strict=True)
            ]
            found[number] = replace(answers[number], items=tuple(items))
    return [found[number] for number in range(len(answers))]


def mirrored_logits(low_res: Logits, frame: ImageFrame) -> Logits:
    """Give low-resolution logits of the mirrored picture, or back.

    Args:
        low_res: Float32 (h, w), covering the picture's padded square.
        frame: Where the picture lies in that square; the mirrored one lies alike.
    """
    h, w = low_res.shape
    width = frame.original_hw[1]
    rows, columns = cell_centres(frame, h, 0), cell_centres(frame, w, 1)
    return logits_at(low_res, frame, rows, width - columns)


def _mirror_view(loaded: LoadedModel, embedding: ImageEmbedding) -> ImageEmbedding:
    pixels = np.ascontiguousarray(need_picture(embedding, "flip").pixels[:, ::-1])
    picture = Picture(pixels=pixels, name=f"the mirror of {embedding.picture_name}")
    (view,) = embed_batch(loaded, (picture,))
    return view


def _mirrored_prompt(mask: Mask, frame: ImageFrame) -> Prompt:
    prompt = mask.prompt or Prompt()
    width = frame.original_hw[1]
    box = prompt.box
    return Prompt(
        # Points are pixels, whose centres lie half a pixel further; a box's corners are edges.
        points=tuple((width - 1 - x, y) for x, y in prompt.points),
        labels=prompt.labels,
        box=None if box is None else (width - box[2], box[1], width - box[0], box[3]),
        mask=None if prompt.mask is None else mirrored_logits(prompt.mask, frame),
    )


def _averaged(mask: Mask, mirrored: Logits, score: float) -> Mask:
    own = np.asarray(mask.low_res_logits, dtype=np.float32)
    low = np.asarray((own + mirrored_logits(mirrored, mask.frame)) / 2, dtype=np.float32)
    low.flags.writeable = False
    return replace(mask, low_res_logits=low, score=(mask.score + score) / 2)
