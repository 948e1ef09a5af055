"""Who of the candidates is still in, and what removed the others."""

import numpy as np
from numpy.typing import NDArray

from anymask.everything.duplicates import Suppressed
from anymask.everything.fate import Fate, Filter

Numbers = NDArray[np.int64]
_FILTERS = tuple(Filter)
_IN = -1


class Ledger:
    """The fates of candidates; each is removed once, by the first filter that does not like it.

    Args:
        num_candidates: How many there are.
    """

    def __init__(self, num_candidates: int) -> None:
        self._filter = np.full(num_candidates, _IN, np.int64)
        self._value = np.zeros(num_candidates)
        self._threshold = np.zeros(num_candidates)
        self._rival = np.full(num_candidates, -1, np.int64)

    def left(self) -> Numbers:
        """Give the numbers of those that are still in."""
        return np.flatnonzero(self._filter == _IN)

    def drop(
        self,
        reason: Filter,
        is_bad: NDArray[np.bool_],
        values: NDArray[np.generic],
        threshold: float,
    ) -> None:
        """Remove candidates.

        Args:
            reason: Which filter.
            is_bad: Whom it does not like, bool, (N,); those who are out stay out.
            values: The numbers that decide, (N,).
            threshold: What they are held against.
        """
        dropped = np.flatnonzero(is_bad & (self._filter == _IN))
        self._mark(dropped, reason, values[dropped], threshold)

    def drop_duplicates(
        self, reason: Filter, numbers: Numbers, suppressed: Suppressed, threshold: float
    ) -> Numbers:
        """Remove what suppression dropped.

        Args:
            reason: Which suppression.
            numbers: The candidates it was asked about.
            suppressed: What it said.
            threshold: Of overlap.

        Returns:
            The numbers of those that stay, best first.
        """
        lost = np.flatnonzero(suppressed.rival >= 0)
        self._mark(numbers[lost], reason, suppressed.overlap[lost], threshold)
        self._rival[numbers[lost]] = numbers[suppressed.rival[lost]]
        return numbers[suppressed.kept]

    def drop_one(
        self, reason: Filter, number: int, value: float, threshold: float, rival: int = -1
    ) -> None:
        """Remove one candidate.

        Args:
            reason: Which filter.
            number: Which candidate.
            value: The number that decides.
            threshold: What it is held against.
            rival: The candidate that takes its place; -1 for none.
        """
        one = np.array([number])
        self._mark(one, reason, np.array([value]), threshold)
        self._rival[one] = rival

    def fates(self) -> tuple[Fate, ...]:
        """Give what became of each candidate."""
        columns = (self._filter, self._value, self._threshold, self._rival)
        return tuple(
            Fate()
            if place == _IN
            else Fate(
                filter=_FILTERS[place],
                value=value,
                threshold=threshold,
                rival=None if rival < 0 else rival,
            )
            for place, value, threshold, rival in zip(
                *(column.tolist() for column in columns), strict=True
            )
        )

    def _mark(
        self, numbers: Numbers, reason: Filter, values: NDArray[np.generic], threshold: float
    ) -> None:
        self._filter[numbers] = _FILTERS.index(reason)
        self._value[numbers], self._threshold[numbers] = values, threshold
