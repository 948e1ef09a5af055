"""Coded masks are painted as decoded ones are."""

import numpy as np
import pytest

from anymask.errors import InputError
from anymask.masks import rle
from anymask.masks.overlay import paint_codes, paint_masks


@pytest.mark.parametrize("size_hw", [(40, 60), (200, 150), (3, 100), (1, 1)])
def test_pixel_for_pixel(size_hw):
    rng = np.random.default_rng(0)
    height, width = size_hw
    picture = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    masks = [np.zeros(size_hw, bool), np.ones(size_hw, bool)]
    for _ in range(5):
        mask, y, x = np.zeros(size_hw, bool), rng.integers(height), rng.integers(width)
        mask[y : y + height // 2 + 1, x : x + width // 3 + 1] = True
        masks.append(mask & (rng.random(size_hw) > 0.1))
    colours = [tuple(rng.integers(0, 256, 3).tolist()) for _ in masks]
    painted = paint_codes(picture, [rle.encode(mask) for mask in masks], colours)
    assert np.array_equal(painted, paint_masks(picture, masks, colours))
    assert not np.array_equal(painted, picture)


def test_a_mask_of_another_size_is_refused():
    picture = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(InputError, match="mask 4×6 for picture 6×4; draw a mask over the picture"):
        paint_codes(picture, [rle.encode(np.ones((6, 4), bool))], [(1, 2, 3)])
