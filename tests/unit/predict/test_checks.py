"""What a person may ask, and the sentence they get where it cannot be answered."""

import math

import numpy as np
import pytest
import torch

from anymask.errors import PromptError
from anymask.predict.checks import check_prompt, contradictions, make_prompt
from anymask.vocabulary import Prompt

HW = (480, 640)


def ask(size_hw=HW, *, normalized=False, **given):
    return check_prompt(make_prompt(**given), size_hw, normalized=normalized)


def said(error) -> str:
    return str(error.value)


# --- what is taken ---


@pytest.mark.parametrize(
    "points",
    [
        [(500, 375), (20, 30)],
        [[500, 375], [20, 30]],
        ((500.0, 375.0), (20.0, 30.0)),
        np.array([[500, 375], [20, 30]], dtype=np.uint16),
        np.array([[500, 375], [20, 30]], dtype=np.float16),
        torch.tensor([[500, 375], [20, 30]]),
        [(np.int64(500), 375.0), (20, np.float32(30))],
    ],
)
def test_points_may_be_any_rows_of_two_numbers(points):
    prompt = make_prompt(points, [1, 0])
    assert prompt.points == ((500.0, 375.0), (20.0, 30.0))
    assert prompt.labels == (1, 0)
    assert all(type(value) is float for point in prompt.points for value in point)


def test_one_pair_is_one_point_and_its_label_is_one():
    prompt = make_prompt((500, 375))
    assert (prompt.points, prompt.labels) == (((500.0, 375.0),), (1,))


@pytest.mark.parametrize(
    "labels", [[True, False], [1.0, 0.0], np.array([1, 0]), torch.tensor([1, 0])]
)
def test_labels_may_be_anything_equal_to_one_and_zero(labels):
    assert make_prompt([(1, 2), (3, 4)], labels).labels == (1, 0)


@pytest.mark.parametrize(
    "box", [(425, 600, 700, 875), [[425, 600, 700, 875]], np.array([425, 600, 700, 875])]
)
def test_a_box_may_be_four_numbers_or_one_row_of_them(box):
    assert make_prompt(box=box).box == (425.0, 600.0, 700.0, 875.0)


def test_the_callers_arrays_stay_as_they_are():
    points, box = np.array([[5, 6]]), np.array([-3.0, 0, 9, 9])
    ask(points=points, box=box)
    assert points.tolist() == [[5, 6]]
    assert box.tolist() == [-3, 0, 9, 9]


@pytest.mark.parametrize("point", [(0, 0), (640, 480), (639.5, 0.5)])
def test_a_point_on_the_rim_is_inside(point):
    prompt, notes = ask(points=[point, (1, 1)])
    assert prompt.points[0] == point
    assert notes == ()


def test_shares_become_pixels():
    prompt, notes = ask(points=[(0.5, 0.25), (1, 1)], box=(0.1, 0.1, 0.5, 0.5), normalized=True)
    assert prompt.points == ((320.0, 120.0), (640.0, 480.0))
    assert prompt.box == pytest.approx((64, 48, 320, 240))
    assert len(notes) == 1, "the second point lies outside the box"


# --- 26: a point outside ---


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ((900, 40), "point 2 (900, 40) lies outside 640×480; points are (x, y)."),
        ((-1, 40), "point 2 (-1, 40) lies outside 640×480; points are (x, y)."),
        ((400, 600), "point 2 (400, 600) lies outside 640×480; "
                     "did you swap x and y? points are (x, y)."),
    ],
)  # fmt: skip
def test_a_point_outside_is_refused_and_a_swap_is_guessed(point, sentence):
    with pytest.raises(PromptError) as error:
        ask(points=[(1, 1), (2, 2), point])
    assert said(error) == sentence


# --- 27: shares without saying so ---


@pytest.mark.parametrize(
    "given",
    [
        {"points": [(0.5, 0.25)]},
        {"points": [(0.5, 0.25), (0.1, 0.9)], "box": (0.1, 0.1, 0.9, 0.9)},
        {"box": (0.1, 0.1, 0.9, 0.9)},
    ],
)
def test_coordinates_that_look_like_shares_are_refused(given):
    with pytest.raises(PromptError) as error:
        ask(**given)
    assert said(error) == (
        "all coordinates lie between 0 and 1 on a picture of 640×480; "
        "pass normalized=True, or give pixels."
    )


