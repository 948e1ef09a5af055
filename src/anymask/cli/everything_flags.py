"""The flags of `anymask everything`, and those of them that `explain` and `filter` take too."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from anymask.cli.everything_formats import EVERYTHING, FILTER
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

_STAY = "Which masks stay (what is left out is the preset's)"
_ASK = "How masks are found (what is left out is the preset's)"
_STAY_ANEW = "Which masks stay (what is left out is as it was)"
_STAY_EITHER = "Which masks stay (left out: the preset's; with --candidates as it was)"
_WRITE = "What to write"

Record = TypeVar("Record")

OutputFlag = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A folder; for one photo also a file as in all.jpg or all.json. The current folder "
        "if left out.",
        rich_help_panel=_WRITE,
    ),
]
FormatFlag = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help=f"One of {', '.join([*EVERYTHING.formats, *EVERYTHING.sets])}; may be repeated. "
        "sa1b and overview if left out; where -o names a file, what its name ends in.",
        rich_help_panel=_WRITE,
    ),
]
FilterFormatFlag = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help=f"One of {', '.join([*FILTER.formats, *FILTER.sets])}; may be repeated. "
        "sa1b if left out, with --photo overview too; where -o names a file, what its name ends "
        "in.",
        rich_help_panel=_WRITE,
    ),
]
PolicyFlag = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="labelmap: which mask lies on top of others, the smallest, the one of the best "
        "score, or the largest.",
        rich_help_panel=_WRITE,
    ),
]
JsonFlag = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar="",
        help="Print one JSON record a photo; files are written only with -o or --format.",
        rich_help_panel=_WRITE,
    ),
]
OverwriteFlag = Annotated[
    bool,
    typer.Option(
        "--overwrite/--no-overwrite",
        metavar="",
        help="Replace files that exist already.",
        show_default=False,
        rich_help_panel=_WRITE,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceFlags:
    """Which candidates become masks; these may change after the run. Each field is a flag."""

    pred_iou_thresh: Annotated[
        float | None,
        typer.Option(
            metavar="IOU", help="Predicted IoU must be above this; 0: any.", rich_help_panel=_STAY
        ),
    ] = None
    stability_score_thresh: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            help="Stability score must be this at least; 0: any.",
            rich_help_panel=_STAY,
        ),
    ] = None
    box_nms_thresh: Annotated[
        float | None,
        typer.Option(
            metavar="IOU",
            help="Of masks whose boxes overlap more than this the best stays.",
            rich_help_panel=_STAY,
        ),
    ] = None
    crop_nms_thresh: Annotated[
        float | None,
        typer.Option(
            metavar="IOU",
            help="The same between crops: the smaller crop's mask stays.",
            rich_help_panel=_STAY,
        ),
    ] = None
    min_mask_region_area: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="Fill holes and remove islands smaller than this inside masks.",
            rich_help_panel=_STAY,
        ),
    ] = None
    min_area: Annotated[
        int | None,
        typer.Option(
            metavar="PX", help="Drop masks of fewer pixels than this.", rich_help_panel=_STAY
        ),
    ] = None
    max_area_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Drop masks that cover this share of the photo or more, as 0.95; 0: none.",
            rich_help_panel=_STAY,
        ),
    ] = None
    drop_small_masks: Annotated[
        bool | None,
        typer.Option(
            "--drop-small-masks/--keep-small-masks",
            metavar="",
            help="Drop masks whose islands are all smaller than --min-mask-region-area.",
            rich_help_panel=_STAY,
        ),
    ] = None
    wholes_only: Annotated[
        bool | None,
        typer.Option(
            "--wholes-only/--parts-too",
            metavar="",
            help="Drop masks that are part of another.",
            rich_help_panel=_STAY,
        ),
    ] = None


def _choices_under(title: str) -> Callable[[type[Record]], type[Record]]:
    """Give what shows the flags of `ChoiceFlags` that a record inherits under another title."""

    def retitled(record: type[Record]) -> type[Record]:
        hints = get_type_hints(record, include_extras=True)
        names = [field.name for field in fields(ChoiceFlags)]
        # A record's own annotations go before those that it inherits.
        record.__annotations__.update({name: _under(title, hints[name]) for name in names})
        return record

    return retitled


def _under(title: str, hint: Any) -> object:  # noqa: ANN401 - what Annotated gives has no type
    (option,) = hint.__metadata__
    moved = copy(option)
    moved.rich_help_panel = title
    return Annotated[hint.__origin__, moved]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFlags(ChoiceFlags):
    """How candidates are found: grid, crops, model, photo. Each field is a flag."""

    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="default, dense (small things too), objects (wholes rather than parts) or sa1b.",
            rich_help_panel=_ASK,
        ),
    ] = "default"
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="exact (as published), fast (decides at low resolution) or adaptive (as fast, "
            "and skips points inside what many answers agree on already, and points around which "
            "nothing came near the threshold).",
            rich_help_panel=_ASK,
        ),
    ] = None
    points_per_side: Annotated[
        int | None,
        typer.Option(metavar="N", help="Points along each side of the grid.", rich_help_panel=_ASK),
    ] = None
    point_grids: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="A file with own points instead: lists of (x, y) from 0 to 1, one list for the "
            "photo and one for each crop layer.",
            rich_help_panel=_ASK,
        ),
    ] = None
    points_per_batch: Annotated[
        int | None,
        typer.Option(metavar="N", help="Points answered at once.", rich_help_panel=_ASK),
    ] = None
    stability_score_offset: Annotated[
        float | None,
        typer.Option(
            metavar="LOGITS",
            help="How far the cutoff moves for the stability score.",
            rich_help_panel=_ASK,
        ),
    ] = None
    crop_n_layers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Look at crops too: layer i has 2^i × 2^i of them.",
            rich_help_panel=_ASK,
        ),
    ] = None
    crop_overlap_ratio: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="How far crops overlap, as a share of the shorter side.",
            rich_help_panel=_ASK,
        ),
    ] = None
    crop_n_points_downscale_factor: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Each layer of crops has this many times fewer points a side.",
            rich_help_panel=_ASK,
        ),
    ] = None
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="What the program may take, as 1GB or 800MB; no limit if left out.",
            rich_help_panel=_ASK,
        ),
    ] = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingFlags(FindingFlags):
    """What `anymask everything` takes; each field is a flag."""

    photos: Annotated[
        list[str],
        typer.Argument(metavar="PHOTO", help="Pictures; - reads one from standard input."),
    ]
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="For large pictures: look at tiles of this side, and join masks over the seams.",
            rich_help_panel=_ASK,
        ),
    ] = None
    halo: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="How far a tile looks over its edge, 16 or more; an eighth of --tile if left out.",
            rich_help_panel=_ASK,
        ),
    ] = None
    output: OutputFlag = None
    format: FormatFlag = None
    policy: PolicyFlag = "smallest"
    keep_candidates: Annotated[
        bool,
        typer.Option(
            "--keep-candidates",
            metavar="",
            help="Write all candidates too, so that anymask filter can choose anew.",
            rich_help_panel=_WRITE,
        ),
    ] = False
    json: JsonFlag = False
    overwrite: OverwriteFlag = False


@_choices_under(_STAY_EITHER)
@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFlags(FindingFlags):
    """What `anymask explain` takes; each field is a flag."""

    photo: Annotated[
        str | None,
        typer.Argument(metavar="PHOTO", help="A picture; - reads one from standard input."),
    ] = None
    point: Annotated[
        str,
        typer.Option(metavar="X,Y", help="The pixel; 50%,40% are shares of width and height."),
    ]
    candidates: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="What --keep-candidates wrote; nothing is computed then."
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A picture of the candidates, .jpg or .png."
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON record.")] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace the picture if it exists.")
    ] = False


@_choices_under(_STAY_ANEW)
@dataclass(frozen=True, slots=True, kw_only=True)
class FilterFlags(ChoiceFlags):
    """What `anymask filter` takes; each field is a flag."""

    candidates: Annotated[
        list[str],
        typer.Argument(
            metavar="CANDIDATES", help="Files that anymask everything --keep-candidates wrote."
        ),
    ]
    photo: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The photo, for an overview.", rich_help_panel=_WRITE),
    ] = None
    output: OutputFlag = None
    format: FilterFormatFlag = None
    policy: PolicyFlag = "smallest"
    json: JsonFlag = False
    overwrite: OverwriteFlag = False
    page: PageFlag = 0
    bands: BandsFlag = None
    range: RangeFlag = None
    max_pixels: MaxPixelsFlag = None
    allow_truncated: AllowTruncatedFlag = False
