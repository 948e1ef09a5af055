"""Training data is opened once, found again, and what is bad is listed before anything starts."""

import json
import os
import signal
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from anymask.data import cached_set, opening, prepare
from anymask.data.packing import PackSettings
from anymask.data.prepare import check_overlap, distinct_names, prepare_data, refuse_overlap
from anymask.data.sample_record import BadSample
from anymask.data.shards import read_shards
from anymask.errors import ConfigError, DataError, OutputError
from tests.scenes import scene, write_shard
from tests.unit.data.layouts_of_discs import (
    annotated,
    decoded,
    folder_layout,
    shard_layout,
    write_scenes,
)


@pytest.fixture
def run(tmp_path):
    """Prepare these sets in the cache of the test."""

    def call(*layouts, **options):
        table = {layout.path: layout for layout in layouts}
        return prepare_data(
            list(table),
            tmp_path / "cache",
            failures=tmp_path / "failures.jsonl",
            read=lambda path: (table[path],),
            **options,
        )

    return call


@pytest.fixture
def opened(monkeypatch):
    """The names of pictures that were opened."""
    names = []
    read = vars(opening)["read_picture"]

    def counted(source):
        names.append(getattr(source, "name", "bytes"))
        return read(source)

    monkeypatch.setattr(opening, "read_picture", counted)
    return names


def names_of(prepared):
    return [picture.name for packed in prepared.sets for picture in packed]


def rows_of(tmp_path):
    return [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]


