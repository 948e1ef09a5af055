"""Label Studio's brush masks: runs of RGBA bytes in a stream of bits.

The stream begins with 32 bits, how many values follow; 5 bits, the length of a value less one;
and four times 4 bits, the lengths of a run's length less one. Then blocks: one bit says whether
one value is repeated or several follow, two bits which of the four lengths is used, then the
number of values less one. The values are the bytes of an RGBA picture, row by row; what is not
transparent is the mask.

Source: Label Studio's documented brush format.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anymask.errors import DataError
from anymask.masks.plane import BoolMask

_CHANNELS = 4
_HEADER_BYTES = 8
_WORD_BITS = 8
_HINT = "export it again"


def is_brush(values: Sequence[object], size_hw: tuple[int, int]) -> bool:
    """Say whether a list of numbers begins as a brush mask of this size does.

    Args:
        values: What a file holds as run-length code.
        size_hw: Size of the picture, pixels.
    """
    head = values[:_HEADER_BYTES]
    if len(head) < _HEADER_BYTES or not all(
        isinstance(one, int) and 0 <= one < 256 for one in head
    ):
        return False
    bits = int.from_bytes(bytes(int(str(one)) for one in head), "big")
    num_values, word_bits = bits >> 32, ((bits >> 27) & 31) + 1
    return num_values == size_hw[0] * size_hw[1] * _CHANNELS and word_bits == _WORD_BITS


def read_brush(values: Sequence[object], size_hw: tuple[int, int]) -> BoolMask:
    """Read a brush mask.

    Args:
        values: Bytes as whole numbers, of which `is_brush` is true.
        size_hw: Size of the picture, pixels.

    Returns:
        Bool, (H, W).

    Raises:
        DataError: If a number is no byte, or the stream ends early or runs past the picture.
    """
    try:
        stream = np.frombuffer(bytes(values), np.uint8)  # type: ignore[arg-type]  # said below
    except (TypeError, ValueError) as error:
        raise DataError("brush mask holds what is no byte", hint=_HINT) from error
    bits = _Bits(stream)
    num_values = bits.take(32)
    bits.take(5)
    lengths = [bits.take(4) + 1 for _ in range(4)]
    pixels = np.zeros(num_values, np.uint8)
    done = 0
    while done < num_values:
        is_run = bits.take(1)
        count = bits.take(lengths[bits.take(2)]) + 1
        if done + count > num_values:
            raise DataError(
                f"brush mask runs past its {num_values} values at value {done}", hint=_HINT
            )
        pixels[done : done + count] = bits.take(_WORD_BITS) if is_run else bits.take_bytes(count)
        done += count
    opacity = pixels.reshape(*size_hw, _CHANNELS)[:, :, _CHANNELS - 1]
    return np.ascontiguousarray(opacity > 0)


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, stream: NDArray[np.uint8]) -> None:
        self._bits = np.unpackbits(stream)
        self._at = 0

    def take(self, count: int) -> int:
        """Give the next bits as a number."""
        number = 0
        for bit in self._next(count).tolist():
            number = number << 1 | bit
        return number

    def take_bytes(self, count: int) -> NDArray[np.uint8]:
        """Give the next bytes, (count,)."""
        return np.packbits(self._next(_WORD_BITS * count))

    def _next(self, count: int) -> NDArray[np.uint8]:
        begin, self._at = self._at, self._at + count
        if self._at > len(self._bits):
            raise DataError(
                f"brush mask ends early, after {len(self._bits) // 8} bytes", hint=_HINT
            )
        return self._bits[begin : self._at]
