"""Clicks that refine one another: each step's answer goes into the next, and none is lost at once.

The page sends all steps with every question, so the server owes nobody anything: what it still
has it goes on from, the rest it works out again, with the same result.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anymask.api import Model
from anymask.errors import PromptError
from anymask.masks import rle
from anymask.masks.mask import Mask, Masks
from anymask.masks.plane import BoolMask
from anymask.predict.embedding import ImageEmbedding

if TYPE_CHECKING:
    from anymask.serve.bodies import RunLengths, Step

_MOST_BYTES: Final = 96 << 20
_FEWEST: Final = 2
_MOST: Final = 256

# Names a step by all that decides its answer; as short for a long chain as for one step.
Key = bytes


class KeptAnswers:
    """Answers of one picture by the steps that led to them; the ones used last, within bounds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[Masks, int]] = OrderedDict()
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        """What they take."""
        return self._num_bytes

    def find(self, key: Key) -> Masks | None:
        """Give an answer that is still kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def keep(self, key: Key, masks: Masks) -> None:
        """Keep an answer; those not used for longest go."""
        num_bytes = sum(map(_most_bytes_of, masks))
        with self._lock:
            _, former_bytes = self._kept.pop(key, (None, 0))
            self._kept[key] = masks, num_bytes
            self._num_bytes += num_bytes - former_bytes
            while len(self._kept) > _FEWEST and (
                len(self._kept) > _MOST or self._num_bytes > _MOST_BYTES
            ):
                _, (_, num_bytes) = self._kept.popitem(last=False)
                self._num_bytes -= num_bytes

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._kept.clear()
            self._num_bytes = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A question, and the ones before it whose answers go into it.

    Attributes:
        steps: The questions, the last one last; at least one.
        mask: What the first starts from, a run-length code of the picture's size, or None.
    """

    steps: "Sequence[Step]"
    mask: "RunLengths | None" = None


def answer_chain(
    model: Model, embedding: ImageEmbedding, answers: KeptAnswers, chain: Chain
) -> Masks:
    """Answer the last step, from the nearest step whose answer is kept.

    Args:
        model: The model.
        embedding: The picture, embedded by it.
        answers: What is kept of the picture; the new answers go there.
        chain: The steps.

    Returns:
        The last step's masks, as `model.predict` gives them step by step.

    Raises:
        PromptError: If a step cannot be used, or names a mask that the answer does not have.
    """
    keys = _keys(chain)
    masks, begin = None, 0
    for number in reversed(range(len(keys))):
        masks = answers.find(keys[number])
        if masks is not None:
            begin = number + 1
            break
    for number in range(begin, len(chain.steps)):
        step = chain.steps[number]
        before = _rough(chain, embedding) if masks is None else _chosen(masks, chain, number - 1)
        masks = model.predict(
            embedding,
            points=step.points,
            labels=step.labels,
            box=step.box,
            mask=before,
            multimask=step.multimask,
        )
        answers.keep(keys[number], masks)
    if masks is None:
        raise PromptError("there is no step", hint="give one with a point, a box or a mask")
    return masks


def _keys(chain: Chain) -> list[Key]:
    """Name each step by all that decides its answer."""
    keys: list[Key] = []
    before = _key(None if chain.mask is None else (chain.mask.size, chain.mask.counts))
    for step in chain.steps:
        keys.append(_key(before, step.points, step.labels, step.box, step.multimask))
        before = _key(keys[-1], step.number)
    return keys


def _key(*parts: object) -> Key:
    return hashlib.sha256(repr(parts).encode()).digest()


def _chosen(masks: Masks, chain: Chain, number: int) -> Mask:
    wanted = chain.steps[number].number
    if wanted >= len(masks):
        raise PromptError(
            f"steps[{number}].number is {wanted}, but that answer has {len(masks)} masks",
            hint="count from 0",
        )
    return masks[wanted]


def _rough(chain: Chain, embedding: ImageEmbedding) -> BoolMask | None:
    if chain.mask is None:
        return None
    height, width = chain.mask.size
    H, W = embedding.frame.original_hw
    if (height, width) != (H, W):
        raise PromptError(
            f"mask {width}×{height} for picture {W}×{H}", hint="make it of the picture's size"
        )
    return rle.decode({"size": [height, width], "counts": chain.mask.counts})


def _most_bytes_of(mask: Mask) -> int:
    """What a mask takes once it has been drawn at the picture's size."""
    logits = 0 if mask.low_res_logits is None else mask.low_res_logits.nbytes
    height, width = mask.frame.original_hw
    return logits + height * width
