"""The one form of masks inside the room."""

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.masks.plane import mask_plane


def test_a_bool_plane_is_passed_through_untouched():
    mask = np.eye(3, dtype=bool)
    assert mask_plane(mask) is mask


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_what_is_not_zero_is_the_object(dtype):
    plane = mask_plane(np.array([[0, 1], [200, 0]], dtype=dtype))
    assert plane.dtype == np.bool_
    assert plane.tolist() == [[False, True], [True, False]]


def test_a_part_becomes_contiguous():
    plane = mask_plane(np.eye(6, dtype=bool)[::2, ::2])
    assert plane.flags.c_contiguous
    assert plane.tolist() == np.eye(3, dtype=bool).tolist()


@pytest.mark.parametrize("shape", [(4,), (1, 4, 4)])
def test_other_numbers_of_axes_are_refused(shape):
    with pytest.raises(InputError, match=r"mask must have shape \(H, W\), got \("):
        mask_plane(np.zeros(shape, dtype=bool))
