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
from anymask.predict.care import AS_USUAL, CareOptions, resolve
from anymask.predict.embedding import ImageEmbedding
from anymask.vocabulary import Prompt

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
        is_preview: Whether the last is only shown in passing: then it is asked once and no more,
            for it must be quick.
    """

    steps: "Sequence[Step]"
    mask: "RunLengths | None" = None
    is_preview: bool = False

    def is_quick(self, number: int) -> bool:
        """Say whether a step is asked without further care."""
        return self.is_preview and number == len(self.steps) - 1


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
    keys = _keys(model, chain)
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
            **_care(chain, number),
        )
        answers.keep(keys[number], masks)
    if masks is None:
        raise PromptError("there is no step", hint="give one with a point, a box or a mask")
    return masks


def _care(chain: Chain, number: int) -> CareOptions:
    is_quick = chain.is_quick(number)
    return {"zoom": False, "refine": 0, "flip": False} if is_quick else {}


def _is_asked_once(model: Model, chain: Chain, number: int) -> bool:
    step = chain.steps[number]
    # Which kind of prompt it is decides, not what it says.
    prompt = Prompt(
        points=((0.0, 0.0),) * len(step.points),
        labels=(1,) * len(step.points),
        box=None if step.box is None else (0.0, 0.0, 1.0, 1.0),
        mask=None if number == 0 and chain.mask is None else "an earlier answer",
    )
    return resolve(model.loaded, prompt, AS_USUAL).is_plain


def _keys(model: Model, chain: Chain) -> list[Key]:
    """Name each step by all that decides its answer."""
    keys: list[Key] = []
    before = _key(None if chain.mask is None else (chain.mask.size, chain.mask.counts))
    for number, step in enumerate(chain.steps):
        # Where care is nothing but asking once, a click finds the preview's answer.
        is_other = chain.is_quick(number) and not _is_asked_once(model, chain, number)
        parts = (step.points, step.labels, step.box, step.multimask, is_other)
        keys.append(_key(before, *parts))
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
    if mask.close_up is not None:
        logits += mask.close_up.whole.nbytes + mask.close_up.logits.nbytes
    height, width = mask.frame.original_hw
    return logits + height * width
