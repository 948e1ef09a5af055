"""Names of files that people download: any system can hold them, and no header breaks."""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

_UNSAFE: Final = re.compile(r"[<>:\"/\\|?*]")
# Control and formatting letters, halves of letters, separators of lines and paragraphs.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)
_LONGEST_BYTES: Final = 120
_LONGEST_SUFFIX: Final = 10


def safe_name(name: str, *, usual: str = "picture") -> str:
    """Give a file name without folders that any system can hold.

    Args:
        name: What somebody called it, perhaps with folders.
        usual: What it is called where nothing is left.

    Returns:
        One name of at most 120 bytes that is no path, no flag and not hidden.
    """
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(" " if one.isspace() else one for one in unicodedata.normalize("NFC", last))
    shown = "".join(one for one in seen if unicodedata.category(one) not in _INVISIBLE)
    plain = _UNSAFE.sub("_", shown).strip(" .").lstrip("-~")
    if _RESERVED.fullmatch(plain):
        plain = f"_{plain}"
    return _shortened(plain) or usual


def safe_label(label: str) -> str:
    """Give an object's name as a part of a file name; a slash in it parts no folders."""
    return safe_name(re.sub(r"[/\\]", "_", label), usual="object")[:60].rstrip(" .")


def stem_of_picture(name: str) -> str:
    """Give a picture's safe name without its suffix, for what is made of it."""
    return PurePosixPath(safe_name(name)).stem


def content_disposition(name: str) -> str:
    """Give the header that makes a browser save an answer as a file.

    Args:
        name: The file's name, a safe one.

    Returns:
        The value of Content-Disposition, ASCII.

    Source:
        RFC 6266, section 4; RFC 5987, section 3.2.
    """
    plain = re.sub(r"[^\w .()+,=@-]", "_", name, flags=re.ASCII)
    exact = quote(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def _shortened(name: str) -> str:
    """Cut a name to what files may have, its suffix kept."""
    if len(name.encode("utf-8", "replace")) <= _LONGEST_BYTES:
        return name
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix.encode()) <= _LONGEST_SUFFIX else ""
    stem = name.removesuffix(suffix).encode()[: _LONGEST_BYTES - len(suffix.encode())]
    return stem.decode("utf-8", "ignore").rstrip(" .") + suffix
