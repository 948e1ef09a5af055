"""Embeddings kept on the disk: found by what they were made of, and no more bytes than allowed.

Each lies in a file of its own, named after its key, whole or not there; it holds no picture. Many
processes may read, write and make room at once: each step is one rename or one removal. What was
used longest ago goes first, told by the files' times.
"""

import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from anymask.errors import ConfigError, InputError, OutputError
from anymask.image.names import display_name
from anymask.masks.atomic import write_bytes
from anymask.model.image_encoder import ImageFeatures
from anymask.predict.embedding_file import pack, read_file
from anymask.weights.cache import weights_folder

KeptForm = Literal["float32", "float16"]

LIMIT_VARIABLE = "ANYMASK_EMBEDDINGS_GB"
USUAL_GB = 10.0
_ENTRY = re.compile(r"[0-9a-f]{64}\.float(32|16)")
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.part")
# What a killed process left half written is removed after a day.
_UNFINISHED_SECONDS = 86_400
_LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingCache:
    """Where embeddings are kept, and how many bytes of them.

    Attributes:
        folder: The folder; it need not exist.
        most_bytes: Size of all entries together that is not exceeded.
    """

    folder: Path
    most_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the cache holds under a key.

    Attributes:
        features: On the CPU in float32; None where nothing usable is kept.
        form: Number format in which it is kept, or None.
        num_bytes: Size of its file.
        notes: What a person should know.
    """

    features: ImageFeatures | None = None
    form: KeptForm | None = None
    num_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of an embedding that was to be kept.

    Attributes:
        form: Number format in which it is kept.
        num_bytes: Size of its file.
        num_removed: Entries that had to go for it.
        notes: What a person should know.
    """

    form: KeptForm
    num_bytes: int
    num_removed: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    path: Path
    num_bytes: int
    used_ns: int


def open_cache(environment: Mapping[str, str] | None = None) -> EmbeddingCache:
    """Give the cache of this user.

    Args:
        environment: Environment variables; the process's own by default. ANYMASK_CACHE names the
            cache folder, ANYMASK_EMBEDDINGS_GB how many gigabytes of embeddings are kept.

    Returns:
        The cache; nothing is created.

    Raises:
        ConfigError: If the number of gigabytes is none.
    """
    variables = os.environ if environment is None else environment
    written = variables.get(LIMIT_VARIABLE, "").strip()
    try:
        gigabytes = float(written) if written else USUAL_GB
    except ValueError:
        gigabytes = math.nan
    if not 0 <= gigabytes * 1e9 < math.inf:
        raise ConfigError(
            f"{LIMIT_VARIABLE} is {display_name(written)[:40]!r}, which is no number of gigabytes",
            hint=f"set it to a number such as {USUAL_GB:g}, or leave it away",
        )
    folder = weights_folder(environment).with_name("embeddings")
    return EmbeddingCache(folder=folder, most_bytes=int(gigabytes * 1e9))


def is_in_use(cache: EmbeddingCache) -> bool:
    """Say whether anything was ever kept; a folder that may not be entered counts as none."""
    try:
        return cache.folder.is_dir()
    except OSError:
        return False


def find(
    cache: EmbeddingCache, key: str, forms: tuple[KeptForm, ...] = ("float32", "float16")
) -> Found:
    """Look for an embedding; what is found counts as just used.

    Args:
        cache: Where to look.
        key: What `key_of` gave.
        forms: Number formats that will do, the best first.

    Returns:
        What is there. A damaged entry is removed, and told in the notes.
    """
    notes: list[str] = []
    for form in forms:
        path = _path(cache, key, form)
        try:
            num_bytes = path.stat().st_size
            tensors, record = read_file(path)
        except OSError:
            continue
        except InputError as error:
            if not path.exists():  # Another process made room meanwhile.
                continue
            notes.append(_set_aside(path, error))
            continue
        if record.get("key") != key or record.get("form") != form:
            notes.append(_set_aside(path, None))
            continue
        with suppress(OSError):  # A cache that is only readable still serves.
            os.utime(path)
        return Found(
            features=_features(tensors), form=form, num_bytes=num_bytes, notes=tuple(notes)
        )
    return Found(notes=tuple(notes))


