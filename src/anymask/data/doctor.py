"""What is wrong with annotated data, and what to do about it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anymask.data.doctor_colours import Warmth, looks_swapped, warmth
from anymask.data.doctor_masks import MaskOddities, mask_oddities
from anymask.data.fingerprints import Pair, fingerprint, similar_pairs
from anymask.data.opening import OpenedSample, open_sample
from anymask.data.sample_record import AnnotatedFile, BadSample

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known about one picture.

    Attributes:
        set_name: Its set.
        name: Its name inside the set.
        size_hw: Height and width, pixels.
        areas_px: Pixels of each mask.
        oddities: What is odd about its masks.
        warmth: How red against blue it is.
        words: Its fingerprint, uint64, (3,).
    """

    set_name: str
    name: str
    size_hw: tuple[int, int]
    areas_px: tuple[int, ...]
    oddities: MaskOddities
    warmth: Warmth
    words: NDArray[np.uint64]

    @property
    def shown(self) -> str:
        """Set and name."""
        return f"{self.set_name}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSet:
    """One set, gone through.

    Attributes:
        name: Name of the set.
        kind: Its layout.
        pictures: The pictures that can be used.
        bad: What cannot.
    """

    name: str
    kind: str
    pictures: tuple[Checked, ...]
    bad: tuple[BadSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about the data.

    Attributes:
        level: "error" where samples cannot be used, else "warning".
        code: Short reason for programs.
        set_name: The set, or "" for what lies between sets.
        count: How often.
        message: What it is.
        hint: What to do.
        examples: The first five places.
    """

    level: Literal["error", "warning"]
    code: str
    set_name: str
    count: int
    message: str
    hint: str
    examples: tuple[str, ...]


def check_set(
    name: str,
    kind: str,
    found: Iterable[AnnotatedFile | BadSample],
    on_picture: Callable[[], None] = lambda: None,
) -> CheckedSet:
    """Open everything in a set.

    Args:
        name: Name of the set.
        kind: Its layout.
        found: What a reader gives.
        on_picture: Called after each.

    Returns:
        What is known about each picture; no pixel is kept.
    """
    pictures: list[Checked] = []
    bad: list[BadSample] = []
    for item in found:
        opened = item if isinstance(item, BadSample) else open_sample(item)
        if isinstance(opened, BadSample):
            bad.append(opened)
        else:
            bad.extend(opened.bad)
            pictures.append(_look_at(opened, name))
        on_picture()
    return CheckedSet(name=name, kind=kind, pictures=tuple(pictures), bad=tuple(bad))


def _look_at(opened: OpenedSample, set_name: str) -> Checked:
    return Checked(
        set_name=set_name,
        name=opened.file.name,
        size_hw=opened.picture.size_hw,
        areas_px=tuple(int(runs[1::2].sum()) for runs in opened.runs),
        oddities=mask_oddities(opened.runs, opened.picture.size_hw),
        warmth=warmth(opened.picture.pixels),
        words=fingerprint(opened.picture.pixels),
    )


def examine(sets: Sequence[CheckedSet], against: Sequence[CheckedSet] = ()) -> tuple[Finding, ...]:
    """Say what is wrong with some sets, errors first.

    Args:
        sets: The data.
        against: Other data that must not share a picture with it.
    """
    findings: list[Finding] = []
    for checked in sets:
        findings += _bad_findings(checked)
        findings += _mask_findings(checked)
        repeated = _pairs(checked.pictures)
        findings += _repeated(checked.name, checked.pictures, checked.pictures, repeated)
        findings += _colour_finding(checked, repeated)
    everything = [picture for checked in sets for picture in checked.pictures]
    between = [
        pair
        for pair in _pairs(everything)
        if everything[pair.first].set_name != everything[pair.second].set_name
    ]
    findings += _repeated("", everything, everything, between)
    findings += _leaks(sets, against)
    return tuple(sorted(findings, key=lambda finding: finding.level != "error"))


def _bad_findings(checked: CheckedSet) -> list[Finding]:
    groups: dict[str, list[BadSample]] = {}
    for sample in checked.bad:
        groups.setdefault(sample.code, []).append(sample)
    return [
        Finding(
            level="error",
            code=code,
            set_name=checked.name,
            count=len(group),
            message=_SPOKEN.get(code, code.replace("-", " ")),
            hint=group[0].hint,
            examples=tuple(f"{sample.input}: {sample.message}" for sample in group[:SHOWN]),
        )
        for code, group in groups.items()
    ]


def _mask_findings(checked: CheckedSet) -> list[Finding]:
    findings = []
    for field, code, message, hint in _MASK_WORDS:
        places = [
            f"{picture.shown} mask {index}"
            for picture in checked.pictures
            for index in getattr(picture.oddities, field)
        ]
        if places:
            findings.append(_warning(code, checked.name, len(places), message, hint, places))
    empty = [picture.shown for picture in checked.pictures if not picture.areas_px]
    if empty:
        message, hint = "pictures without a mask", "annotate them, or leave them: they are not used"
        findings.append(_warning("no-masks", checked.name, len(empty), message, hint, empty))
    return findings


def _pairs(first: Sequence[Checked], second: Sequence[Checked] | None = None) -> tuple[Pair, ...]:
    others = _words(second) if second is not None else None
    return similar_pairs(_words(first), others)


def _words(pictures: Sequence[Checked]) -> NDArray[np.uint64]:
    return np.array([picture.words for picture in pictures], dtype=np.uint64).reshape(-1, 3)


def _repeated(
    set_name: str, first: Sequence[Checked], second: Sequence[Checked], pairs: Sequence[Pair]
) -> list[Finding]:
    if not pairs:
        return []
    where = "between sets" if not set_name else "in one set"
    return [
        _warning(
            "repeated-picture",
            set_name,
            len(pairs),
            f"pairs of the same or nearly the same picture {where}",
            "keep one of each, or split so that both are on the same side",
            _spoken_pairs(first, second, pairs),
        )
    ]


def _leaks(sets: Sequence[CheckedSet], against: Sequence[CheckedSet]) -> list[Finding]:
    ours = [picture for checked in sets for picture in checked.pictures]
    theirs = [picture for checked in against for picture in checked.pictures]
    pairs = _pairs(ours, theirs)
    if not pairs:
        return []
    return [
        Finding(
            level="error",
            code="leakage",
            set_name="",
            count=len(pairs),
            message="pairs of the same picture on both sides",
            hint="remove them from one side: a figure measured on them says nothing",
            examples=tuple(_spoken_pairs(ours, theirs, pairs)),
        )
    ]


def _spoken_pairs(
    first: Sequence[Checked], second: Sequence[Checked], pairs: Sequence[Pair]
) -> list[str]:
    return [
        f"{first[pair.first].shown} = {second[pair.second].shown}"
        f"{' mirrored' if pair.is_mirrored else ''}"
        for pair in pairs[:SHOWN]
    ]


def _colour_finding(checked: CheckedSet, repeated: Sequence[Pair]) -> list[Finding]:
    # The frames of one clip are one scene, and one scene may well be blue.
    again = {pair.second for pair in repeated}
    different = [p.warmth for row, p in enumerate(checked.pictures) if row not in again]
    if not looks_swapped(different):
        return []
    return [
        _warning(
            "red-blue-swapped",
            checked.name,
            len(different),
            "pictures are bluer than photos mostly are: red and blue may be swapped",
            "look at them with anymask data look; if skin is blue, save them as RGB",
            [],
        )
    ]


def _warning(
    code: str, set_name: str, count: int, message: str, hint: str, places: Sequence[str]
) -> Finding:
    return Finding(
        level="warning",
        code=code,
        set_name=set_name,
        count=count,
        message=message,
        hint=hint,
        examples=tuple(places[:SHOWN]),
    )


_MASK_WORDS = (
    (
        "huge",
        "huge-mask",
        "masks over 90 % of the picture",
        "nothing to mend: training leaves them out",
    ),
    (
        "pin_holes",
        "pin-holes",
        "masks with holes of 5 pixels or fewer",
        "fill them if they are slips of the pen",
    ),
    (
        "specks",
        "specks",
        "masks with loose pieces of 5 pixels or fewer",
        "remove them if they are slips of the pen",
    ),
    (
        "twins",
        "repeated-mask",
        "masks exactly the same as another of their picture",
        "keep one of each",
    ),
)
_SPOKEN = MappingProxyType(
    {
        "no-annotation": "pictures without an annotation",
        "no-picture": "annotations without a picture",
        "size-differs": "pictures and masks of different size",
        "empty-mask": "masks without a pixel",
        "broken-mask": "masks that do not fit their picture",
        "unreadable-picture": "pictures that cannot be read",
    }
)
