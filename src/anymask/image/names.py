"""Names from outside, made safe to show."""

import os

_JOINER = "\u200d"  # holds compound emoji together; harmless on a terminal


def display_name(name: str | bytes | os.PathLike[str]) -> str:
    r"""Give a name as it may be printed: no control, direction or undecodable character raw.

    Args:
        name: A file name or any text from outside.

    Returns:
        The same text with each unprintable character as an escape: a newline as `\n`, a byte
        that is no UTF-8 as `\xff`, a right-to-left override as `\u202e`.
    """
    return "".join(_shown(character) for character in os.fsdecode(name))


def _shown(character: str) -> str:
    if character.isprintable() or character == _JOINER:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
