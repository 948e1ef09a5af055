"""The flags of `anymask segment`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from anymask.cli.formats import FORMATS, SETS
from anymask.cli.photo_flags import (
    AllowTruncatedFlag,
    BandsFlag,
    DeviceFlag,
    EngineFlag,
    HalfFlag,
    InputSizeFlag,
    MaxPixelsFlag,
    ModelFlag,
    NoCacheFlag,
    PageFlag,
    PrecisionFlag,
    RangeFlag,
)

_WHAT = "What to segment"
_WRITE = "What to write"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFlags:
    """What `anymask segment` takes; each field is a flag."""

    photos: Annotated[
        list[str],
        typer.Argument(metavar="PHOTO", help="Pictures; - reads one from standard input."),
    ]
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y[,-]",
            help="A pixel of the object, or with ,- one that is not; 50%,40% are shares of width "
            "and height. May be repeated.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X0,Y0,X1,Y1",
            help="A box around the object. Repeated without points: one object a box.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="PNG|NPY",
            help="A rough or earlier mask to start from; or an earlier answer's logits.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    boxes: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A detector's boxes, one object each: COCO results or annotations (.json), "
            "YOLO text (.txt) or a folder of such. Photos are matched by name.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    normalized: Annotated[
        bool,
        typer.Option(
            "--normalized",
            metavar="",
            help="Plain numbers run from 0 to 1 instead of pixels.",
            rich_help_panel=_WHAT,
        ),
    ] = False
    all_masks: Annotated[
        bool,
        typer.Option(
            "--all-masks",
            metavar="",
            help="Keep all three candidates, best first, instead of the best.",
            rich_help_panel=_WHAT,
        ),
    ] = False
    one_mask: Annotated[
        bool,
        typer.Option(
            "--one-mask",
            metavar="",
            help="Ask for one mask even of a lone point, instead of the best of three.",
            rich_help_panel=_WHAT,
        ),
    ] = False
    zoom: Annotated[
        bool | None,
        typer.Option(
            "--zoom/--no-zoom",
            metavar="",
            help="Look at small objects again from close by; the model's own habit if left out.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None
    refine: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=8,
            help="Ask again N times with the answer itself as mask; likewise.",
            rich_help_panel=_WHAT,
        ),
    ] = None
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip",
            metavar="",
            help="Average with the answer of the mirrored picture; likewise.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None
    connected: Annotated[
        bool | None,
        typer.Option(
            "--connected/--no-connected",
            metavar="",
            help="Drop pieces of the mask that no click touches; likewise.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None
    snug: Annotated[
        bool | None,
        typer.Option(
            "--snug/--no-snug",
            metavar="",
            help="Fit the answer to a box to its sides, drop small pieces; likewise.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A folder; for one photo also a file as in mask.png. The current folder if "
            "left out.",
            rich_help_panel=_WRITE,
        ),
    ] = None
    format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"One of {', '.join([*FORMATS, *SETS])}; may be repeated. png (the mask) and "
            "overlay if left out; with --boxes coco and overlay.",
            rich_help_panel=_WRITE,
        ),
    ] = None
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            metavar="",
            help="Print one JSON record a photo; files are written only with -o or --format.",
            rich_help_panel=_WRITE,
        ),
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite/--no-overwrite",
            metavar="",
            help="Replace files that exist already.",
            show_default=False,
            rich_help_panel=_WRITE,
        ),
    ] = False
    model: ModelFlag = None
    input_size: InputSizeFlag = None
    device: DeviceFlag = "auto"
    engine: EngineFlag = "torch"
    precision: PrecisionFlag = "auto"
    no_cache: NoCacheFlag = False
    half: HalfFlag = False
    page: PageFlag = 0
    bands: BandsFlag = None
    range: RangeFlag = None
    max_pixels: MaxPixelsFlag = None
    allow_truncated: AllowTruncatedFlag = False
