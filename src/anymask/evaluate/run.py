"""Ask every task about every chosen mask; one row a mask."""

from collections.abc import Callable, Mapping, Sequence

from anymask.evaluate.selection import Question
from anymask.evaluate.tasks.classical import classical_scores
from anymask.evaluate.tasks.prompts import box_scores, click_scores
from anymask.image.read import read_picture
from anymask.predict.care import PLAIN, Care
from anymask.predict.encode import embed_pictures
from anymask.weights.loaded import LoadedModel

Row = dict[str, float | str]


def evaluate(
    loaded: LoadedModel,
    questions: Mapping[str, Sequence[Question]],
    *,
    with_classical: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
    care: Care = PLAIN,
) -> list[Row]:
    """Measure a model, and the classical methods on the same masks.

    Args:
        loaded: The model.
        questions: Pictures and masks by set name.
        with_classical: Whether the classical methods are asked too.
        on_progress: Called with pictures done and pictures in all.
        care: How much trouble the model takes over every answer.

    Returns:
        One row a mask: set, picture, mask number, share of the picture it covers, and the figures
        of each task.

    Raises:
        ImageError: If a picture cannot be read.
        MissingExtra: If the classical methods are asked and scikit-image is not installed.
    """
    total = sum(len(group) for group in questions.values())
    rows: list[Row] = []
    done = 0
    for name, group in questions.items():
        for question in group:
            rows += ask(loaded, name, question, with_classical=with_classical, care=care)
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return rows


def ask(
    loaded: LoadedModel,
    set_name: str,
    question: Question,
    *,
    with_classical: bool,
    counts: Sequence[int] = (1, 3),
    care: Care = PLAIN,
) -> list[Row]:
    """Ask every task about one picture's masks; see `evaluate`.

    Args:
        loaded: The model.
        set_name: Name of the picture's set.
        question: The picture and the masks.
        with_classical: Whether the classical methods are asked too.
        counts: After how many clicks the answer is compared.
        care: How much trouble the model takes over every answer.
    """
    picture = read_picture(question.picture.encoded)
    truths = [question.picture.mask(index) for index in question.indices]
    (embedding,) = embed_pictures(loaded, [picture])
    figures = [
        click_scores(loaded, embedding, truths, counts, care=care),
        box_scores(loaded, embedding, truths, care=care),
    ]
    if with_classical:
        figures.append(classical_scores(picture.pixels, truths))
    rows = []
    for number, (index, truth) in enumerate(zip(question.indices, truths, strict=True)):
        row: Row = {
            "set": set_name,
            "picture": question.picture.name,
            "mask": float(index),
            "area_share": float(truth.mean()),
        }
        for records in figures:
            row |= records[number]
        rows.append(row)
    return rows
