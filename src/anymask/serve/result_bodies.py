"""What requests about results carry: objects, where they come from, and what is wished for."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from anymask.errors import ConfigError
from anymask.serve.bodies import Body, Number, PointXY, RunLengths, Steps
from anymask.serve.cutting import CutOptions
from anymask.serve.sent_objects import MOST_OBJECTS

MOST_NUMBERS: Final = 200
MOST_POINTS_PER_SIDE: Final = 128

Settings = Annotated[
    dict[Annotated[str, Field(max_length=64)], bool | int | Number | str | None],
    Field(description="Fields of EverythingSettings that differ from the run's."),
]
CandidateNumber = Annotated[int, Field(ge=0, le=1 << 30)]
Channel = Annotated[int, Field(ge=0, le=255)]


def _steps_example() -> list[Any]:
    return [{"points": [[200, 150]], "labels": [1]}]


def _object_example() -> dict[str, Any]:
    return {
        "name": "cat",
        "rle": {"size": [300, 451], "counts": "…"},
        "score": 0.93,
        "colour": [0, 114, 189],
        "source": None,
    }


def _example(**example: Any) -> ConfigDict:  # noqa: ANN401 - any JSON
    return ConfigDict(json_schema_extra={"examples": [example]})


class StepsSource(Body):
    """An object that was asked for: its steps, and which mask of the last answer it is.

    Attributes:
        kind: "steps".
        steps: The questions, the last one last.
        mask: What the first starts from.
        number: Which of the last answer's masks.
    """

    model_config = _example(kind="steps", steps=_steps_example(), mask=None, number=2)

    kind: Literal["steps"]
    steps: Steps
    mask: RunLengths | None = None
    number: Annotated[int, Field(ge=0, le=2)] = 0


class EverythingSource(Body):
    """An object that everything mode found.

    Attributes:
        kind: "everything".
        settings: Those it was shown with.
        number: Which candidate.
    """

    model_config = _example(kind="everything", settings={"pred_iou_thresh": 0.5}, number=12)

    kind: Literal["everything"]
    settings: Settings = Field(default_factory=dict)
    number: CandidateNumber


class EditedSource(Body):
    """An object that was made by hand.

    Attributes:
        kind: "edited".
        rle: Its mask, if the file that the code reads is wanted with it.
    """

    model_config = _example(kind="edited")

    kind: Literal["edited"]
    rle: RunLengths | None = None


Source = Annotated[StepsSource | EverythingSource | EditedSource, Field(discriminator="kind")]


class ObjectBody(Body):
    """One object of the picture.

    Attributes:
        name: What it is called.
        rle: Its mask, at the picture's size.
        score: How sure the model is of it.
        colour: Red, green and blue it is drawn in.
        source: How it was asked for.
    """

    model_config = _example(**_object_example())

    name: Annotated[str, Field(max_length=2000)] = ""
    rle: RunLengths
    score: Number | None = None
    colour: Annotated[list[Channel], Field(min_length=3, max_length=3)] | None = None
    source: Source | None = None

    def record(self) -> dict[str, Any]:
        """Give its fields, the source in JSON's terms."""
        return {
            "name": self.name,
            "rle": {"size": list(self.rle.size), "counts": self.rle.counts},
            "score": None if self.score is None else float(self.score),
            "colour": None if self.colour is None else tuple(self.colour),
            "source": None if self.source is None else self.source.model_dump(mode="json"),
        }


Objects = Annotated[list[ObjectBody], Field(max_length=MOST_OBJECTS)]


class CutBody(Body):
    """How objects are cut out.

    Attributes:
        crop: Only the object's box, or the whole picture's size.
        margin: Room around that box, pixels.
        background: "transparent", "blur", or a colour "#rrggbb".
        edge: "soft" or "hard".
    """

    crop: bool = True
    margin: int = 0
    background: Annotated[str, Field(max_length=20)] = "transparent"
    edge: Literal["soft", "hard"] = "soft"

    def options(self) -> CutOptions:
        """Give the same as a checked record.

        Raises:
            ConfigError: If a value cannot be used.
        """
        return CutOptions(
            crop=self.crop, margin=self.margin, background=self.background, edge=self.edge
        )


class CutoutQuestion(Body):
    """One object to be cut out.

    Attributes:
        object: The object.
        options: How.
    """

    model_config = _example(object=_object_example(), options={"crop": True, "edge": "soft"})

    object: ObjectBody
    options: CutBody = CutBody()


class CutoutsQuestion(Body):
    """Objects to be cut out, as a zip file.

    Attributes:
        objects: The objects.
        options: How.
    """

    model_config = _example(objects=[_object_example()], options={"background": "#ffffff"})

    objects: Annotated[list[ObjectBody], Field(min_length=1, max_length=MOST_OBJECTS)]
    options: CutBody = CutBody()


class ExportQuestion(Body):
    """Objects to be written as a file.

    Attributes:
        format: As what.
        objects: The objects.
    """

    model_config = _example(format="coco", objects=[_object_example()])

    format: Literal[
        "coco", "labelmap", "png", "overlay", "sa1b", "labelme", "yolo", "html", "receipt"
    ]
    objects: Objects


class CodeQuestion(Body):
    """A mask whose program and command line are wanted.

    Attributes:
        source: How it was asked for.
    """

    model_config = _example(source={"kind": "steps", "steps": _steps_example(), "number": 2})

    source: Source


class EverythingQuestion(Body):
    """All masks of the picture.

    Attributes:
        points_per_side: Points along each side of the grid.
    """

    model_config = _example(points_per_side=32)

    points_per_side: int = 32

    def checked(self) -> int:
        """Give the points along a side.

        Raises:
            ConfigError: If there are none, or more than anybody waits for.
        """
        if not 1 <= self.points_per_side <= MOST_POINTS_PER_SIDE:
            raise ConfigError(
                f"points_per_side is {self.points_per_side}",
                hint=f"use 1 to {MOST_POINTS_PER_SIDE}",
            )
        return self.points_per_side


class CandidatesQuestion(Body):
    """Candidates whose masks are wanted.

    Attributes:
        numbers: Which.
    """

    model_config = _example(numbers=[3, 17])

    numbers: Annotated[list[CandidateNumber], Field(max_length=MOST_NUMBERS)]


class ExplainQuestion(Body):
    """A pixel at which nothing is shown.

    Attributes:
        point: (x, y) in pixels of the upright picture.
        settings: The thresholds that are set.
    """

    model_config = _example(point=[120, 80], settings={"pred_iou_thresh": 0.88})

    point: PointXY
    settings: Settings = Field(default_factory=dict)
