"""The comparison of run-length codes: the same masks every time, and ratios the right way round."""

import numpy as np
import pytest
import run_lengths

from anymask.masks.rle import counts_of


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("one object", 0.1, 0.6),
        ("small object", 0.001, 0.01),
        ("many parts", 0.3, 0.7),
        ("noise", 0.45, 0.55),
        ("empty", 0, 0),
    ],
)
def test_masks_are_what_they_are_called(kind, least, most):
    mask = run_lengths.make_mask(kind, (120, 180))
    assert mask.shape == (120, 180)
    assert mask.dtype == np.bool_
    assert least <= mask.mean() <= most
    np.testing.assert_array_equal(mask, run_lengths.make_mask(kind, (120, 180)))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_row_tells_both_ratios():
    found = run_lengths.measure("small object", (60, 80), rounds=1)
    assert found["mask"] == "small object, 80×60"
    counts = counts_of(run_lengths.make_mask("small object", (60, 80)))
    assert found["runs"] == len(counts)
    for name in ("encode", "decode"):
        one = found[name]
        assert one["ratio"] == pytest.approx(one["bare_s"] / one["anymask_s"])
    found["encode"] |= {
        "anymask_s": 0.002,
        "ratio": 0.5,
        "spread": (0.4, 0.6),
        "ratio_from_bool": 3,
    }
    assert run_lengths.row(found)[2:5] == ["2.00 ms", "0.50× (0.40–0.60)", "3.00×"]
    assert len(run_lengths.row(found)) == len(run_lengths.COLUMNS)