def test_a_folder_becomes_a_shard_that_plain_tools_read(run, tmp_path):
    prepared = run(folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos")))
    (packed,) = prepared.sets
    counts = prepared.counts
    assert (counts.pictures, counts.masks, counts.bad, counts.checked) == (3, 9, 0, 3)
    with tarfile.open(packed.folder / "pictures.tar") as archive:
        assert archive.getnames()[:2] == ["scene_0.jpg", "scene_0.json"]
    plain = list(read_shards([packed.folder / "pictures.tar"]))
    for number, (picture, again) in enumerate(zip(packed, plain, strict=True)):
        assert (picture.name, picture.encoded) == (again.name, again.encoded)
        seen = decoded(picture.encoded)
        assert np.abs(seen.astype(int) - scene(number)[0]).mean() < 3
        for index, mask in enumerate(scene(number)[1]):
            np.testing.assert_array_equal(picture.mask(index), mask)
            np.testing.assert_array_equal(again.mask(index), mask)


def test_large_pictures_are_kept_small(run, tmp_path):
    layout = folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos", 1))
    picture = run(layout, longest_px=64).sets[0][0]
    assert picture.size_hw == (48, 64)
    assert decoded(picture.encoded).shape == (48, 64, 3)
    share = picture.mask(0).mean() / scene(0)[1][0].mean()
    assert share == pytest.approx(1, abs=0.05)


def test_a_shard_that_fits_is_not_copied(run, tmp_path):
    shard = write_shard(tmp_path / "discs.tar", 2)
    (packed,) = run(shard_layout(shard)).sets
    assert packed.facts["archive"] == str(shard)
    assert not (packed.folder / "pictures.tar").exists()


def test_a_shard_with_larger_pictures_is_copied(run, tmp_path):
    shard = write_shard(tmp_path / "discs.tar", 2)
    (packed,) = run(shard_layout(shard), longest_px=100).sets
    assert packed.facts["archive"] == "pictures.tar"
    assert [picture.size_hw for picture in packed] == [(75, 100)] * 2


def test_a_shard_whose_masks_the_reader_mends_is_copied(run, tmp_path):
    layout = shard_layout(write_shard(tmp_path / "discs.tar", 2))
    fewer = [type(f)(**{**fields(f), "runs": fields(f)["runs"][:2]}) for f in layout.read()]
    (packed,) = run(type(layout)(path=layout.path, give=lambda: iter(fewer))).sets
    assert packed.facts["archive"] == "pictures.tar"
    assert [len(picture.runs) for picture in packed] == [2, 2]


def fields(file):
    return {name: getattr(file, name) for name in file.__dataclass_fields__}


def test_the_second_time_no_picture_is_opened(run, tmp_path, opened):
    layouts = (
        folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos")),
        shard_layout(write_shard(tmp_path / "discs.tar", 2)),
    )
    first = run(*layouts)
    assert len(opened) == 5
    progress = []
    second = run(*layouts, on_progress=lambda done, total: progress.append((done, total)))
    assert len(opened) == 5
    assert second.fingerprint == first.fingerprint
    assert second.counts == first.counts
    assert progress[-1] == (5, None)
    assert names_of(second) == names_of(first)


def test_only_a_set_that_changed_is_done_again(run, tmp_path, opened):
    files = write_scenes(tmp_path / "photos")
    layouts = (
        folder_layout(tmp_path / "photos", files),
        shard_layout(write_shard(tmp_path / "discs.tar", 2)),
    )
    first = run(*layouts)
    opened.clear()
    Image.fromarray(scene(9)[0]).save(files[0].source)
    second = run(*layouts)
    assert opened == [file.source.name for file in files]
    assert second.fingerprint != first.fingerprint
    assert run(*layouts, longest_px=512).fingerprint != second.fingerprint


def test_pictures_outside_the_annotation_are_watched_too(run, tmp_path, opened):
    files = write_scenes(tmp_path / "photos")
    (tmp_path / "notes").mkdir()
    note = tmp_path / "notes" / "coco.json"
    note.write_text("{}")
    layout = type(folder_layout(note, files))(path=note, give=lambda: iter(files))
    assert run(layout).sets[0].name == "coco"
    run(layout)
    assert len(opened) == 3
    os.utime(files[1].source, (1, 1))
    run(layout)
    assert len(opened) == 6


def test_a_picture_that_was_missing_is_seen_when_it_comes(run, tmp_path, opened):
    files = write_scenes(tmp_path / "photos", 2)
    (tmp_path / "coco.json").write_text("{}")
    missing = bad_row("p9.png", "no-picture")
    given = [*files, missing]
    layout = type(folder_layout(tmp_path, []))(
        path=tmp_path / "coco.json", give=lambda: iter(given)
    )
    assert run(layout, skip_bad=True).counts.bad == 1
    given[-1] = annotated(files[0].source.with_name("p9.png"), None, files[0].runs)
    Image.fromarray(scene(2)[0]).save(tmp_path / "photos" / "p9.png")
    assert run(layout).counts.pictures == 3


def bad_row(name, code="size-differs"):
    return BadSample(set_name="s", input=name, code=code, message="is odd", hint="mend it")


def test_all_that_is_bad_is_listed_before_it_refuses(run, tmp_path):
    files = write_scenes(tmp_path / "photos")
    files[1] = annotated(files[1].source, (95, 128), files[1].runs)
    files[2].source.write_bytes(b"")
    layout = folder_layout(tmp_path / "photos", [bad_row("x.png"), *files])
    with pytest.raises(ConfigError, match=r"^3 of 4 samples are bad, namely: x\.png: is odd; sc"):
        run(layout)
    assert [(row["input"], row["code"]) for row in rows_of(tmp_path)] == [
        ("x.png", "size-differs"),
        ("scene_1.png", "size-differs"),
        ("scene_2.png", "unreadable-picture"),
    ]
    assert rows_of(tmp_path)[1]["message"] == "mask 128x95 for picture 128x96: off by one"
    with pytest.raises(ConfigError, match=r"3 of 4 samples are bad, more than 1 %"):
        run(layout, skip_bad=True)


def test_skip_bad_goes_on_with_the_rest_and_keeps_the_list(run, tmp_path):
    files = write_scenes(tmp_path / "photos")
    files[2].source.write_bytes(b"")
    layout = folder_layout(tmp_path / "photos", files)
    for _ in range(2):
        prepared = run(layout, skip_bad=True)
        assert (prepared.counts.pictures, prepared.counts.bad) == (2, 1)
        assert [row["input"] for row in rows_of(tmp_path)] == ["scene_2.png"]


def test_vanished_masks_are_listed_and_stop_nothing(run, tmp_path):
    (file,) = write_scenes(tmp_path / "photos", 1)
    dot = np.array([5000, 1, 96 * 128 - 5001])
    layout = folder_layout(tmp_path / "photos", [annotated(file.source, None, [*file.runs, dot])])
    prepared = run(layout, longest_px=32)
    assert prepared.counts.masks == 3
    assert [row["code"] for row in rows_of(tmp_path)] == ["mask-vanishes"]


@pytest.mark.parametrize(("num_runs", "message"), [(0, "holds no mask"), (None, "holds no annot")])
def test_nothing_to_learn_from_is_refused(run, tmp_path, num_runs, message):
    files = write_scenes(tmp_path / "photos", 1)
    given = [] if num_runs is None else [annotated(files[0].source, None, [])]
    with pytest.raises(ConfigError, match=f"photos: {message}"):
        run(folder_layout(tmp_path / "photos", given))


def test_a_cache_inside_the_data_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"the cache .*cache lies inside the data"):
        prepare_data([tmp_path], tmp_path / "cache", failures=tmp_path / "f", read=lambda _: ())


def test_too_small_a_side_is_refused(run):
    with pytest.raises(ConfigError, match="longest_px must be 32 or more, got 31"):
        run(longest_px=31)


