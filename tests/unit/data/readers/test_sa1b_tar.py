"""Tar shards are read a pair at a time, and as far as they are whole."""

import io
import json
import tarfile
import tracemalloc

import numpy as np
import pytest

from anymask.data.readers.sa1b_tar import read_sa1b_tar
from anymask.data.sample_record import AnnotatedFile
from anymask.errors import DataError
from tests.scenes import scene, write_shard

RECORD = json.dumps(
    {
        "image": {"height": 3, "width": 4},
        "annotations": [{"id": 1, "segmentation": {"size": [3, 4], "counts": [4, 2, 6]}}],
    }
).encode()


def samples_of(path, **options):
    """Read a path; its samples are of any type, so that their fields can be asked for."""
    return read_sa1b_tar(path, **options)


def pack(path, *members):
    with tarfile.open(path, "w") as shard:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    return path


def test_every_mask_comes_back_exactly(tmp_path):
    pictures = list(samples_of(write_shard(tmp_path / "discs.tar", 3)))
    assert [p.name for p in pictures] == ["discs_000", "discs_001", "discs_002"]
    assert {p.set_name for p in pictures} == {"discs"}
    assert pictures[0].shown == f"{tmp_path}/discs.tar: discs_000.jpg"
    for number, picture in enumerate(pictures):
        assert picture.source.startswith(b"\xff\xd8")
        for runs, mask in zip(picture.runs, scene(number)[1], strict=True):
            flat = np.repeat(np.arange(len(runs)) % 2, runs)
            np.testing.assert_array_equal(flat.reshape(mask.shape[::-1]).T, mask)


def test_members_may_lie_in_folders_in_any_order(tmp_path):
    path = pack(
        tmp_path / "x.tar",
        ("./b/1.json", RECORD),
        ("./a/1.PNG", b"A"),
        ("._a", b""),
        ("b/._1.jpg", b""),
        ("b/1.jpg", b"B"),
        ("a/1.json", RECORD),
        ("readme.txt", b"text"),
    )
    found = list(samples_of(path))
    assert [(sample.name, sample.source) for sample in found] == [("b/1", b"B"), ("a/1", b"A")]


@pytest.mark.parametrize(
    ("members", "codes"),
    [
        ([("a.jpg", b"")], ["no-annotation"]),
        ([("a.json", RECORD)], ["no-picture"]),
        ([("a.jpg", b""), ("a.png", b""), ("a.json", RECORD)], ["ambiguous-pair"]),
        ([("z.json", RECORD)], ["ambiguous-pair"]),
        ([("../a.jpg", b""), ("../a.json", RECORD)], ["path-leaves-folder"] * 2),
        ([("a.jpg", b""), ("a.json", b"{")], ["bad-json"]),
        ([("a.jpg", b""), ("a.json", b"{}")], ["bad-record"]),
    ],
)
def test_a_bad_pair_is_named_and_the_others_go_on(tmp_path, members, codes):
    path = pack(tmp_path / "x.tar", ("z.jpg", b"Z"), ("z.json", RECORD), *members)
    found = list(samples_of(path))
    bad = [sample for sample in found if not isinstance(sample, AnnotatedFile)]
    assert [sample.code for sample in bad] == codes
    assert all(sample.input.startswith(f"{path}: ") for sample in bad)
    assert found[0].name == "z"


def test_a_shard_cut_short_gives_what_is_there(tmp_path):
    whole = write_shard(tmp_path / "discs.tar", 3).read_bytes()
    with tarfile.open(tmp_path / "discs.tar") as shard:
        last = shard.getmembers()[-2]
    for end, num_good in (
        (last.offset_data + 100, 2),
        (last.offset + 100, 2),
        (last.offset_data, 2),
    ):
        (tmp_path / "cut.tar").write_bytes(whole[:end])
        *good, bad = samples_of(tmp_path / "cut.tar")
        assert [sample.name for sample in good] == ["discs_000", "discs_001"][:num_good]
        assert (bad.code, bad.message) == ("cut-shard", "ends in the middle of a member")


def test_a_damaged_header_is_no_silent_end(tmp_path):
    path = write_shard(tmp_path / "discs.tar", 3)
    with tarfile.open(path) as shard:
        offset = shard.getmembers()[2].offset
    damaged = bytearray(path.read_bytes())
    damaged[offset : offset + 512] = b"?" * 512
    path.write_bytes(damaged)
    good, bad = samples_of(path)
    assert (good.name, bad.code) == ("discs_000", "cut-shard")


@pytest.mark.parametrize("content", [b"", b"not a tar at all", b"\x1f\x8b" + b"x" * 2000])
def test_what_is_no_tar_is_refused(tmp_path, content):
    path = tmp_path / "broken.tar"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.tar: is not a readable tar shard"):
        list(samples_of(path))


def test_only_one_pair_is_in_memory(tmp_path):
    noise = np.random.default_rng(0).bytes(300_000)
    members = [(f"{n}.{s}", d) for n in range(40) for s, d in (("jpg", noise), ("json", RECORD))]
    # All pictures first is the hardest order.
    path = pack(tmp_path / "x.tar", *sorted(members, key=lambda member: member[0][-4:]))
    tracemalloc.start()
    assert sum(len(sample.source) for sample in samples_of(path)) == 40 * 300_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6


def test_members_are_forgotten(tmp_path):
    members = [(f"{n}.{suffix}", RECORD) for n in range(700) for suffix in ("jpg", "json")]
    path = pack(tmp_path / "x.tar", *members)
    # Once in a while the interpreter's own table of names grows, so the better of two counts.
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        assert sum(1 for _ in samples_of(path)) == 700
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert min(peaks) < 6e5
