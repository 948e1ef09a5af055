"""JSON means one thing or nothing."""

import json

import pytest
from pydantic import ValidationError

from anymask.serve.answers import Refusal
from anymask.serve.bodies import RunLengths, Step, read_json


def test_plain_json_is_read():
    assert read_json('{"a": [1, 2.5, null, true, "é"]}'.encode()) == {
        "a": [1, 2.5, None, True, "é"]
    }


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"a": [1,', "the JSON breaks off or is wrong at letter 9"),
        (b"", "the JSON breaks off or is wrong at letter 0"),
        (b'{"a": NaN}', "the JSON holds NaN, which is no number"),
        (b"[Infinity]", "the JSON holds Infinity, which is no number"),
        (b"[" * 100_000, "the JSON nests too deep"),
        (b'{"a":' * 100_000, "the JSON nests too deep"),
        (b'{"a": 1, "b": 2, "a": 3}', "the JSON has 'a' twice"),
        (b'{"a": "\xff"}', "the JSON is not UTF-8"),
        (
            json.dumps({str(number): 1 for number in range(200_000)}).encode(),
            "the JSON has an object with 200,000 names",
        ),
        (b"[" + b"9" * 5000 + b"]", "the JSON holds a number that is too long"),
    ],
    ids=[
        "cut",
        "empty",
        "NaN",
        "Infinity",
        "lists",
        "objects",
        "twice",
        "bytes",
        "names",
        "digits",
    ],
)
def test_json_that_is_broken_or_ambiguous_is_refused(body, sentence):
    with pytest.raises(Refusal) as refused:
        read_json(body)
    assert (refused.value.status, refused.value.code) == (400, "wrong_request")
    assert refused.value.message == sentence
    assert refused.value.hint == "send one JSON object as in /openapi.json"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"points": [[1]]}, ("points", 0)),
        ({"points": [[1, 2, 3]]}, ("points", 0)),
        ({"points": [["1", 2]]}, ("points", 0, 0)),
        ({"points": [[True, 2]]}, ("points", 0, 0)),
        ({"points": [[float("inf"), 2]]}, ("points", 0, 0)),
        ({"points": [[10**400, 2]]}, ("points", 0, 0)),
        ({"points": [[1, 2]] * 1025}, ("points",)),
        ({"labels": [2]}, ("labels", 0)),
        ({"box": [1, 2, 3]}, ("box",)),
        ({"multimask": 1}, ("multimask",)),
        ({"number": 3}, ("number",)),
        ({"number": -1}, ("number",)),
        ({"pionts": []}, ("pionts",)),
    ],
)
def test_a_step_takes_nothing_but_what_it_names(fields, place):
    with pytest.raises(ValidationError) as refused:
        Step(**fields)
    assert refused.value.errors()[0]["loc"] == place


# JSON can hold a half of a letter, which nothing else can.
HALF = {"size": [2, 3], "counts": "\ud800"}


def test_a_run_length_code_is_a_size_and_text():
    assert RunLengths(size=[2, 3], counts="132").counts == "132"
    for wrong in ({"size": [2], "counts": ""}, {"size": [2, 3], "counts": [1, 3, 2]}, HALF):
        with pytest.raises(ValidationError):
            RunLengths(**wrong)
