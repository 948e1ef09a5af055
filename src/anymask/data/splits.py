"""Which pictures are held back: decided by name, so that every run and machine agrees."""

import zlib

HELD_BACK_ONE_IN = 10


def is_validation(picture_name: str) -> bool:
    """Say whether a training picture is held back for validation.

    Args:
        picture_name: File name of the picture, with its suffix.
    """
    return zlib.crc32(picture_name.encode()) % HELD_BACK_ONE_IN == 0
