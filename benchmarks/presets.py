"""Choose thresholds of everything mode for the default model and write `results/presets.json`.

The pictures are training pictures that are held back for validation, some of each set. All
candidates of a picture are kept in a file, so the slow part is done once; every pair of thresholds
is then tried on them. Nothing here is ever chosen on the evaluation sets.

Recommended is, for "default" and "objects", what balances objects found and masks that are objects
best (F1); for "dense", what finds most with at most 100 masks a picture. "objects" is held against
the objects that are no part of another.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from record import processor, write_record
from rich.console import Console
from rich.progress import track

import anymask
from anymask.data.picture import AnnotatedPicture
from anymask.data.shards import find_shards, read_shards
from anymask.data.splits import is_validation
from anymask.evaluate.proposals import overlaps_of
from anymask.everything.candidates import Candidates, Floors
from anymask.everything.generate import find_all
from anymask.everything.kept import PictureOf, load_candidates, save_candidates
from anymask.everything.presets import PRESETS, preset
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.image.read import read_picture
from anymask.masks.part_tree import part_tree
from anymask.masks.rle import Counts, decompress, encode_runs
from anymask.predict.encode import embed_pictures
from anymask.weights.loaded import LoadedModel

# Every part of these pictures belongs to some mask, so a mask that is none of them is a mistake.
WHOLLY_ANNOTATED = ("ade_street", "bsds500", "camvid", "coco_panoptic")
PRED_IOU = (0.0, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.88)
STABILITY = (0.0, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
MEASURED = ("default", "dense", "objects")
# As many as SA-1B has a picture: what "dense" may give.
MOST_MASKS = 100
COLUMNS = [
    "preset",
    "predicted IoU over",
    "stability from",
    "masks a picture",
    "objects found, IoU 0.5",
    "IoU 0.7",
    "masks that are objects, IoU 0.5",
]

Shares = NDArray[np.float64]


def main() -> None:
    """Find all candidates, try all thresholds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the train archives")
    parser.add_argument("--keep", type=Path, required=True, help="folder for candidates")
    parser.add_argument("--pictures", type=int, default=2, help="pictures a set")
    parser.add_argument("--preset", action="append", choices=MEASURED, help="only this one")
    parser.add_argument("--only-find", action="store_true", help="write candidates and stop")
    parser.add_argument("--only-try", action="store_true", help="take the candidates there are")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(stderr=True)
    loaded = anymask.load(device="cpu").loaded
    pictures = held_back(flags.data, flags.pictures)
    names = flags.preset or list(MEASURED)
    for name in [] if flags.only_try else names:
        folder = flags.keep / kept_as(name)
        folder.mkdir(parents=True, exist_ok=True)
        for picture in track(pictures, name, console=console):
            find(loaded, picture, PRESETS[name], folder)
    if flags.only_find:
        return
    measured = {name: found_already(pictures, flags.keep / kept_as(name)) for name in names}
    curves = {name: curve(name, measured[name], flags.keep / kept_as(name)) for name in names}
    path = write_record(
        "presets",
        f"python benchmarks/presets.py --data train --pictures {flags.pictures}",
        processor(),
        pictures={name: [picture.name for picture in some] for name, some in measured.items()},
        recommended={name: recommended(name, points) for name, points in curves.items()},
        curves=curves,
        tables={
            "presets": {
                "columns": COLUMNS,
                "rows": [row for name in names for row in rows_of(name, curves[name])],
            }
        },
    )
    console.print(f"wrote {path}")


def held_back(folder: Path, per_set: int) -> list[AnnotatedPicture]:
    """Give some pictures of every set that are held back, the first of each set first."""
    groups: dict[str, list[AnnotatedPicture]] = {}
    for picture in read_shards(find_shards(folder)):
        if picture.runs and is_validation(f"{picture.name}.jpg"):
            groups.setdefault(picture.set_name, []).append(picture)
    ranked = [
        (place, group[place])
        for group in groups.values()
        for place in range(min(per_set, len(group)))
    ]
    return [picture for _, picture in sorted(ranked, key=lambda pair: pair[0])]


def kept_as(name: str) -> str:
    """Give the folder of a preset's candidates: those of one grid and no crops are shared."""
    return "dense" if PRESETS[name].crop_n_layers else "default"


def find(
    loaded: LoadedModel, picture: AnnotatedPicture, settings: EverythingSettings, folder: Path
) -> None:
    """Write all candidates of a picture, if that was not done before."""
    path = file_of(picture, folder)
    if path.exists():
        return
    (embedding,) = embed_pictures(loaded, [read_picture(picture.encoded)])
    found = find_all(loaded, embedding, settings, floors=Floors())
    told = PictureOf(name=picture.name, sha256="", model=loaded.name, model_sha256=loaded.sha256)
    save_candidates(found.candidates, told, path)


def found_already(pictures: Sequence[AnnotatedPicture], folder: Path) -> list[AnnotatedPicture]:
    """Give the pictures whose candidates are there."""
    return [picture for picture in pictures if file_of(picture, folder).exists()]


