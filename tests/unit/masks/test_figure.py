"""The candidates side by side."""

import sys

import matplotlib as mpl
import numpy as np
import pytest

from anymask.errors import MissingExtra
from anymask.masks.figure import candidates_figure
from anymask.vocabulary import Prompt

PICTURE = np.full((60, 80, 3), 100, dtype=np.uint8)
PROMPT = Prompt(points=((10.0, 20.0), (50.0, 30.0)), labels=(1, 0), box=(5.0, 6.0, 70.0, 50.0))


@pytest.fixture(autouse=True)
def _headless():
    from matplotlib import pyplot

    before = mpl.get_backend()
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


def masks(count):
    found = np.zeros((count, 60, 80), dtype=bool)
    for index in range(count):
        found[index, 10 : 20 + 3 * index, 10:40] = True
    return found


def visible(figure):
    return [panel for panel in figure.axes if panel.images]


def test_each_mask_has_its_panel_and_score():
    figure = candidates_figure(PICTURE, masks(3), [0.5, 0.8764, 1.002], [PROMPT] * 3)
    titles = [panel.get_title() for panel in visible(figure)]
    assert titles == ["Mask 1, score 0.500", "Mask 2, score 0.876", "Mask 3, score 1.002"]
    shown = np.asarray(visible(figure)[0].images[0].get_array())
    assert shown.shape == (60, 80, 3)
    assert (shown[15, 25] != 100).any()
    assert (shown[50, 70] == 100).all()


def test_points_are_stars_green_and_red_and_the_box_is_green():
    panel = visible(candidates_figure(PICTURE, masks(1), [0.5], [PROMPT]))[0]
    stars = panel.collections
    assert [star.get_offsets().tolist() for star in stars] == [[[10, 20]], [[50, 30]]]
    green, red = (star.get_facecolor()[0] for star in stars)
    assert green[1] > 0.5 > green[0]
    assert red[0] > 0.5 > red[1]
    # The outline of a star has ten corners and comes back to the first.
    assert all(len(star.get_paths()[0].vertices) == 11 for star in stars)
    (line,) = panel.lines
    assert {(5, 6), (70, 6), (70, 50), (5, 50)} == set(zip(*line.get_data(), strict=True))


def test_more_masks_than_fit_in_a_row_go_on_below():
    figure = candidates_figure(PICTURE, masks(6), [0.5] * 6, [None] * 6)
    assert len(visible(figure)) == 6
    assert len(figure.axes) == 8
    assert not visible(figure)[0].collections


def test_without_masks_the_picture_is_shown():
    (panel,) = visible(candidates_figure(PICTURE, [], [], []))
    assert (np.asarray(panel.images[0].get_array()) == 100).all()


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    sentence = r'needs matplotlib; pip install "anymask\[show\]"'
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(MissingExtra, match=sentence):
            candidates_figure(PICTURE, masks(1), [0.5], [None])
