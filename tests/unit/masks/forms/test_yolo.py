"""YOLO texts: exact there and back, and every bad line named."""

import numpy as np
import pytest

from anymask.masks.annotation import UNNAMED, Losses
from anymask.masks.forms.yolo import read_yolo, write_yolo
from anymask.masks.rle import decode
from tests.unit.masks.forms.annotated import (
    SIZE_HW,
    annotation,
    blank,
    islands,
    masks_of,
    picture,
    ring,
    scene,
    square,
)

CATEGORIES = ["square", "ring", "islands"]


def read(text, names=tuple(CATEGORIES), size_hw=SIZE_HW):
    return read_yolo(text.encode(), file_name="a.png", size_hw=size_hw, names=names)


def test_a_line_is_a_class_and_corners_as_shares():
    text, lost = write_yolo(picture(annotation(square(), label="ring")), CATEGORIES)
    words = text.decode().split()
    assert words[0] == "1"
    corners = np.array(words[1:], float).reshape(-1, 2) * (56, 40)
    assert sorted(corners.round(4).tolist()) == [[0, 0], [0, 9], [9, 0], [9, 9]]
    assert lost == Losses()


def test_parts_become_lines_holes_are_dropped_and_both_are_counted():
    text, lost = write_yolo(scene(), CATEGORIES)
    assert lost == Losses({"holes": 2, "split objects": 1})
    assert [line[0] for line in text.decode().splitlines()] == ["0", "1", "2", "2", "0"]
    found, problems = read(text.decode())
    assert problems == ()
    np.testing.assert_array_equal(masks_of(found)[2] | masks_of(found)[3], islands())


def test_bridges_keep_holes_exactly():
    text, lost = write_yolo(picture(annotation(ring(), label="ring")), CATEGORIES, holes="bridge")
    assert lost == Losses()
    np.testing.assert_array_equal(masks_of(read(text.decode())[0])[0], ring())


@pytest.mark.parametrize("side", [333, 1999, 49_999, 60_013])
def test_the_digits_suffice_for_sides_of_any_length(side):
    wide = np.zeros((3, side), bool)
    wide[1:, 7 : side - 5 : 2] = True
    wide[2] = True
    one = annotation(wide)
    given = type(scene())(file_name="a.png", size_hw=(3, side), objects=(one,))
    text, _ = write_yolo(given, [UNNAMED])
    found, _ = read(text.decode(), (UNNAMED,), (3, side))
    assert found.objects == (one,)


def test_scores_crowds_and_empty_masks_are_counted():
    given = picture(
        annotation(square(), label="ring", score=0.5, is_crowd=True),
        annotation(blank(), label="ring"),
    )
    text, lost = write_yolo(given, CATEGORIES)
    assert lost == Losses({"scores": 1, "crowd marks": 1, "empty masks": 1})
    assert len(text.splitlines()) == 1


def test_an_empty_text_is_a_picture_without_objects():
    assert read("") == (picture(), ())
    assert read("\n  \n")[0].objects == ()
    assert write_yolo(picture(), [])[0] == b""


def test_a_byte_order_mark_is_no_class():
    found, problems = read("\ufeff0 0 0 0.5 0 0.5 0.5\r\n")
    assert (len(found.objects), problems) == (1, ())


def test_a_text_by_hand_is_read_as_drawn():
    found, problems = read("2 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n")
    expected = blank()
    expected[10:20, 14:28] = True
    np.testing.assert_array_equal(decode(found.objects[0].rle), expected)
    assert (found.objects[0].label, problems) == ("islands", ())


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("80 0 0 1 0 1 1", "bad-class", "class 80 of 80 (0 to 79)"),
        ("-1 0 0 1 0 1 1", "bad-class", "class '-1' is no whole number"),
        ("cat 0 0 1 0 1 1", "bad-class", "class 'cat' is no whole number"),
        ("9" * 5000 + " 0 0 1 0 1 1", "bad-class", "class 99999999999999999999 of 80 (0 to 79)"),
        ("1 0 0 1.2 0 1 1", "outside", "value '1.2' at place 3 is not within 0 to 1"),
        ("1 0 0 nan 0 1 1", "outside", "value 'nan' at place 3 is not within 0 to 1"),
        ("1 0 0 x 0 1 1", "outside", "value 'x' at place 3 is not within 0 to 1"),
        ("1 0 0 1 0 1", "bad-line", "has 5 numbers after the class, an odd count"),
        ("1 0.5 0.5 0.2 0.2", "bad-line", "is a box (4 numbers), not a polygon"),
        ("1 0 0", "bad-polygon", "polygon 0 has 1 points, at least 3 are needed"),
        ("1 0 0 0 0 0 0", "empty-mask", "its polygon holds no pixel"),
    ],
)
def test_a_bad_line_is_named_with_its_value_and_the_next_is_read(line, code, message):
    names = tuple(map(str, range(80)))
    found, (problem,) = read(f"0 0 0 1 0 1 1\n{line}\n79 0 0 1 0 1 1", names)
    assert (problem.place, problem.code, problem.message) == ("line 2", code, message)
    assert [one.label for one in found.objects] == ["0", "79"]


def test_a_rounding_error_outside_is_clipped():
    found, problems = read("0 -0.0000001 0 1.0000001 0 1 1 0 1")
    assert problems == ()
    assert masks_of(found)[0].all()


def test_without_names_a_class_is_called_by_its_number():
    found, _ = read("0 0 0 1 0 1 1\n3 0 0 1 0 1 1", None)
    assert [one.label for one in found.objects] == [UNNAMED, "3"]
