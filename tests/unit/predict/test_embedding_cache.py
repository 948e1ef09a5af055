"""The cache of embeddings: exact, bounded, and never trusted blindly."""

import errno
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from anymask.errors import ConfigError, InputError, OutputError
from anymask.model.image_encoder import ImageFeatures
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.embedding_cache import (
    EmbeddingCache,
    contents,
    find,
    in_bytes,
    is_in_use,
    open_cache,
    store,
)
from anymask.predict.embedding_room import check_room, check_writable
from tests.unit.cli.folders import names_in

KEYS = [f"{number:064x}" for number in range(40)]


def features(seed: int = 0, scale: float = 1.0) -> ImageFeatures:
    random = torch.Generator().manual_seed(seed)
    embedding, high = (
        scale * torch.randn(shape, generator=random) for shape in ((1, 8, 4, 4), (1, 4, 8, 8))
    )
    return ImageFeatures(embedding, (high,))


def assert_same(found: ImageFeatures | None, expected: ImageFeatures) -> None:
    assert found is not None
    for one, other in zip(
        (found.embedding, *found.high_res), (expected.embedding, *expected.high_res), strict=True
    ):
        assert one.dtype == torch.float32
        assert one.numpy().tobytes() == other.numpy().tobytes()


@pytest.fixture
def cache(tmp_path) -> EmbeddingCache:
    """A cache of its own."""
    return EmbeddingCache(folder=tmp_path / "cache" / "embeddings", most_bytes=10**6)


@pytest.fixture
def entry_bytes(tmp_path) -> int:
    """Size of one entry in float32."""
    one = EmbeddingCache(folder=tmp_path / "one", most_bytes=10**6)
    return store(one, KEYS[0], features(), "float32").num_bytes


# --- there and back ---


def test_what_is_kept_in_float32_comes_back_to_the_bit(cache):
    assert (is_in_use(cache), find(cache, KEYS[0]).features) == (False, None)
    stored = store(cache, KEYS[0], features(), "float32")
    path = cache.folder / f"{KEYS[0]}.float32"
    assert (stored.form, stored.num_bytes) == ("float32", path.stat().st_size)
    found = find(cache, KEYS[0])
    assert_same(found.features, features())
    assert (found.form, found.num_bytes, found.notes) == ("float32", stored.num_bytes, ())
    assert (is_in_use(cache), contents(cache)) == (True, (1, stored.num_bytes))
    assert find(cache, KEYS[1]).features is None


def test_half_takes_half_and_is_rounded_once(cache, entry_bytes):
    stored = store(cache, KEYS[0], features(), "float16")
    assert stored.form == "float16"
    assert stored.num_bytes < 0.65 * entry_bytes
    found = find(cache, KEYS[0])
    whole = features()
    rounded = ImageFeatures(
        whole.embedding.half().float(), tuple(x.half().float() for x in whole.high_res)
    )
    assert_same(found.features, rounded)
    assert found.form == "float16"
    assert find(cache, KEYS[0], ("float32",)).features is None


def test_float32_is_preferred_and_takes_the_place_of_half(cache):
    store(cache, KEYS[0], features(), "float16")
    store(cache, KEYS[0], features(), "float32")
    assert names_in(cache.folder) == [f"{KEYS[0]}.float32"]
    assert find(cache, KEYS[0]).form == "float32"


def test_values_too_large_for_half_stay_whole(cache):
    stored = store(cache, KEYS[0], features(scale=1e5), "float16")
    assert stored.form == "float32"
    assert stored.notes == ("its values are too large for float16: kept in float32",)
    assert_same(find(cache, KEYS[0]).features, features(scale=1e5))


def test_an_entry_holds_features_and_nothing_of_the_picture(cache):
    store(cache, KEYS[0], features(), "float32")
    content = (cache.folder / f"{KEYS[0]}.float32").read_bytes()
    assert set(safetensors.torch.load(content)) == {"embedding", "high_res.0"}
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    assert b"picture" not in header
    assert KEYS[0].encode() in header


