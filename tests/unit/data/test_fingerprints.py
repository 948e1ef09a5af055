"""The same picture is known again, another one is not."""

import cv2
import numpy as np
import pytest

from anymask.data.fingerprints import Pair, fingerprint, similar_pairs
from anymask.image.photos import photo_path
from anymask.image.read import read_picture

NAMES = ("astronaut", "camera", "chelsea", "coffee", "coins", "rocket")


def photo(name: str) -> np.ndarray:
    pixels = read_picture(photo_path(name)).pixels
    scale = 400 / max(pixels.shape)
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def recoded(pixels: np.ndarray) -> np.ndarray:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


CHANGES = {
    "the same": lambda p: p,
    "JPEG of quality 40": recoded,
    "half the size": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_LINEAR),
    "twice the size": lambda p: cv2.resize(p, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
    "another shape": lambda p: cv2.resize(p, (300, 300), interpolation=cv2.INTER_AREA),
}


@pytest.fixture(scope="module")
def prints():
    return np.array([fingerprint(photo(name)) for name in NAMES])


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(prints, change, is_mirrored):
    step = -1 if is_mirrored else 1
    copies = [CHANGES[change](np.ascontiguousarray(photo(name)[:, ::step])) for name in NAMES]
    pairs = similar_pairs(prints, np.array([fingerprint(copy) for copy in copies]))
    found = {(pair.first, pair.second, pair.is_mirrored) for pair in pairs}
    assert found == {(row, row, is_mirrored) for row in range(len(NAMES))}


def test_bits_are_the_count_of_differing_signs_by_scipy(prints):
    """The signs against scipy's cosine transform of the same small grey picture."""
    from scipy.fft import dctn

    small = cv2.resize(photo("chelsea"), (64, 64), interpolation=cv2.INTER_AREA)
    waves = dctn(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(float), norm="ortho")
    order = sorted(((y, x) for y in range(64) for x in range(64)), key=lambda p: (sum(p), p[0]))
    signs = np.array([waves[place] > 0 for place in order[1:129]])
    np.testing.assert_array_equal(np.unpackbits(prints[2, 1:].view(np.uint8)), signs)


def test_flat_pictures_are_the_same_only_if_every_pixel_is():
    greys = [np.full((40, 50, 3), level, np.uint8) for level in (10, 10, 200)]
    rng = np.random.default_rng(0)
    noisy = np.full((2, 200, 200, 3), 90, np.uint8) + rng.integers(
        0, 2, (2, 200, 200, 3), dtype=np.uint8
    )
    pairs = similar_pairs(np.array([fingerprint(p) for p in (*greys, *noisy)]))
    assert pairs == (Pair(first=0, second=1, bits=0, is_mirrored=False),)


def test_pairs_within_one_set_come_once_nearest_first(prints):
    close = prints[0].copy()
    close[0] ^= np.uint64(1)
    close[1] ^= np.uint64(0b111)
    pairs = similar_pairs(np.array([prints[0], prints[1], close, prints[1]]))
    assert [(p.first, p.second, p.bits) for p in pairs] == [(1, 3, 0), (0, 2, 3)]


def test_most_bits_is_the_limit():
    one = np.array([[1, 2**40, 5]], np.uint64)
    other = one ^ np.array([[9, 0b11, 0b1]], np.uint64)
    assert len(similar_pairs(one, other, most_bits=3)) == 1
    assert similar_pairs(one, other, most_bits=2) == ()


def test_rows_beyond_one_block_are_compared():
    rng = np.random.default_rng(1)
    many = rng.integers(1, 2**63, (1500, 3)).astype(np.uint64)
    many[1400, 1:] = many[3, 1:]
    many[1499, 1:] = many[1450, 1:]
    assert [(p.first, p.second) for p in similar_pairs(many)] == [(3, 1400), (1450, 1499)]


def test_empty_sets_share_nothing(prints):
    assert similar_pairs(prints[:0]) == ()
    assert similar_pairs(prints, prints[:0]) == ()
