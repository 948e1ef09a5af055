"""Draw how much faster and smaller than the published package we are, from what was measured."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPOSITORY = Path(__file__).parents[1]
SPEED = REPOSITORY / "benchmarks" / "results" / "speed.json"
TARGET = REPOSITORY / "docs" / "images" / "speed.png"
BAR, RANGE, TEXT = "#3b6ea5", "#16324f", "#222222"


def main() -> None:
    """Draw two panels: times faster, and times less memory."""
    from matplotlib import pyplot as plt

    measured = json.loads(SPEED.read_text(encoding="utf-8"))["measured"].values()
    faster = [one for one in measured if "ratio" in one]
    smaller = [one for one in measured if "anymask_mb" in one]
    figure, (left, right) = plt.subplots(
        2,
        1,
        figsize=(9, 1.6 + 0.42 * (len(faster) + len(smaller))),
        height_ratios=(len(faster), len(smaller)),
        layout="constrained",
    )
    draw_speed(left, faster)
    draw_memory(right, smaller)
    figure.savefig(TARGET, dpi=110)
    plt.close(figure)
    print(f"wrote {TARGET}")


def draw_speed(axes: "Axes", measured: list[dict[str, Any]]) -> None:
    """Draw the ratios of times, with their range."""
    ratios = [one["ratio"] for one in measured]
    low = [one["ratio"] - one["spread"][0] for one in measured]
    high = [one["spread"][1] - one["ratio"] for one in measured]
    axes.barh(range(len(measured)), ratios, color=BAR, height=0.62)
    axes.errorbar(
        ratios, range(len(measured)), xerr=(low, high), fmt="none", ecolor=RANGE, capsize=3
    )
    for place, one in enumerate(measured):
        told = f"{one['ratio']:.1f}×   {shown(one['published_s'])} → {shown(one['anymask_s'])}"
        axes.text(one["spread"][1], place, f"   {told}", va="center", color=TEXT, fontsize=9)
    dress(
        axes,
        [one["title"] for one in measured],
        "times faster, one thread; lines: range of pairs",
    )


def draw_memory(axes: "Axes", measured: list[dict[str, Any]]) -> None:
    """Draw the ratios of peak memory."""
    ratios = [one["published_mb"] / max(one["anymask_mb"], 1.0) for one in measured]
    axes.barh(range(len(measured)), ratios, color=BAR, height=0.62)
    for place, (one, ratio) in enumerate(zip(measured, ratios, strict=True)):
        told = f"{ratio:.1f}×   {one['published_mb']:.0f} MB → {one['anymask_mb']:.0f} MB"
        axes.text(ratio, place, f"   {told}", va="center", color=TEXT, fontsize=9)
    dress(axes, [one["title"] for one in measured], "times less memory added at the peak")


def dress(axes: "Axes", titles: list[str], title: str) -> None:
    """Name bars, draw the line of no difference, and leave room for the figures beside the bars."""
    axes.set_yticks(range(len(titles)), titles, fontsize=9)
    axes.invert_yaxis()
    axes.axvline(1, color=RANGE, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1.45 * axes.get_xlim()[1])
    axes.set_title(title, loc="left", fontsize=10, color=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


def shown(seconds: float) -> str:
    """Give a time in the unit that suits it."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.0095 else f"{1000 * seconds:.1f} ms"


if __name__ == "__main__":
    main()
