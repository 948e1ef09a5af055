"""Why is there no mask here? Which candidates covered a pixel, and what removed each."""

from dataclasses import dataclass

import numpy as np

from anymask.errors import PromptError
from anymask.everything.candidates import Candidates
from anymask.everything.fate import Fate, Filter, Selection
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.masks.boxes import IntBox
from anymask.masks.rle import decompress
from anymask.masks.run_sets import set_before
from anymask.vocabulary import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One candidate that covers the pixel.

    Attributes:
        number: Its number among the candidates.
        predicted_iou: Its score.
        stability_score: How little it changes when the cutoff moves.
        area: Its pixels.
        box: Its tight box, pixels, right and bottom edge exclusive.
        point: The point of the grid that gave it, pixels.
        fate: What became of it.
    """

    number: int
    predicted_iou: float
    stability_score: float
    area: int
    box: IntBox
    point: Point
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What everything mode knows about one pixel.

    Attributes:
        point: The pixel that was asked about, (x, y).
        verdicts: The candidates that cover it: those that stayed first, then by how far they came
            and by score.
        nearest_point: The nearest point that was asked and gave a candidate; None if none did.
        not_kept: Candidates of the whole picture that were dropped unseen, by the setting they
            missed; none if all were kept.
    """

    point: Point
    verdicts: tuple[Verdict, ...]
    nearest_point: Point | None
    not_kept: dict[str, int]

    def sentence(self) -> str:
        """Say it in one sentence, without a final stop."""
        stayed = [one for one in self.verdicts if one.fate.filter is None]
        if stayed:
            best = stayed[0]
            return (
                f"{_counted(len(stayed), 'mask')} here: the best has a predicted IoU of "
                f"{best.predicted_iou:.2f} and {best.area:,} pixels"
            )
        if self.verdicts:
            best = self.verdicts[0]
            found = _counted(len(self.verdicts), "candidate")
            return f"nothing here: {found}, the best {reason(best.fate)}"
        if any(self.not_kept.values()):
            return (
                f"nothing here: no candidate that was kept covers it "
                f"({sum(self.not_kept.values()):,} were dropped unseen)"
            )
        return "nothing here: no point of the grid gave a mask that covers it"


def explain(
    candidates: Candidates,
    settings: EverythingSettings,
    point: Point,
    *,
    selection: Selection | None = None,
) -> Explanation:
    """Say which candidates cover a pixel, and what became of each.

    Args:
        candidates: What was found, best with no floors.
        settings: Thresholds.
        point: (x, y) in pixels of the upright picture.
        selection: What `select` gives for them, if it is at hand.

    Returns:
        The explanation.

    Raises:
        PromptError: If the point is none, or lies outside the picture.
    """
    height, width = candidates.size_hw
    try:
        x, y = (float(number) for number in point)
    except (TypeError, ValueError) as error:
        raise PromptError(
            f"point is {point!r:.40}, not (x, y)", hint="give two numbers, pixels"
        ) from error
    if not (0 <= x < width and 0 <= y < height):
        raise PromptError(
            f"point ({x:g}, {y:g}) lies outside {width}×{height}",
            hint="points are (x, y) in pixels of the upright picture",
        )
    selection = selection or select(candidates, settings)
    verdicts = [
        _verdict(candidates, number, selection.fates[number])
        for number in _covering(candidates, int(x), int(y))
    ]
    verdicts.sort(key=_rank)
    points = candidates.rows["point"]
    distances = np.hypot(points[:, 0] - x, points[:, 1] - y)
    nearest = points[int(distances.argmin())].tolist() if len(points) else None
    return Explanation(
        point=(float(x), float(y)),
        verdicts=tuple(verdicts),
        nearest_point=None if nearest is None else (nearest[0], nearest[1]),
        not_kept={name: count for name, count in candidates.left_out.items() if count},
    )


def reason(fate: Fate) -> str:
    """Say what removed a candidate, as the end of a sentence.

    Args:
        fate: What became of it.
    """
    value, threshold = fate.value, fate.threshold
    match fate.filter:
        case None:
            return "is in the result"
        case Filter.PRED_IOU:
            told = _near(value, threshold)
            return f"has a predicted IoU of {told}, needs more than {threshold:g}"
        case Filter.STABILITY:
            return (
                f"has a stability score of {_near(value, threshold)}, needs {threshold:g} or more"
            )
        case Filter.CROP_EDGE:
            return f"ends {value:.0f} px from the edge of its crop, needs more than {threshold:g}"
        case Filter.MIN_AREA:
            return f"has {value:,.0f} pixels, needs {threshold:,.0f}"
        case Filter.MAX_AREA:
            most = f"{100 * threshold:g} %"
            told = _near(100 * value, 100 * threshold)
            return f"covers {told} % of the picture, needs less than {most}"
        case Filter.PART:
            return f"is part of candidate {fate.rival}"
        case Filter.REGIONS if fate.rival is None:
            return f"has no region of {threshold:,.0f} pixels, the largest has {value:,.0f}"
        case _:
            return (
                f"looks like candidate {fate.rival}, which was preferred (overlap of boxes "
                f"{_near(value, threshold)}, at most {threshold:g})"
            )


def _covering(candidates: Candidates, x: int, y: int) -> list[int]:
    """Give the numbers of the candidates whose masks hold a pixel."""
    x0, y0, x1, y1 = candidates.rows["box"].T
    # Boxes of masks that were measured coarsely can be a cell too small.
    slack = 0 if candidates.settings.mode != "fast" else max(candidates.size_hw) // 128 + 1
    near = (x0 - slack <= x) & (x < x1 + slack) & (y0 - slack <= y) & (y < y1 + slack)
    place = np.array([x * candidates.size_hw[0] + y, x * candidates.size_hw[0] + y + 1])
    covering = []
    for number in np.flatnonzero(near).tolist():
        before, after = set_before(decompress(candidates.codes[number]), place)
        if after > before:
            covering.append(number)
    return covering


def _verdict(candidates: Candidates, number: int, fate: Fate) -> Verdict:
    row = candidates.rows[number]
    x0, y0, x1, y1 = row["box"].tolist()
    x, y = row["point"].tolist()
    return Verdict(
        number=number,
        predicted_iou=float(row["predicted_iou"]),
        stability_score=float(row["stability_score"]),
        area=int(row["area"]),
        box=(x0, y0, x1, y1),
        point=(x, y),
        fate=fate,
    )


def _rank(verdict: Verdict) -> tuple[int, float]:
    """Order by how far a candidate came, then by score."""
    filters = list(Filter)
    came = len(filters) if verdict.fate.filter is None else filters.index(verdict.fate.filter)
    return -came, -verdict.predicted_iou


def _near(value: float, threshold: float) -> str:
    """Write a number with as many digits as tell it from a threshold, two at least."""
    told = (f"{value:.{digits}f}" for digits in (2, 3, 4))
    return next((one for one in told if float(one) != threshold), f"{value:.5f}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
