"""Measure which pseudo-masks are right, by thresholds, and write `results/pseudo_masks.json`.

Pictures are training pictures held back for validation, of sets in which every part of a picture
is labelled. Half of a picture's masks are hidden, several times; what everything mode finds beyond
the other half is held against the hidden ones. All candidates of a picture are kept in a file, so
the slow part is done once. Nothing here is ever chosen on the evaluation sets.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from presets import WHOLLY_ANNOTATED, file_of, held_back
from record import processor, write_record
from rich.console import Console
from rich.progress import track

import anymask
from anymask.data.picture import AnnotatedPicture
from anymask.evaluate.proposals import overlaps_of
from anymask.everything.candidates import Candidates, Floors
from anymask.everything.generate import choose, find_all
from anymask.everything.kept import PictureOf, load_candidates, save_candidates
from anymask.image.read import read_picture
from anymask.masks.rle import decompress
from anymask.predict.encode import embed_pictures
from anymask.train.pseudo_masks import PseudoMask, PseudoSettings, choose_pseudo_masks
from anymask.weights.loaded import LoadedModel

SCORES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
STABILITY = (0.8, 0.85, 0.9)
TIMES_HIDDEN = 5
FLOORS = Floors(pred_iou=min(SCORES), stability_score=min(STABILITY))
COLUMNS = [
    "score over",
    "stability from",
    "sides up to",
    "new masks a picture",
    "right, IoU 0.5",
    "IoU 0.7",
    "mean IoU",
]


def main() -> None:
    """Find candidates, try all thresholds and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the train archives")
    parser.add_argument("--keep", type=Path, required=True, help="folder for candidates")
    parser.add_argument("--model", help="weights file; without it, the default model")
    parser.add_argument("--pictures", type=int, default=8, help="pictures a set")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(stderr=True)
    loaded = anymask.load(flags.model, device="cpu").loaded
    folder = flags.keep / loaded.sha256[:12]
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [
        picture
        for picture in held_back(flags.data, flags.pictures)
        if picture.set_name in WHOLLY_ANNOTATED
    ]
    for picture in track(pictures, "finding masks", console=console):
        find(loaded, picture, folder)
    settings = [
        replace(PseudoSettings(), least_score=score, least_stability=stability, most_sides=sides)
        for sides in (2, 4)
        for score in SCORES
        for stability in STABILITY
    ]
    measured = [load_candidates(file_of(picture, folder))[0] for picture in pictures]
    rows = [row_of(one, pictures, measured) for one in settings]
    path = write_record(
        "pseudo_masks",
        f"python benchmarks/pseudo_masks.py --data train --pictures {flags.pictures}",
        processor(),
        model=loaded.sha256,
        pictures=[picture.name for picture in pictures],
        tables={"pseudo_masks": {"columns": COLUMNS, "rows": rows}},
    )
    console.print(f"wrote {path}")


def find(loaded: LoadedModel, picture: AnnotatedPicture, folder: Path) -> None:
    """Write all candidates of a picture, if that was not done before."""
    path = file_of(picture, folder)
    if path.exists():
        return
    (embedding,) = embed_pictures(loaded, [read_picture(picture.encoded)])
    found = find_all(loaded, embedding, PseudoSettings().everything(), floors=FLOORS)
    told = PictureOf(name=picture.name, sha256="", model=loaded.name, model_sha256=loaded.sha256)
    save_candidates(found.candidates, told, path)


def row_of(
    settings: PseudoSettings, pictures: Sequence[AnnotatedPicture], measured: Sequence[Candidates]
) -> list[object]:
    """Give a row of the table: how many masks are new, and how many of them are right."""
    overlaps = np.array(
        [
            overlap
            for number, picture in enumerate(pictures)
            for overlap in hidden_overlaps(settings, picture, measured[number], number)
        ]
    )
    if not len(overlaps):
        figures = ["0.00", "–", "–", "–"]
    else:
        a_picture = len(overlaps) / len(pictures) / TIMES_HIDDEN
        shares = [(overlaps > 0.5).mean(), (overlaps > 0.7).mean(), overlaps.mean()]
        figures = [f"{a_picture:.2f}", *(f"{share:.2f}" for share in shares)]
    return [settings.least_score, settings.least_stability, settings.most_sides, *figures]


def hidden_overlaps(
    settings: PseudoSettings, picture: AnnotatedPicture, candidates: Candidates, seed: int
) -> Iterator[float]:
    """Hide half of a picture's masks, and give the best IoU of each new mask with a hidden one."""
    masks = choose(candidates, settings.everything()).masks
    found = [PseudoMask(runs=decompress(m.rle["counts"]), score=m.score) for m in masks]
    for time in range(TIMES_HIDDEN):
        rng = np.random.default_rng([seed, time])
        is_hidden = rng.random(len(picture.runs)) < 0.5
        labelled = [runs for i, runs in enumerate(picture.runs) if not is_hidden[i]]
        hidden = [runs for i, runs in enumerate(picture.runs) if is_hidden[i]]
        new = choose_pseudo_masks(found, labelled, picture.size_hw, settings).masks
        overlaps = overlaps_of([mask.runs for mask in new], hidden).max(axis=1, initial=0.0)
        yield from overlaps.tolist()


if __name__ == "__main__":
    main()
