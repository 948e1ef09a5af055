"""Everything mode on a CUDA device: seconds a picture, with as many points at once as fit."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from comparisons import photo, scattered
from numpy.typing import NDArray
from reference import loaded

from anymask.everything.generate import Found, find_all
from anymask.everything.settings import EverythingSettings
from anymask.image.read import read_picture
from anymask.model import sam
from anymask.model.sam import Sam
from anymask.predict.encode import embed_batch
from anymask.predict.points import answer_points
from anymask.weights.loaded import LoadedModel

# Points answered at once, the most first; halved until the device's memory holds them.
POINTS_AT_ONCE = (512, 256, 128, 64, 32, 16)
# Of the masks of a trained network about so many pass the first filter.
PASSING_SHARE = 0.37
COLUMNS = [
    "everything mode, 1024 points, 1800 × 1200",
    "points at once",
    "time a picture",
    "pictures a second",
    "memory added",
]

Measure = Callable[[Callable[[], object], torch.device, int], tuple[float, float]]


def everything_rows(
    network: Sam,
    device: torch.device,
    rounds: int,
    measured: Measure,
    points_per_side: int = 32,
) -> list[list[str]]:
    """Give the row of one network: encoder, decoder, and what follows on the processor.

    Random weights give masks of noise over the whole picture, the dearest there are; the first
    filter's threshold is set so that as many pass it as of a trained network's.

    Args:
        network: The network.
        device: Where it is measured.
        rounds: Calls a measurement.
        measured: Gives seconds and megabytes of a call.
        points_per_side: Of the grid.
    """
    model = loaded(network, device)
    settings = EverythingSettings(
        points_per_side=points_per_side, pred_iou_thresh=passing_threshold(model)
    )
    at_once = most_points(partial(run, model, settings))
    seconds, megabytes = measured(partial(run, model, settings, at_once), device, rounds)
    memory = f"{megabytes:.0f} MB" if device.type == "cuda" else "–"
    speed = f"{1 / seconds:.2f}"
    return [[network.config.name, str(at_once), f"{seconds:.2f} s", speed, memory]]


def run(model: LoadedModel, settings: EverythingSettings, at_once: int) -> Found:
    """Encode the photo and find all masks, some points at once."""
    usual = sam.CELLS_ON_GPU
    sam.CELLS_ON_GPU = at_once * 64 * 64
    try:
        (embedding,) = embed_batch(model, (read_picture(photo()),))
        return find_all(model, embedding, settings)
    finally:
        sam.CELLS_ON_GPU = usual


def most_points(call: Callable[[int], object]) -> int:
    """Give the most points at once that the device's memory holds.

    Args:
        call: Takes how many; raises torch's error where they do not fit.
    """
    for at_once in POINTS_AT_ONCE[:-1]:
        try:
            call(at_once)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
        else:
            return at_once
    return POINTS_AT_ONCE[-1]


def passing_threshold(model: LoadedModel) -> float:
    """Give the predicted IoU above which `PASSING_SHARE` of a network's masks lie."""
    (embedding,) = embed_batch(model, (read_picture(photo()),))
    seen: list[NDArray[np.float32]] = []

    def note(iou: NDArray[np.float32]) -> NDArray[np.bool_]:
        seen.append(iou)
        return np.zeros(len(iou), np.bool_)

    list(answer_points(model, embedding, scattered(32), note))
    return max(float(np.quantile(np.concatenate(seen), 1 - PASSING_SHARE)), 1e-6)
