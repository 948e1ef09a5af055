"""How much memory is left for a picture, on this machine and in this container."""

import os
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


def free_memory(meminfo: Path = _MEMINFO, container: Path = _CONTAINER) -> int | None:
    """Give how many bytes of memory could still be used.

    Args:
        meminfo: Where Linux tells what the machine has left.
        container: Where Linux tells what a container may use.

    Returns:
        Bytes; None where the system does not say.
    """
    machine = _available(meminfo)
    if machine is None:
        return _free_pages()
    limit, used = (_number(container / name) for name in ("memory.max", "memory.current"))
    if limit is None or used is None:
        return machine
    return max(0, min(machine, limit - used))


def _available(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # There is no container, or it says "max": no limit.
        return None


def _free_pages() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
