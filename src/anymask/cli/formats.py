"""The forms in which commands write masks: what `--format` may name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A form in which masks are written.

    Attributes:
        name: What `--format` calls it.
        ending: What follows the photo's name.
        is_each: Whether every mask gets a file of its own.
        suffixes: What the name of a single file may end in, the first is the usual one; none
            where it is a folder of files.
        plural: What several are called in messages.
        meaning: What the file holds, for people.
    """

    name: str
    ending: str
    is_each: bool
    suffixes: tuple[str, ...]
    plural: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """What one command can write.

    Attributes:
        formats: Files of one photo, by name.
        sets: Sets of annotations of all photos, by name; what each is, for people.
        json_sets: Those of the sets that are one JSON file, which `-o` may name.
        usual: What is written if nothing is named.
        usual_file: What a single file holds if nothing else is said.
        usual_by_suffix: The same for files of these suffixes.
    """

    formats: Mapping[str, Format]
    sets: Mapping[str, str]
    json_sets: tuple[str, ...]
    usual: tuple[str, ...]
    usual_file: str
    usual_by_suffix: Mapping[str, str]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "png": Format(
            name="png",
            ending=".mask.png",
            is_each=True,
            suffixes=(".png",),
            plural="masks",
            meaning="the mask: white on black",
        ),
        "cutout": Format(
            name="cutout",
            ending=".cutout.png",
            is_each=True,
            suffixes=(".png",),
            plural="cut-outs",
            meaning="the object alone, on nothing",
        ),
        "overlay": Format(
            name="overlay",
            ending=".overlay.png",
            is_each=False,
            suffixes=(".png", *JPEG_SUFFIXES),
            plural="overlays",
            meaning="the mask drawn over the photo",
        ),
        "rle": Format(
            name="rle",
            ending=".rle.json",
            is_each=False,
            suffixes=(".json",),
            plural="run-length codes",
            meaning="the mask as COCO run-length code",
        ),
        "logits": Format(
            name="logits",
            ending=".logits.npy",
            is_each=True,
            suffixes=(".npy",),
            plural="logits",
            meaning="the model's answer, for a later --mask",
        ),
    }
)

# Forms of annotations, a set of files for all photos; those of `anymask convert`.
SETS: Mapping[str, str] = MappingProxyType(
    {
        "coco": "COCO JSON of all photos",
        "sa1b": "SA-1B, a JSON a photo",
        "yolo": "YOLO segmentation, a text a photo",
        "labelme": "labelme, a JSON a photo",
        "labelmap": "a PNG a photo, a number an object",
        "layers": "label layers: as many PNGs a photo as objects overlap, and a JSON",
        "voc": "Pascal VOC",
        "panoptic": "COCO panoptic",
    }
)

SEGMENT = Menu(
    formats=FORMATS,
    sets=SETS,
    json_sets=("coco", "panoptic"),
    usual=("png", "overlay"),
    usual_file="png",
    usual_by_suffix=MappingProxyType({".json": "rle", ".npy": "logits"}),
)
"""What `anymask segment` can write."""
