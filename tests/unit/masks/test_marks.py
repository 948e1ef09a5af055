"""Labels find places of their own."""

import numpy as np
import pytest
from PIL import Image

from anymask.masks.colours import colour_of
from anymask.masks.marks import Label, draw_labels, stroke_px

GREY = (128, 128, 128)


def label(index, box, top_x=None):
    top_x = (box[0] + box[2]) // 2 if top_x is None else top_x
    return Label(text="0.50", colour=colour_of(index), box=box, top_x=top_x)


def changed(labels, size=(400, 300), keep_clear=()):
    canvas = Image.new("RGB", size, GREY)
    draw_labels(canvas, labels, keep_clear=keep_clear)
    return np.asarray(canvas)


def swatches(drawn, labels):
    """Give the middle of each label's swatch, (y, x), or None where it was left out."""
    found = []
    for one in labels:
        rows, columns = np.nonzero((drawn == np.array(one.colour)).all(axis=2))
        found.append((rows.mean(), columns.mean()) if len(rows) else None)
    return found


def test_a_label_stands_above_the_top_of_its_object():
    drawn = changed([label(0, (100, 150, 220, 260), top_x=200)])
    rows, columns = np.nonzero((drawn != GREY).any(axis=2))
    assert 125 < rows.min() < rows.max() < 150
    assert columns.min() < 200 < columns.max()


def test_a_label_without_room_above_stands_below_a_small_object():
    rows, _ = np.nonzero((changed([label(0, (100, 2, 140, 40))]) != GREY).any(axis=2))
    assert rows.min() > 40


def test_a_label_of_a_large_object_stays_on_it():
    rows, _ = np.nonzero((changed([label(0, (2, 2, 390, 290))]) != GREY).any(axis=2))
    assert 2 < rows.min() < rows.max() < 40


def test_nested_objects_get_labels_that_do_not_touch():
    labels = [label(index, (100 + index, 100 + index, 300 - index, 290)) for index in range(3)]
    drawn = changed(labels)
    places = swatches(drawn, labels)
    assert None not in places
    for one, other in ((0, 1), (0, 2), (1, 2)):
        away = np.abs(np.subtract(places[one], places[other]))
        assert away[0] >= 17 or away[1] >= 45


def test_a_label_beside_does_not_lie_on_the_neighbour():
    neighbour = (100, 45, 160, 100)
    drawn = changed([label(0, (100, 2, 160, 40)), label(1, neighbour)])
    ((y, x), _) = swatches(drawn, [label(0, (100, 2, 160, 40)), label(1, neighbour)])
    assert not (neighbour[0] <= x < neighbour[2] and neighbour[1] <= y < neighbour[3])


def test_points_are_kept_clear():
    box = (100, 150, 220, 260)
    plain_place = swatches(changed([label(0, box)]), [label(0, box)])[0]
    drawn = changed([label(0, box)], keep_clear=[(plain_place[1], plain_place[0])])
    assert (drawn[round(plain_place[0]), round(plain_place[1])] == GREY).all()
    assert swatches(drawn, [label(0, box)])[0] is not None


def test_a_label_larger_than_the_picture_is_left_out():
    assert (changed([label(0, (0, 0, 5, 5))], size=(30, 400)) == GREY).all()
    assert (changed([label(0, (0, 0, 5, 5))], size=(400, 8)) == GREY).all()
    assert (changed([label(0, (0, 0, 40, 40))], size=(60, 60)) == GREY).all()


@pytest.mark.parametrize(
    ("size_hw", "expected"), [((1, 1), 1.2), ((1, 40000), 1.2), ((1000, 1000), 3.4)]
)
def test_lines_follow_the_size_of_the_picture(size_hw, expected):
    assert stroke_px(size_hw) == pytest.approx(expected)
