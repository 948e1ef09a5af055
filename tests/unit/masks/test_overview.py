"""Overviews: every mask is seen, in a colour its neighbours do not have, on any photo."""

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from anymask.errors import DataError, InputError
from anymask.masks.colours import PALETTE
from anymask.masks.overview import overview
from anymask.masks.rle import RLE, encode

SHAPE = (900, 1200)


def plain(colour=(128, 128, 128), shape=SHAPE):
    return np.full((*shape, 3), colour, dtype=np.uint8)


def square(x0, y0, x1, y1, shape=SHAPE) -> RLE:
    mask = np.zeros(shape, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return encode(mask)


def grid(step, shape=SHAPE) -> list[RLE]:
    """Squares that fill the picture."""
    return [
        square(x, y, x + step, y + step, shape)
        for y in range(0, shape[0], step)
        for x in range(0, shape[1], step)
    ]


def pixels(drawn):
    assert isinstance(drawn, Image.Image)
    assert drawn.mode == "RGB"
    return np.asarray(drawn).astype(int)


def difference(one, other) -> float:
    return float(deltaE_ciede2000(rgb2lab(np.array(one) / 255), rgb2lab(np.array(other) / 255)))


def is_coloured(drawn):
    return np.ptp(drawn, axis=-1) > 40


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (220, 40, 30), (30, 90, 200)])
def test_neighbours_differ_and_masks_are_seen_on_any_background(background):
    step = 100
    drawn = pixels(overview(plain(background), grid(step)))
    assert drawn.shape[:2] == SHAPE
    middles = drawn[step // 2 :: step, step // 2 :: step]
    assert is_coloured(middles).all()
    # From one end of the picture to the other, and along the diagonals.
    for one, other in (
        (middles[1:], middles[:-1]),
        (middles[:, 1:], middles[:, :-1]),
        (middles[1:, 1:], middles[:-1, :-1]),
        (middles[1:, :-1], middles[:-1, 1:]),
    ):
        rows = zip(one.reshape(-1, 3), other.reshape(-1, 3), strict=True)
        assert min(difference(a, b) for a, b in rows) > 11


def test_between_masks_of_one_brightness_lies_a_dark_line():
    drawn = pixels(overview(plain(), [square(200, 200, 500, 700), square(500, 200, 900, 700)]))
    across = drawn[450, 480:520].sum(axis=1)
    assert across.min() < 0.4 * across[[0, -1]].min()
    assert (across < 0.6 * across[[0, -1]].min()).sum() <= 3


def test_what_no_mask_covers_is_grey_and_darker():
    photo = np.random.default_rng(0).integers(60, 256, (*SHAPE, 3), dtype=np.uint8)
    before = photo.copy()
    drawn = pixels(overview(photo, [square(300, 300, 600, 600)]))
    outside = np.ones(SHAPE, dtype=bool)
    outside[290:610, 290:610] = False
    assert (np.ptp(drawn[outside], axis=1) == 0).all()
    assert drawn[outside].mean() < 0.7 * photo[outside].mean()
    assert is_coloured(drawn[310:590, 310:590]).mean() > 0.99
    np.testing.assert_array_equal(photo, before)


def test_without_masks_it_is_the_picture():
    photo = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    for codes in ([], [square(0, 0, 0, 0)]):
        np.testing.assert_array_equal(pixels(overview(photo, codes)), photo)


def test_small_masks_lie_on_top_whatever_the_order():
    large, small = square(100, 100, 800, 800), square(300, 300, 500, 500)
    for codes in ([large, small], [small, large]):
        drawn = pixels(overview(plain(), codes))
        assert difference(drawn[400, 400], drawn[200, 200]) > 12
    first, second = overview(plain(), [large, small]), overview(plain(), [small, large])
    assert first.tobytes() == second.tobytes()


def test_of_a_mask_that_others_cover_the_border_is_seen():
    halves = [square(200, 200, 500, 700), square(500, 200, 900, 700)]
    whole = square(200, 200, 900, 700)
    without, drawn = pixels(overview(plain(), halves)), pixels(overview(plain(), [*halves, whole]))
    border = drawn[450, 201]
    for half in (drawn[450, 300], drawn[450, 700]):
        assert difference(border, half) > 15
    np.testing.assert_array_equal(drawn[250:650, 250:850], without[250:650, 250:850])
    twice = pixels(overview(plain(), [whole, whole]))
    assert difference(twice[450, 201], twice[450, 500]) > 15


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255)])
def test_dots_and_lines_are_seen(colour):
    shape = (3000, 4000)
    codes = [
        square(2000, 1500, 2001, 1501, shape),
        square(100, 100, 3900, 101, shape),
        square(500, 300, 501, 2900, shape),
        square(0, 2999, 1, 3000, shape),
    ]
    drawn = pixels(overview(plain(colour, shape), codes))
    assert drawn.shape == (1200, 1600, 3)
    seen = is_coloured(drawn)
    assert seen[598:603, 798:803].sum() >= 9
    assert seen[37:43, 45:1555].any(axis=0).all()
    assert seen[125:1155, 197:203].any(axis=1).all()
    assert seen[-3:, :3].any()


def test_three_thousand_masks_are_all_seen():
    shape = (1000, 1200)
    drawn = pixels(overview(plain(shape=shape), grid(20, shape)))
    assert is_coloured(drawn[10::20, 10::20]).sum() == 50 * 60


def test_a_mask_keeps_its_colour_when_another_goes():
    one, other = square(100, 100, 300, 300), square(700, 500, 900, 800)
    both, alone = pixels(overview(plain(), [one, other])), pixels(overview(plain(), [other]))
    np.testing.assert_array_equal(both[550:750, 750:850], alone[550:750, 750:850])


@pytest.mark.parametrize(
    ("shape", "side_px", "expected"),
    [
        ((3000, 4000), 1600, (1600, 1200)),
        ((4000, 3000), 400, (300, 400)),
        ((900, 1600), 1600, (1600, 900)),
        ((800, 600), 1600, (1200, 1600)),
        ((200, 300), 1600, (900, 600)),
        ((1, 1), 1600, (3, 3)),
        ((1, 40000), 1600, (1600, 1)),
        ((40000, 1), 1600, (1, 1600)),
        ((20, 30), 1, (1, 1)),
    ],
)
@pytest.mark.parametrize("is_full", [False, True])
def test_sizes(shape, side_px, expected, is_full):
    code = encode(np.full(shape, is_full))
    drawn = overview(plain(shape=shape), [code], side_px=side_px)
    assert drawn.size == expected
    assert bool(is_coloured(pixels(drawn)).any()) == is_full


def test_a_full_mask_has_a_line_in_its_own_colour_along_the_edge():
    drawn = pixels(overview(plain(), [encode(np.ones(SHAPE, dtype=bool))]))
    edge = drawn[450, 0]
    assert min(np.abs(edge - np.array(colour)).max() for colour in PALETTE) < 15
    assert np.abs(drawn[450, 600] - edge).max() > 30


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(InputError, match="mask 1 is 9×8 for a picture of 1200×900; draw masks"):
        overview(plain(), [square(0, 0, 9, 9), encode(np.zeros((8, 9), dtype=bool))])


def test_a_side_without_pixels_is_refused():
    with pytest.raises(InputError, match="side_px must be at least 1, got 0; use 1600"):
        overview(plain(), [], side_px=0)


def test_a_damaged_code_is_refused():
    with pytest.raises(DataError, match="RLE counts sum to 5"):
        overview(plain(), [{"size": list(SHAPE), "counts": "5"}])
