"""Colours are far apart."""

import itertools

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from anymask.masks.colours import PALETTE, colour_of

# Machado, Oliveira and Fernandes (2009), severity 1, on linear light.
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]


def closest_pair(colours, seen_through):
    linear = (np.array(colours) / 255) ** 2.2 @ np.array(seen_through).T
    lab = rgb2lab(linear.clip(0, 1) ** (1 / 2.2))
    return min(deltaE_ciede2000(one, other) for one, other in itertools.combinations(lab, 2))


@pytest.mark.parametrize(
    ("seen_through", "least"), [(np.eye(3), 20), (PROTANOPIA, 8), (DEUTERANOPIA, 8)]
)
def test_the_first_colours_differ_for_every_eye(seen_through, least):
    assert closest_pair([colour_of(index) for index in range(7)], seen_through) > least


def test_the_palette_comes_first():
    assert [colour_of(index) for index in range(len(PALETTE))] == list(PALETTE)


def test_a_hundred_masks_have_a_hundred_colours_and_neighbours_differ():
    colours = [colour_of(index) for index in range(100)]
    assert len(set(colours)) == 100
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)
    for one, other in itertools.pairwise(colours):
        assert closest_pair([one, other], np.eye(3)) > 15
