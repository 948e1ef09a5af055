"""Draw the model card's two sheets of masks on the six bundled photos, by rule and not by taste.

Answers: each photo is clicked in the middle of every cell of a grid of 16 × 16. The 256 answers,
the best scored of each click, are put in the order of that score, and shown are those that 95, 75,
50, 25 and 5 % of the answers do not exceed: what a click gives on good, middling and bad luck. The
same mask may come more than once. Nobody knows there what was meant.

Known things: all things on the photos that are outlined by hand, none left out, each clicked at its
centre, in the order of IoU. The outlines were never trained on.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from anymask.api import Model, load
from anymask.data.clicks import centre_click
from anymask.data.guard import guard_categories, guard_pictures
from anymask.errors import StateError
from anymask.evaluate.panels import TRUTH_COLOUR, Pixels, add_caption, draw_panel, join_panels
from anymask.image.photos import PHOTOS, photo_path
from anymask.masks.mask import Mask
from anymask.masks.overlap import iou
from anymask.vocabulary import Prompt

IMAGES = Path(__file__).parents[1] / "docs" / "images"
ANSWERS, KNOWN = "default-model-masks.jpg", "default-model-known-things.jpg"
CELLS = 16
PLACES = (0.95, 0.75, 0.5, 0.25, 0.05)
KNOWN_COLUMNS = 7
ANSWER_PX, KNOWN_PX = 230, 180
JPEG_QUALITY = 78


def main() -> None:
    """Ask the model, and write both sheets."""
    parser = argparse.ArgumentParser(description="Draw the model card's sheets of masks.")
    parser.add_argument("--model", help="weights file; default: the one inside")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the two pictures")
    arguments = parser.parse_args()
    model = load(arguments.model, device="cpu")
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = [answers_line(model, photo) for photo in PHOTOS]
    save(lines, arguments.out / ANSWERS)
    panels = known_panels(model)
    lines = [panels[i : i + KNOWN_COLUMNS] for i in range(0, len(panels), KNOWN_COLUMNS)]
    save(lines, arguments.out / KNOWN)


def answers_line(model: Model, photo: str) -> list[Pixels]:
    """Draw the answers at fixed places of one photo's order."""
    ordered = sorted(grid_answers(model, photo), key=lambda mask: mask.score)
    panels = []
    for place in PLACES:
        mask = at_place(ordered, place)
        panel = draw_panel(pixels_of(mask), ANSWER_PX, mask.array, mask.prompt)
        panels.append(add_caption(panel, f"{100 * place:.0f} %: score {mask.score:.2f}"))
    return panels


def grid_answers(model: Model, photo: str) -> list[Mask]:
    """Click the middle of every cell of a grid; give the best scored answer of each click."""
    embedding = model.embed(photo_path(photo), use_cache=False)
    height, width = embedding.frame.original_hw
    centres = [(i + 0.5) / CELLS for i in range(CELLS)]
    prompts = [
        Prompt(points=((x * width - 0.5, y * height - 0.5),), labels=(1,))
        for y in centres
        for x in centres
    ]
    return [masks.best for masks in model.predict_many(embedding, prompts)]


def at_place(ordered: Sequence[Mask], place: float) -> Mask:
    """Give the mask that this share of all do not exceed; `ordered` has the worst first."""
    return ordered[round(place * (len(ordered) - 1))]


def pixels_of(mask: Mask) -> Pixels:
    """Give the picture that a mask was found in."""
    if mask.picture is None:
        raise StateError("the mask does not carry its picture", hint="embed it with its picture")
    return mask.picture


def known_panels(model: Model) -> list[Pixels]:
    """Draw every outlined thing, the most alike first: the answer, below it the outline."""
    found = []
    for picture in guard_pictures():
        truths = [picture.mask(index) for index in range(len(picture.runs))]
        prompts = [Prompt(points=(centre_click(truth),), labels=(1,)) for truth in truths]
        embedding = model.embed(photo_path(picture.name), use_cache=False)
        nouns = guard_categories()[picture.name]
        for noun, truth, masks in zip(
            nouns, truths, model.predict_many(embedding, prompts), strict=True
        ):
            found.append((iou(masks.best.array, truth), noun, truth, masks.best))
    found.sort(key=lambda one: -one[0])
    panels = []
    for agreed, noun, truth, mask in found:
        outline = draw_panel(pixels_of(mask), KNOWN_PX, truth, colour=TRUTH_COLOUR)
        answer = draw_panel(pixels_of(mask), KNOWN_PX, mask.array, mask.prompt)
        panels.append(np.concatenate([add_caption(answer, f"{noun}: IoU {agreed:.2f}"), outline]))
    print(f"{len(found)} known things: mean IoU {np.mean([one[0] for one in found]):.3f}")
    return panels


def save(lines: Sequence[Sequence[Pixels]], path: Path) -> None:
    """Write a sheet as JPEG."""
    Image.fromarray(join_panels(lines)).save(path, quality=JPEG_QUALITY, optimize=True)
    print(f"wrote {path} ({path.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
