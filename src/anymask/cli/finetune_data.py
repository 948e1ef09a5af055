"""Annotated pictures for fine-tuning: what is learnt from, and what is asked before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.screen import Screen
from anymask.cli.train_data import DataChoice, prepare
from anymask.errors import ConfigError

if TYPE_CHECKING:
    from anymask.data.mixing import PictureSet
    from anymask.data.prepare import PreparedData
    from anymask.train.before_after import Questions
    from anymask.train.launch import TrainingData


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneData:
    """Everything that a fine-tuning looks at.

    Attributes:
        training: Pictures to learn from.
        questions: Pictures to ask about before and after.
        is_self_measured: Whether the pictures asked about are those learnt from.
    """

    training: "TrainingData"
    questions: "Questions"
    is_self_measured: bool


def finetune_data(choice: DataChoice, general: Sequence[Path], screen: Screen) -> FinetuneData:
    """Prepare the pictures of a fine-tuning.

    Args:
        choice: Which, and how.
        general: Files and folders of general pictures; without them, the bundled photographs.
        screen: Where progress and notes go.

    Raises:
        ConfigError: If there are none, too many are bad, or some would be learnt from and measured
            on.
    """
    from anymask.data.guard import guard_pictures
    from anymask.data.splits import spread
    from anymask.train.before_after import MOST_MASKS, MOST_PICTURES, Questions, limited
    from anymask.train.launch import TrainingData

    prepared = prepare(choice.train, choice, "failures.jsonl", screen)
    if choice.validation:
        training: list[PictureSet] = list(prepared.sets)
        asked, is_self_measured = _validation(prepared, choice, screen), False
    else:
        training, asked, is_self_measured = _divided(prepared, screen)
    held_out = limited(spread(asked, MOST_PICTURES), MOST_MASKS)
    if not held_out:
        raise ConfigError("--validation holds no mask", hint="name annotated pictures")
    if general:
        other = prepare(general, choice, "failures-guard.jsonl", screen)
        watched = limited(spread(other.sets, MOST_PICTURES), MOST_MASKS)
    else:
        watched = guard_pictures()
    screen.note(
        f"{sum(map(len, training))} pictures to learn from, {len(held_out)} to measure on, "
        f"{len(watched)} general ones to watch"
    )
    return FinetuneData(
        training=TrainingData(
            sets=tuple(part for part in training if len(part)),
            held_back=held_out[: choice.measured],
            fingerprint=prepared.fingerprint,
        ),
        questions=Questions(held_out=held_out, general=watched),
        is_self_measured=is_self_measured,
    )


def _validation(prepared: "PreparedData", choice: DataChoice, screen: Screen) -> list["PictureSet"]:
    from anymask.data.prepare import check_overlap, refuse_overlap

    measured = prepare(choice.validation, choice, "failures-validation.jsonl", screen)
    shared = check_overlap(prepared.sets, measured.sets)
    refuse_overlap(shared, is_allowed=choice.allow_overlap)
    return list(measured.sets)


def _divided(
    prepared: "PreparedData", screen: Screen
) -> tuple[list["PictureSet"], list["PictureSet"], bool]:
    """Give what to learn from, what to ask about, and whether these are the same."""
    from anymask.data.splits import hold_out

    training, asked = hold_out(prepared.sets)
    if any(map(len, asked)):
        return list(training), list(asked), False
    many = prepared.counts.pictures > 1
    screen.note(
        f"{'all pictures look the same' if many else 'there is one picture'}, so the model is "
        "measured on what it learns from: the figures say nothing about other pictures"
    )
    return list(prepared.sets), list(prepared.sets), True