def store(cache: EmbeddingCache, key: str, features: ImageFeatures, form: KeptForm) -> Stored:
    """Keep an embedding; what was used longest ago makes room for it.

    Args:
        cache: Where to keep it.
        key: What `key_of` gave.
        features: What the image encoder made of one picture, float32.
        form: Number format to keep it in. Values too large for float16 are kept in float32.

    Returns:
        What was done.

    Raises:
        ConfigError: If the cache allows fewer bytes than this one has.
        OutputError: If it cannot be written.
    """
    tensors = {"embedding": features.embedding}
    tensors |= {f"high_res.{i}": x for i, x in enumerate(features.high_res)}
    notes: tuple[str, ...] = ()
    if form == "float16" and any(float(x.abs().max()) > _LARGEST_HALF for x in tensors.values()):
        form, notes = "float32", ("its values are too large for float16: kept in float32",)
    if form == "float16":
        tensors = {name: x.half() for name, x in tensors.items()}
    content = pack(tensors, {"key": key, "form": form})
    if len(content) > cache.most_bytes:
        raise ConfigError(
            f"an embedding takes {in_bytes(len(content))}, "
            f"the cache holds {in_bytes(cache.most_bytes)}",
            hint=f"set {LIMIT_VARIABLE} to more",
        )
    path = _path(cache, key, form)
    try:
        write_bytes(path, content)
    except OutputError as error:
        raise OutputError(
            error.message, hint="free some space, or name another folder in ANYMASK_CACHE"
        ) from error
    if form == "float32":
        with suppress(OSError):
            _path(cache, key, "float16").unlink()
    return Stored(
        form=form, num_bytes=len(content), num_removed=_make_room(cache, path), notes=notes
    )


def contents(cache: EmbeddingCache) -> tuple[int, int]:
    """Give how many embeddings are kept, and their bytes together."""
    entries = list(_entries(cache))
    return len(entries), sum(entry.num_bytes for entry in entries)


def in_bytes(number: int) -> str:
    """Give a number of bytes for people, in MB or GB."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def _path(cache: EmbeddingCache, key: str, form: KeptForm) -> Path:
    return cache.folder / f"{key}.{form}"


def _features(tensors: Mapping[str, Tensor]) -> ImageFeatures:
    high_res = sorted(name for name in tensors if name.startswith("high_res."))
    return ImageFeatures(
        tensors["embedding"].float(), tuple(tensors[name].float() for name in high_res)
    )


def _set_aside(path: Path, error: InputError | None) -> str:
    """Remove an entry that cannot be used, and say so."""
    if error is not None and isinstance(error.__cause__, PermissionError):
        return "a kept embedding may not be read; it is made anew"
    with suppress(OSError):
        path.unlink()
    return "a kept embedding was damaged; it is made anew"


def _make_room(cache: EmbeddingCache, just_written: Path) -> int:
    """Remove what was used longest ago until the rest fits; give how many that were."""
    _remove_unfinished(cache)
    entries = sorted(_entries(cache), key=lambda entry: (entry.used_ns, entry.path.name))
    total = sum(entry.num_bytes for entry in entries)
    num_removed = 0
    for entry in entries:
        if total <= cache.most_bytes:
            break
        if entry.path == just_written:
            continue
        with suppress(OSError):
            entry.path.unlink(missing_ok=True)  # Another process may make room as well.
            total -= entry.num_bytes
            num_removed += 1
    return num_removed


def _remove_unfinished(cache: EmbeddingCache) -> None:
    oldest = time.time() - _UNFINISHED_SECONDS
    with suppress(OSError):
        for path in cache.folder.iterdir():
            if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < oldest:
                path.unlink()


def _entries(cache: EmbeddingCache) -> Iterator[_Entry]:
    """Give the files that are ours by their names; any other is left alone."""
    try:
        with os.scandir(cache.folder) as listed:
            for item in listed:
                if not _ENTRY.fullmatch(item.name):
                    continue
                with suppress(OSError):
                    status = item.stat()
                    yield _Entry(
                        path=Path(item.path), num_bytes=status.st_size, used_ns=status.st_mtime_ns
                    )
    except OSError:
        return
