"""Options that make no sense are refused where they are made."""

import pytest

from anymask.errors import ConfigError
from anymask.image import ReadOptions


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"max_pixels": 0}, "max_pixels must be at least 1, got 0"),
        ({"page": -1}, "page must be 0 or more, got -1"),
        ({"bands": (0, 1, 2)}, r"bands must be three numbers from 1, got \(0, 1, 2\)"),
        ({"bands": (1, 2)}, "bands must be three numbers from 1"),
        ({"value_range": (5.0, 5.0)}, "two numbers, the lower first, got 5,5"),
        ({"value_range": (0.0, float("inf"))}, "two numbers, the lower first, got 0,inf"),
    ],
)
def test_refused(setting, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ReadOptions(**setting)
