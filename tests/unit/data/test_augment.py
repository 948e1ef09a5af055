"""Colours, mirror images and scales change what they should and nothing else."""

import cv2
import numpy as np
import pytest

from anymask.data.augment import (
    distort,
    draw_degrees,
    fitted,
    jitter_scale,
    mirror_used,
    recolour,
    resized,
)


def test_longer_side_fills_the_frame() -> None:
    assert fitted(96, 128, 64) == (48, 64)
    assert fitted(1, 40000, 128) == (1, 128)


def test_mirror_keeps_padding_right() -> None:
    plane = np.array([[1, 2, 3, 0, 0]], np.uint8)
    assert mirror_used(plane, 3).tolist() == [[3, 2, 1, 0, 0]]
    assert plane.tolist() == [[1, 2, 3, 0, 0]]


def test_recolour_leaves_every_fifth_picture_and_keeps_edges() -> None:
    rng = np.random.default_rng(0)
    pixels = np.full((8, 8, 3), 60, np.uint8)
    pixels[:, 4:] = (200, 160, 120)
    same = 0
    for _ in range(400):
        changed = recolour(pixels, rng)
        same += changed is pixels
        assert np.unique(changed[:, :4].reshape(-1, 3), axis=0).shape == (1, 3)
        assert changed[0, 7].astype(int).sum() > changed[0, 0].astype(int).sum()
    assert same == pytest.approx(80, abs=25)


def test_scale_above_one_cuts_a_part_of_that_size() -> None:
    rng = np.random.default_rng(0)
    places = set()
    for _ in range(50):
        (x0, y0, x1, y1), fill = jitter_scale((96, 128), (2.0, 2.0), rng)
        assert (x1 - x0, y1 - y0, fill) == (64, 64, 1.0)
        assert 0 <= x0 <= 64
        assert 0 <= y0 <= 32
        places.add((x0, y0))
    assert max(x for x, _ in places) - min(x for x, _ in places) > 50
    assert len(places) > 40


def test_scale_a_little_above_one_cuts_the_longer_side_only() -> None:
    (x0, y0, x1, y1), _ = jitter_scale((96, 128), (1.25, 1.25), np.random.default_rng(0))
    assert (x1 - x0, y0, y1) == (102, 0, 96)


def test_scale_below_one_keeps_the_whole_picture() -> None:
    assert jitter_scale((96, 128), (0.25, 0.25), np.random.default_rng(0)) == (
        (0, 0, 128, 96),
        0.25,
    )


def test_scales_have_even_chances() -> None:
    rng = np.random.default_rng(0)
    fills = [jitter_scale((96, 128), (0.1, 2.0), rng)[1] for _ in range(2000)]
    assert np.mean([fill < 1 for fill in fills]) == pytest.approx(0.9 / 1.9, abs=0.04)
    assert min(fills) == pytest.approx(0.1, abs=0.01)


def test_shrinking_averages_and_growing_is_bilinear() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    blocks = pixels.reshape(4, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(resized(pixels, (4, 4)) - blocks).max() <= 1
    grown = cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(resized(pixels, (16, 16)), grown)


def test_half_of_the_pictures_are_turned_by_at_most_fifteen_degrees() -> None:
    rng = np.random.default_rng(0)
    degrees = np.array([draw_degrees(rng) for _ in range(1000)])
    assert np.mean(degrees == 0) == pytest.approx(0.5, abs=0.05)
    turned = degrees[degrees != 0]
    assert (turned.min(), turned.max()) == pytest.approx((-15, 15), abs=0.5)
    assert turned.mean() == pytest.approx(0, abs=1)


def test_faults_keep_the_picture_recognisable_and_come_one_by_one() -> None:
    rng = np.random.default_rng(0)
    ramp = np.tile(np.linspace(20, 220, 64).astype(np.uint8), (64, 1))
    pixels = np.stack([ramp, ramp.T, 255 - ramp], 2)
    plain = cv2.cvtColor(cv2.blur(pixels, (7, 7)), cv2.COLOR_RGB2GRAY).astype(int)
    before = pixels.copy()
    same, grey, errors = 0, 0, list[float]()
    for _ in range(400):
        changed = distort(pixels, rng)
        assert changed.shape == pixels.shape
        assert changed.dtype == np.uint8
        same += np.array_equal(changed, pixels)
        grey += bool(np.ptp(changed.astype(int).mean((0, 1))) < 2)
        seen = cv2.cvtColor(cv2.blur(changed, (7, 7)), cv2.COLOR_RGB2GRAY)
        errors.append(np.abs(seen - plain).mean())
    # Three faults a fifth of the time each, and a tenth in grey: .8 · .8 · .8 · .9 are spared.
    assert same / 400 == pytest.approx(0.46, abs=0.06)
    assert 10 < grey < 60
    assert 1 < max(errors) < 8
    np.testing.assert_array_equal(pixels, before)


def test_faults_follow_the_generator() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 40, 3), np.uint8)
    one, two = (
        [distort(pixels, rng) for _ in range(20)]
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    np.testing.assert_array_equal(one, two)
    mirrored = distort(pixels[:, ::-1], np.random.default_rng(2))
    assert mirrored.shape == pixels.shape
