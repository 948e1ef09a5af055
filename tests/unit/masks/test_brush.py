"""Label Studio's brush masks, against a writer of our own made from the description."""

import numpy as np
import pytest

from anymask.errors import DataError
from anymask.masks.brush import is_brush, read_brush
from anymask.masks.problem import Problem
from anymask.masks.segmentation import segmentation_runs
from tests.unit.masks.forms.annotated import SIZE_HW, ring


def brush_of(mask, *, lengths=(3, 4, 8, 16)) -> list[int]:
    """Write a mask as blocks: runs as one block each, single values as blocks of several."""
    values = np.repeat(mask.ravel().astype(np.uint8) * 255, 4)
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{length - 1:04b}" for length in lengths)
    at = 0
    while at < values.size:
        changes = np.flatnonzero(values[at:] != values[at])
        run = min(int(changes[0]) if len(changes) else values.size - at, 1 << lengths[-1])
        # Every second short run is written value by value.
        is_run = run > 8 or at % 8 == 0
        place = next(i for i, length in enumerate(lengths) if run <= 1 << length)
        bits += f"{int(is_run)}{place:02b}{run - 1:0{lengths[place]}b}"
        bits += f"{values[at]:08b}" * (1 if is_run else run)
        at += run
    padded = bits + "0" * (-len(bits) % 8)
    return [int(padded[i : i + 8], 2) for i in range(0, len(padded), 8)]


def test_a_brush_mask_is_read():
    values = brush_of(ring())
    assert is_brush(values, SIZE_HW)
    np.testing.assert_array_equal(read_brush(values, SIZE_HW), ring())


def test_three_values_by_hand():
    # One pixel: 4 values; words of 8 bits; lengths 1, 2, 3 and 4; a block of 4 single values.
    bits = f"{4:032b}{7:05b}{0:04b}{1:04b}{2:04b}{3:04b}" + "0" + "01" + "11"
    bits += f"{9:08b}{9:08b}{9:08b}{255:08b}"
    bits += "0" * (-len(bits) % 8)
    values = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert read_brush(values, (1, 1)).tolist() == [[True]]


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": list(SIZE_HW), "counts": brush_of(ring())},
        {"format": "rle", "rle": brush_of(ring())},
    ],
)
def test_it_is_known_by_its_header_where_masks_are_read(segmentation):
    found = segmentation_runs(segmentation, SIZE_HW)
    assert not isinstance(found, Problem)
    runs, size_hw = found
    mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size_hw[::-1]).T
    np.testing.assert_array_equal(mask, ring())


@pytest.mark.parametrize("values", [[], [0, 1, 2], ["a"] * 9, [0, 0, 35, 0, 8, 0, 0, 0], [300] * 9])
def test_other_lists_are_none(values):
    assert not is_brush(values, SIZE_HW)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (brush_of(ring())[:-9], "brush mask ends early, after"),
        ([*brush_of(ring())[:20], 300], "brush mask holds what is no byte"),
        ([*brush_of(ring())[:6], *[255] * 4000], "brush mask runs past its 8960 values"),
    ],
)
def test_damage_is_said(values, message):
    with pytest.raises(DataError, match=message):
        read_brush(values, SIZE_HW)
    found = segmentation_runs({"rle": values}, SIZE_HW)
    assert isinstance(found, Problem)
    assert (found.code, found.message.startswith(message)) == ("bad-rle", True)
