"""Flags that several commands share: which model, on what, and how photos are read."""

from typing import Annotated

import typer

_READ = "How photos are read"
_RUN = "Model"
ENGINE_HELP = (
    "What runs the image encoder: torch, compile, openvino or onnxruntime; the last two are extras."
)
PRECISION_HELP = "Number format of the image encoder: auto, float32 or bfloat16."

ModelFlag = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="sam_vit_b, sam_vit_l, sam_vit_h, mobile_sam or a checkpoint file; the small "
        "model inside the package if left out.",
        rich_help_panel=_RUN,
    ),
]
InputSizeFlag = Annotated[
    int | None,
    typer.Option(
        metavar="PX",
        help="Side of the model's frame; the checkpoint's own if left out.",
        rich_help_panel=_RUN,
    ),
]
DeviceFlag = Annotated[
    str,
    typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_RUN),
]
EngineFlag = Annotated[str, typer.Option(metavar="NAME", help=ENGINE_HELP, rich_help_panel=_RUN)]
PrecisionFlag = Annotated[
    str, typer.Option(metavar="NAME", help=PRECISION_HELP, rich_help_panel=_RUN)
]
NoCacheFlag = Annotated[
    bool,
    typer.Option(
        "--no-cache",
        metavar="",
        help="Encode anew even where anymask embed has kept the embedding.",
        rich_help_panel=_RUN,
    ),
]
HalfFlag = Annotated[
    bool,
    typer.Option(
        "--half",
        metavar="",
        help="Round the embedding to float16, as anymask embed --half keeps it.",
        rich_help_panel=_RUN,
    ),
]
PageFlag = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Page of a TIFF or frame of an animation, from 0.",
        rich_help_panel=_READ,
        show_default=False,
    ),
]
BandsFlag = Annotated[
    str | None,
    typer.Option(
        metavar="R,G,B",
        help="Which bands are red, green and blue, from 1.",
        rich_help_panel=_READ,
    ),
]
RangeFlag = Annotated[
    str | None,
    typer.Option(
        metavar="LO,HI",
        help="Values that become black and white, for samples deeper than 8 bits.",
        rich_help_panel=_READ,
    ),
]
MaxPixelsFlag = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Largest width × height that is decoded; 178 million if left out.",
        rich_help_panel=_READ,
    ),
]
AllowTruncatedFlag = Annotated[
    bool,
    typer.Option(
        "--allow-truncated",
        metavar="",
        help="Use the rows there are of a picture that is cut short.",
        rich_help_panel=_READ,
    ),
]
