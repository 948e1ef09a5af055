"""How much memory a run may take."""

import pytest

from anymask.errors import ConfigError, OutputError
from anymask.everything import spool
from anymask.everything.memory import (
    USUAL_SPOOL_BYTES,
    bytes_of,
    peak_bytes,
    resident_bytes,
    spool_room,
)
from anymask.everything.spool import Spool
from tests.unit.predict import networks

MODEL = networks.loaded(networks.small_vit())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1GB", 10**9), ("1 gb", 10**9), ("1.5GB", 1_500_000_000), ("800MB", 800_000_000),
        ("512MiB", 512 << 20), ("2GiB", 2 << 30), ("4096", 4096), (4096, 4096), (None, None),
        (" 3MB ", 3_000_000),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, number):
    assert bytes_of(text) == number


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e9", "1TB of it", "0", 0, -5, True, "1,5GB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ConfigError, match=r'max_memory is .*; use bytes, or text like "800MB"'):
        bytes_of(text)


def test_without_a_limit_there_is_the_usual_room():
    assert spool_room(MODEL, (100, 100), None) == USUAL_SPOOL_BYTES


def test_a_limit_leaves_what_is_over_to_the_masks():
    here = resident_bytes()
    tight, wide = (spool_room(MODEL, (100, 100), here + mb * 10**6) for mb in (200, 400))
    assert 0 < tight < wide <= 200 * 10**6


def test_a_limit_below_what_is_needed_says_how_much_is():
    with pytest.raises(ConfigError, match="max_memory is 5 MB, this picture and model need"):
        spool_room(MODEL, (100, 100), 5 * 10**6)


def test_the_peak_is_never_below_what_is_taken_now():
    assert peak_bytes() >= resident_bytes() > 10**7


def test_a_spool_gives_back_what_it_was_given_wherever_it_lies():
    for room in (1, 1000):
        held = Spool(room)
        for text in (b"one", b"", b"three" * 50):
            held.append(text)
        assert [held[index] for index in (2, 0, 1)] == [b"three" * 50, b"one", b""]
        assert len(held) == 3


def test_a_full_disk_is_told(monkeypatch):
    class Full:
        def __init__(self, **_):
            self.closed = False

        def seek(self, _):
            return 0

        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            self.closed = True

    monkeypatch.setattr(spool, "SpooledTemporaryFile", Full)
    with pytest.raises(OutputError, match=r"do not fit .*No space left.*TMPDIR"):
        Spool(1).append(b"a mask")
