"""Measure everything mode against the published generator; write `results/everything.json`.

Both networks hold the same random weights and do all their work; then both answer with the same
seeded scene, so that the filters drop what they would drop of a trained network's masks. The time
in which the scene answers is counted for neither.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from memory import peak_added_mb
from numpy.typing import NDArray
from record import RESULTS, commit, processor, write_record
from reference import pair
from rich.console import Console
from timing import Timing, interleaved

from anymask.everything.crops import crop_boxes
from anymask.everything.grid import point_grid
from anymask.everything.settings import EverythingSettings, Mode
from anymask.segment_anything import SamAutomaticMaskGenerator, SamModel
from tests.everything_scene import Scene, answer_ours, answer_published
from tests.reference.torchvision_standin import import_reference

PHOTO_HW = (1200, 1800)
PER_SIDE = 32
ONE_BATCH = 64
SLIDES: Mapping[str, Any] = {
    "points_per_side": PER_SIDE,
    "pred_iou_thresh": 0.9,
    "stability_score_thresh": 0.96,
    "crop_n_layers": 1,
    "crop_n_points_downscale_factor": 2,
    "min_mask_region_area": 300,
}
COLUMNS = [
    "everything mode, ViT-B, 1800 × 1200",
    "published",
    "anymask",
    "times faster (range)",
    "masks",
    "the same masks",
]
MEMORY_COLUMNS = ["peak memory added", "published", "anymask", "times less"]
IOU_OF_THE_SAME = 0.8
RESULT = RESULTS / "everything.json"

Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked of both generators.

    Attributes:
        key: Its name in the results file.
        title: Its name for people.
        options: Of the generators.
        points: How many points of the grid are asked, drawn at random; None for all.
        depth: Blocks of the encoder; None for all.
        does_work: Whether the decoders run; if not, what comes after them is measured alone.
        modes: Ours.
    """

    key: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    points: int | None = None
    depth: int | None = None
    does_work: bool = True
    modes: tuple[Mode, ...] = ("exact",)


CASES: tuple[Case, ...] = (
    Case(
        key="after_decoder",
        title="64 prompts, after the decoder",
        options={"pred_iou_thresh": 0.9, "stability_score_thresh": 0.92},
        points=ONE_BATCH,
        depth=1,
        does_work=False,
    ),
    Case(
        key="batch",
        title="64 prompts, decoder and all that follows",
        points=ONE_BATCH,
        depth=1,
        modes=("exact", "fast"),
    ),
    Case(key="default", title="default options", modes=("exact", "fast", "adaptive")),
    Case(key="slides", title="one layer of crops, small regions removed", options=SLIDES),
)
SMALL = 2  # how many of them a quick run takes


