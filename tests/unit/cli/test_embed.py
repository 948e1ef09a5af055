"""`anymask embed`: photos are encoded once, and clicks find what was kept."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from anymask.masks.atomic import write_bytes
from tests.unit.cli.folders import names_in


@pytest.fixture
def kept(folder, monkeypatch):
    """The folder of kept embeddings, not there yet."""
    monkeypatch.setenv("ANYMASK_CACHE", str(folder / "cache"))
    return folder / "cache" / "embeddings"


@pytest.fixture
def embed(anymask, kept, model_file, loaded_once, monkeypatch):
    """Run `anymask embed WORDS...` with the seeded model."""
    monkeypatch.setattr("anymask.api.load", loaded_once)

    def run(*words: object, stdin: bytes | None = None):
        return anymask("embed", *words, "--model", model_file, stdin=stdin)

    return run


@pytest.fixture
def photos(folder):
    """A folder of three photos, one of them inside another folder, and other files."""
    place = folder / "photos"
    (place / "deeper").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("b.png", "a.jpg", "deeper/c.png"):
        pixels = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / name)
    (place / "notes.txt").write_text("no picture")
    (place / ".hidden.png").write_bytes(b"hidden")
    return place


def first_line(ran) -> str:
    """The closing line, without colours."""
    return next(line for line in ran.err.splitlines() if " kept" in line and " of " in line)


# --- what it does ---


def test_a_photo_is_kept_once_and_segment_finds_it(embed, segment, kept, monkeypatch):
    ran = embed("cat.png")
    assert (ran.code, ran.out) == (0, "")
    assert first_line(ran) == "1 of 1 photo is kept"
    assert re.search(rf"^1 embedding, 0\.\d MB of 10\.0 GB, in {kept}$", ran.err, re.MULTILINE)
    assert [name[64:] for name in names_in(kept)] == [".float32"]
    fresh_words = ("cat.png", "--point", "45,30", "--format", "png")
    monkeypatch.setenv("ANYMASK_CACHE", str(kept / "nowhere"))
    assert segment(*fresh_words, "-o", "fresh").code == 0
    monkeypatch.setenv("ANYMASK_CACHE", str(kept.parent))

    def forbidden(*_):
        pytest.fail("encoded again")

    monkeypatch.setattr("anymask.predict.kept_embeddings.encode_batch", forbidden)
    monkeypatch.setattr("anymask.predict.kept_embeddings.embed_batch", forbidden)
    assert segment(*fresh_words, "-o", "warm").code == 0
    masks = [(kept.parent.parent / name / "cat.png.mask.png") for name in ("fresh", "warm")]
    assert masks[0].read_bytes() == masks[1].read_bytes()


def test_the_second_time_nothing_is_encoded(embed, photos, monkeypatch):
    assert first_line(embed(photos)) == "2 of 2 photos are kept"

    def forbidden(*_):
        pytest.fail("encoded again")

    monkeypatch.setattr("anymask.predict.kept_embeddings.encode_batch", forbidden)
    ran = embed(photos)
    assert (ran.code, first_line(ran)) == (0, "2 of 2 photos are kept, 2 of them from before")


def test_folders_inside_are_entered_on_request(embed, photos, kept):
    assert first_line(embed(photos, "--recursive")) == "3 of 3 photos are kept"
    assert len(names_in(kept)) == 3


def test_records_tell_what_was_done(embed, photos, kept):
    ran = embed(photos, "cat.png", "--half", "--json")
    assert [record["picture"] for record in ran.records] == [
        str(photos / "a.jpg"),
        str(photos / "b.png"),
        "cat.png",
    ]
    assert [record["kept_as"] for record in ran.records] == ["float16"] * 3
    assert sorted(f"{record['key']}.float16" for record in ran.records) == names_in(kept)
    for record in ran.records:
        size = (kept / f"{record['key']}.float16").stat().st_size
        assert (record["ok"], record["was_there"], record["bytes"]) == (True, False, size)
        assert record["seconds"] > 0
    again = embed("cat.png", "--half", "--json")
    assert [record["was_there"] for record in again.records] == [True]


def test_half_is_made_whole_without_the_flag_and_not_the_other_way_round(embed, kept):
    embed("cat.png", "--half")
    half = next(kept.iterdir()).stat().st_size
    (record,) = embed("cat.png", "--json").records
    assert (record["kept_as"], record["was_there"]) == ("float32", False)
    assert record["bytes"] > 1.9 * half - 2000
    (record,) = embed("cat.png", "--json", "--half").records
    assert (record["kept_as"], record["was_there"]) == ("float32", True)
    assert len(names_in(kept)) == 1


def test_a_photo_named_twice_is_one_and_a_copy_costs_nothing(embed, folder, kept):
    shutil.copy("cat.png", "copy.png")
    ran = embed("cat.png", folder, "./cat.png", "--json")
    told = [(record["picture"], record["was_there"]) for record in ran.records]
    assert told == [("cat.png", False), (str(folder / "copy.png"), True)]
    assert len(names_in(kept)) == 1


def test_standard_input_is_a_photo(embed, folder):
    ran = embed("-", "--json", stdin=(folder / "cat.png").read_bytes())
    assert (ran.code, ran.records[0]["picture"]) == (0, "standard input")
    assert embed("cat.png", "--json").records[0]["was_there"] is True


def test_how_photos_are_read_is_part_of_what_they_are(embed):
    embed("cat.png")
    (record,) = embed("cat.png", "--bands", "3,2,1", "--json").records
    assert record["was_there"] is False


def test_another_frame_is_another_embedding(embed, kept):
    embed("cat.png")
    (record,) = embed("cat.png", "--input-size", "96", "--json").records
    assert (record["was_there"], len(names_in(kept))) == (False, 2)


# --- what fails ---


def test_bad_files_in_a_folder_are_told_and_the_others_are_kept(embed, photos, kept):
    (photos / "empty.png").write_bytes(b"")
    (photos / "page.jpg").write_bytes(b"<!DOCTYPE html><html>")
    (photos / "bad\nname.png").write_bytes(b"\x01\x02\x03\x04" * 40)
    ran = embed(photos, "--json")
    assert (ran.code, len(names_in(kept))) == (3, 2)
    assert first_line(ran) == "2 of 5 photos are kept; 3 failed"
    assert f"failed: {photos}/empty.png: is empty (0 bytes); download or copy it again" in ran.err
    assert f"failed: {photos}/bad\\nname.png: " in ran.err
    failed = [record for record in ran.records if not record["ok"]]
    assert [record["error"]["code"] for record in failed] == [
        "UnknownFormat",
        "ImageError",
        "UnknownFormat",
    ]
    for name in ("empty.png", "page.jpg", "bad\nname.png"):
        (photos / name).unlink()
    assert embed(photos).code == 0


def test_links_that_lead_nowhere_each_fail_once_and_loops_end(embed, photos, kept):
    (photos / "gone.png").symlink_to(photos / "missing.png")
    (photos / "self.png").symlink_to(photos / "self.png")
    (photos / "same.png").symlink_to(photos / "b.png")
    (photos / "deeper" / "up").symlink_to(photos)
    (photos / "deeper" / "down").symlink_to(photos / "deeper")
    ran = embed(photos, "--recursive")
    assert ran.code == 3
    assert first_line(ran) == "4 of 6 photos are kept, 1 of them from before; 2 failed"
    assert ran.err.count("self.png: is a link that leads back to itself; remove the link") == 1
    assert ran.err.count("gone.png: is a link to a missing file; restore the file") == 1
    assert len(names_in(kept)) == 3


def test_a_pipe_in_a_folder_does_not_block(embed, photos):
    os.mkfifo(photos / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(photos)
        listening.bind("socket.png")
        ran = embed(photos)
    assert (ran.code, first_line(ran)) == (3, "2 of 4 photos are kept; 2 failed")
    assert "pipe.png: is not a regular file" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["empty"], 2, "error: empty: holds no picture\nhint: add --recursive, or name its photos"),
        (["empty", "--recursive"], 2, "error: empty: holds no picture\nhint: name another folder"),
        (["cat.png", "pipe"], 2, "error: pipe: is not a regular file\nhint: save the picture"),
        (["none.png"], 3, "note: random.safetensors: unknown origin\nfailed: none.png: no such"),
        ([], 2, "error: missing argument"),
        (["cat.png", "--input-size", "100"], 2, "error: "),
        (["cat.png", "--engine", "opnvino"], 2, "error: engine 'opnvino' is unknown\nhint: did"),
        (["cat.png", "--bands", "1,2"], 2, "error: --bands 1,2: must be three whole numbers from"),
    ],
)
def test_wrong_use_is_told_before_anything_is_done(embed, folder, kept, words, code, sentence):
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    ran = embed(*words)
    assert (ran.code, ran.err.startswith(sentence)) == (code, True), ran.err
    assert not kept.exists() or names_in(kept) == []
    assert embed("cat.png").code == 0


def test_a_folder_that_cannot_be_listed_is_told(embed, photos, monkeypatch):
    def refuse(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("anymask.data.readers.listing.os.scandir", refuse)
    ran = embed(photos)
    assert ran.code == 2
    assert ran.err.startswith(f"error: {photos}: cannot be listed (Permission denied)\nhint: check")
    monkeypatch.undo()


# --- the cache ---


def test_a_damaged_entry_is_made_anew_with_a_note(embed, kept):
    embed("cat.png")
    (path,) = kept.iterdir()
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    ran = embed("cat.png")
    assert ran.code == 0
    assert "note: cat.png: a kept embedding was damaged; it is made anew" in ran.err
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_told_before_the_model_is_loaded(
    anymask, folder, monkeypatch
):
    (folder / "file").write_text("here")
    monkeypatch.setenv("ANYMASK_CACHE", str(folder / "file"))
    ran = anymask("embed", "cat.png", "--model", "none.pth")
    assert ran.code == 1
    assert ran.err == (
        f"error: {folder / 'file' / 'embeddings'}: a file stands where a folder should be\n"
        "hint: name another folder in ANYMASK_CACHE\n"
    )


def test_a_disk_that_fills_up_stops_the_run_and_what_was_kept_is_whole(
    embed, photos, kept, monkeypatch
):
    written = []

    def fill(path, data):
        written.append(path)
        if len(written) == 2:
            monkeypatch.setattr("os.fsync", full)
        write_bytes(path, data)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("anymask.predict.embedding_cache.write_bytes", fill)
        ran = embed(photos, "--recursive")
    monkeypatch.setattr("os.fsync", os.fdatasync)
    assert ran.code == 1
    assert first_line(ran) == "1 of 3 photos are kept; the same command goes on from here"
    assert re.search(r"error: .*: the disk is full\nhint: free some space, or name an", ran.err)
    assert len(names_in(kept)) == 1
    assert first_line(embed(photos, "--recursive")) == (
        "3 of 3 photos are kept, 1 of them from before"
    )


def test_more_photos_than_the_cache_holds_are_refused_after_the_first(
    embed, photos, kept, monkeypatch
):
    embed("cat.png")
    size = next(kept.iterdir()).stat().st_size
    monkeypatch.setenv("ANYMASK_EMBEDDINGS_GB", str(2.5 * size / 1e9))
    ran = embed(photos, "--recursive")
    assert ran.code == 2
    assert re.search(r"error: 3 embeddings need 0\.\d MB, the cache holds 0\.\d MB\n", ran.err)
    assert "hint: set ANYMASK_EMBEDDINGS_GB=0.1, add --half, or name fewer photos" in ran.err
    ran = embed(photos)
    assert first_line(ran) == (
        "2 of 2 photos are kept, 1 of them from before; 1 older embedding made room"
    )
    monkeypatch.setenv("ANYMASK_EMBEDDINGS_GB", "much")
    ran = embed(photos)
    assert ran.err.startswith("error: ANYMASK_EMBEDDINGS_GB is 'much', which is no number of gig")
    assert ran.code == 2


# --- stopped ---

SLOW = """
import sys, time
from anymask.predict import kept_embeddings
encode = kept_embeddings.encode_batch
def slowly(*given):
    time.sleep(0.5)
    return encode(*given)
kept_embeddings.encode_batch = slowly
from anymask.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_goes_on_where_it_was(embed, folder, kept, model_file, number, code):
    place = folder / "many"
    place.mkdir()
    for seed in range(12):
        pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{seed:02}.png")
    words = [sys.executable, "-c", SLOW, "embed", str(place), "--model", str(model_file)]
    deadline = time.monotonic() + 60
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as program:
        while len(list(kept.glob("*.float32"))) < 2 and program.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        program.send_signal(number)
        _, err = program.communicate(timeout=60)
    assert program.returncode == code, err
    num_kept = len(names_in(kept))
    assert 2 <= num_kept < 12
    assert all(name.endswith(".float32") for name in names_in(kept))
    assert f"{num_kept} of 12 photos are kept; the same command goes on from here" in err
    ran = embed(place)
    assert first_line(ran) == f"12 of 12 photos are kept, {num_kept} of them from before"
    assert len(names_in(kept)) == 12
