import json
import os

import pytest

from anymask.cli.failures import add_failure
from anymask.cli.photos import list_photos
from anymask.errors import ImageError, OutputError


def test_a_line_holds_time_input_code_and_sentence(folder):
    (photo,) = list_photos([os.fsdecode(b"a\xff.png")])
    error = ImageError("is bad", hint="mend it")
    path = add_failure(folder / "out", photo, error, "is bad", "mend it")
    record = json.loads(path.read_text())
    assert record.pop("time")[-6:] == "+00:00"
    assert record == {
        "input": r"a\xff.png",
        "input_bytes": b"a\xff.png".hex(),
        "code": "ImageError",
        "message": "is bad",
        "hint": "mend it",
    }


def test_a_plain_name_needs_no_bytes(folder):
    (photo,) = list_photos(["a.png"])
    path = add_failure(folder, photo, ImageError("x"), "x", None)
    assert json.loads(path.read_text())["input_bytes"] is None


def test_a_list_that_cannot_be_written_is_told(folder):
    (photo,) = list_photos(["a.png"])
    with pytest.raises(OutputError, match=r"cat.png/failures.jsonl: cannot be written \("):
        add_failure(folder / "cat.png", photo, ImageError("x"), "x", None)
