"""The six sample photographs inside the package."""

from importlib.resources import files
from pathlib import Path

from anymask.errors import InputError

PHOTOS = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "rocket.jpg")


def photo_path(name: str) -> Path:
    """Give the path of a bundled photograph.

    Args:
        name: One of `PHOTOS`, with or without its suffix.

    Returns:
        Path of the file in the installed package.

    Raises:
        InputError: If there is no photograph of that name.
    """
    for photo in PHOTOS:
        if name in (photo, photo.partition(".")[0]):
            return Path(str(files("anymask") / "photos" / photo))
    raise InputError(f"no bundled photo is called {name!r}", hint=f"choose {', '.join(PHOTOS)}")
