"""Candidates side by side: each in a panel of the same part, with its reason below."""

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks.colours import colour_of
from anymask.masks.explain_picture import explain_picture
from anymask.masks.rle import RLE, encode

SHAPE = (600, 800)
PAPER = 250


def plain(colour=(128, 128, 128), shape=SHAPE):
    return np.full((*shape, 3), colour, dtype=np.uint8)


def square(x0, y0, x1, y1, shape=SHAPE) -> RLE:
    mask = np.zeros(shape, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return encode(mask)


def pixels(drawn):
    assert isinstance(drawn, Image.Image)
    assert drawn.mode == "RGB"
    return np.asarray(drawn).astype(int)


def spans_of(is_set) -> list[tuple[int, int]]:
    """Where a row of flags is True, as spans."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_set, [False]]).astype(int)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def panels_of(drawn) -> list[np.ndarray]:
    """The panels of the first row: all that is not paper or ink."""
    first_row = drawn[20]
    return [drawn[14:, start:stop] for start, stop in spans_of((first_row != PAPER).any(axis=1))]


def tinted(colour):
    return 128 * 0.58 + np.array(colour) * 0.42


def test_each_candidate_has_a_panel_of_the_same_part_and_its_own_colour():
    codes = [square(300, 200, 500, 400), square(360, 260, 440, 340), square(200, 100, 600, 500)]
    drawn = pixels(explain_picture(plain(), codes, ["kept", "IoU", "area"], (400, 300)))
    panels = panels_of(drawn)
    assert [panel.shape[1] for panel in panels] == [480] * 3
    # The part is 96 pixels larger than the largest candidate: 496 in 480.
    scale = 480 / 496
    for panel, half, index in zip(panels, (100, 40, 200), range(3), strict=True):
        row = panel[240 - 20]
        is_mask = (np.abs(row - tinted(colour_of(index))) < 1).all(axis=1)
        places = np.flatnonzero(is_mask)
        assert np.isclose((places[0] + places[-1]) / 2, 239.5, atol=2)
        assert np.isclose(places[-1] - places[0], 2 * half * scale, atol=12)


def test_the_point_is_marked_in_each_panel():
    codes = [square(300, 200, 500, 400), square(350, 250, 450, 350)]
    drawn = pixels(explain_picture(plain(), codes, ["kept", "IoU"], (400, 300)))
    for panel in panels_of(drawn):
        centre = panel[235:245, 235:245]
        assert (centre > 230).all(axis=2).any()
        assert ((centre[..., 1] > 150) & (centre[..., 0] < 90)).any()


def test_reasons_are_written_below_and_long_ones_in_several_lines():
    def ink(reason):
        drawn = pixels(explain_picture(plain(), [square(0, 0, 800, 600)], [reason], (1, 1)))
        below = drawn[14 + 360 :]
        return below.shape[0], int((below < 100).all(axis=2).sum())

    short, other, long = ink("kept"), ink("predicted IoU 0.81"), ink("predicted IoU 0.81, " * 5)
    assert short[0] == other[0] < long[0]
    assert 0 < short[1] < other[1] < long[1]
    assert ink("word " * 200)[0] < 120
    assert ink("w" * 400)[0] < 80


def test_signs_that_the_font_lacks_are_written_otherwise():
    code = square(0, 0, 800, 600)
    ours = explain_picture(plain(), [code], ["≥ 0.95 × −1"], (1, 1))
    assert ours.tobytes() == explain_picture(plain(), [code], [">= 0.95 x -1"], (1, 1)).tobytes()


def test_without_candidates_the_whole_picture_is_shown_with_the_point():
    drawn = pixels(explain_picture(plain((10, 20, 200)), [], [], (400, 300)))
    (panel,) = panels_of(drawn)
    assert panel.shape[1] == 480
    assert panel[10, 10].tolist() == [10, 20, 200]
    assert (panel[175:185, 235:245] > 230).all(axis=2).any()
    assert (drawn[14 + 360 :] < 100).all(axis=2).any()


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (4, 4, 1), (5, 3, 2), (8, 4, 2), (24, 4, 6)]
)
def test_panels_stand_in_rows(count, columns, rows):
    codes = [square(100, 100, 500, 400)] * count
    drawn = explain_picture(plain(), codes, ["kept"] * count, (200, 200))
    side = 480 if count <= 6 else 340
    assert drawn.width == columns * (side + 14) + 14
    spans = spans_of((pixels(drawn)[:, 20] != PAPER).any(axis=1))
    assert sum(stop - start > 100 for start, stop in spans) == rows


def test_what_is_too_much_is_counted():
    codes = [square(100, 100, 500, 400)] * 30
    all_of_them = explain_picture(plain(), codes, ["kept"] * 30, (200, 200))
    the_first = explain_picture(plain(), codes[:24], ["kept"] * 24, (200, 200))
    assert all_of_them.height == the_first.height + 20
    assert (pixels(all_of_them)[-20:] < 100).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40000), (40000, 1), (2, 3)])
def test_odd_pictures_work(shape):
    codes = [encode(np.ones(shape, dtype=bool)), encode(np.zeros(shape, dtype=bool))]
    drawn = explain_picture(plain(shape=shape), codes, ["kept", "empty"], (0, 0))
    assert max(drawn.size) < 2000
    assert (pixels(drawn) < 100).all(axis=2).any()


def test_a_large_picture_is_shown_as_a_small_one():
    small = explain_picture(plain(), [square(200, 100, 600, 500)], ["kept"], (400, 300))
    shape = (2400, 3200)
    code = square(800, 400, 2400, 2000, shape)
    large = explain_picture(plain(shape=shape), [code], ["kept"], (1600, 1200))
    assert large.size == small.size
    differ = np.abs(pixels(large) - pixels(small)).max(axis=2) > 40
    assert differ.mean() < 0.01


def test_reasons_and_candidates_must_pair_up():
    with pytest.raises(InputError, match="1 reasons for 2 candidates; give one a candidate"):
        explain_picture(plain(), [square(0, 0, 9, 9)] * 2, ["kept"], (1, 1))


def test_a_candidate_of_another_size_is_refused():
    with pytest.raises(InputError, match="mask 0 is 9×8 for a picture of 800×600; draw masks"):
        explain_picture(plain(), [encode(np.zeros((8, 9), dtype=bool))], ["kept"], (1, 1))
