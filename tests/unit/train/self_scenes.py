"""Scenes of three discs: people labelled the first two, a model finds all three."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import torch

from anymask.data.layouts import recognise_pictures
from anymask.data.packed import PackedSet
from anymask.data.picture import AnnotatedPicture
from anymask.data.prepare import prepare_data
from anymask.masks.finding import Finding
from anymask.masks.rle import counts_of
from anymask.model.sam import Sam
from anymask.train.pseudo_masks import (
    PseudoChoice,
    PseudoMask,
    PseudoSettings,
    choose_pseudo_masks,
)
from anymask.weights.save import save_model
from tests.scenes import scene, write_shard
from tests.unit.train.conftest import small_config

HELD_BACK = "discs_017"
"""Held back by its name, alone among the first twenty."""


def prepared_scenes(folder: Path, pictures: int = 20, name: str = "discs") -> PackedSet:
    """Give scenes of which the third disc of each is not labelled."""
    (folder / "whole").mkdir()
    shard = write_shard(folder / "whole" / f"{name}.tar", pictures)
    without_third(shard, folder / f"{name}.tar")
    prepared = prepare_data(
        [folder / f"{name}.tar"],
        folder / "prepared",
        failures=folder / "failures.jsonl",
        read=recognise_pictures,
    )
    return prepared.sets[0]


def without_third(shard: Path, path: Path) -> None:
    """Copy a shard and leave the third mask of every picture out."""
    with tarfile.open(shard) as old, tarfile.open(path, "w") as new:
        for member in old:
            data = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name.endswith(".json"):
                record = json.loads(data)
                record["annotations"] = record["annotations"][:2]
                data = json.dumps(record).encode()
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))


def discs_of(picture: AnnotatedPicture) -> list[PseudoMask]:
    """Give all three discs of a scene, the way a good model would."""
    number = int(picture.name.rpartition("_")[2])
    return [
        PseudoMask(
            runs=counts_of(mask),
            score=0.9 + 0.01 * place,
            finding=Finding(
                point=(24.0 + 40 * place, 48.0), stability_score=0.97, crop_box=(0, 0, 128, 96)
            ),
        )
        for place, mask in enumerate(scene(number)[1])
    ]


def find_discs(
    _loaded: object, picture: AnnotatedPicture, settings: PseudoSettings
) -> PseudoChoice:
    """Stand in for `find_pseudo_masks`."""
    labelled = [runs for i, runs in enumerate(picture.runs) if not picture.is_pseudo(i)]
    return choose_pseudo_masks(discs_of(picture), labelled, picture.size_hw, settings)


def third_disc(name: str) -> np.ndarray:
    """Give what nobody labelled, bool (96, 128)."""
    return scene(int(name.rpartition("_")[2]))[1][2]


def seeded_model(path: Path) -> Path:
    """Write a model that knows nothing and is quick."""
    torch.manual_seed(0)
    save_model(Sam(small_config()).eval(), path, recipe={"name": "seeded"}, card="knows nothing")
    return path