def file_of(picture: AnnotatedPicture, folder: Path) -> Path:
    """Give the file of a picture's candidates."""
    return folder / f"{picture.name}.candidates.npz"


def curve(name: str, pictures: Sequence[AnnotatedPicture], folder: Path) -> list[dict[str, float]]:
    """Give the figures of a preset under every pair of thresholds."""
    sums: dict[tuple[float, float], list[Shares]] = {}
    for picture in pictures:
        candidates, _ = load_candidates(file_of(picture, folder))
        truths = wholes_of(picture) if PRESETS[name].wholes_only else picture.runs
        shares = _OverlapsOnDemand(candidates, truths)
        is_judged = picture.set_name in WHOLLY_ANNOTATED
        for pair, settings in tried(PRESETS[name]):
            kept = select(candidates, settings).kept
            sums.setdefault(pair, []).append(counted(shares.of(kept), is_judged=is_judged))
    return [_figures(pair, np.sum(counts, axis=0), len(counts)) for pair, counts in sums.items()]


def tried(
    settings: EverythingSettings,
) -> Iterator[tuple[tuple[float, float], EverythingSettings]]:
    """Give the settings with every pair of thresholds."""
    for pred_iou in PRED_IOU:
        for stability in STABILITY:
            yield (
                (pred_iou, stability),
                replace(settings, pred_iou_thresh=pred_iou, stability_score_thresh=stability),
            )


class _OverlapsOnDemand:
    """IoU of candidates with a picture's objects, worked out once for each candidate.

    Regions that were cleaned are taken as they were before: it is a matter of a few pixels.
    """

    def __init__(self, candidates: Candidates, truths: Sequence[Counts]) -> None:
        self.candidates = candidates
        self.truths = truths
        self.shares = np.full((len(candidates), len(truths)), np.nan)

    def of(self, numbers: NDArray[np.int64]) -> Shares:
        """Give the IoU of some candidates with all objects, (N, M)."""
        new = numbers[np.isnan(self.shares[numbers, 0])]
        if len(new):
            runs = [decompress(self.candidates.codes[number]) for number in new.tolist()]
            self.shares[new] = overlaps_of(runs, self.truths)
        return self.shares[numbers]


def wholes_of(picture: AnnotatedPicture) -> list[Counts]:
    """Give the objects of a picture that are no part of another."""
    tree = part_tree([encode_runs(runs, picture.size_hw) for runs in picture.runs])
    return [runs for runs, level in zip(picture.runs, tree.levels, strict=True) if level == 0]


def counted(shares: Shares, *, is_judged: bool) -> Shares:
    """Count masks, objects, objects found at IoU 0.5 and 0.7, masks to judge and right ones."""
    best_of_object = shares.max(axis=0, initial=0.0)
    best_of_mask = shares.max(axis=1, initial=0.0)
    return np.array(
        [
            len(shares),
            shares.shape[1],
            (best_of_object >= 0.5).sum(),
            (best_of_object >= 0.7).sum(),
            len(shares) * is_judged,
            (best_of_mask >= 0.5).sum() * is_judged,
        ],
        dtype=np.float64,
    )


def _figures(pair: tuple[float, float], counts: Shares, pictures: int) -> dict[str, float]:
    masks, objects, found_50, found_70, judged, right = counts.tolist()
    recall, precision = found_50 / objects, right / judged if judged else 0.0
    balance = 2 * recall * precision / (recall + precision) if right else 0.0
    return {
        "pred_iou_thresh": pair[0],
        "stability_score_thresh": pair[1],
        "masks_a_picture": round(masks / pictures, 2),
        "recall_50": round(recall, 4),
        "recall_70": round(found_70 / objects, 4),
        "precision_50": round(precision, 4),
        "f1_50": round(balance, 4),
    }


def recommended(name: str, points: Sequence[dict[str, float]]) -> dict[str, float]:
    """Give the point of a curve that suits a preset best; see the top of this file."""
    if name == "dense":
        some = [point for point in points if point["masks_a_picture"] <= MOST_MASKS]
        return max(some, key=lambda point: (point["recall_50"], point["precision_50"]))
    return max(points, key=lambda point: (point["f1_50"], point["recall_50"]))


def rows_of(name: str, points: Sequence[dict[str, float]]) -> list[list[str]]:
    """Give the rows of a preset: with the published thresholds, and with the default model's."""
    rows = []
    for title, settings in (
        (f"{name}, published thresholds", PRESETS[name]),
        (f"{name}, thresholds for this model", preset(name, is_embedded=True)),
    ):
        wanted = settings.pred_iou_thresh, settings.stability_score_thresh
        found = [
            point
            for point in points
            if (point["pred_iou_thresh"], point["stability_score_thresh"]) == wanted
        ]
        if not found:
            raise SystemExit(f"{name}: {wanted} was not tried")
        shares = [f"{found[0][key]:.3f}" for key in ("recall_50", "recall_70", "precision_50")]
        rows.append([title, *map(str, wanted), f"{found[0]['masks_a_picture']:.1f}", *shares])
    return rows


if __name__ == "__main__":
    main()
