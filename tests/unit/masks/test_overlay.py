"""Overlays: what is drawn where, and that it can be seen on anything."""

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks.colours import colour_of
from anymask.masks.overlay import draw, paint_masks
from anymask.vocabulary import Prompt

BACKGROUNDS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "like the mask": colour_of(0),
}


def plain(colour=(128, 128, 128), shape=(120, 160)):
    return np.full((*shape, 3), colour, dtype=np.uint8)


def square(shape=(120, 160)):
    mask = np.zeros(shape, dtype=bool)
    mask[30:90, 50:110] = True
    return mask


def pixels(drawn):
    assert isinstance(drawn, Image.Image)
    assert drawn.mode == "RGB"
    return np.asarray(drawn).astype(int)


def test_inside_is_tinted_and_far_outside_untouched():
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    before = picture.copy()
    drawn = pixels(draw(picture, [square()]))
    inside = np.s_[35:85, 55:105]
    expected = picture[inside] * 0.58 + np.array(colour_of(0)) * 0.42
    np.testing.assert_allclose(drawn[inside], expected, atol=0.51)
    far = np.ones((120, 160), dtype=bool)
    far[24:96, 44:116] = False
    np.testing.assert_array_equal(drawn[far], picture[far])
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_the_border_is_seen_on_any_background(background):
    drawn = pixels(draw(plain(BACKGROUNDS[background]), [square()]))
    # Across the left border: background, dark line, bright line, tint.
    luma = drawn[60, 40:62] @ [0.299, 0.587, 0.114]
    assert luma[9] < 65
    assert luma[10] > 170
    assert luma[10] - luma[9] > 120


def test_a_full_mask_has_its_border_along_the_picture():
    drawn = pixels(draw(plain(), [np.ones((120, 160), dtype=bool)]))
    tint, edge = drawn[60, 80].sum(), drawn[60, 0].sum()
    assert edge > tint + 150
    np.testing.assert_array_equal(drawn[60, 159], drawn[60, 0])
    np.testing.assert_array_equal(drawn[0, 80], drawn[60, 0])


def test_small_masks_lie_on_top_whatever_the_order():
    small = np.zeros((120, 160), dtype=bool)
    small[50:70, 70:90] = True
    for masks in ([square(), small], [small, square()]):
        drawn = pixels(draw(plain(), masks))
        own = colour_of(1 if masks[1] is small else 0)
        np.testing.assert_allclose(drawn[60, 80], 128 * 0.58 + np.array(own) * 0.42, atol=0.51)


def test_a_stack_of_masks_is_as_good_as_a_list():
    masks = np.stack([square(), ~square()])
    assert draw(plain(), masks).tobytes() == draw(plain(), list(masks)).tobytes()


def test_points_show_their_sign_by_colour_and_shape():
    prompt = Prompt(points=((40.0, 40.0), (280.0, 200.0)), labels=(1, 0))
    drawn = pixels(draw(plain((0, 0, 0), (480, 640)), [], prompt))
    white = (drawn > 200).all(axis=2)
    green, red = drawn[36, 36], drawn[196, 276]
    assert green[1] > 120 > max(green[0], green[2])
    assert red[0] > 180 > max(red[1], red[2])
    assert white[40, 37:44].all()
    assert white[37:44, 40].all()
    assert white[200, 277:284].all()
    assert not white[197, 280]
    assert not white[203, 280]


def test_a_box_is_a_green_line_with_dark_sides():
    prompt = Prompt(box=(40.0, 50.0, 240.0, 170.0))
    drawn = pixels(draw(plain((255, 255, 255), (240, 320)), [], prompt))
    for y, x in ((50, 140), (170, 140), (110, 40), (110, 240)):
        assert drawn[y, x][1] > 150 > drawn[y, x][0]
    is_dark = (drawn[110, 30:50] < 40).all(axis=1)
    assert is_dark[:10].any()
    assert is_dark[11:].any()
    assert (drawn[100:120, 60:200] == 255).all()
    assert (drawn[:40] == 255).all()


def test_marks_at_the_very_edge_and_beyond_are_drawn_inside():
    prompt = Prompt(points=((-500.0, 9e6),), labels=(1,), box=(-50.0, -50.0, 1000.0, 1000.0))
    drawn = pixels(draw(plain(shape=(240, 320)), [], prompt))
    assert drawn[120, 0][1] > 150 > drawn[120, 0][0]
    assert (drawn[225:, :15] != 128).any()


def test_the_score_is_written_next_to_its_mask():
    picture = plain(shape=(240, 320))
    mask = np.zeros((240, 320), dtype=bool)
    mask[100:150, 120:200] = True
    without, with_score = pixels(draw(picture, [mask])), pixels(draw(picture, [mask], None, [0.87]))
    rows, columns = np.nonzero((without != with_score).any(axis=2))
    assert 60 < rows.min() < rows.max() < 100
    assert 120 < columns.min() < columns.max() < 200
    other = pixels(draw(picture, [mask], None, [0.21]))
    assert (other != with_score).any()


def test_scores_are_left_out_where_they_would_hide_the_picture():
    tiny = plain(shape=(40, 50))
    mask = np.zeros((40, 50), dtype=bool)
    mask[10:20, 10:20] = True
    assert draw(tiny, [mask], None, [0.9]).tobytes() == draw(tiny, [mask]).tobytes()
    many = [square()] * 41
    assert draw(plain(), many, None, [0.5] * 41).tobytes() == draw(plain(), many).tobytes()
    assert draw(plain(), many[:40], None, [0.5] * 40).tobytes() != draw(plain(), many).tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (20, 30), (1, 3000)])
@pytest.mark.parametrize("value", [False, True])
def test_the_smallest_pictures_keep_their_size(shape, value):
    prompt = Prompt(points=((0.0, 0.0),), labels=(1,), box=(0.0, 0.0, shape[1], shape[0]))
    picture = plain(shape=shape)
    drawn = draw(picture, [np.full(shape, value)], prompt, [0.5])
    assert drawn.size == (shape[1], shape[0])
    if value:
        assert (pixels(drawn) != picture).any(axis=2).all()


def test_on_a_thumbnail_the_mask_is_not_hidden_by_marks():
    picture = plain(shape=(8, 8))
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:6, 2:6] = True
    prompt = Prompt(points=((4.0, 4.0),), labels=(1,))
    assert draw(picture, [mask], prompt).tobytes() == draw(picture, [mask]).tobytes()


def test_an_empty_mask_changes_nothing():
    picture = plain()
    assert (pixels(draw(picture, [np.zeros((120, 160), dtype=bool)], None, [0.1])) == picture).all()


def test_lines_grow_with_the_picture():
    def dark_pixels(scale):
        shape = (120 * scale, 160 * scale)
        mask = np.kron(square(), np.ones((scale, scale))).astype(bool)
        drawn = pixels(draw(plain((255, 255, 255), shape), [mask]))
        return int((drawn[60 * scale, : 50 * scale].max(axis=1) < 100).sum())

    assert dark_pixels(1) == 1
    assert 4 <= dark_pixels(10) <= 6


def test_colours_can_be_given():
    drawn = paint_masks(plain((0, 0, 0)), [square()], [(100, 200, 50)])
    assert drawn[60, 80].tolist() == [42, 84, 21]


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(InputError, match="mask 9×8 for picture 160×120; draw a mask over"):
        draw(plain(), [np.zeros((8, 9), dtype=bool)])


def test_scores_and_masks_must_pair_up():
    with pytest.raises(InputError, match="2 scores for 1 masks"):
        draw(plain(), [square()], None, [0.5, 0.6])
