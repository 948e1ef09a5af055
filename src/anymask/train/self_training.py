"""The paper's own loop: a model annotates pictures, then learns from people and itself together.

Each step keeps what it did and goes on from there after any stop: `annotate` asks the model about
every picture (slow), `learnable` makes its masks and those of people into training data,
`self_training` does both, trains, and says what that changed.

Source: Segment Anything (Kirillov et al., 2023), section 4, fully automatic stage.
"""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from anymask.data.fingerprints import similar_pairs
from anymask.data.guard import guard_pictures
from anymask.data.layouts import recognise_all
from anymask.data.mixing import PictureSet
from anymask.data.packed import PackedSet
from anymask.data.picture import AnnotatedPicture
from anymask.data.prepare import prepare_data
from anymask.data.splits import PartOfSet, is_validation, spread
from anymask.errors import ConfigError, DataError
from anymask.evaluate.selection import choose_questions
from anymask.masks.atomic import write_bytes
from anymask.masks.png import png_bytes
from anymask.train.annotated_sets import SETS, AnnotatedSets, write_annotated_sets
from anymask.train.before_after import Measured, Questions, Verdict, judge, measure, measured_before
from anymask.train.export import export_model
from anymask.train.finetune import Base
from anymask.train.launch import TrainingData, run_recipe
from anymask.train.pseudo_masks import PseudoSettings
from anymask.train.pseudo_records import PseudoRecord, read_record, records_folder
from anymask.train.pseudo_search import Asked, asked_about, search
from anymask.train.pseudo_sheet import pseudo_sheet, spread_over
from anymask.train.recipes import Recipe
from anymask.weights.load import load_model

RUN, MODEL, FOUND_SHEET = "run", "model.safetensors", "found.png"
# Four pictures of each of many sets, three masks of each; of few sets more pictures.
LEAST_A_SET, MEASURED_PICTURES, MEASURED_MASKS = 4, 120, 3
_ANY_SIZE = 1 << 20  # the pictures were shrunk before they were annotated

