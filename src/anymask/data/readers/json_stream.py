"""JSON files larger than memory: one element of a list at a time, and where it stands."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from anymask.errors import DataError
from anymask.image import display_name

_CHUNK_BYTES = 1 << 20
_MAX_ELEMENT_BYTES = 1 << 28
# A word such as -Infinity that is cut off is complained about where it begins.
_LONGEST_WORD = 16
_SPACE = re.compile(r"[ \t\n\r]*")
_BYTE_ORDER_MARK = "\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a list in a JSON file.

    Attributes:
        key: The key of the list in the file's outermost object.
        offset: Where its text begins, bytes.
        num_bytes: How long its text is.
        value: What it says; text beyond ASCII is not decoded, `read_element` does that.
    """

    key: str
    offset: int
    num_bytes: int
    value: Any


def stream_elements(path: Path, keys: tuple[str, ...]) -> Iterator[Element]:
    """Give the elements of some lists of a JSON file, in the order of the file.

    Args:
        path: A JSON file whose outermost value is an object, UTF-8.
        keys: Keys of lists in that object. Other keys are passed over.

    Raises:
        DataError: If the file cannot be read, is not JSON (line and column are named), is no
            object, or one of the keys holds no list.
    """
    try:
        with path.open("rb") as file:
            yield from _elements(_Window(file, display_name(path)), keys)
    except OSError as error:
        raise _unreadable(path, error) from error


def stream_outer_list(path: Path) -> Iterator[Element]:
    """Give the elements of a JSON file whose outermost value is a list.

    Args:
        path: The file, UTF-8.

    Yields:
        The elements in the order of the file, with the key "".

    Raises:
        DataError: If the file cannot be read, is not JSON (line and column are named), or is no
            list.
    """
    try:
        with path.open("rb") as file:
            window = _Window(file, display_name(path))
            yield from _list(window, "")
            if window.peek():
                window.take("")
    except OSError as error:
        raise _unreadable(path, error) from error


def is_outer_list(path: Path) -> bool:
    """Say whether the outermost value of a JSON file is a list, by its first character.

    Args:
        path: The file.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _Window(file, display_name(path)).peek() == "["
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{display_name(path)}: cannot be read ({error.strerror or error})",
        hint="check the path and its permissions",
    )


def read_element(file: int, offset: int, num_bytes: int) -> Any:  # noqa: ANN401 (it is JSON)
    """Read one element again.

    Args:
        file: Descriptor of the open file.
        offset: Where its text begins, bytes.
        num_bytes: How long its text is.

    Returns:
        What it says.
    """
    return json.loads(os.pread(file, num_bytes, offset).decode("utf-8", "replace"))


class _Window:
    """The part of a file that is being read. A character is a byte, so places are exact."""

    def __init__(self, file: BinaryIO, shown: str) -> None:
        self.shown = shown
        self._file = file
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._is_all = False
        self._offset = 0
        self._num_lines = 0
        self._line_offset = 0
        while len(self._text) < len(_BYTE_ORDER_MARK) and not self._is_all:
            self._fill()
        if self._text.startswith(_BYTE_ORDER_MARK):
            self._at = len(_BYTE_ORDER_MARK)

    @property
    def offset(self) -> int:
        """Where reading goes on, bytes from the beginning of the file."""
        return self._offset + self._at

    def peek(self) -> str:
        """Give the next character that is no space, or "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if self._is_all:
                return ""
            self._fill()

    def take(self, wanted: str) -> str:
        """Give the next character, which must be one of `wanted`."""
        character = self.peek()
        if not character or character not in wanted:
            shown = " or ".join(f"`{one}`" for one in wanted)
            raise self._refusal(f"expected {shown}", self._at)
        self._at += 1
        return character

    def value(self) -> Any:  # noqa: ANN401 (it is JSON)
        """Give the next value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.pos >= len(self._text) - _LONGEST_WORD
                if self._is_all or not (is_cut or error.msg.startswith("Unterminated string")):
                    raise self._refusal(error.msg.lower(), error.pos) from error
            except (ValueError, RecursionError) as error:
                raise self._refusal(str(error), self._at) from error
            else:
                # A number at the end of the window may go on behind it, as 1 does in 1.5e3.
                if end <= len(self._text) - _LONGEST_WORD or self._is_all:
                    self._at = end
                    return value
            if len(self._text) - self._at > _MAX_ELEMENT_BYTES:
                raise self._refusal(f"a value of over {_MAX_ELEMENT_BYTES >> 20} MB", self._at)
            self._fill()

    def _fill(self) -> None:
        """Forget what is read, and read as much again as is waiting, at least one chunk."""
        done = self._text[: self._at]
        if "\n" in done:
            self._num_lines += done.count("\n")
            self._line_offset = self._offset + done.rindex("\n") + 1
        waiting = self._text[self._at :]
        raw = self._file.read(max(_CHUNK_BYTES, len(waiting)))
        self._is_all = not raw
        self._offset += self._at
        self._text, self._at = waiting + raw.decode("latin-1"), 0

    def _refusal(self, what: str, at: int) -> DataError:
        before = self._text[:at]
        line = 1 + self._num_lines + before.count("\n")
        line_offset = self._line_offset
        if "\n" in before:
            line_offset = self._offset + before.rindex("\n") + 1
        column = 1 + self._offset + at - line_offset
        if not self._offset and not self._text.strip():
            return DataError(f"{self.shown}: is empty", hint="write it again")
        is_cut = self._is_all and at >= len(self._text.rstrip())
        is_cut = is_cut or (self._is_all and what.startswith("unterminated string"))
        kind = "is cut short" if is_cut else "is not JSON"
        return DataError(
            f"{self.shown}: {kind} at line {line} column {column} ({what})",
            hint="download or write it again",
        )


def _elements(window: _Window, keys: tuple[str, ...]) -> Iterator[Element]:
    window.take("{")
    if window.peek() == "}":
        window.take("}")
        return
    while True:
        if window.peek() != '"':
            window.take('"')
        key = window.value()
        window.take(":")
        if key not in keys:
            window.value()
        elif window.peek() != "[":
            raise DataError(
                f'{window.shown}: "{key}" holds no list', hint="check which format it is in"
            )
        else:
            yield from _list(window, key)
        if window.take(",}") == "}":
            break
    if window.peek():
        window.take("")


def _list(window: _Window, key: str) -> Iterator[Element]:
    window.take("[")
    if window.peek() == "]":
        window.take("]")
        return
    while True:
        window.peek()
        offset = window.offset
        value = window.value()
        yield Element(key=key, offset=offset, num_bytes=window.offset - offset, value=value)
        if window.take(",]") == "]":
            return
