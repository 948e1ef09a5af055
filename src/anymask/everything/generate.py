"""Picture → all its masks: propose, then select.

Source: Segment Anything (Kirillov et al., 2023), section 5; the published generator.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from anymask.everything.candidates import Candidates, Floors
from anymask.everything.fate import Selection
from anymask.everything.propose import Progress, propose
from anymask.everything.select import select
from anymask.everything.settings import EverythingSettings
from anymask.image.frame import frame_for
from anymask.image.picture import Picture
from anymask.masks.finding import Finding
from anymask.masks.mask import Mask, Masks
from anymask.predict.embedding import ImageEmbedding
from anymask.vocabulary import ImageFrame
from anymask.weights.loaded import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """All masks of a picture, and where they come from.

    Attributes:
        masks: The masks in the published generator's order: by score, but masks of smaller crops
            first, and those that needed cleaning last; each knows its `finding`.
        candidates: What they were chosen from.
        selection: How.
        settings: By which settings.
        seconds: Time spent, by step.
    """

    masks: Masks
    candidates: Candidates
    selection: Selection
    settings: EverythingSettings
    seconds: Mapping[str, float]


def find_all(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    settings: EverythingSettings,
    *,
    floors: Floors | None = None,
    budget_bytes: int | None = None,
    on_progress: Progress | None = None,
) -> Found:
    """Find all masks of a picture.

    Args:
        loaded: The model.
        embedding: The picture, embedded by this model; it must carry its pixels if there are crops.
        settings: Grids, crops, thresholds.
        floors: Which candidates are not drawn; None for those the settings would drop, `Floors()`
            to keep all for filtering and explaining afterwards.
        budget_bytes: What the whole program may take; None for no limit.
        on_progress: Told points done and points in all.

    Returns:
        The masks; none is a result like any other.

    Raises:
        StateError: If the picture is needed and the embedding does not carry it, or it was made by
            another model.
        ConfigError: If the budget is too small.
        OutputError: If candidates outgrow the memory and the disk is full.
    """
    began = time.perf_counter()
    candidates = propose(
        loaded,
        embedding,
        settings,
        floors=floors,
        budget_bytes=budget_bytes,
        on_progress=on_progress,
    )
    proposed = time.perf_counter()
    found = choose(candidates, settings, frame=embedding.frame, picture=embedding.picture)
    seconds = {"propose": proposed - began, **found.seconds}
    return Found(
        masks=found.masks,
        candidates=candidates,
        selection=found.selection,
        settings=settings,
        seconds=seconds,
    )


def choose(
    candidates: Candidates,
    settings: EverythingSettings,
    *,
    frame: ImageFrame | None = None,
    picture: Picture | None = None,
) -> Found:
    """Choose masks among candidates, as often as one likes.

    Args:
        candidates: What was found. What lies below its floors was not kept and cannot come back.
        settings: Thresholds; how the candidates were made is not asked again.
        frame: Where the picture lies in the model's square; None if nobody will ask again.
        picture: The picture, which the masks then carry.

    Returns:
        The masks.
    """
    began = time.perf_counter()
    selection = select(candidates, settings)
    frame = frame or frame_for(candidates.size_hw, max(candidates.size_hw))
    masks = Masks(
        tuple(
            _mask(candidates, selection, number, frame, picture)
            for number in selection.kept.tolist()
        ),
        size_hw=candidates.size_hw,
    )
    return Found(
        masks=masks,
        candidates=candidates,
        selection=selection,
        settings=settings,
        seconds={"select": time.perf_counter() - began},
    )


def _mask(
    candidates: Candidates,
    selection: Selection,
    number: int,
    frame: ImageFrame,
    picture: Picture | None,
) -> Mask:
    row = candidates.rows[number]
    code = selection.codes.get(number) or candidates.codes[number]
    x, y = row["point"].tolist()
    return Mask(
        score=float(row["predicted_iou"]),
        coded={"size": list(candidates.size_hw), "counts": code},
        frame=frame,
        picture=None if picture is None else picture.pixels,
        alpha=None if picture is None else picture.alpha,
        finding=Finding(
            point=(x, y),
            stability_score=float(row["stability_score"]),
            crop_box=candidates.crops[int(row["crop"])],
        ),
    )
