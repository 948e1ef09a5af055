"""Names of what belongs to a picture."""

from pathlib import PurePosixPath


def stem_of(file_name: str) -> str:
    """Give a picture's name without its suffix, folders kept: "a/b.v2.jpg" is "a/b.v2".

    Args:
        file_name: Relative name of the picture, "/" between folders.
    """
    return str(PurePosixPath(file_name).with_suffix(""))