def test_an_entry_is_no_saved_embedding(cache):
    store(cache, KEYS[0], features(), "float32")
    with pytest.raises(InputError, match=r"is an entry of the cache, not a saved embedding; name"):
        ImageEmbedding.load(cache.folder / f"{KEYS[0]}.float32")


# --- how much ---


def filled(cache: EmbeddingCache, entry_bytes: int, num_kept: int) -> EmbeddingCache:
    """The cache with its limit at some entries, and as many in it, the first the oldest."""
    small = EmbeddingCache(folder=cache.folder, most_bytes=num_kept * entry_bytes)
    for number in range(num_kept):
        store(small, KEYS[number], features(number), "float32")
        os.utime(cache.folder / f"{KEYS[number]}.float32", (1000 + number, 1000 + number))
    return small


def kept_numbers(cache: EmbeddingCache) -> list[int]:
    return [KEYS.index(name.partition(".")[0]) for name in names_in(cache.folder)]


def test_the_oldest_makes_room(cache, entry_bytes):
    small = filled(cache, entry_bytes, 4)
    assert kept_numbers(small) == [0, 1, 2, 3]
    assert store(small, KEYS[4], features(4), "float32").num_removed == 1
    assert kept_numbers(small) == [1, 2, 3, 4]
    assert contents(small) == (4, 4 * entry_bytes)


def test_what_was_used_lately_stays(cache, entry_bytes):
    small = filled(cache, entry_bytes, 4)
    assert find(small, KEYS[0]).features is not None
    store(small, KEYS[4], features(4), "float32")
    assert kept_numbers(small) == [0, 2, 3, 4]


def test_bytes_count_and_not_entries(cache, entry_bytes):
    small = filled(cache, entry_bytes, 3)
    for number in (10, 11, 12):
        store(small, KEYS[number], features(number), "float16")
    assert contents(small)[1] <= small.most_bytes
    assert kept_numbers(small) == [2, 10, 11, 12]


def test_a_lowered_limit_holds_from_the_next_entry_on(cache, entry_bytes):
    filled(cache, entry_bytes, 6)
    smaller = EmbeddingCache(folder=cache.folder, most_bytes=2 * entry_bytes)
    assert store(smaller, KEYS[9], features(9), "float32").num_removed == 5
    assert kept_numbers(smaller) == [5, 9]


def test_clocks_that_lie_do_not_cost_the_entry_just_written(cache, entry_bytes):
    small = filled(cache, entry_bytes, 2)
    for path in cache.folder.iterdir():
        os.utime(path, (9e9, 9e9))
    store(small, KEYS[9], features(9), "float32")
    assert 9 in kept_numbers(small)


def test_an_entry_larger_than_the_limit_is_refused_and_nothing_is_lost(cache, entry_bytes):
    store(cache, KEYS[0], features(), "float32")
    tiny = EmbeddingCache(folder=cache.folder, most_bytes=entry_bytes - 1)
    with pytest.raises(ConfigError, match=r"takes 0\.0 MB, the cache holds 0\.0 MB; set ANYMASK_E"):
        store(tiny, KEYS[1], features(1), "float32")
    assert kept_numbers(cache) == [0]


def test_other_peoples_files_are_left_alone(cache, entry_bytes):
    small = filled(cache, entry_bytes, 2)
    for name in ("notes.txt", "abc.float32", f"{KEYS[5]}.float64"):
        (cache.folder / name).write_bytes(b"x" * 10 * entry_bytes)
        os.utime(cache.folder / name, (1, 1))
    store(small, KEYS[9], features(9), "float32")
    assert {"notes.txt", "abc.float32", f"{KEYS[5]}.float64"} <= set(names_in(cache.folder))
    assert contents(small)[0] == 2


def test_what_a_killed_process_left_goes_after_a_day(cache):
    cache.folder.mkdir(parents=True)
    old, new = (cache.folder / f".{digit * 32}.part" for digit in "ab")
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    store(cache, KEYS[0], features(), "float32")
    assert (old.exists(), new.exists()) == (False, True)


# --- harm ---


