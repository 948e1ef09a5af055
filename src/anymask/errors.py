"""Every way anymask refuses, and what it says.

    AnymaskError(message, *, hint=None)
    ├── InputError (also ValueError)       the caller passed something that cannot be used
    │   ├── PromptError                    a point, box or mask prompt
    │   ├── ImageError                     a picture
    │   │   ├── UnknownFormat              of a kind that is not read, or none at all
    │   │   └── TooManyPixels              larger than is allowed
    │   └── ConfigError                    a setting
    ├── StateError (also RuntimeError)     the right call at the wrong time
    ├── WeightsError                       a checkpoint
    │   ├── WeightsNotFound
    │   ├── ChecksumMismatch
    │   └── KeysMismatch
    ├── DataError                          an annotated data set
    ├── TrainingError                      a run that could not go on
    ├── OutputError (also OSError)         a result that could not be written
    └── MissingExtra (also ImportError)    an optional dependency

A message is one sentence that says what is wrong with which input; the hint says what to do.
`str(error)` joins both: "photo.jpg: is empty (0 bytes); download it again."
"""


class AnymaskError(Exception):
    """Base of every error anymask raises on purpose.

    Args:
        message: What is wrong with which input, without a final full stop.
        hint: One imperative remedy, without a final full stop.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message.rstrip(".")
        self.hint = hint.rstrip(".") if hint else None

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}." if self.hint else f"{self.message}."


class InputError(AnymaskError, ValueError):
    """The caller passed something that cannot be used."""

    exit_code = 2


class PromptError(InputError):
    """A point, box or mask prompt cannot be used."""


class ImageError(InputError):
    """A picture cannot be read or used."""

    exit_code = 3


class UnknownFormat(ImageError):
    """The bytes are no picture, or one of a kind that is not read."""


class TooManyPixels(ImageError):
    """A picture is larger than is allowed."""


class ConfigError(InputError):
    """A setting is unknown or out of range."""


class StateError(AnymaskError, RuntimeError):
    """The right call at the wrong time."""


class WeightsError(AnymaskError):
    """A checkpoint cannot be used."""

    exit_code = 2


class WeightsNotFound(WeightsError):
    """No checkpoint at this place or of this name."""


class ChecksumMismatch(WeightsError):
    """A checkpoint's bytes are not the ones expected."""


class KeysMismatch(WeightsError):
    """A checkpoint's tensors do not fit the architecture."""


class DataError(AnymaskError):
    """An annotated data set cannot be read."""


class TrainingError(AnymaskError):
    """A run of training could not go on."""


class OutputError(AnymaskError, OSError):
    """A result could not be written."""


class MissingExtra(AnymaskError, ImportError):
    """An optional dependency is not installed."""

    exit_code = 2
