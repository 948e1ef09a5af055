"""What `anymask everything` and `anymask filter` can write."""

from dataclasses import replace
from types import MappingProxyType

from anymask.cli.formats import JPEG_SUFFIXES, Format, Menu

CANDIDATES = "candidates"

EVERYTHING = Menu(
    formats=MappingProxyType(
        {
            "sa1b": Format(
                name="sa1b",
                ending=".everything.json",
                is_each=False,
                suffixes=(".json",),
                plural="SA-1B records",
                meaning="all masks and their scores, as SA-1B has them",
            ),
            "overview": Format(
                name="overview",
                ending=".overview.jpg",
                is_each=False,
                suffixes=(*JPEG_SUFFIXES, ".png"),
                plural="overviews",
                meaning="all masks drawn over the photo",
            ),
            "png": Format(
                name="png",
                ending=".masks",
                is_each=False,
                suffixes=(),
                plural="masks",
                meaning="a PNG a mask, and metadata.csv",
            ),
            "labelmap": Format(
                name="labelmap",
                ending=".labels",
                is_each=False,
                suffixes=(),
                plural="label layers",
                meaning="a number an object; overlaps in further layers",
            ),
            CANDIDATES: Format(
                name=CANDIDATES,
                ending=".candidates.npz",
                is_each=False,
                suffixes=(".npz",),
                plural="candidates",
                meaning="all candidates, for anymask filter and explain",
            ),
        }
    ),
    sets=MappingProxyType({"coco": "COCO JSON of all photos"}),
    json_sets=("coco",),
    usual=("sa1b", "overview"),
    usual_file="overview",
    usual_by_suffix=MappingProxyType({".json": "sa1b"}),
)
"""What `anymask everything` can write."""


FILTER = replace(
    EVERYTHING,
    formats=MappingProxyType(
        {name: form for name, form in EVERYTHING.formats.items() if name != CANDIDATES}
    ),
)
"""What `anymask filter` can write."""
