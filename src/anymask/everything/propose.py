"""Points everywhere → candidate masks, measured.

Every crop of the picture is encoded by itself and asked at each point of its grid; of every answer
only scores, box and run lengths are kept, and run lengths beyond their share move to the disk.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.errors import StateError
from anymask.everything.candidates import Candidates, Floors, Rows
from anymask.everything.crops import crop_boxes
from anymask.everything.drawings import Crop
from anymask.everything.gathered import Gathered
from anymask.everything.grid import Points, grids_of
from anymask.everything.memory import spool_room
from anymask.everything.settings import EverythingSettings
from anymask.everything.sparse_grid import SparseGrid, levels_of
from anymask.image.picture import Picture
from anymask.masks.boxes import IntBox
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_batch
from anymask.predict.points import Worth, answer_points
from anymask.weights.loaded import LoadedModel

Progress = Callable[[int, int], None]
"""Called with points done and points in all."""

OnFound = Callable[[Rows, Sequence[str]], None]
"""Called with the candidates that are new, of dtype `ROW`, (K,), and their run lengths."""


def propose(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    settings: EverythingSettings,
    *,
    floors: Floors | None = None,
    budget_bytes: int | None = None,
    on_progress: Progress | None = None,
    on_found: OnFound | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Candidates:
    """Ask about every part of a picture.

    Args:
        loaded: The model.
        embedding: The picture, embedded by this model; it must carry its pixels if there are crops.
        settings: Grids, crops, thresholds.
        floors: Which candidates are not drawn; None for those below the thresholds of `settings`.
        budget_bytes: What the whole program may take; None for no limit.
        on_progress: Told how far it is.
        on_found: Told of the candidates that a batch of points has brought, if any.
        should_stop: Asked after each batch; True ends the search there.

    Returns:
        The candidates, in the order of crops, points and slots; "adaptive" begins every crop with
        a coarse grid. After an early end they are those found so far, and `num_prompts` tells how
        many points were asked.

    Raises:
        StateError: If the picture is needed and the embedding does not carry it, or it was made by
            another model.
        ConfigError: If the budget is too small.
        OutputError: If candidates outgrow the memory and the disk is full.

    Source:
        Segment Anything (Kirillov et al., 2023), section 5 and appendix B.
    """
    size_hw, picture = embedding.frame.original_hw, embedding.picture
    boxes, points = _where(size_hw, settings)
    no_data = None if picture is None else picture.no_data
    gathered = Gathered(
        settings,
        floors or floors_of(settings),
        spool_room(loaded, size_hw, budget_bytes),
        # Pixels without a value are only known at the picture's size.
        is_coarse=settings.mode == "fast" and no_data is None,
    )

    def steps() -> Iterator[int]:
        """Ask batch after batch, and give how many points are done."""
        num_before = 0
        for number, box in enumerate(boxes):
            part = embedding if number == 0 else _embedded_crop(loaded, picture, box)
            crop = Crop(
                number=number, box=box, frame=part.frame, picture_hw=size_hw, no_data=no_data
            )
            for done in _ask(loaded, part, crop, points[number], gathered):
                yield num_before + done
            num_before += len(points[number])

    num_points = sum(map(len, points))
    for done in steps():
        if on_found is not None:
            new = gathered.take_new()
            if len(new[0]):
                on_found(*new)
        if on_progress is not None:
            on_progress(done, num_points)
        if should_stop is not None and should_stop():
            break
    return Candidates(
        size_hw=size_hw,
        rows=gathered.table(),
        codes=gathered.codes,
        crops=tuple(boxes),
        settings=settings,
        floors=gathered.floors,
        num_prompts=gathered.num_prompts,
        left_out=dict(gathered.left_out),
    )


def floors_of(settings: EverythingSettings) -> Floors:
    """Give the thresholds of settings as floors: what they drop is not drawn.

    Args:
        settings: The settings.
    """
    return Floors(
        pred_iou=settings.pred_iou_thresh, stability_score=settings.stability_score_thresh
    )


def _where(
    size_hw: tuple[int, int], settings: EverythingSettings
) -> tuple[list[IntBox], list[Points]]:
    """Give the crops that have points, the whole picture always, and their points, pixels."""
    boxes, layers = crop_boxes(size_hw, settings.crop_n_layers, settings.crop_overlap_ratio)
    grids = grids_of(settings)
    sides = [np.array([x1 - x0, y1 - y0], np.float64) for x0, y0, x1, y1 in boxes]
    points = [grids[layer] * side for layer, side in zip(layers, sides, strict=True)]
    # Crops of a picture of a few pixels can be empty, or begin beyond its end.
    used = [i for i in range(len(boxes)) if i == 0 or (len(points[i]) and (sides[i] > 0).all())]
    return [boxes[i] for i in used], [points[i] for i in used]


def _ask(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    crop: Crop,
    points: Points,
    gathered: Gathered,
) -> Iterator[int]:
    """Ask at the points of one crop, and give after each step how many are done."""
    in_picture = points + np.array(crop.box[:2], np.float64)
    sparse, levels = None, [np.arange(len(points))]
    if gathered.settings.mode == "adaptive":
        x0, y0, x1, y1 = crop.box
        crop_area = (x1 - x0) * (y1 - y0)
        sparse = SparseGrid(in_picture, crop_area, gathered.settings.pred_iou_thresh)
        levels = levels_of(len(points))
    num_before, at_once = 0, gathered.settings.points_per_batch
    for level in levels:
        asked = level
        if sparse is not None:
            asked = sparse.wanted(level, is_last=level is levels[-1])
        worth = _noting(gathered.worth, sparse, asked)
        for answers in answer_points(loaded, embedding, points[asked], worth, at_once=at_once):
            gathered.add(crop, answers, in_picture[asked], sparse)
            yield num_before + answers.num_done
        num_before += len(level)
        yield num_before


def _noting(worth: Worth, sparse: SparseGrid | None, asked: NDArray[np.int64]) -> Worth:
    """Give `worth` so that a sparse grid hears the scores; it is asked in the points' order."""
    if sparse is None:
        return worth
    num_seen = 0

    def noting(iou: NDArray[np.float32]) -> NDArray[np.bool_]:
        nonlocal num_seen
        sparse.note(asked[num_seen : num_seen + len(iou)], iou)
        num_seen += len(iou)
        return worth(iou)

    return noting


def _embedded_crop(loaded: LoadedModel, picture: Picture | None, box: IntBox) -> ImageEmbedding:
    if picture is None:
        raise StateError(
            "the embedding does not carry its picture, which crops are cut from",
            hint="embed the picture anew, or save embeddings with picture=True",
        )
    x0, y0, x1, y1 = box
    pixels = np.ascontiguousarray(picture.pixels[y0:y1, x0:x1])
    (embedding,) = embed_batch(loaded, (Picture(pixels=pixels, name=picture.name),))
    return embedding
