"""Label maps whose further layers hold what lies below."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from anymask.errors import DataError, InputError
from anymask.masks import label_layers
from anymask.masks.annotation import Annotation
from anymask.masks.forms.painting import paint
from anymask.masks.label_layers import label_map, masks_in
from anymask.masks.rle import decode, encode

SIZE = (12, 15)


def box(x0, y0, x1, y1):
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return encode(mask)


LARGE, SMALL, MIDDLE = box(0, 0, 10, 10), box(2, 2, 4, 4), box(1, 1, 6, 6)


def stacked(codes, scores=None, policy="smallest"):
    return np.stack(list(label_map(codes, scores, SIZE, policy).layers))


@pytest.mark.parametrize(
    ("policy", "at_3_3", "at_5_5"),
    [("smallest", [2, 3, 1], [3, 1, 0]), ("largest", [1, 3, 2], [1, 3, 0]),
     ("score", [3, 1, 2], [3, 1, 0])],
)  # fmt: skip
def test_layers_are_who_lies_below_whom(policy, at_3_3, at_5_5):
    layers = stacked([LARGE, SMALL, MIDDLE], [0.5, 0.4, 0.9], policy)
    assert layers.dtype == np.uint16
    assert layers[:, 3, 3].tolist() == at_3_3
    assert layers[:, 5, 5].tolist() == at_5_5
    assert layers[:, 9, 9].tolist() == [1, 0, 0]
    assert layers[:, 10, 10].tolist() == [0, 0, 0]


@pytest.mark.parametrize("policy", ["smallest", "largest", "score"])
def test_of_equal_masks_the_later_lies_on_top(policy):
    layers = stacked([SMALL, SMALL, SMALL], [0.5, 0.5, 0.5], policy)
    assert layers[:, 2, 2].tolist() == [3, 2, 1]


def test_a_score_that_is_none_or_no_number_lies_below_all():
    layers = stacked([SMALL] * 4, [float("nan"), -9.0, None, 0.1], "score")
    assert layers[:, 2, 2].tolist() == [4, 2, 3, 1]


@settings(max_examples=80, deadline=None)
@given(arrays(np.bool_, (6, *SIZE)))
def test_nothing_is_lost_whatever_the_policy(masks):
    codes = tuple(encode(mask) for mask in masks)
    for policy in ("smallest", "largest", "score"):
        made = label_map(codes, list(range(6)), SIZE, policy)
        assert made.masks() == codes
        layers = np.stack([layer.astype(np.int64) for layer in made.layers])
        # As many layers as masks lie upon each other, and none is empty but the only one.
        assert len(layers) == max(1, masks.sum(axis=0).max())
        assert ((layers > 0).sum(axis=0) == masks.sum(axis=0)).all()


@settings(max_examples=40, deadline=None)
@given(arrays(np.bool_, (5, *SIZE)))
def test_the_top_layer_is_the_label_map_of_the_smallest(masks):
    codes = [encode(mask) for mask in masks]
    expected = paint([Annotation(rle=code) for code in codes], SIZE).labels
    np.testing.assert_array_equal(label_map(codes, None, SIZE).labels, expected)


def test_empty_masks_are_in_no_layer_and_come_back():
    empty = encode(np.zeros(SIZE, dtype=bool))
    made = label_map([empty, SMALL, empty], None, SIZE)
    assert [layer.max() for layer in made.layers] == [2]
    assert made.masks() == (empty, SMALL, empty)


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), SIZE])
def test_no_masks_are_one_empty_layer(size):
    made = label_map([], None, size)
    assert [layer.tolist() for layer in made.layers] == [np.zeros(size, int).tolist()]
    assert made.masks() == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3)])
def test_thin_pictures_keep_their_masks(size):
    masks = np.random.default_rng(1).random((9, *size)) < 0.5
    codes = tuple(encode(mask) for mask in masks)
    assert label_map(codes, None, size).masks() == codes


def test_one_pixel_can_have_many_layers():
    full = encode(np.ones((1, 1), dtype=bool))
    made = label_map([full] * 40, None, (1, 1))
    assert [int(layer[0, 0]) for layer in made.layers] == list(range(40, 0, -1))


def test_layers_are_made_one_at_a_time():
    layers = label_map([LARGE, SMALL], None, SIZE).layers
    first, second = next(layers), next(layers)
    assert not np.shares_memory(first, second)
    assert (first[2, 2], second[2, 2], next(layers, None)) == (2, 1, None)


def test_numbers_above_16_bits_have_32(monkeypatch):
    monkeypatch.setattr(label_layers, "MOST_OF_16_BITS", 1)
    assert stacked([LARGE]).dtype == np.uint16
    assert stacked([LARGE, SMALL]).dtype == np.int32


def test_a_mask_twice_at_a_pixel_is_refused():
    layer = np.zeros(SIZE, int)
    layer[3, 4:6] = 7
    assert masks_in([layer, layer * 2], SIZE) == {7: box(4, 3, 6, 4), 14: box(4, 3, 6, 4)}
    with pytest.raises(DataError, match="mask 7 has a pixel in two layers; write the layers"):
        masks_in([layer, layer], SIZE)


def test_numbers_below_one_are_no_masks():
    assert masks_in([np.full(SIZE, -3), np.zeros(SIZE, int)], SIZE) == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (([LARGE], None, SIZE, "biggest"), "policy is 'biggest'; use smallest, score, largest"),
        (([LARGE], None, SIZE, "score"), "policy score needs 1 scores, got 0; give one score"),
        (([LARGE], [1, 2], SIZE, "score"), "policy score needs 1 scores, got 2"),
        (([LARGE], None, (12, 16)), "mask 0 is 15×12 for a picture of 16×12; make the mask"),
    ],
)
def test_what_cannot_be_laid_is_refused(given, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        label_map(*given)


def noise(count, size, seed=3):
    rng = np.random.default_rng(seed)
    return [encode(rng.random(size) < 0.5) for _ in range(count)]


@pytest.mark.parametrize("limits", [{"_MOST_EDGES": 10}, {"_PACKED_BYTES": 900}, {}])
def test_layers_are_the_same_whatever_the_memory_allows(limits, monkeypatch):
    size = (21, 33)
    codes = [*noise(9, size), encode(np.ones(size, dtype=bool))]
    masks = np.stack([decode(code) for code in codes])
    order = sorted(range(10), key=lambda place: (masks[place].sum(), -place))
    expected = np.zeros((10, *size), dtype=np.uint16)
    for y, x in np.ndindex(size):
        there = [place + 1 for place in order if masks[place, y, x]]
        expected[: len(there), y, x] = there
    monkeypatch.setattr(label_layers, "_BLOCK_PX", 100)
    monkeypatch.setattr(label_layers, "_STACK_BYTES", 3000)
    for name, value in limits.items():
        monkeypatch.setattr(label_layers, name, value)
    layers = np.stack(list(label_map(codes, None, size).layers))
    np.testing.assert_array_equal(layers, expected[expected.any(axis=(1, 2))])


@pytest.mark.parametrize("most_edges", [4_000_000, 1000])
def test_noisy_masks_take_little_memory(most_edges, monkeypatch):
    monkeypatch.setattr(label_layers, "_MOST_EDGES", most_edges, raising=False)
    monkeypatch.setattr(label_layers, "_STACK_BYTES", 1_000_000, raising=False)
    made = label_map(noise(16, (300, 400)), None, (300, 400))
    tracemalloc.start()
    try:
        num_layers = sum(1 for _ in made.layers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert num_layers > 12
    assert peak < 25_000_000