def test_a_cache_that_cannot_be_written_is_told(run, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cache: cannot be written"):
        run(folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos", 1)))


def test_a_full_disk_is_told(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cached_set, "pack_set", full)
    with pytest.raises(OutputError, match=r"cache: the disk is full; free some space"):
        run(folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos", 1)))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_source_that_cannot_be_read_is_not_blamed_on_the_cache(run, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path / "photos" / "a.tar"))

    monkeypatch.setattr(cached_set, "pack_set", refuse)
    with pytest.raises(DataError, match=r"a\.tar: cannot be read \(Permission denied\); check the"):
        run(folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos", 1)))


def test_two_sets_of_one_name_are_told_apart(run, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_shard(tmp_path / name / "discs.tar", 1)
    layouts = [shard_layout(tmp_path / name / "discs.tar") for name in "ab"]
    sets = run(*layouts).sets
    assert [packed.name for packed in sets] == ["discs", "discs-2"]
    assert sets[1][0].set_name == "discs-2"
    assert distinct_names(["a", "a", "a-2", "a"]) == ["a", "a-3", "a-2", "a-4"]


def test_data_named_twice_counts_once(tmp_path):
    shard = write_shard(tmp_path / "discs.tar", 1)
    prepared = prepare_data(
        [shard, shard],
        tmp_path / "cache",
        failures=tmp_path / "f",
        read=lambda path: (shard_layout(path),),
    )
    assert prepared.counts.pictures == 1


@pytest.mark.parametrize("damage", ["index.npy", "facts.json", "pictures.tar", "names.bin"])
def test_a_damaged_cache_is_made_anew(run, tmp_path, damage):
    layout = folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos"))
    folder = run(layout).sets[0].folder
    data = bytearray((folder / damage).read_bytes())
    (folder / damage).write_bytes(data[: len(data) // 2])
    names = [picture.name for picture in run(layout).sets[0]]
    assert names == ["scene_0", "scene_1", "scene_2"]


KILLED = """
import os, signal, sys
from pathlib import Path
from anymask.data import packing
from anymask.data.prepare import prepare_data
from tests.unit.data.layouts_of_discs import folder_layout, write_scenes

root = Path(sys.argv[1])
layout = folder_layout(root / "photos", write_scenes(root / "photos"))
done = []
def die(*_):
    done.append(1)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
prepare_data([layout.path], root / "cache", failures=root / "f", on_progress=die,
             read=lambda _: (layout,))
"""


def test_after_a_kill_the_set_is_made_anew_and_nothing_is_left_over(run, tmp_path, repository):
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=repository, check=False
    )
    assert died.returncode == -signal.SIGKILL
    (part,) = (tmp_path / "cache").iterdir()
    assert part.name.startswith(".part.")
    files = [annotated(f.source, None, f.runs) for f in write_scenes(tmp_path / "photos")]
    prepared = run(folder_layout(tmp_path / "photos", files))
    assert prepared.counts.pictures == 3
    assert list((tmp_path / "cache").iterdir()) == [prepared.sets[0].folder]


def test_ctrl_c_leaves_nothing_half_done(run, tmp_path):
    def stop(_done, _total):
        raise KeyboardInterrupt

    layout = folder_layout(tmp_path / "photos", write_scenes(tmp_path / "photos"))
    with pytest.raises(KeyboardInterrupt):
        run(layout, on_progress=stop)
    assert list((tmp_path / "cache").iterdir()) == []


def test_of_a_very_large_shard_an_even_sample_is_opened(run, tmp_path, opened, monkeypatch):
    monkeypatch.setattr(
        prepare,
        "PackSettings",
        lambda longest_px: PackSettings(longest_px=longest_px, all_checked_up_to=5, sample=3),
    )
    layout = shard_layout(write_shard(tmp_path / "discs.tar", 9))
    sized = [type(f)(**{**fields(f), "size_hw": (96, 128)}) for f in layout.read()]
    prepared = run(type(layout)(path=layout.path, give=lambda: iter(sized)))
    assert len(opened) == 3
    assert (prepared.counts.pictures, prepared.counts.checked) == (9, 3)
    assert prepared.notes == ("discs: 3 of 9 pictures were opened, an even sample",)
    assert prepared.sets[0].fingerprints[:, 0].astype(bool).nonzero()[0].tolist() == [0, 3, 6]


def test_pictures_on_both_sides_are_found_and_refused(run, tmp_path):
    train = run(shard_layout(write_shard(tmp_path / "train.tar", 4))).sets
    files = write_scenes(tmp_path / "eval", 6)
    mirrored = Image.fromarray(scene(2)[0][:, ::-1])
    mirrored.resize((256, 192)).save(files[5].source)
    files[5] = annotated(files[5].source, None, [[0, 192 * 256]])
    shared = check_overlap(train, run(folder_layout(tmp_path / "eval", files[3:])).sets)
    found = {(pair.train, pair.other, pair.is_mirrored) for pair in shared}
    assert found == {
        ("train/train_003", "eval/scene_3", False),
        ("train/train_002", "eval/scene_5", True),
    }
    refuse_overlap(shared, is_allowed=True)
    refuse_overlap((), is_allowed=False)
    with pytest.raises(ConfigError) as caught:
        refuse_overlap(shared, is_allowed=False)
    assert caught.value.message.startswith(
        "2 pairs of training and evaluation pictures are the same"
    )
    assert "train/train_002 = eval/scene_5 mirrored" in caught.value.message
    five = r"^10 pairs.*the first five: (\S+ = \S+( mirrored)?(, )?){5};"
    with pytest.raises(ConfigError, match=five):
        refuse_overlap(shared * 5, is_allowed=False)