@pytest.mark.parametrize(
    "harm",
    [
        lambda good: good[:-1] + bytes([good[-1] ^ 1]),
        lambda good: good[: len(good) // 2],
        lambda good: b"",
        lambda good: b"\xff" * 200,
        lambda good: safetensors.torch.save({"embedding": torch.zeros(1)}),
    ],
)
def test_a_damaged_entry_is_told_and_removed(cache, harm):
    store(cache, KEYS[0], features(), "float32")
    path = cache.folder / f"{KEYS[0]}.float32"
    path.write_bytes(harm(path.read_bytes()))
    found = find(cache, KEYS[0])
    assert found.features is None
    assert found.notes == ("a kept embedding was damaged; it is made anew",)
    assert not path.exists()
    assert find(cache, KEYS[0]).notes == ()
    store(cache, KEYS[0], features(), "float32")
    assert_same(find(cache, KEYS[0]).features, features())


def test_an_entry_under_another_name_is_damaged(cache):
    """Copied or renamed by hand, it would be another picture's."""
    store(cache, KEYS[0], features(), "float32")
    (cache.folder / f"{KEYS[0]}.float32").rename(cache.folder / f"{KEYS[1]}.float32")
    found = find(cache, KEYS[1])
    assert (found.features, len(found.notes)) == (None, 1)


def test_a_damaged_float32_falls_back_on_half(cache):
    store(cache, KEYS[0], features(), "float16")
    (cache.folder / f"{KEYS[0]}.float32").write_bytes(b"damaged")
    found = find(cache, KEYS[0])
    assert (found.form, len(found.notes)) == ("float16", 1)


def test_a_cache_that_is_only_readable_serves(cache, monkeypatch):
    store(cache, KEYS[0], features(), "float32")

    def refuse(*_args, **_more):
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("os.utime", refuse)
    assert_same(find(cache, KEYS[0]).features, features())
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match=r"the folder is read-only; free some space, or name ano"):
        store(cache, KEYS[1], features(1), "float32")
    with pytest.raises(OutputError) as error:
        check_writable(cache)
    assert str(error.value) == (
        f"{cache.folder}: the folder is read-only; name another folder in ANYMASK_CACHE."
    )
    monkeypatch.undo()
    check_writable(cache)
    assert names_in(cache.folder) == [f"{KEYS[0]}.float32"]


def test_an_entry_that_may_not_be_read_is_told_and_stays(cache, monkeypatch):
    store(cache, KEYS[0], features(), "float32")

    def refuse(*_args, **_more):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("safetensors.safe_open", refuse)
    found = find(cache, KEYS[0])
    assert found.notes == ("a kept embedding may not be read; it is made anew",)
    monkeypatch.undo()
    assert_same(find(cache, KEYS[0]).features, features())


def test_a_full_disk_leaves_nothing_half(cache, monkeypatch):
    store(cache, KEYS[0], features(), "float32")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"the disk is full; free some space, or name another f"):
        store(cache, KEYS[1], features(1), "float32")
    monkeypatch.undo()
    assert names_in(cache.folder) == [f"{KEYS[0]}.float32"]
    store(cache, KEYS[1], features(1), "float32")
    assert_same(find(cache, KEYS[1]).features, features(1))


def test_a_file_in_the_folders_place_is_told(cache):
    cache.folder.parent.mkdir(parents=True)
    cache.folder.write_text("a file")
    assert is_in_use(cache) is False
    assert find(cache, KEYS[0]).features is None
    with pytest.raises(OutputError, match=r"a file stands where a folder should be; name another"):
        check_writable(cache)
    assert cache.folder.read_text() == "a file"


# --- settings ---


def test_the_environment_names_folder_and_limit(tmp_path):
    cache = open_cache({"ANYMASK_CACHE": str(tmp_path), "ANYMASK_EMBEDDINGS_GB": " 0.5 "})
    assert cache == EmbeddingCache(folder=tmp_path / "embeddings", most_bytes=500_000_000)
    usual = open_cache({"XDG_CACHE_HOME": str(tmp_path)})
    assert usual == EmbeddingCache(folder=tmp_path / "anymask" / "embeddings", most_bytes=10**10)
    assert open_cache({"ANYMASK_EMBEDDINGS_GB": "0"}).most_bytes == 0
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("written", ["ten", "-1", "nan", "inf", "1,5", "10GB"])
def test_a_limit_that_is_no_number_is_refused(written):
    with pytest.raises(ConfigError, match=r"^ANYMASK_EMBEDDINGS_GB is '.*', which is no number"):
        open_cache({"ANYMASK_EMBEDDINGS_GB": written})