@dataclass(slots=True, kw_only=True)
class Clock:
    """CPU seconds without those in which a scene answers."""

    spent: float = 0.0

    def __call__(self) -> float:
        """Give the seconds so far."""
        return time.process_time() - self.spent

    def leave_out(self, owner: object, method: str) -> None:
        """Count a method of an object for nobody from now on."""
        plain = getattr(owner, method)

        def uncounted(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            began = time.process_time()
            try:
                return plain(*given, **named)
            finally:
                self.spent += time.process_time() - began

        setattr(owner, method, uncounted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A case, ready to run.

    Attributes:
        calls: "published", then our modes.
        clock: For them.
    """

    calls: Mapping[str, Callable[[], Records]]
    clock: Clock


def make(case: Case) -> Made:
    """Build both generators of a case."""
    options = dict(case.options)
    layers = options.get("crop_n_layers", 0)
    crops, _ = crop_boxes(PHOTO_HW, layers, EverythingSettings().crop_overlap_ratio)
    scene = Scene(size_hw=PHOTO_HW, crops=crops)
    scene.draw_all()
    clock = Clock()
    for method in ("scores", "logits"):
        clock.leave_out(scene, method)
    if case.points is not None:
        drawn = np.random.default_rng(1).permutation(PER_SIDE**2)[: case.points]
        options |= {"points_per_side": None, "point_grids": [point_grid(PER_SIDE)[drawn]]}
    published, ours = pair("vit_b", case.depth)
    answer_published(published, scene, does_work=case.does_work)
    answer_ours(ours, scene, does_work=case.does_work)
    theirs = import_reference().SamAutomaticMaskGenerator(published, **options)
    picture = scene.picture()
    calls = {"published": partial(theirs.generate, picture)}
    for mode in case.modes:
        mine = SamAutomaticMaskGenerator(SamModel(ours), **options)
        if mode != "exact":
            put_into(mine, mode, is_regular=case.points is None)
        calls[mode] = partial(mine.generate, picture)
    if not case.does_work:
        without_encoder(published, ours)
    return Made(calls=calls, clock=clock)


def put_into(generator: SamAutomaticMaskGenerator, mode: Mode, *, is_regular: bool) -> None:
    """Let a generator run in a mode that published programs cannot ask for."""
    settings = generator._settings

    def in_mode() -> EverythingSettings:
        usual = settings()
        if is_regular:
            usual = replace(usual, points_per_side=PER_SIDE, point_grids=None)
        return replace(usual, mode=mode)

    generator._settings = in_mode  # type: ignore[method-assign]


def without_encoder(published: Any, ours: Any) -> None:  # noqa: ANN401 - an untyped package
    """Let both encoders give at once what they gave first, for one picture without crops."""
    for owner, method in ((published.image_encoder, "forward"), (ours, "encode")):
        setattr(owner, method, _remembered(getattr(owner, method)))


def _remembered(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    answers: list[Any] = []

    def answer(given: Any) -> Any:  # noqa: ANN401
        if not answers:
            answers.append(call(given))
        return answers[0]

    return answer


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Give the figures of one case."""
    made = make(case)
    kept: dict[str, Records] = {}

    def keep(name: str, call: Callable[[], Records]) -> None:
        kept[name] = call()

    calls = {name: partial(keep, name, call) for name, call in made.calls.items()}
    is_small = case.points is not None
    timings = interleaved(calls, rounds, warm_up=int(is_small), clock=made.clock)
    found: dict[str, Any] = {"title": case.title, "rounds": rounds, "modes": {}}
    found["published_s"] = timings["published"].seconds
    found["published_masks"] = len(kept["published"])
    for mode in case.modes:
        found["modes"][mode] = figures(timings[mode], kept[mode], kept["published"])
    return found


def figures(timing: Timing, mine: Records, theirs: Records) -> dict[str, Any]:
    """Give what one of our modes took and what share of the published masks it found."""
    return {
        "seconds": timing.seconds,
        "ratio": timing.ratio,
        "spread": timing.spread,
        "masks": len(mine),
        "identical": identical(mine, theirs),
        "most_pixels_differ": most_pixels_differ(mine, theirs),
        "recall": recall(mine, theirs),
    }


def identical(mine: Records, theirs: Records) -> int:
    """Count the published masks at whose place in the list ours has every pixel the same."""
    return sum(
        bool(np.array_equal(one["segmentation"], other["segmentation"]))
        for one, other in zip(mine, theirs, strict=False)
    )


def most_pixels_differ(mine: Records, theirs: Records) -> int:
    """Give the most pixels in which masks at the same place of both lists differ."""
    pairs = zip(mine, theirs, strict=False)
    differ = [int((one["segmentation"] != other["segmentation"]).sum()) for one, other in pairs]
    return max(differ, default=0)


def recall(mine: Records, theirs: Records) -> float | None:
    """Give the share of published masks that one of ours agrees with."""
    if not theirs:
        return None
    masks = [one["segmentation"] for one in mine]
    return sum(best_iou(one["segmentation"], masks) >= IOU_OF_THE_SAME for one in theirs) / len(
        theirs
    )


def best_iou(mask: NDArray[np.bool_], others: list[NDArray[np.bool_]]) -> float:
    """Give the largest IoU of a mask with any other."""
    return max(
        (float((mask & one).sum() / max((mask | one).sum(), 1)) for one in others), default=0
    )


def peak_mb(case: Case, variant: str) -> float:
    """Give the memory one generator adds at its peak, MB, in a process of its own."""
    command = [sys.executable, __file__, "--peak-of", case.key, variant]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def print_peak(key: str, variant: str) -> None:
    """Print what one generator adds at its peak, after a run with two points."""
    (case,) = (one for one in CASES if one.key == key)
    warm = make(replace(case, points=2, does_work=True))
    with torch.inference_mode():
        warm.calls[variant]()
        print(json.dumps(peak_added_mb(make(case).calls[variant])))


def main() -> None:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of a batch")
    parser.add_argument("--large-rounds", type=int, default=1, help="of a whole picture")
    parser.add_argument("--quick", action="store_true", help="one round, no whole picture")
    parser.add_argument("--case", help="only this one; the others stay as they are in the file")
    parser.add_argument("--peak-of", nargs=2, help="print one figure of memory and end")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    if flags.peak_of:
        print_peak(*flags.peak_of)
        return
    console = Console(stderr=True)
    before = {} if flags.case is None else json.loads(RESULT.read_text(encoding="utf-8"))
    measured = before.get("measured", {})
    for number, case in enumerate(CASES):
        is_small = number < SMALL
        if (flags.quick and not is_small) or flags.case not in (None, case.key):
            continue
        with console.status(case.title):
            rounds = 1 if flags.quick else flags.rounds if is_small else flags.large_rounds
            measured[case.key] = measure(case, rounds) | {"commit": commit()}
        console.print(json.dumps(measured[case.key]))
    memory = before.get("memory_mb")
    if memory is None:
        with console.status("memory"):
            memory = {name: peak_mb(CASES[1], name) for name in ("published", "exact")}
    path = write_record(
        "everything",
        f"make bench (everything, rounds={1 if flags.quick else flags.rounds})",
        f"{processor()}, one thread, CPU time",
        measured=measured,
        memory_mb=memory,
        tables={
            "everything_speed": {
                "columns": COLUMNS,
                "rows": [line for one in measured.values() for line in rows(one)],
            },
            "everything_memory": {"columns": MEMORY_COLUMNS, "rows": [memory_row(memory)]},
        },
    )
    console.print(f"wrote {path}")


def rows(found: dict[str, Any]) -> list[list[str | None]]:
    """Give a case's rows of the table, one a mode."""
    lines: list[list[str | None]] = []
    for mode, one in found["modes"].items():
        low, high = one["spread"]
        spread = f" ({low:.1f}–{high:.1f})" if found["rounds"] > 1 else ""
        same = None if one["recall"] is None else f"{100 * one['recall']:.0f} %"
        if found["published_masks"] and one["identical"] == found["published_masks"]:
            same = "all, pixel by pixel"
        elif mode == "exact":
            same = f"{one['identical']} of {found['published_masks']}, pixel by pixel"
        lines.append(
            [
                found["title"] if mode == "exact" else f"{found['title']}, {mode}",
                told(found["published_s"]),
                told(one["seconds"]),
                f"{one['ratio']:.1f}×{spread}",
                str(one["masks"]),
                same,
            ]
        )
    return lines


def memory_row(memory: Mapping[str, float]) -> list[str]:
    """Give the row of the table of memory."""
    theirs, mine = memory["published"], memory["exact"]
    times = f"{theirs / max(mine, 1.0):.1f}×"
    return [CASES[1].title, f"{theirs:.0f} MB", f"{mine:.0f} MB", times]


def told(seconds: float) -> str:
    """Give seconds with as many decimals as they deserve."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


if __name__ == "__main__":
    main()
