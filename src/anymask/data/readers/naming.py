"""Names of sets and pictures, safe as parts of file names everywhere."""

import os
from pathlib import Path, PurePosixPath

_ALSO_SAFE = "._-"


def set_name_of(path: Path) -> str:
    """Name a set after its file or folder.

    Args:
        path: A file, whose suffix is dropped, or a folder.

    Returns:
        Letters, digits, dots, dashes and underscores; never empty, never hidden.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 (a link keeps the name people gave it)
    text = path.name if path.is_dir() else path.stem
    safe = "".join(character if _is_safe(character) else "-" for character in text)
    return safe.lstrip(".-") or "data"


def picture_name(*parts: str) -> str:
    """Name a picture inside its set.

    Args:
        parts: Folders and the name without a suffix; each may hold "/".

    Returns:
        The parts with "/" between; every byte that is not safe in a file name as `%` and two
        digits, so that different names stay different.
    """
    clean = PurePosixPath(*parts).as_posix()
    return "".join(_escaped(character) for character in clean)


def leaves_folder(name: str) -> bool:
    """Say whether a name in a file would lead out of the folder it is looked up in.

    Args:
        name: A relative path, with slashes of either kind.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    has_drive = len(name) > 1 and name[1] == ":"
    return path.is_absolute() or ".." in path.parts or has_drive or "\0" in name


def _is_safe(character: str) -> bool:
    return character.isalnum() or character in _ALSO_SAFE


def _escaped(character: str) -> str:
    if _is_safe(character) or character == "/":
        return character
    raw = character.encode("utf-8", "surrogateescape" if character >= "\udc80" else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in raw)
