"""Drawing pictures so that every data set is seen, large ones more often but not in proportion."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Protocol

import numpy as np

from anymask.data.copy_paste import Piece, cut_out
from anymask.data.picture import AnnotatedPicture
from anymask.data.sample_settings import SampleSettings
from anymask.data.samples import Sample, make_sample
from anymask.errors import ConfigError, DataError

TRIES = 1000
MOST_LISTED = 8
MOST_PIECES = 3


class PictureSet(Protocol):
    """Annotated pictures of one data set, read as they are asked for."""

    @property
    def name(self) -> str:
        """Name of the set."""
        ...

    def __len__(self) -> int:
        """Give the number of pictures."""
        ...

    def __getitem__(self, index: int, /) -> AnnotatedPicture:
        """Give one picture."""
        ...


@dataclass(frozen=True, slots=True)
class HeldSet:
    """A data set whose pictures are all in memory.

    Attributes:
        name: Name of the set.
        pictures: Its pictures.
    """

    name: str
    pictures: tuple[AnnotatedPicture, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> AnnotatedPicture:
        return self.pictures[index]


class Mixture:
    """Data sets, each drawn with a weight of (its pictures) ** power, times its own weight.

    Draws depend on nothing but the generator passed in, so a resumed run sees the same samples.

    Args:
        pictures_or_sets: Annotated pictures, of which those without masks are left out; or sets
            that give pictures as they are asked for.
        power: 0 for equal sets, 1 for equal pictures.
        weights: Factors on how often a set is drawn, by its name; 1 where not named.

    Raises:
        DataError: If there is no picture.
        ConfigError: If a weight is for no set, is negative or not finite, or all are 0; or if the
            power is outside [0, 1].
    """

    def __init__(
        self,
        pictures_or_sets: Iterable[AnnotatedPicture] | Iterable[PictureSet],
        power: float = 0.5,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        if not 0 <= power <= 1:
            raise ConfigError(f"set_power must be 0 to 1, got {power:g}", hint="use 0.5")
        self.sets: Sequence[PictureSet] = grouped(pictures_or_sets)
        if not self.sets:
            raise DataError("the training data holds no mask", hint="check the folder's shards")
        factors = checked_weights(weights or {}, [group.name for group in self.sets])
        sizes = np.array([len(group) for group in self.sets], np.float64)
        chances = sizes**power * np.array(factors)
        self.chances = chances / chances.sum()

    def chances_by_set(self) -> dict[str, float]:
        """Give the chance of each set to be drawn, by its name, all together 1."""
        named = dict.fromkeys((group.name for group in self.sets), 0.0)
        for group, chance in zip(self.sets, self.chances, strict=True):
            named[group.name] += float(chance)
        return named

    def draw(self, size: int, settings: SampleSettings, rng: np.random.Generator) -> Sample:
        """Draw one sample with a frame of `size` pixels.

        Pictures that show no mask, or cannot be read, are passed over and counted in the sample.

        Args:
            size: Side of the frame, pixels.
            settings: How samples are made.
            rng: Source of chance.

        Raises:
            DataError: If a thousand pictures in a row show no usable mask.
        """
        bad: list[str] = []
        pieces, bad_pieces = self._draw_pieces(settings, rng)
        for attempt in range(TRIES):
            group, index = self._choose(rng)
            name = f"{group.name}/{index}"
            try:
                picture = group[index]
                name = f"{picture.set_name}/{picture.name}"
                sample = make_sample(picture, size, settings, rng, pieces)
            except (DataError, OSError):
                bad.append(name)
                continue
            if sample is not None:
                unread = tuple(dict.fromkeys([*bad_pieces, *bad]))
                return replace(sample, redraws=attempt - len(bad), bad=unread)
        if len(bad) == TRIES:
            raise DataError(
                f"none of {TRIES} pictures could be read, the first was {bad[0]!r}",
                hint="run anymask data check on the folder",
            )
        raise DataError(
            f"none of {TRIES} pictures shows a mask at {size} pixels",
            hint="use a larger size, or pictures with larger masks",
        )

    def _choose(self, rng: np.random.Generator) -> tuple[PictureSet, int]:
        group = self.sets[int(rng.choice(len(self.sets), p=self.chances))]
        return group, int(rng.integers(len(group)))

    def _draw_pieces(
        self, settings: SampleSettings, rng: np.random.Generator
    ) -> tuple[tuple[Piece, ...], list[str]]:
        """Cut objects out of other pictures for the share of samples that get some.

        Returns:
            The objects, and the names of the pictures that could not be read.
        """
        if settings.copy_paste_share == 0 or rng.random() >= settings.copy_paste_share:
            return (), []
        pieces: list[Piece | None] = []
        bad: list[str] = []
        for _ in range(int(rng.integers(1, MOST_PIECES + 1))):
            group, index = self._choose(rng)
            if group.name in settings.region_sets:
                continue
            try:
                pieces.append(cut_out(group[index], rng))
            except (DataError, OSError):
                bad.append(f"{group.name}/{index}")
        return tuple(piece for piece in pieces if piece is not None), bad


def grouped(
    pictures_or_sets: Iterable[AnnotatedPicture] | Iterable[PictureSet],
) -> tuple[PictureSet, ...]:
    """Give sets that hold at least one picture, sorted by name.

    Args:
        pictures_or_sets: Pictures, which are grouped by their set, those without masks left out;
            or sets.
    """
    groups: dict[str, list[AnnotatedPicture]] = {}
    sets: list[PictureSet] = []
    for one in pictures_or_sets:
        if not isinstance(one, AnnotatedPicture):
            if len(one) > 0:
                sets.append(one)
        elif one.runs:
            groups.setdefault(one.set_name, []).append(one)
    sets += [HeldSet(name, tuple(pictures)) for name, pictures in groups.items()]
    return tuple(sorted(sets, key=lambda group: group.name))


def checked_weights(weights: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Give each set's factor.

    Args:
        weights: Factors by name.
        names: Names of all sets.

    Raises:
        ConfigError: If a name is of no set, a factor is negative or not finite, or all are 0.
    """
    for name, weight in weights.items():
        if name not in names:
            near = get_close_matches(name, names, n=1)
            listed = ", ".join(names[:MOST_LISTED])
            raise ConfigError(
                f"a weight is given for the data set {name!r}, which is not there",
                hint=f"did you mean {near[0]!r}" if near else f"choose from {listed}",
            )
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(
                f"the weight of data set {name!r} must be 0 or more, got {weight:g}",
                hint="use 1 for a set as often as without, 0 for never",
            )
    factors = [float(weights.get(name, 1.0)) for name in names]
    if not any(factors):
        raise ConfigError("all data sets have the weight 0", hint="give one a weight above 0")
    return factors
