"""Draw sheets of clicks and answers, to be looked at; they lie in out/clicks, which is not kept.

    python scripts/look_at_clicks.py                           the bundled photos
    python scripts/look_at_clicks.py --data DIR --validation   annotated pictures that are held back
    python scripts/look_at_clicks.py --pictures DIR            any pictures

A row is a click: the picture, the mask that would be given, the three guesses with their scores,
and the true mask with every guess's IoU where there is one. Photos and other pictures are clicked
in a grid, annotated things at their centres; the worst come first where --worst-first is given.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from anymask.api import Model, load
from anymask.data.clicks import centre_click
from anymask.data.guard import guard_categories, guard_pictures
from anymask.data.picture import AnnotatedPicture
from anymask.data.shards import find_shards, read_shards
from anymask.data.splits import is_validation
from anymask.errors import StateError
from anymask.evaluate.click_sheet import AnsweredClick, click_sheet
from anymask.evaluate.panels import Pixels
from anymask.evaluate.selection import Question, choose_questions
from anymask.image.photos import PHOTOS, photo_path
from anymask.masks.mask import Masks
from anymask.vocabulary import Prompt

ROWS_A_SHEET = 8
GRID = (3, 3)


def main() -> None:
    """Ask, and write the sheets."""
    arguments = read_arguments()
    model = load(arguments.model, device="cpu", input_size=arguments.input_size)
    if arguments.data is not None:
        pictures = (
            picture
            for picture in read_shards(shards_of(arguments.data, arguments.sets))
            if not arguments.validation or is_validation(f"{picture.name}.jpg")
        )
        questions = choose_questions(
            pictures, arguments.per_set, arguments.per_picture, arguments.seed
        )
        clicks = [click for group in questions.values() for q in group for click in known(model, q)]
    elif arguments.pictures is not None:
        paths = sorted(path for path in arguments.pictures.iterdir() if path.is_file())
        clicks = [click for path in paths for click in gridded(model, path)]
    else:
        clicks = [click for photo in PHOTOS for click in gridded(model, photo_path(photo))]
        clicks += [click for picture in guard_pictures() for click in named(model, picture)]
    if arguments.worst_first:
        clicks.sort(key=chosen_iou)
    write_sheets(clicks, arguments.out)
    told = [chosen_iou(click) for click in clicks if click.truth is not None]
    if told:
        print(f"mean IoU of {len(told)} clicks with a true mask: {sum(told) / len(told):.3f}")


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Draw sheets of clicks, to be looked at.")
    parser.add_argument("--model", help="weights file; default: the one inside")
    parser.add_argument("--input-size", type=int, help="side of the model frame, pixels")
    parser.add_argument("--data", type=Path, help="folder of archives in the SA-1B layout")
    parser.add_argument("--set", dest="sets", action="append", help="only this archive")
    parser.add_argument("--validation", action="store_true", help="only held-back pictures")
    parser.add_argument("--pictures", type=Path, help="folder of pictures without masks")
    parser.add_argument("--per-set", type=int, default=2, help="most pictures a set")
    parser.add_argument("--per-picture", type=int, default=2, help="most masks a picture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worst-first", action="store_true", help="order by IoU")
    parser.add_argument("--out", type=Path, default=Path("out") / "clicks")
    return parser.parse_args()


def shards_of(folder: Path, sets: Sequence[str] | None) -> list[Path]:
    """Give the archives of a folder, or those of some names."""
    return [path for path in find_shards(folder) if not sets or path.stem in sets]


def known(model: Model, question: Question) -> Iterator[AnsweredClick]:
    """Click the centres of annotated things."""
    picture = question.picture
    truths = [picture.mask(index) for index in question.indices]
    embedding = model.embed(picture.encoded, use_cache=False)
    prompts = [Prompt(points=(centre_click(truth),), labels=(1,)) for truth in truths]
    for index, prompt, truth, guesses in zip(
        question.indices, prompts, truths, model.predict_many(embedding, prompts), strict=True
    ):
        yield AnsweredClick(
            name=f"{picture.name} {index}",
            picture=pixels_of(guesses),
            prompt=prompt,
            guesses=guesses,
            truth=truth,
        )


def named(model: Model, picture: AnnotatedPicture) -> Iterator[AnsweredClick]:
    """Click the things of a bundled photo that are outlined by hand."""
    nouns = guard_categories()[picture.name]
    question = Question(picture=picture, indices=tuple(range(len(picture.runs))))
    for noun, click in zip(nouns, known(model, question), strict=True):
        yield AnsweredClick(
            name=f"{picture.name}: {noun}",
            picture=click.picture,
            prompt=click.prompt,
            guesses=click.guesses,
            truth=click.truth,
        )


def gridded(model: Model, path: Path) -> Iterator[AnsweredClick]:
    """Click a picture in the middle of each cell of a grid."""
    embedding = model.embed(path, use_cache=False)
    height, width = embedding.frame.original_hw
    rows, columns = GRID
    prompts = [
        Prompt(
            points=(((column + 0.5) * width / columns - 0.5, (row + 0.5) * height / rows - 0.5),),
            labels=(1,),
        )
        for row in range(rows)
        for column in range(columns)
    ]
    for prompt, guesses in zip(prompts, model.predict_many(embedding, prompts), strict=True):
        yield AnsweredClick(
            name=path.stem, picture=pixels_of(guesses), prompt=prompt, guesses=guesses
        )


def pixels_of(guesses: Masks) -> Pixels:
    """Give the picture that masks were found in."""
    picture = guesses[0].picture
    if picture is None:
        raise StateError("the masks do not carry their picture", hint="embed it with its picture")
    return picture


def chosen_iou(click: AnsweredClick) -> float:
    """Give the IoU of the mask that would be given; above all others without a true mask."""
    overlaps = click.overlaps
    return 2.0 if overlaps is None else overlaps[int(click.guesses.scores.argmax())]


def write_sheets(clicks: Sequence[AnsweredClick], folder: Path) -> None:
    """Write sheets of a few clicks each; sheets of an earlier call go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("clicks-*.png"):
        old.unlink()
    for number, first in enumerate(range(0, len(clicks), ROWS_A_SHEET), start=1):
        path = folder / f"clicks-{number:02d}.png"
        Image.fromarray(click_sheet(clicks[first : first + ROWS_A_SHEET])).save(path)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
