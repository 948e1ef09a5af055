"""A receipt says how an output came to be, and reads back as it was written."""

import hashlib
import json
import os
import platform

import numpy as np
import pytest

from anymask.errors import ConfigError, InputError
from anymask.receipt import (
    ArrayStamp,
    FileStamp,
    PromptRecord,
    Receipt,
    place_of,
    placed,
    read_receipt,
    receipt_path,
    record_prompt,
    stamp_array,
    stamp_bytes,
    stamp_file,
    to_json,
    versions_here,
    write_receipt,
)
from anymask.vocabulary import Prompt

# The hash of "abc" as the standard that defines SHA-256 prints it (FIPS 180-2, appendix B.1).
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

RECEIPT = Receipt(
    input=FileStamp(name="Köln.jpg", sha256=ABC, folder="../photos"),
    command="segment",
    arguments=("@input", "--point=1.5,2", "-o", "@output"),
    outputs=(FileStamp(name="Köln.jpg.mask.png", sha256=ABC),),
    model=FileStamp(name="default.safetensors", sha256=ABC),
    device="cpu",
    versions={"anymask": "0.1.0", "python": "3.11.7"},
    settings={"multimask": True, "threshold": 0.0},
    prompts=(PromptRecord(points=((1.5, 2.0),), labels=(1,), box=(0.0, 0.0, 9.0, 9.0)),),
    notes=("turned upright",),
    seconds={"embed": 0.25},
)


def test_a_receipt_reads_back_as_it_was_written(tmp_path):
    path = write_receipt(tmp_path / "photo.jpg.mask.png", RECEIPT)
    assert path == tmp_path / "photo.jpg.mask.png.receipt.json"
    assert read_receipt(path) == RECEIPT
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_receipt_is_readable_json():
    entries = json.loads(to_json(RECEIPT))
    assert entries["format"] == "anymask-receipt/2"
    assert entries["input"] == {
        "name": "Köln.jpg",
        "sha256": ABC,
        "name_bytes": None,
        "folder": "../photos",
    }
    assert entries["prompts"] == [
        {"points": [[1.5, 2.0]], "labels": [1], "box": [0.0, 0.0, 9.0, 9.0], "mask": None}
    ]
    assert "Köln" in to_json(RECEIPT)


def test_the_receipt_lies_beside_the_output(tmp_path):
    assert receipt_path(tmp_path / "a.png") == tmp_path / "a.png.receipt.json"


def test_a_file_is_stamped_with_its_name_and_hash(tmp_path):
    path = tmp_path / "abc.bin"
    path.write_bytes(b"abc")
    assert stamp_file(path) == FileStamp(name="abc.bin", sha256=ABC)
    assert stamp_bytes("folder/abc.bin", b"abc") == FileStamp(name="abc.bin", sha256=ABC)


def test_a_folder_is_stamped_with_all_that_is_in_it(tmp_path):
    folder = tmp_path / "set"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_bytes(b"abc")
    before = stamp_file(folder)
    assert before.name == "set"
    expected = hashlib.sha256(b"deep/a.txt\0" + ABC.encode()).hexdigest()
    assert before.sha256 == expected
    (folder / "deep" / "a.txt").rename(folder / "deep" / "b.txt")
    assert stamp_file(folder).sha256 != before.sha256


def test_a_file_is_found_again_from_the_receipt(tmp_path):
    photo = tmp_path / "photos" / os.fsdecode(b"a\xff.png")
    photo.parent.mkdir()
    photo.write_bytes(b"abc")
    output = tmp_path / "out" / "a.mask.png"
    stamp = placed(stamp_file(photo), photo, output)
    assert stamp.folder == "../photos"
    found = place_of(stamp, receipt_path(output))
    assert found is not None
    assert os.path.normpath(found) == str(photo)
    assert place_of(stamp_bytes("stdin", b"abc"), receipt_path(output)) is None


def test_a_missing_receipt_is_told(tmp_path):
    with pytest.raises(InputError, match=r"^none\.json: cannot be read \(No such file"):
        read_receipt(tmp_path / "none.json")


def test_a_name_that_is_not_utf8_keeps_its_bytes(tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff.png")
    path.write_bytes(b"abc")
    stamp = stamp_file(path)
    assert stamp == FileStamp(name="a\\xff.png", sha256=ABC, name_bytes="61ff2e706e67")
    assert stamp_bytes(str(path), b"abc") == stamp
    assert json.loads(json.dumps(stamp.name)) == stamp.name


def test_an_array_is_stamped_by_its_values_whatever_their_layout():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    expected = hashlib.sha256(bytes([0, 1, 2, 3, 4, 5])).hexdigest()
    assert stamp_array(array) == ArrayStamp(shape=(2, 3), dtype="uint8", sha256=expected)
    assert stamp_array(np.asfortranarray(array)) == stamp_array(array)
    assert stamp_array(array.T).sha256 != expected


def test_a_prompt_is_recorded_in_plain_numbers():
    mask = np.array([[True, False]])
    prompt = Prompt(
        points=((np.float32(1.5), 2),),  # type: ignore[arg-type]
        labels=(np.int64(1),),  # type: ignore[arg-type]
        mask=mask,
    )
    record = record_prompt(prompt)
    assert record == PromptRecord(
        points=((1.5, 2.0),),
        labels=(1,),
        mask=ArrayStamp(shape=(1, 2), dtype="bool", sha256=hashlib.sha256(b"\x01\x00").hexdigest()),
    )
    assert [type(value) for value in (*record.points[0], *record.labels)] == [float, float, int]


def test_a_box_of_array_numbers_is_recorded_in_plain_numbers():
    box = tuple(np.array([1, 2, 3, 4], dtype=np.float32))
    record = record_prompt(Prompt(box=box))
    assert record.box == (1.0, 2.0, 3.0, 4.0)
    assert record.box is not None
    assert {type(value) for value in record.box} == {float}


def test_versions_are_those_installed():
    versions = versions_here()
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == np.__version__
    assert versions["torch"].startswith("2.")


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (b"{\n", InputError, r"^r\\n\.json: is not JSON at line 2; make the output anew\.$"),
        (b"\xff\xfe\x00", InputError, r"is not JSON; make the output anew"),
        (b"[]", InputError, r"must be a receipt of the form 'anymask-receipt/2', got None; pass"),
        (b'{"format": "x/2"}', InputError, r"'anymask-receipt/2', got 'x/2'; pass the file whose"),
        (
            json.dumps({**json.loads(to_json(RECEIPT)), "devise": 1}).encode(),
            ConfigError,
            r"unknown setting 'devise'; did you mean 'device'",
        ),
        (b'{"format": "anymask-receipt/2"}', ConfigError, r"^setting 'input' is missing"),
    ],
)
def test_what_is_not_a_receipt_is_refused(tmp_path, content, error, sentence):
    path = tmp_path / "r\n.json"
    path.write_bytes(content)
    with pytest.raises(error, match=sentence):
        read_receipt(path)
