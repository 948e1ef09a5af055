"""Where everything mode looks: grids of points, layers of crops."""

import numpy as np
import pytest

from anymask.everything.crops import crop_boxes
from anymask.everything.grid import grids_of, point_grid
from anymask.everything.settings import EverythingSettings
from tests.reference.torchvision_standin import import_reference

RATIO = 512 / 1500


@pytest.mark.parametrize("side", [1, 2, 5, 32])
def test_a_grid_is_the_published_one(side):
    published = import_reference("segment_anything.utils.amg").build_point_grid(side)
    np.testing.assert_array_equal(point_grid(side), published)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_layers_of_grids_are_the_published_ones(factor):
    amg = import_reference("segment_anything.utils.amg")
    settings = EverythingSettings(
        points_per_side=13, crop_n_layers=2, crop_n_points_downscale_factor=factor
    )
    published = amg.build_all_layer_point_grids(13, 2, factor)
    ours = grids_of(settings)
    assert len(ours) == 3
    for mine, theirs in zip(ours, published, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_own_grids_are_taken_as_they_are():
    own = (((0.5, 0.25),), ())
    settings = EverythingSettings(points_per_side=None, point_grids=own, crop_n_layers=1)
    first, second = grids_of(settings)
    np.testing.assert_array_equal(first, [[0.5, 0.25]])
    assert second.shape == (0, 2)


def test_a_grid_that_thins_out_to_nothing_has_no_points():
    settings = EverythingSettings(
        points_per_side=2, crop_n_layers=2, crop_n_points_downscale_factor=2
    )
    assert [len(grid) for grid in grids_of(settings)] == [4, 1, 0]


@pytest.mark.parametrize("size_hw", [(1500, 2250), (1200, 1800), (333, 512), (7, 5), (1, 40000)])
@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_crops_are_the_published_ones(size_hw, layers):
    amg = import_reference("segment_anything.utils.amg")
    published, numbers = amg.generate_crop_boxes(size_hw, layers, RATIO)
    boxes, own = crop_boxes(size_hw, layers, RATIO)
    assert [list(box) for box in boxes] == published
    assert own == numbers
