"""Whether embeddings can be kept at all, asked before hours are spent on them."""

import math
import shutil

from anymask.errors import ConfigError, OutputError
from anymask.image.names import display_name
from anymask.masks.atomic import write_bytes
from anymask.predict.embedding_cache import LIMIT_VARIABLE, EmbeddingCache, contents, in_bytes


def check_writable(cache: EmbeddingCache) -> None:
    """Refuse a folder that cannot be written to, before anything is encoded for it.

    Args:
        cache: Whose folder; it is made if it is not there.

    Raises:
        OutputError: If it cannot be made or written to.
    """
    probe = cache.folder / ".writable"
    try:
        write_bytes(probe, b"")
        probe.unlink(missing_ok=True)  # Another process may probe at the same moment.
    except OutputError as error:
        message = error.message.replace(display_name(probe), display_name(cache.folder), 1)
        raise OutputError(message, hint="name another folder in ANYMASK_CACHE") from error


def check_room(cache: EmbeddingCache, num_pictures: int, each_bytes: int, num_left: int) -> None:
    """Refuse more pictures than can be kept, before hours are spent on them.

    Args:
        cache: Where they are to be kept.
        num_pictures: How many there are.
        each_bytes: Size of one entry.
        num_left: How many of them are not kept yet, at most.

    Raises:
        ConfigError: If the cache allows fewer bytes: the first would go for the last.
        OutputError: If the disk has too few.
    """
    needed = num_pictures * each_bytes
    if needed > cache.most_bytes:
        gigabytes = math.ceil(needed / 1e8) / 10
        raise ConfigError(
            f"{num_pictures:,} embeddings need {in_bytes(needed)}, "
            f"the cache holds {in_bytes(cache.most_bytes)}",
            hint=f"set {LIMIT_VARIABLE}={gigabytes:g}, add --half, or name fewer photos",
        )
    growth = min(num_left * each_bytes, cache.most_bytes - contents(cache)[1])
    free = shutil.disk_usage(cache.folder).free
    if growth > free:
        raise OutputError(
            f"needs {in_bytes(growth)}, {in_bytes(free)} free in {display_name(cache.folder)}",
            hint="set ANYMASK_CACHE",
        )
