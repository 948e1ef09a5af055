"""Pairs of pictures and records in folders."""

import json

import numpy as np
import pytest
from PIL import Image

from anymask.data.readers.sa1b_folder import read_sa1b_folder
from anymask.data.sample_record import AnnotatedFile


def samples_of(path, **options):
    """Read a path; its samples are of any type, so that their fields can be asked for."""
    return read_sa1b_folder(path, **options)


def record(counts=(4, 2, 6), size=(3, 4)):
    mask = {"size": list(size), "counts": list(counts)}
    image = {"image_id": 1, "width": 4, "height": 3}
    return {"image": image, "annotations": [{"id": 17, "segmentation": mask}]}


def put(folder, name, content):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content).encode()
    file.write_bytes(content)
    return file


def test_pairs_of_every_suffix_and_folder_are_read(tmp_path):
    for name in ("sa_1.jpg", "b/sa_1.PNG", "b/c/x y.webp"):
        picture = put(tmp_path, name, b"")
        put(tmp_path, str(picture.with_suffix(".json").relative_to(tmp_path)), record())
    put(tmp_path, "notes.txt", b"")
    put(tmp_path, "._sa_1.jpg", b"")
    found = list(samples_of(tmp_path))
    assert [sample.name for sample in found] == ["sa_1", "b/sa_1", "b/c/x%20y"]
    assert [sample.source for sample in found] == [
        tmp_path / "sa_1.jpg",
        tmp_path / "b/sa_1.PNG",
        tmp_path / "b/c/x y.webp",
    ]
    assert {sample.set_name for sample in found} == {tmp_path.name}
    assert {sample.size_hw for sample in found} == {(3, 4)}
    np.testing.assert_array_equal(found[0].runs[0], [4, 2, 6])


@pytest.mark.parametrize(
    ("files", "codes"),
    [
        ({"a.jpg": b""}, ["no-annotation"]),
        ({"a.json": record()}, ["no-picture"]),
        ({"a.jpg": b"", "a.png": b"", "a.json": record()}, ["ambiguous-pair"]),
        ({"a.jpg": b"", "a.json": b'{"image": {},\n "ann'}, ["bad-json"]),
        ({"a.jpg": b"", "a.json": b"\xff\xfe\x00"}, ["bad-json"]),
        ({"a.jpg": b"", "a.json": b"[" * 100_000}, ["bad-json"]),
        ({"a.jpg": b"", "a.json": {"image": {}}}, ["bad-record"]),
        ({"a.jpg": b"", "a.json": b"[]"}, ["bad-record"]),
    ],
)
def test_a_bad_pair_is_named_and_the_others_go_on(tmp_path, files, codes):
    for name, content in {**files, "z.jpg": b"", "z.json": record()}.items():
        put(tmp_path, name, content)
    *bad, good = samples_of(tmp_path)
    assert [sample.code for sample in bad] == codes
    assert bad[0].input.startswith(str(tmp_path / "a."))
    assert isinstance(good, AnnotatedFile)
    assert (good.name, len(good.runs)) == ("z", 1)


def test_where_a_record_breaks_off_is_named(tmp_path):
    put(tmp_path, "a.jpg", b"")
    put(tmp_path, "a.json", b'{"image": {},\n "ann')
    (bad,) = samples_of(tmp_path)
    assert bad.message.startswith("is not whole JSON (line 2 column 2: Unterminated string")


def test_a_bad_mask_is_named_by_its_id_and_the_others_go_on(tmp_path):
    put(tmp_path, "a.jpg", b"")
    both = record(size=(4, 3))
    both["annotations"] += [*record()["annotations"], "text"]
    file = put(tmp_path, "a.json", both)
    swapped, odd, good = samples_of(tmp_path)
    assert (swapped.code, swapped.input) == ("size-swapped", f"{file}: annotation 17")
    assert (odd.code, odd.input) == ("no-segmentation", f"{file}: annotation #2")
    assert len(good.runs) == 1


def test_a_name_that_is_no_line_is_shown_escaped(tmp_path):
    put(tmp_path, "a\nb.jpg", b"")
    (bad,) = samples_of(tmp_path)
    assert bad.input == f"{tmp_path}/a\\nb.jpg"


def test_pictures_are_not_opened(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    put(tmp_path, "a.json", record())
    assert next(samples_of(tmp_path)).size_hw == (3, 4)
