"""A list of byte strings that moves to the disk once it outgrows its share of the memory."""

import weakref
from tempfile import SpooledTemporaryFile

from anymask.errors import OutputError


class Spool:
    """Byte strings in the order in which they came.

    Args:
        in_memory_bytes: How much may lie in memory; what is more goes to a temporary file without
            a name, which is gone with this list.
    """

    def __init__(self, in_memory_bytes: int) -> None:
        self._file = SpooledTemporaryFile(max_size=max(1, in_memory_bytes))  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._ends = [0]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, data: bytes) -> None:
        """Add one.

        Args:
            data: The bytes.

        Raises:
            OutputError: If the disk is full.
        """
        try:
            self._file.seek(self._ends[-1])
            self._file.write(data)
        except OSError as error:
            raise OutputError(
                f"{self._ends[-1] // 10**6} MB of candidates do not fit into the folder for "
                f"temporary files ({error.strerror})",
                hint="free some space, set TMPDIR to another folder, or raise max_memory",
            ) from error
        self._ends.append(self._ends[-1] + len(data))

    def __getitem__(self, index: int) -> bytes:
        start, end = self._ends[index], self._ends[index + 1]
        self._file.seek(start)
        return self._file.read(end - start)
