"""Segment two real photos, one by a click and one by a box. `make demo` runs this."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import anymask
from anymask import Mask, Prompt
from anymask.image.photos import photo_path

OUT = Path("out") / "demo"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One photo, what was asked about it, and how long the answer took."""

    photo: str
    asked: str
    mask: Mask
    encode_seconds: float
    answer_seconds: float


def segment(model: anymask.Model, photo: str, asked: str, prompt: Prompt) -> Shown:
    """Encode a bundled photo, ask once, and give the best mask with both times."""
    began = time.perf_counter()
    embedding = model.embed(photo_path(photo))
    encoded = time.perf_counter()
    (masks,) = model.predict_many(embedding, [prompt])
    answered = time.perf_counter()
    return Shown(
        photo=photo,
        asked=asked,
        mask=masks.best,
        encode_seconds=encoded - began,
        answer_seconds=answered - encoded,
    )


def shortest(path: Path) -> str:
    """Give a path as one would type it here."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def main() -> None:
    """Segment, write the pictures, and say where they are and what to try next."""
    console = Console(highlight=False, soft_wrap=True)
    OUT.mkdir(parents=True, exist_ok=True)
    with console.status("loading the model inside the package"):
        model = anymask.load()
        # The first calls prepare a few things; the later ones are what a person waits for.
        model.predict(model.embed(photo_path("coins")), points=[(50, 50)])

    cat = segment(
        model, "chelsea", "click at 220,160", Prompt(points=((220.0, 160.0),), labels=(1,))
    )
    cup = segment(model, "coffee", "box 85,15,500,395", Prompt(box=(85.0, 15.0, 500.0, 395.0)))

    table = Table("photo", "asked", "score", "encoded in", "answered in", box=None, padding=(0, 2))
    for shown in (cat, cup):
        shown.mask.overlay().save(OUT / f"{shown.photo}.overlay.png")
        table.add_row(
            shown.photo,
            shown.asked,
            f"{shown.mask.score:.2f}",
            f"{shown.encode_seconds:.2f} s",
            f"{1000 * shown.answer_seconds:.0f} ms",
        )
    cat.mask.cutout(crop=True).save(OUT / "chelsea.cutout.png")
    console.print(table, soft_wrap=False)

    console.print("\n[bold]Look at[/bold]")
    for name in ("chelsea.overlay.png", "coffee.overlay.png", "chelsea.cutout.png"):
        console.print(f"  [cyan]{OUT / name}[/cyan]")
    program = shortest(Path(sys.executable).with_name("anymask"))
    rocket = shortest(photo_path("rocket"))
    console.print("\n[bold]Try next[/bold]")
    console.print(f"  {program} segment {rocket} --point 322,200 -o out")
    console.print(f"  {program} segment YOUR-PHOTO.jpg --box X0,Y0,X1,Y1 --format cutout")
    console.print(f"  {program} serve        [dim]# the same by mouse, in a browser[/dim]")
    console.print(f"  {program} --help")


if __name__ == "__main__":
    main()
