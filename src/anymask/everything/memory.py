"""How much memory a run may take, and what it takes.

What is large is planned for: the candidates' masks, of which there is no telling how many, move to
a temporary file beyond their share.
"""

import re
from pathlib import Path
from types import MappingProxyType

from anymask.errors import ConfigError
from anymask.weights.loaded import LoadedModel

# Candidates' masks in memory where nobody sets a limit.
USUAL_SPOOL_BYTES = 256 << 20
_LEAST_SPOOL_BYTES = 4 << 20
# What the decoder works with at once, whatever the picture.
_DECODER_BYTES = 150 * 10**6
# A mask of the whole picture on its way from logits to run lengths, bytes a pixel.
_BYTES_A_PIXEL = 6
# A cell of the embedding while a picture is encoded or prompts are answered, bytes.
_BYTES_A_CELL = 32 << 10
_MB = 10**6
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *(b|mb|gb|mib|gib|)", re.IGNORECASE | re.ASCII)
_UNITS = MappingProxyType({"": 1, "b": 1, "mb": _MB, "gb": 10**9, "mib": 1 << 20, "gib": 1 << 30})


def spool_room(loaded: LoadedModel, size_hw: tuple[int, int], budget_bytes: int | None) -> int:
    """Say how much of the candidates' masks may lie in memory.

    Args:
        loaded: The model.
        size_hw: Size of the picture, pixels.
        budget_bytes: What the whole program may take; None for no limit.

    Returns:
        Bytes.

    Raises:
        ConfigError: If the program takes more than that already, or nothing would be left.
    """
    if budget_bytes is None:
        return USUAL_SPOOL_BYTES
    working = _working_bytes(loaded, size_hw)
    here = resident_bytes()
    left = budget_bytes - here - working
    if left < _LEAST_SPOOL_BYTES:
        least = -(-(here + working + _LEAST_SPOOL_BYTES) // (50 * _MB)) * 50
        raise ConfigError(
            f"max_memory is {budget_bytes // _MB} MB, this picture and model need {least} MB",
            hint=f"allow {least} MB, take a smaller model, or shrink the picture",
        )
    return min(left // 2, USUAL_SPOOL_BYTES)


def bytes_of(size: int | str | None) -> int | None:
    """Read a size of memory.

    Args:
        size: Bytes, or text: a number with "MB" or "GB" (of 1000), "MiB" or "GiB" (of 1024), or
            nothing behind it; None for no limit.

    Returns:
        Bytes, or None.

    Raises:
        ConfigError: If it is none of these.
    """
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size > 0):
        return size
    found = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if found is None or float(found[1]) <= 0:
        raise ConfigError(f"max_memory is {size!r:.40}", hint='use bytes, or text like "800MB"')
    return round(float(found[1]) * _UNITS[found[2].lower()])


def resident_bytes() -> int:
    """Give how much memory this program takes now; 0 where the system does not say."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """Give the most memory this program has taken so far; 0 where the system does not say."""
    return _status("VmHWM")


def _working_bytes(loaded: LoadedModel, size_hw: tuple[int, int]) -> int:
    num_cells = (loaded.sam.config.input_size // 16) ** 2
    return _DECODER_BYTES + num_cells * _BYTES_A_CELL + size_hw[0] * size_hw[1] * _BYTES_A_PIXEL


def _status(figure: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    values = [line.split()[1] for line in lines if line.startswith(f"{figure}:")]
    return int(values[0]) * 1024 if values else 0