OnProgress = Callable[[str, int, int | None], None]
"""Told what is done, how much of it, and how much there is, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTrainingData:
    """What a model annotates and learns from, and what it is measured on.

    Attributes:
        sets: Pictures, with or without masks.
        held_back: Those of them that are neither annotated nor learnt from, "set/picture".
        alike: Others of them that look like a measured one, and so are not annotated either.
        measured: Pictures with masks to measure on.
    """

    sets: tuple[PackedSet, ...]
    held_back: frozenset[str]
    alike: frozenset[str]
    measured: tuple[PictureSet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTrained:
    """What came out of self-training.

    Attributes:
        model: File of the trained model.
        annotated: What it learnt from.
        verdict: What changed on held-back pictures and on general ones.
        before: What the model answered before.
        after: What it answered afterwards.
    """

    model: Path
    annotated: AnnotatedSets
    verdict: Verdict
    before: Measured
    after: Measured


def self_training_data(
    sets: Sequence[PackedSet], validation: Sequence[PackedSet] = ()
) -> SelfTrainingData:
    """Decide which pictures are annotated, and which are measured on.

    Args:
        sets: Pictures, with or without masks.
        validation: Pictures to measure on; without them a tenth of `sets` is held back by name.
    """
    held: dict[int, tuple[int, ...]] = {
        number: ()
        if validation
        else tuple(i for i, name in enumerate(group.names) if is_validation(f"{name}.jpg"))
        for number, group in enumerate(sets)
    }
    parts = [PartOfSet(group, held[number]) for number, group in enumerate(sets)]
    held_back = {_named(sets[number], row) for number in held for row in held[number]}
    return SelfTrainingData(
        sets=tuple(sets),
        held_back=frozenset(held_back),
        alike=frozenset(_alike(sets, held, validation) - held_back),
        measured=tuple(validation) or tuple(part for part in parts if len(part)),
    )


def annotate(
    base: Base,
    data: SelfTrainingData,
    folder: Path,
    settings: PseudoSettings,
    *,
    most_pictures: int | None = None,
    processes: int = 1,
    on_progress: OnProgress | None = None,
) -> AnnotatedSets:
    """Let a model annotate pictures, and write them with its masks beside those of people.

    Held-back pictures are in the written sets too, with the masks of people only. A sheet of what
    was found is drawn, to be looked at.

    Args:
        base: The model.
        data: The pictures.
        folder: Where everything goes; what was found there before is not asked again.
        settings: Which masks are good enough.
        most_pictures: Pictures the model is asked about, at most; None for all.
        processes: How many share the work.
        on_progress: Told how far it is.

    Returns:
        The written sets, and what they hold.

    Raises:
        OutputError: If something cannot be written.
        DataError: If a picture cannot be read.
        KeyboardInterrupt: If Ctrl-C stopped it; SIGTERM likewise. What was found is kept.
    """
    records = records_folder(folder, base.loaded.sha256, settings)
    asked = asked_about(data.sets, data.held_back | data.alike, most_pictures)
    search(
        base.path,
        base.loaded.device,
        asked,
        records,
        settings,
        processes=processes,
        on_progress=_part_of(on_progress, "finding masks"),
    )
    sheet = spread_over(_found(asked, records))
    if sheet:
        drawn = Image.fromarray(pseudo_sheet(sheet))
        write_bytes(folder / FOUND_SHEET, png_bytes(drawn))
    wanted = frozenset(_named(asked.sets[number], row) for number, row in asked.rows)
    every = frozenset(_named(group, row) for group in data.sets for row in range(len(group)))
    return write_annotated_sets(data.sets, records, folder / SETS, every - wanted)


def learnable(
    annotated: AnnotatedSets, data: SelfTrainingData, recipe: Recipe, folder: Path
) -> TrainingData:
    """Give annotated sets as a training run takes them, held-back pictures left out.

    Args:
        annotated: What `annotate` wrote.
        data: What it was given.
        recipe: The run.
        folder: Where an index of the sets goes.

    Raises:
        ConfigError: If they hold no mask.
    """
    prepared = prepare_data(
        annotated.paths,
        folder / "data",
        longest_px=_ANY_SIZE,
        failures=folder / "failures-annotated.jsonl",
        read=recognise_all,
    )
    parts = [
        PartOfSet(
            group, tuple(i for i in range(len(group)) if _named(group, i) not in data.held_back)
        )
        for group in prepared.sets
    ]
    return TrainingData(
        sets=tuple(part for part in parts if len(part)),
        held_back=spread(data.measured, recipe.settings.check_masks),
        fingerprint=prepared.fingerprint,
    )


def self_training(
    base: Base,
    recipe: Recipe,
    data: SelfTrainingData,
    folder: Path,
    settings: PseudoSettings,
    *,
    most_pictures: int | None = None,
    processes: int = 1,
    on_progress: OnProgress | None = None,
) -> SelfTrained:
    """Let a model annotate pictures, train on people's masks and its own, and compare.

    Called again with the same folder it goes on where it stopped.

    Args:
        base: The model.
        recipe: The run that follows; `default_model(base.path)` goes on from the model. How often
            it learns from a pseudo-mask says `sample.pseudo_share` of its settings.
        data: The pictures.
        folder: Where everything goes.
        settings: Which masks of the model are good enough.
        most_pictures: Pictures the model is asked about, at most; None for all.
        processes: How many share the work.
        on_progress: Told how far it is; the training itself has its own bar.

    Returns:
        The trained model's file, and what changed.

    Raises:
        ConfigError: If nothing was found to learn from, or nothing is there to measure on; or if
            the folder's run was begun otherwise.
        OutputError: If something cannot be written.
        KeyboardInterrupt: If Ctrl-C stopped it; SIGTERM likewise. Nothing is lost.

    Source:
        Segment Anything (Kirillov et al., 2023), section 4.
    """
    questions = held_back_questions(data)
    total = len(questions.held_out) + len(questions.general)
    before = measured_before(
        base.loaded, questions, folder, _counter(on_progress, "measuring before", total)
    )
    annotated = annotate(
        base,
        data,
        folder,
        settings,
        most_pictures=most_pictures,
        processes=processes,
        on_progress=on_progress,
    )
    training = learnable(annotated, data, recipe, folder)
    run = folder / RUN
    run_recipe(recipe, training, run, processes=processes, device=base.loaded.device)
    model = folder / MODEL
    hardware = f"{os.cpu_count()} cores, {platform.machine()}, {base.loaded.device}"
    export_model(run, model, hardware, after=base.path if recipe.start == base.path else None)
    trained = load_model(model, device=str(base.loaded.device))
    after = measure(trained, questions, _counter(on_progress, "measuring after", total))
    return SelfTrained(
        model=model,
        annotated=annotated,
        verdict=judge(before, after),
        before=before,
        after=after,
    )


def held_back_questions(data: SelfTrainingData) -> Questions:
    """Draw the masks that are asked about before and after: the same ones every time.

    Args:
        data: What is measured on.

    Returns:
        Pictures with the drawn masks only; and the bundled photographs, which show what is
        forgotten.

    Raises:
        ConfigError: If no held-back picture has a mask.
    """
    pictures = (group[row] for group in data.measured for row in range(len(group)))
    per_set = max(LEAST_A_SET, MEASURED_PICTURES // max(1, len(data.measured)))
    try:
        drawn = choose_questions(pictures, per_set, MEASURED_MASKS, seed=0)
    except DataError as error:
        raise ConfigError(
            "no picture with masks is held back to measure on", hint="give some with --validation"
        ) from error
    held_out = tuple(
        _with_only(question.picture, question.indices)
        for group in drawn.values()
        for question in group
    )
    return Questions(held_out=held_out, general=guard_pictures())


def _with_only(picture: AnnotatedPicture, indices: Sequence[int]) -> AnnotatedPicture:
    return replace(picture, runs=tuple(picture.runs[i] for i in indices), pseudo=None)


def _alike(
    sets: Sequence[PackedSet], held: dict[int, tuple[int, ...]], validation: Sequence[PackedSet]
) -> set[str]:
    """Give the pictures of the sets that look like one of those measured on."""
    alike: set[str] = set()
    measured = [(group, tuple(range(len(group)))) for group in validation]
    measured += [(group, held[number]) for number, group in enumerate(sets)]
    for group, rows in measured:
        prints = group.fingerprints[list(rows)]
        for other in sets if len(rows) else ():
            pairs = similar_pairs(other.fingerprints, prints)
            alike |= {_named(other, pair.first) for pair in pairs}
    return alike


def _named(group: PictureSet, row: int) -> str:
    name = group.name_of(row) if isinstance(group, PackedSet) else group[row].name
    return f"{group.name}/{name}"


def _found(asked: Asked, records: Path) -> Iterator[tuple[AnnotatedPicture, PseudoRecord]]:
    for number, row in asked.rows:
        picture = asked.sets[number][row]
        record = read_record(records, picture)
        if record is not None:
            yield picture, record


def _part_of(on_progress: OnProgress | None, what: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(what, done, total)


def _counter(on_progress: OnProgress | None, what: str, total: int) -> Callable[[], None]:
    done = iter(range(1, total + 1))

    def count() -> None:
        if on_progress is not None:
            on_progress(what, next(done, total), total)

    return count
