"""One model twice, before and after training: the same masks, the figures side by side."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.errors import DataError, InputError
from anymask.evaluate.report import RESAMPLINGS
from anymask.evaluate.run import Row, ask
from anymask.evaluate.selection import Question
from anymask.model.sam import Sam
from anymask.weights.loaded import LoadedModel

FIRST_FIGURES = MappingProxyType({"click": "one click", "oracle": "best of 3"})
MOST_DROP = 0.03
NO_FILE = "0" * 64


class Change(TypedDict):
    """One figure before and after; `low` and `high` bound the difference, None for one picture."""

    before: float
    after: float
    difference: float
    low: float | None
    high: float | None


class Comparison(TypedDict):
    """What `compare` gives: numbers by figure, and the same as columns and rows of text."""

    masks: int
    pictures: int
    figures: dict[str, Change]
    columns: list[str]
    rows: list[list[str]]


def as_loaded(sam: Sam, name: str | None = None, origin: str = "training") -> LoadedModel:
    """Wrap a network that is in memory, so that it can be asked like a loaded one.

    Args:
        sam: The network; neither copied nor changed.
        name: Short name of the architecture; None takes the settings' own.
        origin: Where the weights are from, in a few words for people.

    Returns:
        The model on the network's device; its `sha256` is all zeros, for there is no file.
    """
    parameter = next(sam.parameters())
    return LoadedModel(
        sam=sam,
        name=name or sam.config.name,
        sha256=NO_FILE,
        origin=origin,
        device=parameter.device,
        dtype=parameter.dtype,
        metadata={},
    )


def score_pictures(
    loaded: LoadedModel,
    pictures: Sequence[AnnotatedPicture],
    counts: Sequence[int] = (1, 3, 8),
    most_masks: int | None = 24,
    seed: int = 0,
) -> list[Row]:
    """Ask a model about masks with clicks and boxes.

    A picture's prompts are answered together. The network may be in training mode: it is asked in
    eval mode and every layer is put back as it was.

    Args:
        loaded: The model.
        pictures: Annotated pictures; empty masks are passed over.
        counts: After how many clicks the answer is compared.
        most_masks: Most masks in all, drawn over all pictures; None asks about every mask.
        seed: Seed of the draw; the same seed asks about the same masks.

    Returns:
        One row a mask in the pictures' order: `set`, `picture`, `mask`, `area_share`, and the
        figures of `click_scores` and `box_scores`.

    Raises:
        DataError: If there is no mask to ask about.
        ImageError: If a picture cannot be read.
        InputError: If a count is below 1.
    """
    rows: list[Row] = []
    with _in_eval_mode(loaded.sam):
        for number, indices in _chosen(pictures, most_masks, seed).items():
            picture = pictures[number]
            question = Question(picture=picture, indices=tuple(indices))
            rows += ask(loaded, picture.set_name, question, with_classical=False, counts=counts)
    return rows


def mean_scores(rows: Sequence[Row]) -> dict[str, float]:
    """Give the mean over masks of every figure in the table: click, oracle, clicks_3, …, box.

    Args:
        rows: Rows of `score_pictures`, at least one.
    """
    return {name: float(_values(rows, name).mean()) for name in figure_titles(rows[0])}


def compare(before: Sequence[Row], after: Sequence[Row], seed: int = 0) -> Comparison:
    """Set two measurements of the same masks side by side.

    Args:
        before: Rows of `score_pictures`, at least one.
        after: Rows for the same masks in any order.
        seed: Seed of the resampling.

    Returns:
        Means over masks before and after, their difference, and its 95 % interval from resampling
        pictures with all their masks, each mask compared with itself.

    Raises:
        InputError: If the two were not asked about the same masks.
    """
    after = _paired(before, after)
    names = [f"{row['set']}/{row['picture']}" for row in before]
    resampled = _resampled_pictures(names, seed)
    figures: dict[str, Change] = {}
    for figure in figure_titles(before[0]):
        differences = _values(after, figure) - _values(before, figure)
        low, high = _interval(differences, resampled)
        figures[figure] = {
            "before": float(_values(before, figure).mean()),
            "after": float(_values(after, figure).mean()),
            "difference": float(differences.mean()),
            "low": low,
            "high": high,
        }
    titles = figure_titles(before[0])
    return {
        "masks": len(before),
        "pictures": len(set(names)),
        "figures": figures,
        "columns": ["", "before", "after", "difference", "95 % interval"],
        "rows": [[titles[name], *_texts(change)] for name, change in figures.items()],
    }


def guard_warning(
    before: Sequence[Row], after: Sequence[Row], *, most_drop: float = MOST_DROP
) -> str | None:
    """Say in one sentence that a model forgot how to segment general pictures.

    A figure counts where it fell by more than `most_drop` and its 95 % interval lies below zero:
    with few masks, one click that now takes the part instead of the whole is no forgetting.

    Args:
        before: Rows of `score_pictures` on the guard set with the model that training began from.
        after: Rows for the same masks with the trained model.
        most_drop: How far a figure may fall unmentioned, IoU.

    Returns:
        The sentence about the figure that fell most, without a final stop, or None.

    Raises:
        InputError: If the two were not asked about the same masks.
    """
    figures = compare(before, after)["figures"]
    fallen = [name for name, change in figures.items() if _fell(change, most_drop)]
    if not fallen:
        return None
    worst = min(fallen, key=lambda name: figures[name]["difference"])
    title = figure_titles(before[0])[worst]
    return (
        f"zero-shot ability on general pictures fell from {figures[worst]['before']:.3f} to "
        f"{figures[worst]['after']:.3f} mean IoU ({title}); mix general data in, train fewer "
        "steps, or train the decoder only"
    )


def _fell(change: Change, most_drop: float) -> bool:
    is_chance = change["high"] is not None and change["high"] >= 0
    return change["difference"] < -most_drop and not is_chance


def figure_titles(row: Mapping[str, object]) -> dict[str, str]:
    """Give the figures of a row that are compared, with their titles, fewest clicks first."""
    counts = sorted(int(name[7:]) for name in row if name.startswith("clicks_"))
    titles = {f"clicks_{count}": f"{count} clicks" for count in counts}
    titles = {**FIRST_FIGURES, **titles, "box": "box"}
    return {name: title for name, title in titles.items() if name in row}


@contextmanager
def _in_eval_mode(sam: Sam) -> Iterator[None]:
    """Switch every layer to eval mode, and back to its own; frozen layers may differ."""
    modes = [(module, module.training) for module in sam.modules()]
    sam.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training


def _chosen(
    pictures: Sequence[AnnotatedPicture], most_masks: int | None, seed: int
) -> dict[int, list[int]]:
    """Give the numbers of the masks asked about by number of the picture."""
    pairs = [
        (number, index)
        for number, picture in enumerate(pictures)
        for index, runs in enumerate(picture.runs)
        if runs[1::2].any()
    ]
    if not pairs:
        raise DataError("the pictures hold no mask to ask about", hint="give annotated pictures")
    order = np.random.default_rng(seed).permutation(len(pairs))[:most_masks]
    chosen: dict[int, list[int]] = {}
    for place in np.sort(order):
        number, index = pairs[int(place)]
        chosen.setdefault(number, []).append(index)
    return chosen


def _paired(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """Give the second rows in the order of the first."""
    by_mask = {(row["set"], row["picture"], row["mask"]): row for row in after}
    keys = [(row["set"], row["picture"], row["mask"]) for row in before]
    if not keys or set(keys) != set(by_mask) or len(keys) != len(after):
        raise InputError(
            f"the two measurements are not of the same masks ({len(before)} and {len(after)})",
            hint="score both models with the same pictures, most_masks and seed",
        )
    return [by_mask[key] for key in keys]


def _resampled_pictures(names: Sequence[str], seed: int) -> NDArray[np.int64] | None:
    """Give how often each row counts in each resampling, (RESAMPLINGS, rows); None for one name."""
    _, picture = np.unique(np.array(names), return_inverse=True)
    count = int(picture.max()) + 1
    if count < 2:
        return None
    drawn = np.random.default_rng(seed).integers(count, size=(RESAMPLINGS, count))
    often = np.stack([np.bincount(one, minlength=count) for one in drawn])
    return np.asarray(often[:, picture])


def _interval(
    differences: NDArray[np.float64], often: NDArray[np.int64] | None
) -> tuple[float | None, float | None]:
    if often is None:
        return None, None
    low, high = np.quantile((often @ differences) / often.sum(1), (0.025, 0.975))
    return float(low), float(high)


def _values(rows: Sequence[Row], figure: str) -> NDArray[np.float64]:
    return np.array([float(row[figure]) for row in rows])


def _texts(change: Change) -> list[str]:
    low, high = change["low"], change["high"]
    interval = "–" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return [
        f"{change['before']:.3f}",
        f"{change['after']:.3f}",
        f"{change['difference']:+.3f}",
        interval,
    ]
