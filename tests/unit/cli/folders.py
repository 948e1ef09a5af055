"""What lies in a folder."""

from pathlib import Path


def names_in(folder) -> list[str]:
    """Give the names of everything in a folder, sorted."""
    return sorted(path.name for path in Path(folder).iterdir())