@pytest.mark.parametrize(
    ("given", "size_hw"),
    [
        ({"points": [(0, 1)]}, HW),
        ({"points": [(1, 1)]}, HW),
        ({"points": [(0.5, 100.5)]}, HW),
        ({"points": [(0.5, 0.5)]}, (64, 64)),
        ({"points": [(0.5, 0.5)]}, (1, 1)),
    ],
)
def test_pixels_near_the_corner_and_on_small_pictures_are_taken(given, size_hw):
    prompt, _ = ask(size_hw, **given)
    assert prompt.points == tuple(given["points"])


def test_pixels_given_as_shares_are_refused():
    with pytest.raises(PromptError, match=r"point 1 \(500, 375\) lies outside 0 to 1; with normal"):
        ask(points=[(0.5, 0.5), (500, 375)], normalized=True)
    with pytest.raises(PromptError, match=r"box \(5, 5, 70, 80\) lies far outside 0 to 1; with "):
        ask(box=(5, 5, 70, 80), normalized=True)


# --- 28: no numbers ---


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"points": [(1, 2), (math.nan, 3)]}, r"points\[1\] is \(nan, 3\), which is not finite"),
        ({"points": [(1, -math.inf)]}, r"points\[0\] is \(1, -inf\), which is not finite; give"),
        ({"box": (1, 2, math.inf, 4)}, r"box\[0\] is \(1, 2, inf, 4\), which is not finite; give"),
        ({"points": [(1, 2), (3, "4")]}, r"points\[1\]\[1\] is '4', not a number; give pixel numb"),
        ({"points": "500,375"}, r"points is '500,375', not a number; give pixel numbers"),
        ({"points": [(1, "a\nb")]}, r"points\[0\]\[1\] is 'a\\nb', not a number"),
        ({"points": [(1, None)]}, r"points\[0\]\[1\] is None, not a number"),
        ({"points": [(1, 2j)]}, r"points\[0\]\[1\] is 2j, not a number"),
        ({"points": [(True, False)]}, r"points\[0\]\[0\] is True, not a number"),
        ({"points": [(1, 10**400)]}, r"points\[0\]\[1\] is too large, not a number"),
        ({"points": [(1, 10**5000)]}, r"points\[0\]\[1\] is too large, not a number"),
        ({"points": [(1, 1e308), (1, "x" * 99)]}, r"points\[1\]\[1\] is 'x{39}…, not a number"),
        ({"points": {"x": 1, "y": 2}}, r"points is \{'x': 1, 'y': 2\}, not a number"),
        ({"points": [(1, 2), (3,)]}, r"points has rows of different lengths; give 2 numbers a row"),
        ({"points": [(1, 2, 3)]}, r"points must have shape \(N, 2\), got \(1, 3\); give 2 numbers"),
        ({"points": [[[1, 2]]]}, r"points must have shape \(N, 2\), got \(1, 1, 2\); give 2 numb"),
        ({"points": 7}, r"points must have shape \(N, 2\), got \(\); give 2 numbers a row"),
        ({"box": (1, 2, 3)}, r"box must have shape \(N, 4\), got \(3,\); give 4 numbers a row"),
        ({"box": [(1, 2, 3, 4), (5, 6, 7, 8)]}, r"box must be one box of 4 numbers, got 2 boxes"),
        ({"points": [(1, 2)], "labels": [[1], [1, 2]]}, r"labels has rows of different lengths"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_named(given, sentence):
    with pytest.raises(PromptError, match=rf"^{sentence}"):
        ask(**given)


def test_whole_numbers_too_large_for_arrays_of_integers_lie_outside():
    with pytest.raises(PromptError, match=r"point 0 \(1e\+30, 2\) lies outside 640×480"):
        ask(points=[(10**30, 2)])


# --- 29, 30: boxes ---


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ((400, 200, 400, 250), "box (400, 200, 400, 250) has no area (x1 ≤ x0); "
                               "boxes are x0, y0, x1, y1."),
        ((500, 100, 400, 400), "box (500, 100, 400, 400) has no area (x1 ≤ x0); "
                               "boxes are x0, y0, x1, y1."),
        ((100, 200, 300, 50), "box (100, 200, 300, 50) has no area (y1 ≤ y0); boxes are x0, y0, "
                              "x1, y1; if this is x, y, width, height, pass (100, 200, 400, 250)."),
    ],
)  # fmt: skip
def test_a_box_without_area_is_refused_and_width_and_height_are_guessed(box, sentence):
    with pytest.raises(PromptError) as error:
        ask(box=box)
    assert said(error) == sentence


