"""Cut-outs: the picture's own pixels, straight alpha, and what a person wished for around them."""

import numpy as np
import pytest

from anymask.errors import ConfigError, InputError
from anymask.image.picture import Picture
from anymask.masks import rle
from anymask.masks.cutout import cut_out, softened
from anymask.serve.cutting import CutOptions, backdrop_of, cut_object, names_of_pieces

HEIGHT, WIDTH = 60, 90
Y, X = np.mgrid[:HEIGHT, :WIDTH]
DISC = np.hypot(X - 40, Y - 30) < 18
CORNER = (X < 12) & (Y < 9)
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
PICTURE = Picture(pixels=PIXELS)


def pasted(piece):
    """A piece at its place on a plane of the picture's size, and what of it lies outside."""
    cut = np.array(piece.image)
    x0, y0, x1, y1 = piece.box
    plane = np.zeros((HEIGHT, WIDTH, cut.shape[2]), np.uint8)
    inner = cut[max(-y0, 0) : HEIGHT - y0, max(-x0, 0) : WIDTH - x0]
    plane[max(y0, 0) : min(y1, HEIGHT), max(x0, 0) : min(x1, WIDTH)] = inner
    return plane


@pytest.mark.parametrize("mask", [DISC, CORNER, DISC | CORNER, np.ones((HEIGHT, WIDTH), bool)])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_a_soft_piece_is_what_the_library_cuts_out(mask, has_alpha):
    alpha = ((X * 2) % 256).astype(np.uint8) if has_alpha else None
    picture = Picture(pixels=PIXELS, alpha=alpha)
    expected = np.array(cut_out(PIXELS, softened(mask), alpha))
    whole = cut_object(picture, rle.encode(mask), CutOptions(crop=False))
    assert np.array_equal(np.array(whole.image), expected)
    tight = cut_object(picture, rle.encode(mask), CutOptions())
    assert np.array_equal(
        np.array(tight.image), np.array(cut_out(PIXELS, softened(mask), alpha, crop=True))
    )
    assert np.array_equal(pasted(tight)[:, :, 3], expected[:, :, 3])


def test_inside_the_pixels_are_the_pictures():
    cut = pasted(cut_object(PICTURE, rle.encode(DISC), CutOptions()))
    inside = cut[:, :, 3] == 255
    assert inside.sum() > 0.85 * DISC.sum()
    assert np.array_equal(cut[:, :, :3][inside], PIXELS[inside])
    assert not cut[:, :, 3][np.hypot(X - 40, Y - 30) > 21].any()


def test_a_hard_edge_is_the_mask_itself():
    cut = pasted(cut_object(PICTURE, rle.encode(DISC | CORNER), CutOptions(edge="hard")))
    assert np.array_equal(cut[:, :, 3], np.where(DISC | CORNER, 255, 0))
    assert np.array_equal(cut[:, :, :3], PIXELS * (DISC | CORNER)[:, :, None])


def test_a_margin_may_reach_beyond_the_picture():
    piece = cut_object(PICTURE, rle.encode(CORNER), CutOptions(margin=7, edge="hard"))
    assert piece.box == (-7, -7, 19, 16)
    assert piece.image.size == (26, 23)
    alpha = np.array(piece.image)[:, :, 3]
    assert alpha[7:16, 7:19].all()
    assert alpha.sum() == 255 * CORNER.sum()


@pytest.mark.parametrize("crop", [True, False])
def test_a_colour_lies_behind(crop):
    options = CutOptions(background="#1A2b3C", edge="hard", crop=crop, margin=3)
    piece = cut_object(PICTURE, rle.encode(DISC), options)
    assert piece.image.mode == "RGB"
    cut = np.array(piece.image)
    x0, y0, x1, y1 = piece.box
    inside = DISC[y0:y1, x0:x1]
    assert np.array_equal(cut[inside], PIXELS[DISC])
    assert (cut[~inside] == (0x1A, 0x2B, 0x3C)).all()
    assert (piece.box == (0, 0, WIDTH, HEIGHT)) == (not crop)


def test_the_blurred_picture_lies_behind():
    options = CutOptions(background="blur", margin=40)
    backdrop = backdrop_of(PICTURE, options)
    assert backdrop is not None
    assert backdrop.shape == PIXELS.shape
    assert backdrop.std() < 0.5 * PIXELS.std()
    assert np.abs(backdrop.mean((0, 1)) - PIXELS.mean((0, 1))).max() < 4
    piece = cut_object(PICTURE, rle.encode(DISC), options, backdrop)
    cut, (x0, y0, _, _) = np.array(piece.image), piece.box
    assert x0 < 0
    assert y0 < 0
    assert np.array_equal(cut[0, 0], backdrop[0, 0])  # it goes on as it ends
    assert np.array_equal(cut[30 - y0, 40 - x0], PIXELS[30, 40])
    assert np.array_equal(cut[58 - y0, 5 - x0], backdrop[58, 5])
    assert backdrop_of(PICTURE, CutOptions()) is None


def test_an_empty_mask_is_refused():
    with pytest.raises(InputError, match="the mask holds no pixel; choose an object that is not"):
        cut_object(PICTURE, rle.encode(DISC & CORNER), CutOptions())


def test_what_is_wholly_transparent_in_the_picture_keeps_its_box():
    picture = Picture(pixels=PIXELS, alpha=np.zeros((HEIGHT, WIDTH), np.uint8))
    piece = cut_object(picture, rle.encode(CORNER), CutOptions())
    assert piece.box == (0, 0, 12, 9)
    assert not np.array(piece.image)[:, :, 3].any()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"margin": -1}, "margin is -1; use 0 to 2000 pixels."),
        ({"margin": 2001}, "margin is 2001; use 0 to 2000 pixels."),
        ({"background": "red"}, "background is 'red'; use transparent, blur or a colour like"),
        ({"background": "#12345"}, "background is '#12345'"),
        ({"edge": "round"}, "edge is 'round'; use soft or hard."),
    ],
)
def test_options_that_cannot_be_used_are_refused(option, sentence):
    with pytest.raises(ConfigError, match=sentence):
        CutOptions(**option)


def test_pieces_are_numbered_and_named():
    assert names_of_pieces("a/picture.v2.jpg", ["cat", "", "a/b\n<c>"]) == [
        "picture.v2_001_cat.png",
        "picture.v2_002_object.png",
        "picture.v2_003_a_b _c_.png",
    ]
