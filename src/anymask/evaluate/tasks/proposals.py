"""All objects of a picture, without being told where: what everything mode proposes.

Source: Segment Anything (Kirillov et al., 2023), section 7.3 and appendix D.3: a 64×64 grid, no
filter by score, duplicates above a box IoU of 0.9 dropped, at most 1000 masks, ranked by the mean
of predicted IoU and stability.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anymask.data.picture import AnnotatedPicture
from anymask.evaluate.proposals import Recalled, overlaps_of, recalled
from anymask.evaluate.selection import Question
from anymask.evaluate.tasks.region_proposals import region_proposals
from anymask.everything.generate import find_all
from anymask.everything.settings import EverythingSettings
from anymask.image.picture import Picture
from anymask.image.read import read_picture
from anymask.masks.rle import Counts, runs_of
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.encode import embed_pictures
from anymask.weights.loaded import LoadedModel

MOST_PROPOSALS = 1000
PROPOSAL_SETTINGS = EverythingSettings(
    points_per_side=64, pred_iou_thresh=0.0, stability_score_thresh=0.0, box_nms_thresh=0.9
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow:
    """What one method proposed on one picture, and what of it are objects.

    Attributes:
        set_name: Name of the picture's set.
        picture: Name of the picture.
        method: "model" or "felzenszwalb".
        proposals: How many masks were proposed.
        seconds: What that took, on the clock.
        recalled: What they found.
    """

    set_name: str
    picture: str
    method: str
    proposals: int
    seconds: float
    recalled: Recalled


def evaluate_proposals(
    loaded: LoadedModel,
    questions: Mapping[str, Sequence[Question]],
    *,
    with_classical: bool = True,
    settings: EverythingSettings = PROPOSAL_SETTINGS,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[ProposalRow]:
    """Measure what a model proposes, and Felzenszwalb's regions on the same pictures.

    Args:
        loaded: The model.
        questions: Pictures and their masks by set name.
        with_classical: Whether Felzenszwalb's regions are measured too.
        settings: Of everything mode.
        on_progress: Called with pictures done and pictures in all.

    Returns:
        One row a picture and method.

    Raises:
        ImageError: If a picture cannot be read.
        MissingExtra: If Felzenszwalb's regions are wanted and scikit-image is not installed.
    """
    total = sum(len(group) for group in questions.values())
    rows: list[ProposalRow] = []
    done = 0
    for name, group in questions.items():
        for question in group:
            rows += ask(loaded, name, question, with_classical=with_classical, settings=settings)
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return rows


def ask(
    loaded: LoadedModel,
    set_name: str,
    question: Question,
    *,
    with_classical: bool = True,
    settings: EverythingSettings = PROPOSAL_SETTINGS,
) -> list[ProposalRow]:
    """Measure one picture; see `evaluate_proposals`.

    Args:
        loaded: The model.
        set_name: Name of the picture's set.
        question: The picture and its masks.
        with_classical: Whether Felzenszwalb's regions are measured too.
        settings: Of everything mode.
    """
    picture = read_picture(question.picture.encoded)
    methods: dict[str, Callable[[], list[Counts]]] = {
        "model": lambda: _by_model(loaded, picture, settings)
    }
    if with_classical:
        methods["felzenszwalb"] = lambda: region_proposals(picture.pixels, MOST_PROPOSALS)
    rows = []
    for method, propose in methods.items():
        began = time.perf_counter()
        proposals = propose()
        rows.append(
            ProposalRow(
                set_name=set_name,
                picture=question.picture.name,
                method=method,
                proposals=len(proposals),
                seconds=time.perf_counter() - began,
                recalled=_compared(proposals, question.picture, question.indices),
            )
        )
    return rows


def model_proposals(
    loaded: LoadedModel,
    embedding: ImageEmbedding,
    settings: EverythingSettings = PROPOSAL_SETTINGS,
) -> list[Counts]:
    """Propose objects of a picture by everything mode.

    Args:
        loaded: The model.
        embedding: The picture.
        settings: Of everything mode.

    Returns:
        Run lengths of at most 1000 masks, (K,) each, the best first.
    """
    masks = find_all(loaded, embedding, settings).masks
    stable = [mask.finding.stability_score if mask.finding else 0.0 for mask in masks]
    # A mask that is empty at every cutoff has no stability.
    ranks = np.add(masks.scores, np.nan_to_num(stable)) / 2
    order = np.argsort(-ranks, kind="stable")[:MOST_PROPOSALS]
    return [runs_of(masks[int(place)].rle) for place in order]


def _by_model(loaded: LoadedModel, picture: Picture, settings: EverythingSettings) -> list[Counts]:
    (embedding,) = embed_pictures(loaded, [picture])
    return model_proposals(loaded, embedding, settings)


def _compared(
    proposals: Sequence[Counts], picture: AnnotatedPicture, indices: Sequence[int]
) -> Recalled:
    truths = [picture.runs[index] for index in indices]
    areas = [int(truth[1::2].sum()) for truth in truths]
    return recalled(overlaps_of(proposals, truths), areas)
