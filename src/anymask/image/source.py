"""Where a picture's bytes come from, opened so that nothing blocks and nothing is written."""

import errno
import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol, runtime_checkable

from anymask.errors import ImageError, InputError
from anymask.image.names import display_name

_HASHED_AT_A_TIME = 2**20


@runtime_checkable
class Readable(Protocol):
    """A file object opened in binary mode."""

    def read(self) -> bytes:
        """Give all that is left."""
        ...


Openable = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The bytes of one picture, readable at any place.

    Attributes:
        name: Name for messages, escaped.
        suffix: Suffix of the file's name in lower case, "" if it has none; None if the bytes
            have no file name.
        file: The open file, seekable.
        num_bytes: Length of the file.
    """

    name: str
    suffix: str | None
    file: BinaryIO
    num_bytes: int

    def read_at(self, offset: int, count: int) -> bytes:
        """Give up to `count` bytes from `offset`; fewer at the end, none beyond it.

        Args:
            offset: Where to begin, in bytes from the start.
            count: How many bytes at most.

        Returns:
            The bytes that are there.

        Raises:
            ImageError: If the disk fails.
        """
        if offset >= self.num_bytes or count <= 0:
            return b""
        try:
            self.file.seek(offset)
            return self.file.read(min(count, self.num_bytes - offset))
        except OSError as error:
            raise ImageError(
                f"{self.name}: cannot be read ({_reason(error)})", hint="check the disk it is on"
            ) from error

    def read_all(self) -> bytes:
        """Give all bytes."""
        return self.read_at(0, self.num_bytes)

    def sha256(self) -> str:
        """Give the SHA-256 of all bytes as hex digits, in little memory."""
        digest = hashlib.sha256()
        for offset in range(0, self.num_bytes, _HASHED_AT_A_TIME):
            digest.update(self.read_at(offset, _HASHED_AT_A_TIME))
        return digest.hexdigest()


def open_source(given: Openable) -> Source:
    """Open what was given: a path, the bytes themselves, or a binary file object.

    Args:
        given: Path, bytes or binary file object; of the last all that is left is read.

    Returns:
        The opened source; close its file after use.

    Raises:
        InputError: If a path is a folder or no regular file, or a file gives text.
        ImageError: If a file is missing, may not be read, or is empty.
    """
    if isinstance(given, str | os.PathLike):
        return _open_path(given)
    if isinstance(given, bytes | bytearray | memoryview):
        return _from_bytes(bytes(given), name="bytes", suffix=None)
    named = getattr(given, "name", None)
    name = display_name(named) if isinstance(named, str | bytes) and named else "stream"
    try:
        data = given.read()
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: cannot be read ({error})", hint="open it anew") from error
    if not isinstance(data, bytes):
        raise InputError(f"{name}: gives text, not bytes", hint="open it in binary mode ('rb')")
    suffix = PurePath(name).suffix.lower() if name != "stream" else None
    return _from_bytes(data, name=name, suffix=suffix)


def _from_bytes(data: bytes, *, name: str, suffix: str | None) -> Source:
    if not data:
        raise _empty(name)
    return Source(name=name, suffix=suffix, file=io.BytesIO(data), num_bytes=len(data))


def _open_path(given: str | os.PathLike[str]) -> Source:
    name = display_name(given)
    if not name:
        raise InputError("the path of the picture is empty", hint="give the name of a file")
    try:
        _check_regular(os.stat(given).st_mode, name)  # noqa: PTH116 (a Path would normalise it)
        # Without O_NONBLOCK, a pipe put in the file's place meanwhile would wait for a writer.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(given, flags)
    except (OSError, ValueError) as error:
        raise _not_opened(given, name, error) from error
    file = os.fdopen(descriptor, "rb")
    try:
        status = os.fstat(descriptor)
        _check_regular(status.st_mode, name)
        if status.st_size == 0:
            raise _empty(name)
    except BaseException:
        file.close()
        raise
    suffix = PurePath(given).suffix.lower()
    return Source(name=name, suffix=suffix, file=file, num_bytes=status.st_size)


def _check_regular(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise InputError(f"{name}: is a folder", hint="name a picture inside it")
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{name}: is not a regular file", hint="save the picture to a file and name that"
        )


def _empty(name: str) -> ImageError:
    return ImageError(f"{name}: is empty (0 bytes)", hint="download or copy it again")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _not_opened(
    given: str | os.PathLike[str], name: str, error: OSError | ValueError
) -> ImageError | InputError:
    """Say why a path cannot be opened; a ValueError is a NUL character in it."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, PermissionError):
        return ImageError(f"{name}: permission denied", hint="allow this user to read it")
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return ImageError(f"{name}: is a link that leads back to itself", hint="remove the link")
    if name.startswith(("http://", "https://")):
        return ImageError(f"{name}: is an address, not a file", hint="download it first")
    if isinstance(error, OSError) and error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
        return InputError(f"{name}: is not a regular file", hint="name a file that holds a picture")
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return ImageError(f"{name}: cannot be opened ({_reason(error)})", hint="check its name")
    if isinstance(error, FileNotFoundError) and Path(given).is_symlink():
        return ImageError(f"{name}: is a link to a missing file", hint="restore the file")
    return ImageError(f"{name}: no such file", hint="check the name and the folder")
