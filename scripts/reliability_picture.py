"""Draw how far the default model's scores can be believed, from what was measured."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
TARGET = REPOSITORY / "docs" / "images" / "reliability.png"
POINT, RANGE, BAND, TEXT = "#3b6ea5", "#16324f", "#dfe8f1", "#222222"
FAINT = "#c0703a"
ALLOWED, ENOUGH = 0.05, 30


def main() -> None:
    """Draw a panel for each measurement: mean IoU over mean score, and masks in each tenth."""
    from matplotlib import pyplot as plt

    panels = measured()
    figure, axes = plt.subplots(
        2,
        len(panels),
        figsize=(3.4 * len(panels), 4.6),
        height_ratios=(3, 1),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for (upper, lower), (title, (found, kinds)) in zip(axes.T, panels.items(), strict=True):
        draw_diagram(upper, title, found)
        draw_kinds(upper, kinds)
        draw_counts(lower, found)
    axes[0, 0].set_ylabel("mean IoU", color=TEXT)
    axes[1, 0].set_ylabel("masks", color=TEXT)
    figure.savefig(TARGET, dpi=110)
    plt.close(figure)
    print(f"wrote {TARGET}")


def measured() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Give figures of all and of each kind by the panel; what was not measured is left out."""
    panels = {}
    fitted, visible = RESULTS / "score_calibration.json", RESULTS / "scores.json"
    if fitted.is_file():
        record = json.loads(fitted.read_text(encoding="utf-8"))
        for title, when in (("raw", "before"), ("calibrated", "cross_validated")):
            found = record["reliability"][when], record["kinds"][when]
            panels[f"validation, {title}"] = found
    if visible.is_file():
        record = json.loads(visible.read_text(encoding="utf-8"))
        panels["visible sets"] = record["reliability"], record["kinds"]
    return panels


def draw_diagram(axes: "Axes", title: str, found: dict[str, Any]) -> None:
    """Draw the tenths as points with 95 % intervals, and the band they should lie in."""
    axes.fill_between((0, 1), (-ALLOWED, 1 - ALLOWED), (ALLOWED, 1 + ALLOWED), color=BAND)
    axes.plot((0, 1), (0, 1), color=RANGE, linewidth=0.8, linestyle=":")
    scores = [one["score"] for one in found["bins"]]
    overlaps = [one["overlap"] for one in found["bins"]]
    # An interval is of score minus IoU, so its upper end is the lower one of IoU.
    below = [one["gap_95"][1] - one["score"] + one["overlap"] for one in found["bins"]]
    above = [one["score"] - one["overlap"] - one["gap_95"][0] for one in found["bins"]]
    sides = [[max(0.0, side) for side in row] for row in (below, above)]
    axes.errorbar(scores, overlaps, yerr=sides, fmt="o", color=POINT, ecolor=RANGE, capsize=2)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_title(f"{title}\nerror {found['calibration_error']:.3f}", fontsize=10, color=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


def draw_kinds(axes: "Axes", kinds: dict[str, Any]) -> None:
    """Draw the tenths of each kind of prompt as small points: errors that cancel show here."""
    points = [
        (one["score"], one["overlap"])
        for name, found in kinds.items()
        for one in found["bins"]
        if name != "all" and one["count"] >= ENOUGH
    ]
    scores, overlaps = [score for score, _ in points], [overlap for _, overlap in points]
    axes.scatter(scores, overlaps, s=7, color=FAINT, zorder=1.5)


def draw_counts(axes: "Axes", found: dict[str, Any]) -> None:
    """Draw how many masks each tenth holds."""
    lows = [one["low"] for one in found["bins"]]
    counts = [one["count"] for one in found["bins"]]
    axes.bar(lows, counts, width=0.09, align="edge", color=POINT)
    axes.set_xlabel("predicted IoU", color=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
