"""How much trouble is taken over an answer: second looks, and stray pieces dropped.

The one place that says what is done by default. The default model gains from it, as measured by
`benchmarks/care.py`; published weights are asked once, so that they answer as published.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import TypedDict

from anymask.errors import ConfigError
from anymask.vocabulary import Prompt
from anymask.weights.loaded import LoadedModel

MOST_ROUNDS = 8
# The architecture whose weights were measured with care; the others are published ones.
_MEASURED = "tiny"


class CareOptions(TypedDict, total=False):
    """The same as keyword arguments of `Model.predict`; see `Care`."""

    zoom: bool | None
    refine: int | None
    flip: bool | None
    connected: bool | None
    snug: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """What a caller asks for; None takes the model's default for the kind of prompt.

    Attributes:
        zoom: Whether a window around a small object is encoded by itself and asked again.
        refine: How often the answer is asked again with itself as mask prompt.
        flip: Whether the answer is averaged with that of the mirrored picture.
        connected: Whether pieces that no click touches are dropped; `snug` looks after
            those of prompts with a box.
        snug: Whether the answer to a box is fitted to its sides and loses its small pieces.
    """

    zoom: bool | None = None
    refine: int | None = None
    flip: bool | None = None
    connected: bool | None = None
    snug: bool | None = None

    def __post_init__(self) -> None:
        for name in ("zoom", "flip", "connected", "snug"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool):
                raise ConfigError(f"{name} is {value!r}", hint="use True, False or None")
        rounds = self.refine
        if rounds is None:
            return
        if isinstance(rounds, bool) or not isinstance(rounds, int):
            raise ConfigError(f"refine is {rounds!r}", hint="give a number of rounds, say 1")
        if not 0 <= rounds <= MOST_ROUNDS:
            raise ConfigError(f"refine is {rounds}", hint=f"use 0 to {MOST_ROUNDS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What is done for one prompt.

    Attributes:
        zoom: As in `Care`.
        refine: Likewise.
        flip: Likewise.
        connected: Likewise.
        snug: Likewise.
        must_zoom: Whether zooming was asked for, not only usual.
        must_flip: Likewise for flipping.
    """

    zoom: bool = False
    refine: int = 0
    flip: bool = False
    connected: bool = False
    snug: bool = False
    must_zoom: bool = False
    must_flip: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the prompt is asked once and nothing more."""
        return not (self.zoom or self.refine or self.flip or self.connected or self.snug)


AS_USUAL = Care()
PLAIN = Care(zoom=False, refine=0, flip=False, connected=False, snug=False)

# What pays in quality for its time, by kind of prompt.
_USUAL = MappingProxyType(
    {
        "lone click": Resolved(zoom=True, connected=True),
        "box": Resolved(zoom=True, snug=True),
        "several": Resolved(zoom=True, flip=True, connected=True),
    }
)


def kind_of(prompt: Prompt) -> str:
    """Say which kind of prompt it is: "lone click", "box" (alone), or "several".

    Args:
        prompt: A prompt with at least a point, a box or a mask.
    """
    if prompt.mask is None and prompt.box is None and len(prompt.points) == 1:
        return "lone click"
    if prompt.mask is None and prompt.box is not None and len(prompt.points) == 0:
        return "box"
    return "several"


def resolve(loaded: LoadedModel, prompt: Prompt, care: Care) -> Resolved:
    """Decide what is done for a prompt.

    Args:
        loaded: The model.
        prompt: The prompt.
        care: What the caller asks for.
    """
    usual = Resolved()
    if loaded.sam.config.name == _MEASURED:
        usual = _USUAL[kind_of(prompt)]
    return Resolved(
        zoom=usual.zoom if care.zoom is None else care.zoom,
        refine=usual.refine if care.refine is None else care.refine,
        flip=usual.flip if care.flip is None else care.flip,
        connected=usual.connected if care.connected is None else care.connected,
        snug=usual.snug if care.snug is None else care.snug,
        must_zoom=care.zoom is True,
        must_flip=care.flip is True,
    )
