"""The frame follows the published arithmetic, and coordinates go there and back."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anymask.errors import InputError
from anymask.image import boxes_to_frame, frame_for, points_from_frame, points_to_frame

SIDES = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("size_hw", "resized_hw"),
    [
        ((1200, 1800), (683, 1024)),
        ((1500, 2250), (683, 1024)),
        ((480, 640), (768, 1024)),
        ((333, 500), (682, 1024)),
        ((1024, 1024), (1024, 1024)),
        ((1, 1), (1024, 1024)),
        ((2, 3), (683, 1024)),
        ((1, 3000), (1, 1024)),
        ((40000, 1), (1024, 1)),
    ],
)
def test_longer_side_fills_the_square(size_hw, resized_hw):
    frame = frame_for(size_hw, 1024)
    assert (frame.original_hw, frame.resized_hw, frame.input_size) == (size_hw, resized_hw, 1024)


@given(SIDES, SIDES, st.sampled_from([64, 320, 512, 1024]))
def test_sides_are_the_exact_ones_rounded_and_never_zero(height, width, input_size):
    frame = frame_for((height, width), input_size)
    assert max(frame.resized_hw) == input_size
    for side, resized in zip((height, width), frame.resized_hw, strict=True):
        exact = Fraction(side * input_size, max(height, width))
        assert resized >= 1
        assert abs(resized - exact) <= Fraction(1, 2) + Fraction(1, 10**9) or resized == 1


@given(SIDES, SIDES)
def test_corners_of_the_picture_are_corners_in_the_frame(height, width):
    frame = frame_for((height, width), 1024)
    resized_height, resized_width = frame.resized_hw
    corners = [[0, 0, width, height], [width / 2, -height, 2 * width, height / 4]]
    expected: list[list[float]] = [
        [0, 0, resized_width, resized_height],
        [resized_width / 2, -resized_height, 2 * resized_width, resized_height / 4],
    ]
    np.testing.assert_allclose(boxes_to_frame(corners, frame), expected, rtol=1e-12)


@given(SIDES, SIDES, st.floats(-10, 6000), st.floats(-10, 6000))
def test_points_come_back(height, width, x, y):
    frame = frame_for((height, width), 1024)
    back = points_from_frame(points_to_frame([[x, y]], frame), frame)
    np.testing.assert_allclose(back, [[x, y]], rtol=1e-12, atol=1e-12)


def test_both_factors_are_kept_apart_and_nothing_is_added():
    frame = frame_for((333, 500), 1024)
    points = points_to_frame([[500, 333], [0, 0]], frame)
    np.testing.assert_allclose(points, [[1024, 682], [0, 0]], rtol=1e-12)


def test_no_points_stay_no_points():
    frame = frame_for((333, 500), 1024)
    assert points_to_frame(np.zeros((0, 2)), frame).shape == (0, 2)
    assert boxes_to_frame(np.zeros((0, 4)), frame).shape == (0, 4)


def test_input_is_not_changed():
    points = np.array([[10.0, 20.0]])
    points_to_frame(points, frame_for((333, 500), 1024))
    assert points.tolist() == [[10.0, 20.0]]


@pytest.mark.parametrize(("size_hw", "input_size"), [((0, 5), 64), ((5, 0), 64), ((5, 5), 0)])
def test_nothing_cannot_be_placed(size_hw, input_size):
    with pytest.raises(InputError, match="cannot be placed in a square"):
        frame_for(size_hw, input_size)


def test_wrong_shapes_are_named():
    frame = frame_for((5, 5), 64)
    with pytest.raises(InputError, match=r"points_xy must have shape \(N, 2\), got \(3,\)"):
        points_to_frame([1, 2, 3], frame)
    with pytest.raises(InputError, match=r"boxes_xyxy must have shape \(N, 4\), got \(1, 2\)"):
        boxes_to_frame([[1, 2]], frame)
