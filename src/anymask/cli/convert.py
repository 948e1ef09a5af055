"""`anymask convert`: annotations of one form into another."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from anymask.cli.annotation_sets import told_losses
from anymask.cli.door import SOME_FAILED
from anymask.cli.flags import with_flags, words_of
from anymask.cli.repeat import INPUT, output_in, repeatable
from anymask.cli.screen import Screen, counted, make_screen
from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.data.conversion.convert import Conversion, Order


# Told by reference, or not at all as they do not change what comes out.
_LEFT_OUT = frozenset({"source", "out", "overwrite", "json", "images"})


class _Segmentation(StrEnum):
    RLE = "rle"
    COUNTS = "counts"
    POLYGONS = "polygons"


class _Holes(StrEnum):
    DROP = "drop"
    BRIDGE = "bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertFlags:
    """What `anymask convert` takes; each field is a flag."""

    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Annotations: a file, or a folder of them.")
    ]
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the result; for coco also a .json.")
    ]
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="NAME",
            help="png, labelmap, coco, sa1b, yolo, labelme, voc or panoptic.",
        ),
    ]
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="The form of IN, where it is not recognised."),
    ] = None
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="FOLDER", help="The pictures, where they lie elsewhere."),
    ] = None
    segmentation: Annotated[
        _Segmentation,
        typer.Option("--segmentation", metavar="KIND", help="coco: rle, counts or polygons."),
    ] = _Segmentation.RLE
    holes: Annotated[
        _Holes,
        typer.Option(
            "--holes", metavar="WHAT", help="Polygons: drop holes, or bridge them by a cut."
        ),
    ] = _Holes.DROP
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace files that exist.")
    ] = False
    json: Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON record.")] = False


def _convert(flags: ConvertFlags) -> int:
    """Write annotations in another form.

    Pictures are neither changed nor copied. What the new form cannot hold is
    counted in the last line; what cannot be read is listed in failures.jsonl.

    [bold]Example[/bold]
      anymask convert instances.json labels --to yolo --images photos
    """
    from anymask.data.conversion.convert import make_order
    from anymask.data.conversion.forms import Wish

    screen = make_screen()
    wish = Wish(
        out=flags.out,
        segmentation=flags.segmentation.value,
        holes=flags.holes.value,
        may_overwrite=flags.overwrite,
    )
    order = make_order(flags.source, wish, to=flags.to, source=flags.from_, images=flags.images)
    done = _run(screen, order)
    if done.written:
        with screen.working("writing the receipt"):
            _write_receipt(flags, order, done)
    if flags.json:
        screen.write(json.dumps(_record(order, done)))
    else:
        _say(screen, order, done)
    return SOME_FAILED if done.num_bad else 0


def _run(screen: Screen, order: "Order") -> "Conversion":
    from anymask.data.conversion.convert import run_order

    if not screen.err.is_terminal:
        return run_order(order)
    num_done = 0
    with screen.err.status("reading") as status:

        def on_picture() -> None:
            nonlocal num_done
            num_done += 1
            status.update(f"{counted(num_done, 'picture')} converted")

        return run_order(order, on_picture)


def _write_receipt(flags: ConvertFlags, order: "Order", done: "Conversion") -> None:
    """Write beside the result how it came to be."""
    from anymask.receipt import Receipt, placed, stamp_file, versions_here, write_receipt

    owner = flags.out.resolve()
    outputs = [placed(stamp_file(path), path, owner) for path in done.written]
    receipt = Receipt(
        input=stamp_file(order.path),
        command="convert",
        outputs=tuple(outputs),
        versions=versions_here(),
        settings={"from": order.source.name, "pictures": done.num_pictures, "bad": done.num_bad},
        notes=(told_losses(done.lost),),
    )
    told = repeatable(
        receipt,
        owner,
        inputs={INPUT: order.path},
        words=words_of(replace(flags, from_=order.source.name), without=_LEFT_OUT),
        files={} if order.images is None else {"images": order.images},
        hashes={"images": ""},  # often large, and only names and sizes matter
        output=(output_in(owner.name),),
    )
    write_receipt(owner, told)


def _say(screen: Screen, order: "Order", done: "Conversion") -> None:
    for bad in done.first_bad:
        screen.failed(bad.input, f"{bad.message}; {bad.hint}")
    if done.num_bad:
        more = done.num_bad - len(done.first_bad)
        rest = f", and {more} more" if more else ""
        listed = shown_name(order.failures)
        screen.note(f"{counted(done.num_bad, 'record')} not used{rest}; all are in {listed}")
    if order.target.name == "yolo" and done.num_pictures:
        folder = shown_name(order.wish.out / "images")
        screen.note(f"training programs look for the pictures in {folder}: copy or link them there")
    line = Text.assemble(
        (counted(done.num_pictures, "picture"), "bold"),
        f" with {counted(done.num_masks, 'mask')}: {order.source.name} → {order.target.name}, in ",
        (shown_name(order.wish.out), "cyan"),
    )
    screen.say(line.append(f"; {_told(done)}"))


def _told(done: "Conversion") -> str:
    lost = told_losses(done.lost)
    if not done.num_bad:
        return lost
    unused = f"{counted(done.num_bad, 'record')} not used"
    return unused if not any(done.lost.values()) else f"{unused}, {lost}"


def _record(order: "Order", done: "Conversion") -> dict[str, object]:
    return {
        "record": "conversion",
        "from": order.source.name,
        "to": order.target.name,
        "out": shown_name(order.wish.out),
        "pictures": done.num_pictures,
        "masks": done.num_masks,
        "bad": done.num_bad,
        "lost": {what: number for what, number in sorted(done.lost.items()) if number},
        "failures": shown_name(order.failures) if done.num_bad else None,
    }


convert_command = with_flags(_convert)
