"""Neighbours have different colours, and a mask keeps its own."""

import itertools

import numpy as np
import pytest
from scipy.spatial import Voronoi
from skimage.color import deltaE_ciede2000, rgb2lab

from anymask.masks.colours import PALETTE
from anymask.masks.neighbour_colours import colours_for, neighbours_of


def pairs_of(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def test_neighbours_touch_along_sides_and_corners_or_lie_close():
    labels = np.zeros((20, 20), dtype=np.int32)
    labels[0:5, 0:5] = 1
    labels[5:10, 5:10] = 2
    labels[0:5, 5:9] = 3
    labels[13:16, 5:10] = 4
    labels[0:5, 15:20] = 5
    assert neighbours_of(labels, 1).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert neighbours_of(labels, 4).tolist() == [[1, 2], [1, 3], [2, 3], [2, 4]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3)])
def test_small_planes_and_planes_without_masks_have_no_neighbours(shape):
    assert neighbours_of(np.zeros(shape, dtype=np.int32), 4).shape == (0, 2)
    assert neighbours_of(np.ones(shape, dtype=np.int32), 4).shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_map_of_many_countries_needs_few_colours_besides_the_palette(seed):
    generator = np.random.default_rng(seed)
    borders = Voronoi(generator.random((1000, 2))).ridge_points
    pairs = np.sort(borders, axis=1).astype(np.int64) + 1
    areas = generator.integers(1, 1000, 1000).tolist()
    colours = colours_for([f"mask {number}" for number in range(1000)], areas, pairs)
    assert all(colours[one - 1] != colours[other - 1] for one, other in pairs.tolist())
    assert sum(colour not in PALETTE for colour in colours) < 15


@pytest.mark.parametrize("grey", [60, 150, 255])
def test_eleven_neighbours_of_each_other_have_colours_far_apart(grey):
    pairs = pairs_of(*((one, other) for one in range(1, 12) for other in range(one + 1, 12)))
    colours = colours_for([str(number) for number in range(11)], [5] * 11, pairs)
    tints = rgb2lab((np.array(colours) * 0.5 + grey * 0.5) / 255)
    distances = [
        deltaE_ciede2000(tints[one], tints[other]) for one in range(11) for other in range(one)
    ]
    assert min(distances) > 12


def test_everybody_next_to_everybody_still_differs():
    pairs = pairs_of(*((one, other) for one in range(1, 31) for other in range(one + 1, 31)))
    colours = colours_for([str(number) for number in range(30)], [5] * 30, pairs)
    assert len(set(colours)) == 30


def test_a_mask_keeps_its_colour_when_others_go_or_change_places():
    names = [f"mask {number}" for number in range(200)]
    areas = list(range(1000, 800, -1))
    none = pairs_of()
    before = dict(zip(names, colours_for(names, areas, none), strict=True))
    after = dict(zip(names[::-2], colours_for(names[::-2], areas[::-2], none), strict=True))
    assert after == {name: before[name] for name in after}
    assert len(set(before.values())) == len(PALETTE)


def test_of_two_neighbours_the_larger_keeps_what_it_has_alone():
    # Found by trying: two names that ask for the same colour.
    alone = {name: colours_for([name], [1], pairs_of())[0] for name in map(str, range(20))}
    first, second = next(
        (one, other)
        for one, other in itertools.combinations(alone, 2)
        if alone[one] == alone[other]
    )
    small_first = colours_for([first, second], [5, 9], pairs_of((1, 2)))
    assert small_first[1] == alone[second]
    assert small_first[0] != alone[second]


def test_no_mask_no_colour():
    assert colours_for([], [], pairs_of()) == []
