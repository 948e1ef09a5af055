"""Whether exported files answer as the model does in torch, and how fast: seen on a real photo."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from anymask.image.photos import photo_path
from anymask.image.prepare import to_model_input
from anymask.image.read import read_picture
from anymask.predict.decode import predict
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_batch
from anymask.predict.onnx_decoder import MASKS
from anymask.predict.onnx_session import Arrays, ExportedModel
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

PHOTO = "coffee"
# Points beyond which the decoder in torch groups its products otherwise.
_MANY_POINTS = 12
# Timing goes on until either is reached.
_MOST_ROUNDS = 7
_ENOUGH_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a comparison found.

    Attributes:
        share: Share of pixels on which a mask is the same, of the mask with the lowest.
        num_masks: Masks that were compared.
        encode_speedup: Time of torch divided by the files', for a new picture, prepared already.
        click_speedup: The same for a click, up to masks at the picture's size.
    """

    share: float
    num_masks: int
    encode_speedup: float
    click_speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitter:
    """The photo that both sides look at.

    Attributes:
        loaded: The model.
        embedding: The photo, embedded in torch.
        pixels: It, as the encoder takes it, (1, 3, S, S).
    """

    loaded: LoadedModel
    embedding: ImageEmbedding
    pixels: NDArray[np.float32]


def sit(loaded: LoadedModel) -> Sitter:
    """Give the photo, embedded in torch.

    Args:
        loaded: The model, on the CPU.
    """
    picture = read_picture(photo_path(PHOTO))
    (embedding,) = embed_batch(loaded, (picture,))
    config = loaded.sam.config
    pixels = to_model_input(picture.pixels, embedding.frame, config.pixel_mean, config.pixel_std)[
        None
    ]
    return Sitter(loaded=loaded, embedding=embedding, pixels=pixels)


def compare(sitter: Sitter, exported: ExportedModel) -> Agreement:
    """Compare exported files with the model in torch.

    Args:
        sitter: The photo and the model.
        exported: The files.
    """
    features = exported.encode(sitter.pixels)
    shares = [
        share
        for prompt in questions(sitter)
        for share in shares_of(sitter, exported, features, prompt)
    ]
    click = next(questions(sitter))
    return Agreement(
        share=min(shares),
        num_masks=len(shares),
        encode_speedup=speedup(lambda: encode(sitter), lambda: exported.encode(sitter.pixels)),
        click_speedup=speedup(
            lambda: masks_of(sitter, click),
            lambda: exported.decode(features, click, sitter.embedding.frame)[MASKS] > 0,
        ),
    )


@torch.inference_mode()
def encode(sitter: Sitter) -> object:
    """Give what torch makes of the photo."""
    return sitter.loaded.encode(torch.from_numpy(sitter.pixels))


def questions(sitter: Sitter) -> Iterator[Prompt]:
    """Give prompts of every kind: clicks, few and many, a box, and an earlier answer.

    Args:
        sitter: The photo; coordinates are shares of its sides.
    """
    height, width = sitter.embedding.frame.original_hw
    cup, table = (0.5 * width, 0.5 * height), (0.1 * width, 0.2 * height)
    box = (0.14 * width, 0.04 * height, 0.84 * width, 0.98 * height)
    click = Prompt(points=(cup,), labels=(1,))
    yield click
    yield replace(click, points=(cup, table), labels=(1, 0))
    yield Prompt(box=box)
    yield replace(click, box=box)
    along = tuple((0.4 * width + 6 * step, 0.5 * height) for step in range(_MANY_POINTS))
    yield Prompt(points=along, labels=(1,) * _MANY_POINTS)
    (earlier,) = predict(sitter.loaded, sitter.embedding, [click], multimask=False)[0]
    yield replace(click, points=(cup, table), labels=(1, 0), mask=earlier.low_res_logits)


def masks_of(sitter: Sitter, prompt: Prompt) -> list[NDArray[np.bool_]]:
    """Give torch's three guesses at the picture's size, (H, W) each."""
    answers = predict(sitter.loaded, sitter.embedding, [prompt], multimask=True)[0]
    return [mask.array for mask in answers]


def shares_of(
    sitter: Sitter, exported: ExportedModel, features: Arrays, prompt: Prompt
) -> list[float]:
    """Give the share of equal pixels of every mask that the files answer a prompt with.

    Args:
        sitter: The photo and the model.
        exported: The files.
        features: What the encoder's file makes of the photo.
        prompt: The prompt.
    """
    (single,) = predict(sitter.loaded, sitter.embedding, [prompt], multimask=False)[0]
    expected = [single.array, *masks_of(sitter, prompt)]
    found = exported.decode(features, prompt, sitter.embedding.frame)[MASKS][0] > 0
    if len(found) == len(expected):
        return [float((a == b).mean()) for a, b in zip(found, expected, strict=True)]
    # A decoder that chooses may choose the other of two with equal scores.
    return [max(float((found[0] == mask).mean()) for mask in expected)]


def speedup(usual: Callable[[], object], other: Callable[[], object]) -> float:
    """Give how many times faster a call is than the usual one.

    Args:
        usual: The one.
        other: The other; both are called in turn, so that a busy machine slows both.

    Returns:
        Median of the ratios; of long calls the ratio of one pair.
    """
    calls = (usual, other)
    first_slow, first_quick = (_seconds(call) for call in calls)
    if first_slow + first_quick > _ENOUGH_SECONDS:
        return first_slow / first_quick  # a large model; what is set up once is little of it
    ratios: list[float] = []
    began = time.perf_counter()
    while not ratios or (
        len(ratios) < _MOST_ROUNDS and time.perf_counter() - began < _ENOUGH_SECONDS
    ):
        slow, quick = (_seconds(call) for call in calls)
        ratios.append(slow / quick)
    return statistics.median(ratios)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
