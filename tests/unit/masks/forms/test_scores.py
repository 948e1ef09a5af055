"""How a mask was found, as fields of a record, there and back."""

import json

import pytest

from anymask.masks.finding import Finding
from anymask.masks.forms.scores import finding_of, finding_record, score_of

FINDING = Finding(point=(31.4, 8.6), stability_score=0.981, crop_box=(4, 0, 56, 30))


def test_the_fields_are_those_of_the_data_set():
    assert finding_record(FINDING) == {
        "stability_score": 0.981,
        "crop_box": [4.0, 0.0, 52.0, 30.0],
        "point_coords": [[31.4, 8.6]],
    }
    assert json.dumps(finding_record(FINDING)["crop_box"]) == "[4.0, 0.0, 52.0, 30.0]"
    assert finding_record(None) == {}


def test_a_finding_comes_back():
    assert finding_of(json.loads(json.dumps(finding_record(FINDING)))) == FINDING


def test_whole_numbers_become_floats():
    record = {"stability_score": 1, "crop_box": [0, 0, 9, 9], "point_coords": [[3, 4]]}
    found = finding_of(record)
    assert found == Finding(point=(3.0, 4.0), stability_score=1.0, crop_box=(0, 0, 9, 9))
    assert isinstance(found.stability_score, float)


@pytest.mark.parametrize(
    "change",
    [
        {"stability_score": None},
        {"stability_score": True},
        {"stability_score": float("nan")},
        {"point_coords": []},
        {"point_coords": [[1.0, 2.0], [3.0, 4.0]]},
        {"point_coords": [[1.0]]},
        {"point_coords": [1.0, 2.0]},
        {"crop_box": [0, 0, 9]},
        {"crop_box": [0, 0, "9", 9]},
        {"crop_box": [0, 0, float("inf"), 9]},
        {"crop_box": {}},
    ],
)
def test_what_is_not_as_it_must_be_says_nothing(change):
    assert finding_of(finding_record(FINDING) | change) is None


def test_a_score_is_a_finite_number():
    assert (score_of(2), score_of(0.5)) == (2.0, 0.5)
    others = (True, "1", None, float("nan"), float("-inf"))
    assert [score_of(value) for value in others] == [None] * 5