def test_a_box_partly_outside_is_clipped_and_noted():
    prompt, notes = ask(box=(-10, 20, 700, 300))
    assert prompt.box == (0, 20, 640, 300)
    assert notes == ("box (-10, 20, 700, 300) was clipped to the picture's 640×480",)


@pytest.mark.parametrize("box", [(-30, 10, -5, 50), (700, 10, 800, 50), (10, 480, 20, 900)])
def test_a_box_wholly_outside_is_refused(box):
    with pytest.raises(
        PromptError, match=r"^box \(.*\) lies outside 640×480; boxes are x0, y0, x1"
    ):
        ask(box=box)


# --- 31, 32: labels, nothing ---


def test_the_counts_of_points_and_labels_are_named():
    with pytest.raises(PromptError) as error:
        ask(points=[(1, 1), (2, 2), (3, 3)], labels=[1, 0])
    assert said(error) == "3 points but 2 labels; give one label a point: 1 (add) or 0 (remove)."


@pytest.mark.parametrize(
    ("label", "shown"), [(7, "7"), (-1, "-1"), ("1", "'1'"), (0.5, "0.5"), (math.nan, "nan")]
)
def test_another_label_is_refused(label, shown):
    with pytest.raises(PromptError) as error:
        ask(points=[(1, 1)], labels=[label])
    assert said(error) == f"label 0 is {shown}; labels are 1 (add) or 0 (remove)."


@pytest.mark.parametrize(
    "given", [{}, {"points": []}, {"points": [(1, 1), (2, 2)], "labels": [0, 0]}]
)
def test_nothing_to_look_for(given):
    with pytest.raises(PromptError) as error:
        ask(**given)
    assert said(error) == "nothing to look for; give a point with label 1, a box or a mask."


@pytest.mark.parametrize("other", [{"box": (1, 1, 9, 9)}, {"mask": np.ones(HW, bool)}])
def test_negative_points_may_go_with_a_box_or_a_mask(other):
    prompt, _ = ask(points=[(2, 2)], labels=[0], **other)
    assert prompt.labels == (0,)


# --- 33: contradictions ---


def test_contradictions_are_said_and_answered():
    _, notes = ask(
        points=[(5.2, 5), (5.9, 5.5), (100, 100), (8, 8)],
        labels=[1, 0, 1, 0],
        box=(1, 1, 50, 50),
    )
    assert notes == (
        "pixel (5, 5) is both added and removed",
        "point 2 (100, 100) is added but lies outside the box",
    )


def test_points_that_agree_have_no_contradiction():
    assert contradictions([(5, 5), (6, 5)], [1, 0], (0, 0, 5, 5)) == []


# --- prompts made by hand ---


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (Prompt(points=((math.nan, 1),), labels=(1,)), r"points\[0\] is \(nan, 1\), which is"),
        (Prompt(points=((1, 1),), labels=(7,)), "label 0 is 7"),
        (Prompt(points=((1, 1, 1),), labels=(1,)), "points must have shape"),  # type: ignore[arg-type]
        (Prompt(box=(1, 2, 3)), "box must have shape"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_prompt_made_by_hand_is_checked_as_well(prompt, sentence):
    with pytest.raises(PromptError, match=sentence):
        check_prompt(prompt, HW)


def test_a_prompt_made_of_arrays_is_put_in_order():
    by_hand = Prompt(points=np.array([[4, 5]]), labels=np.array([1]), box=np.arange(4))  # type: ignore[arg-type]
    prompt, _ = check_prompt(by_hand, HW)
    assert (prompt.points, prompt.labels, prompt.box) == (((4.0, 5.0),), (1,), (0.0, 1.0, 2.0, 3.0))
