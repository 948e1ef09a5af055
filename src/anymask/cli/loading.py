"""What the flags that commands share come to: the model, and how photos are read."""

from typing import TYPE_CHECKING, Protocol, cast

from anymask.cli.models import fetch_before
from anymask.cli.reading import read_options
from anymask.cli.screen import Screen

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.image.options import ReadOptions
    from anymask.predict.engines import EngineName, Precision


class ModelFlags(Protocol):
    """Which model a command was given; each is a flag of `photo_flags`."""

    @property
    def model(self) -> str | None:
        """Its name or file; None for the default."""

    @property
    def input_size(self) -> int | None:
        """Side of its frame, pixels; None for its own."""

    @property
    def device(self) -> str:
        """Where it runs."""

    @property
    def engine(self) -> str:
        """What runs the image encoder."""

    @property
    def precision(self) -> str:
        """Number format of the image encoder."""


class ReadingFlags(Protocol):
    """How a command was told to read photos; each is a flag of `photo_flags`."""

    @property
    def page(self) -> int:
        """Page or frame, from 0."""

    @property
    def bands(self) -> str | None:
        """Which bands are red, green and blue."""

    @property
    def range(self) -> str | None:
        """Values that become black and white."""

    @property
    def max_pixels(self) -> int | None:
        """Largest width × height; None for the usual one."""

    @property
    def allow_truncated(self) -> bool:
        """Whether the rows there are will do."""


def load_model(flags: ModelFlags, screen: Screen) -> "Model":
    """Load the model a command was given; a published one that is not here is fetched.

    Args:
        flags: Which.
        screen: Where to print what is going on, and what was noticed.

    Returns:
        The model.

    Raises:
        WeightsError: If it cannot be had, or does not fit.
        ConfigError: If the device, engine, precision or size cannot be used.
        MissingExtra: If the engine's package is not installed.
    """
    fetch_before(screen, flags.model)
    with screen.working("loading the model"):
        from anymask.api import load

        model = load(
            flags.model,
            device=flags.device,
            engine=cast("EngineName", flags.engine),
            precision=cast("Precision", flags.precision),
            input_size=flags.input_size,
        )
    for note in model.loaded.notes:
        screen.note(note)
    return model


def reading_of(flags: ReadingFlags) -> "ReadOptions":
    """Read the flags about photos.

    Args:
        flags: What was typed.

    Returns:
        The options of the picture reader.

    Raises:
        ConfigError: If a value cannot be used.
    """
    return read_options(
        allow_truncated=flags.allow_truncated,
        max_pixels=flags.max_pixels,
        page=flags.page,
        bands=flags.bands,
        value_range=flags.range,
    )
