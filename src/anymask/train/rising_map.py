"""Scores and true IoU of many masks → one rising map with a few knots."""

import numpy as np
from numpy.typing import NDArray

from anymask.errors import DataError

LEAST_MASKS = 30
_MASKS_A_BIN = 12
# Where the map reaches 0 and 1: scores hardly ever lie outside, and none is level with another.
_LOWEST, _HIGHEST = -1.0, 2.0
# Share of a straight line in every map, so that it rises where the fit is level.
_SLOPE_SHARE = 0.01

Values = NDArray[np.float64]


def rising_map(scores: Values, overlaps: Values, num_knots: int) -> tuple[Values, Values]:
    """Fit a map that never falls: means of bins with equally many masks, pooled where they fall.

    Args:
        scores: As the network gave them, (N,).
        overlaps: True IoU, (N,).
        num_knots: Knots K, at least 5.

    Returns:
        Scores (K,), ascending, and the IoU they mean (K,), ascending from 0 to 1.

    Raises:
        DataError: If there are fewer than 30 masks.

    Source:
        Zadrozny and Elkan (2002), Transforming Classifier Scores into Accurate Multiclass
        Probability Estimates: isotonic regression, here on bins.
    """
    if len(scores) < LEAST_MASKS:
        raise DataError(
            f"scores cannot be calibrated from {len(scores)} masks of a kind",
            hint=f"give pictures with {LEAST_MASKS} masks or more",
        )
    order = np.argsort(scores, kind="stable")
    num_bins = min(num_knots - 4, max(1, len(scores) // _MASKS_A_BIN))
    bins = np.array_split(order, num_bins)
    raw, first = np.unique([scores[one].mean() for one in bins], return_index=True)
    means, sizes = [overlaps[one].mean() for one in bins], [len(one) for one in bins]
    true = pooled(np.array(means), np.array(sizes))[first]
    raw, true = _with_ends(raw, true, float(scores.min()), float(scores.max()))
    line = (raw - raw[0]) / (raw[-1] - raw[0])
    return with_knots(raw, (1 - _SLOPE_SHARE) * true + _SLOPE_SHARE * line, num_knots)


def _with_ends(raw: Values, true: Values, lowest: float, highest: float) -> tuple[Values, Values]:
    """Go on straight from the outer bins to the outermost scores, and from there to 0 and 1."""
    start, end = min(_LOWEST, lowest - 1), max(_HIGHEST, highest + 1)
    below, above = [(start, 0.0)], [(end, 1.0)]
    if len(raw) > 1:
        slopes = np.diff(true) / np.diff(raw)
        if lowest < raw[0]:
            below.append((lowest, max(0.0, float(true[0] - slopes[0] * (raw[0] - lowest)))))
        if highest > raw[-1]:
            above.insert(0, (highest, min(1.0, float(true[-1] + slopes[-1] * (highest - raw[-1])))))
    knots = np.array([*below, *zip(raw, true, strict=True), *above])
    return knots[:, 0], knots[:, 1]


def pooled(values: Values, weights: Values) -> Values:
    """Give the nearest values that never fall: neighbours in the wrong order share their mean.

    Args:
        values: (N,).
        weights: How much each counts, (N,).

    Returns:
        (N,), of the least weighted squared distance.

    Source:
        Ayer et al. (1955): pool adjacent violators.
    """
    blocks: list[list[float]] = []  # mean, weight, number of values
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, heavy, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * heavy) / (before[1] + heavy)
            before[1], before[2] = before[1] + heavy, before[2] + count
    return np.concatenate([np.full(int(count), mean) for mean, _, count in blocks])


def with_knots(raw: Values, true: Values, num_knots: int) -> tuple[Values, Values]:
    """Give the same map with more knots, each in the middle of the widest piece."""
    while len(raw) < num_knots:
        widest = int(np.diff(raw).argmax())
        middle = (raw[widest] + raw[widest + 1]) / 2
        between = (true[widest] + true[widest + 1]) / 2
        raw, true = np.insert(raw, widest + 1, middle), np.insert(true, widest + 1, between)
    return raw, true
