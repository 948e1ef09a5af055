"""The page's own arithmetic gives what the library gives: one node process answers all cases."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco

from anymask.everything.candidates import ROW, Candidates, Floors
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.masks import rle, run_sets
from anymask.masks.boxes import box_of
from anymask.masks.part_tree import part_tree

WEB = Path(__file__).parents[2] / "web"
SIZES = [(1, 1), (1, 40_000), (40_000, 1), (3, 2000), (2000, 3), (31, 33), (64, 64), (97, 203)]

Mask = NDArray[np.bool_]
Answer = Callable[[str], list[tuple[Mapping[str, Any], Any]]]


def node() -> str:
    """Give a JavaScript engine: the machine's own, or the one that comes with playwright."""
    found = shutil.which("node")
    spec = None if found else find_spec("playwright")
    if spec is not None and spec.origin is not None:
        found = shutil.which(str(Path(spec.origin).parent / "driver" / "node"))
    if found is None:
        pytest.skip("neither node nor the playwright package, which brings one, is installed")
    return found


def rng() -> np.random.Generator:
    return np.random.default_rng(20_230_405)


def masks_of(size: tuple[int, int]) -> list[Mask]:
    """Give masks that run lengths go wrong at, and some without any order."""
    random, (height, width) = rng(), size
    empty = np.zeros(size, dtype=np.bool_)
    corner, last, column, row = empty.copy(), empty.copy(), empty.copy(), empty.copy()
    corner[0, 0] = last[-1, -1] = True
    column[:, width // 2] = row[height // 2] = True
    turn = empty.copy()
    turn[-1, : width // 2] = turn[0, width // 2 :] = True
    middle = empty.copy()
    middle[height // 4 : -(-3 * height // 4), width // 4 : -(-3 * width // 4)] = True
    noise = [random.random(size) < share for share in (0.01, 0.5, 0.97)]
    chess = np.indices(size).sum(axis=0) % 2 == 0
    return [empty, ~empty, corner, last, column, row, turn, middle, chess, *noise]


def disc(size: tuple[int, int], centre_xy: NDArray[np.float64], radius: float) -> Mask:
    (ys, xs), (x, y) = np.indices(size), centre_xy
    inside: Mask = (xs + 0.5 - x) ** 2 + (ys + 0.5 - y) ** 2 <= radius**2
    return inside


def as_text(mask: Mask) -> str:
    return base64.b64encode(mask.astype(np.uint8).tobytes()).decode()


def as_mask(text: str, shape: tuple[int, int]) -> Mask:
    plane = np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)
    assert plane.max(initial=0) <= 1
    return plane.astype(np.bool_)


def mask_cases() -> list[dict[str, Any]]:
    random, cases = rng(), []
    for size in SIZES:
        for mask in masks_of(size):
            points = np.stack(
                [random.integers(-1, size[1] + 1, 20), random.integers(-1, size[0] + 1, 20)], 1
            )
            code = rle.encode(mask)
            cases.append(
                {"rle": code, "plane": as_text(mask), "points": points.tolist(), "mask": mask}
            )
    return cases


def pair_cases() -> list[dict[str, Any]]:
    cases = []
    for size in SIZES:
        masks = masks_of(size)
        for one in range(len(masks)):
            for other in (one, (one + 1) % len(masks), (one + 5) % len(masks), len(masks) - 1):
                first, second = rle.encode(masks[one]), rle.encode(masks[other])
                cases.append({"first": first, "second": second})
    return cases


def stroke_cases() -> list[dict[str, Any]]:
    random, size, cases = rng(), (60, 80), []
    for number in range(40):
        num_points = (1, 2, 2, 5)[number % 4]
        points = random.uniform([-15, -15], [95, 75], (num_points, 2))
        if number % 4 == 2:
            points[1, number // 4 % 2] = points[0, number // 4 % 2]  # upright and level ones
        radius = float(random.choice([0.3, 1.0, 4.5, 17.0]))
        mask = disc(size, np.array([40.0, 30.0]), 22)
        base = {
            "rle": rle.encode(mask),
            "points": points.tolist(),
            "radius": radius,
            "value": number % 3 > 0,
        }
        cases.append({**base, "mask": mask})
    return cases


def sample_cases() -> list[dict[str, Any]]:
    random, cases = rng(), []
    for size in [(60, 81), (1, 1), (7, 400), (400, 7)]:
        for mask in [disc(size, np.array(size[::-1]) / 2, min(size) / 2.2), *masks_of(size)]:
            for width, height in [(1, 1), (33, 20), (130, 97)]:
                corner = random.uniform(-20, 20, 2)
                window = [*corner, *(corner + random.uniform(0.5, 1.5, 2) * (size[1], size[0]))]
                for one in (window, [0, 0, size[1], size[0]], [10.25, 3.5, 13.25, 5.5]):
                    base = {"rle": rle.encode(mask), "window": [float(side) for side in one]}
                    cases.append({**base, "width": width, "height": height, "mask": mask})
    return cases


def tree_cases() -> list[dict[str, Any]]:
    random, cases = rng(), []
    for size in [(40, 50), (90, 70)]:
        for _ in range(6):
            circles = [
                disc(
                    size,
                    random.uniform([0, 0], size[::-1]),
                    random.choice([1.5, 4, 9, 9.3, 20, 33]),
                )
                for _ in range(25)
            ]
            masks = [*circles, *masks_of(size), circles[3], circles[4]]
            cases.append({"codes": [rle.encode(mask) for mask in masks], "size": list(size)})
    # Parts of exactly the shares that count: 4 of 5 pixels, and 9 of 10 inside.
    exact = [np.zeros((1, 40), dtype=np.bool_) for _ in range(4)]
    exact[0][0, :5] = exact[1][0, 1:5] = exact[2][0, 20:30] = exact[3][0, 21:40] = True
    cases.append({"codes": [rle.encode(mask) for mask in exact], "size": [1, 40]})
    return cases


def candidates_of(size: tuple[int, int], masks: list[Mask], *, num_scores: int) -> Candidates:
    """Give candidates whose scores often tie."""
    random = rng()
    rows = np.zeros(len(masks), ROW)
    rows["predicted_iou"] = random.integers(0, num_scores + 1, len(masks)) / num_scores
    rows["stability_score"] = random.integers(0, num_scores + 1, len(masks)) / num_scores
    rows["box"] = [box_of(mask) for mask in masks]
    rows["area"] = [mask.sum() for mask in masks]
    return made(size, rows, [rle.encode(mask)["counts"] for mask in masks])


def made(size: tuple[int, int], rows: NDArray[np.void], codes: list[str]) -> Candidates:
    crops = ((0, 0, size[1], size[0]),)
    settings, floors = EverythingSettings(), Floors()
    return Candidates(
        size_hw=size,
        rows=rows,
        codes=codes,
        crops=crops,
        settings=settings,
        floors=floors,
        num_prompts=0,
        left_out={},
    )


def rows_sent(candidates: Candidates) -> list[list[float]]:
    fields = ("predicted_iou", "stability_score", "box", "area", "point", "slot")
    columns = [np.asarray(candidates.rows[name], np.float64) for name in fields]
    parts = [one if one.ndim == 2 else one[:, None] for one in columns]
    numbers = np.arange(len(candidates))[:, None]
    sent: list[list[float]] = np.concatenate([numbers, *parts], axis=1).tolist()
    return sent


def many_boxes(size: tuple[int, int], num: int) -> Candidates:
    """Give a table as long as 32 × 32 points give; groups of boxes are alike, some empty."""
    random, (height, width) = rng(), size
    centres = random.integers(0, [width, height], (num // 8, 2))[random.integers(0, num // 8, num)]
    sides = random.choice([3, 60, 61, 400, 1500], (num, 2)) + random.integers(0, 12, (num, 2))
    jitter = random.integers(-6, 7, (num, 2))
    low = np.clip(centres + jitter - sides // 2, 0, [width - 1, height - 1])
    high = np.clip(low + sides, 1, [width, height])
    rows = np.zeros(num, ROW)
    rows["box"] = np.concatenate([low, high], axis=1)
    rows["area"] = (high - low).prod(axis=1)
    rows["predicted_iou"] = random.choice(np.array([0.5, 0.6, 0.88, 0.95, 1.01], np.float32), num)
    rows["stability_score"] = random.choice(np.array([0.5, 0.6, 0.95, 0.97, 1], np.float32), num)
    rows[::50]["box"], rows[::50]["area"] = 0, 0
    return made(size, rows, ["0"] * num)


SETTINGS = [
    {},
    # In single precision 0.6 is more than 0.6, and 0.95 less.
    {"pred_iou_thresh": 0.6, "stability_score_thresh": 0.6},
    {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0},
    {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0},
    {"pred_iou_thresh": 0.5, "stability_score_thresh": 0.5, "box_nms_thresh": 0.3},
    {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.2, "box_nms_thresh": 0.0},
    {"pred_iou_thresh": 0.2, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0, "min_area": 40},
    {
        "pred_iou_thresh": 0.0,
        "stability_score_thresh": 0.0,
        "box_nms_thresh": 0.5,
        "max_area_share": 0.25,
    },
    {
        "pred_iou_thresh": 0.0,
        "stability_score_thresh": 0.0,
        "box_nms_thresh": 0.9,
        "wholes_only": True,
    },
    {
        "pred_iou_thresh": 0.3,
        "stability_score_thresh": 0.3,
        "wholes_only": True,
        "max_area_share": 1.0,
    },
]


def select_cases() -> list[dict[str, Any]]:
    random = rng()
    tables = [many_boxes((1200, 1800), 3072), many_boxes((40, 60), 300)]
    for size in [(50, 60), (1, 6), (2, 3), (1, 1), (1, 7)]:
        circles = [
            disc(size, random.uniform([0, 0], size[::-1]), random.choice([2, 5, 5.2, 13, 40]))
            for _ in range(60)
        ]
        tables.append(candidates_of(size, [*circles, *masks_of(size)], num_scores=8))
    tables.append(made((5, 5), np.zeros(0, ROW), []))
    return [
        {
            "rows": rows_sent(table),
            "codes": list(table.codes),
            "settings": settings,
            "size": list(table.size_hw),
            "candidates": table,
        }
        for table in tables
        for settings in SETTINGS
        if not (settings.get("wholes_only") and set(table.codes) == {"0"})
    ]


def topmost_cases() -> list[dict[str, Any]]:
    random, size = rng(), (50, 60)
    masks = [
        disc(size, random.uniform([0, 0], (60, 50)), radius) for radius in (3, 5, 8, 13, 21, 34)
    ]
    table = candidates_of(size, masks, num_scores=8)
    points = np.argwhere(np.ones(size))[:, ::-1]
    base = {"rows": rows_sent(table), "codes": list(table.codes), "size": list(size)}
    return [{**base, "numbers": [5, 4, 2, 0], "points": points.tolist(), "masks": masks}]


def damaged_cases() -> list[dict[str, Any]]:
    size = [4, 5]
    return [
        {"rle": {"size": size, "counts": counts}}
        for counts in ("o", "04\x7f", "0 4", "oooooooooooo4", "5", "ZZ0", "O", "", "0e0")
    ]


CASES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "mask": mask_cases,
    "pair": pair_cases,
    "stroke": stroke_cases,
    "sample": sample_cases,
    "tree": tree_cases,
    "select": select_cases,
    "topmost": topmost_cases,
    "damaged": damaged_cases,
}
# What only Python's side needs.
OWN = {"mask", "masks", "candidates"}


@pytest.fixture(scope="module")
def answers() -> Answer:
    """Ask all cases at once; gives the cases of a kind with what JavaScript answered."""
    cases = [(kind, case) for kind, make in CASES.items() for case in make()]
    sent = [
        {"kind": kind, **{k: v for k, v in case.items() if k not in OWN}} for kind, case in cases
    ]
    done = subprocess.run(
        [node(), WEB / "answers.mjs"],
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert len(answered) == len(cases)

    def of(kind: str) -> list[tuple[Mapping[str, Any], Any]]:
        pairs = zip(cases, answered, strict=True)
        return [(case, answer) for (one, case), answer in pairs if one == kind]

    return of


def test_masks_are_read_and_written_as_python_and_pycocotools_do(answers: Answer) -> None:
    for case, answer in answers("mask"):
        mask, code = case["mask"], case["rle"]
        theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        assert answer["runs"] == rle.runs_of(code).tolist()
        assert answer["text"] == {"size": code["size"], "counts": theirs}
        assert answer["from_plane"] == theirs
        np.testing.assert_array_equal(as_mask(answer["plane"], mask.shape), mask)


def test_areas_bounds_and_pixels_are_those_of_the_mask(answers: Answer) -> None:
    for case, answer in answers("mask"):
        mask, padded = case["mask"], np.pad(case["mask"], 1)
        assert answer["area"] == mask.sum()
        assert tuple(answer["bounds"]) == box_of(mask)
        assert answer["holds"] == [bool(padded[y + 1, x + 1]) for x, y in case["points"]]


def test_sets_are_those_of_python_and_pycocotools(answers: Answer) -> None:
    for case, answer in answers("pair"):
        first, second = rle.runs_of(case["first"]), rle.runs_of(case["second"])
        theirs = [
            {**code, "counts": code["counts"].encode()} for code in (case["first"], case["second"])
        ]
        assert answer["union"] == rle.compress(run_sets.union([first, second]))
        assert answer["intersect"] == rle.compress(run_sets.intersect(first, second))
        assert answer["subtract"] == rle.compress(run_sets.subtract(first, second))
        assert answer["shared"] == run_sets.intersection_area(first, second)
        assert answer["union"] == coco.merge(theirs)["counts"].decode()
        assert answer["shared"] == coco.area(coco.merge(theirs, intersect=True))


def test_a_stroke_covers_the_pixels_whose_centres_are_near_the_way(answers: Answer) -> None:
    for case, answer in answers("stroke"):
        points, mask = np.array(case["points"]), case["mask"]
        centres = np.moveaxis(np.indices(mask.shape)[::-1], 0, -1) + 0.5
        covered = np.zeros(mask.shape, dtype=np.bool_)
        for start, end in zip(points[[0, *range(len(points) - 1)]], points, strict=True):
            way, length = end - start, max(float(((end - start) ** 2).sum()), 1e-12)
            share = np.clip(((centres - start) @ way) / length, 0, 1)[..., None]
            distance = np.linalg.norm(centres - (start + share * way), axis=-1)
            covered |= (distance <= case["radius"]) | (np.floor(end) == centres - 0.5).all(axis=-1)
        expected = mask | covered if case["value"] else mask & ~covered
        assert answer == rle.encode(expected)["counts"]


def test_each_pixel_of_the_screen_asks_the_pixel_under_its_centre(answers: Answer) -> None:
    for case, answer in answers("sample"):
        mask, (x0, y0, x1, y1) = case["mask"], case["window"]
        width, height = case["width"], case["height"]
        xs = np.floor(x0 + ((np.arange(width) + 0.5) * (x1 - x0)) / width).astype(int)
        ys = np.floor(y0 + ((np.arange(height) + 0.5) * (y1 - y0)) / height).astype(int)
        padded = np.pad(mask, 1)
        xs, ys = np.clip(xs + 1, 0, mask.shape[1] + 1), np.clip(ys + 1, 0, mask.shape[0] + 1)
        np.testing.assert_array_equal(as_mask(answer, (height, width)), padded[np.ix_(ys, xs)])


def test_part_trees_are_those_of_python(answers: Answer) -> None:
    levels = []
    for case, answer in answers("tree"):
        tree = part_tree(case["codes"])
        assert answer == {"parents": list(tree.parents), "levels": list(tree.levels)}
        levels += answer["levels"]
    assert max(levels) >= 2


def test_selection_gives_the_numbers_of_python_in_their_order(answers: Answer) -> None:
    sizes = []
    for case, answer in answers("select"):
        expected = select(case["candidates"], EverythingSettings(**case["settings"])).kept
        assert answer == expected.tolist(), (case["size"], case["settings"])
        sizes.append(len(answer))
    assert 0 in sizes
    assert max(sizes) > 500


def test_the_topmost_mask_at_a_pixel_is_the_smallest_that_is_shown(answers: Answer) -> None:
    ((case, answer),) = answers("topmost")
    masks = case["masks"]
    shown = sorted(case["numbers"], key=lambda number: masks[number].sum())
    expected = [next((n for n in shown if masks[n][y, x]), None) for x, y in case["points"]]
    assert answer == expected
    assert set(answer) == {None, 0, 2, 4, 5}


def test_damaged_codes_are_refused_in_a_sentence(answers: Answer) -> None:
    for case, answer in answers("damaged"):
        with pytest.raises(Exception, match="RLE"):
            rle.runs_of(case["rle"])
        assert isinstance(answer, str), case
        assert answer.startswith("RangeError: RLE "), (case, answer)


def test_the_modules_pass_their_own_tests() -> None:
    files = sorted(WEB.glob("*.test.mjs"))
    assert files
    done = subprocess.run([node(), "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