def test_sizes_are_told_for_people():
    assert [in_bytes(number) for number in (0, 2_359_848, 999_000_000, 10**10)] == [
        "0.0 MB",
        "2.4 MB",
        "999.0 MB",
        "10.0 GB",
    ]


def test_too_many_pictures_are_refused_before_they_are_encoded(cache):
    check_writable(cache)
    check_room(cache, 100, 10_000, 100)
    with pytest.raises(ConfigError) as error:
        check_room(cache, 2_000, 2_000_000, 2_000)
    assert str(error.value) == (
        "2,000 embeddings need 4.0 GB, the cache holds 1.0 MB; "
        "set ANYMASK_EMBEDDINGS_GB=4, add --half, or name fewer photos."
    )


def test_a_disk_with_too_little_left_is_told(cache, monkeypatch):
    class Usage:
        free = 12_000_000

    check_writable(cache)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    large = EmbeddingCache(folder=cache.folder, most_bytes=10**10)
    check_room(large, 100, 2_000_000, 6)
    with pytest.raises(OutputError) as error:
        check_room(large, 100, 2_000_000, 99)
    assert str(error.value) == (
        f"needs 198.0 MB, 12.0 MB free in {cache.folder}; set ANYMASK_CACHE."
    )
    check_room(EmbeddingCache(folder=cache.folder, most_bytes=12_000_000), 6, 2_000_000, 99)


# --- several processes ---

WRITER = """
import sys
from pathlib import Path
from anymask.predict.embedding_cache import EmbeddingCache, find, store
from tests.unit.predict.test_embedding_cache import KEYS, assert_same, features

cache = EmbeddingCache(folder=Path(sys.argv[1]), most_bytes=int(sys.argv[2]))
print("ready", flush=True)
sys.stdin.read()
for _ in range(3):
    for number in range(20):
        found = find(cache, KEYS[number])
        assert found.notes == (), found.notes
        if found.features is None:
            store(cache, KEYS[number], features(number), "float32")
        else:
            assert_same(found.features, features(number))
print("done", flush=True)
"""


def started(words, folder) -> Any:
    """A program with all its streams at hand."""
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_two_processes_write_at_once(cache, entry_bytes, repository):
    limit = 7 * entry_bytes
    words = [sys.executable, "-c", WRITER, str(cache.folder), str(limit)]
    with ExitStack() as stack:
        programs = [stack.enter_context(started(words, repository)) for _ in range(2)]
        # Both wait until both are ready.
        ready = [program.stdout.readline() for program in programs]
        for program in programs:
            program.stdin.close()
            program.stdin = None
        ended = [program.communicate(timeout=120) for program in programs]
    assert ready == ["ready\n"] * 2, ended
    assert ended == [("done\n", "")] * 2
    number, num_bytes = contents(cache)
    assert 0 < num_bytes <= limit
    assert number == len(names_in(cache.folder))  # nothing unfinished is left
    for kept in kept_numbers(cache):
        assert_same(find(cache, KEYS[kept]).features, features(kept))


def test_two_processes_may_probe_the_folder_at_once(tmp_path, monkeypatch):
    def write_and_lose(path, _data):
        path.parent.mkdir(parents=True)

    monkeypatch.setattr("anymask.predict.embedding_room.write_bytes", write_and_lose)
    cache = EmbeddingCache(folder=tmp_path / "e", most_bytes=1)
    check_writable(cache)
    assert list(cache.folder.iterdir()) == []


def test_a_limit_beyond_all_numbers_is_refused():
    with pytest.raises(ConfigError, match="'1e300', which is no number of gigabytes"):
        open_cache({"ANYMASK_EMBEDDINGS_GB": "1e300"})
