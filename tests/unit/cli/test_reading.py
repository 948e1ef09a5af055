import pytest

from anymask.cli.reading import read_options
from anymask.errors import ConfigError
from anymask.image.options import MAX_PIXELS, ReadOptions


def test_left_out_flags_are_the_usual_options():
    assert read_options() == ReadOptions()
    assert read_options().max_pixels == MAX_PIXELS


def test_flags_become_options():
    options = read_options(
        allow_truncated=True, max_pixels=9, page=2, bands="4, 3,2", value_range="-1,2.5"
    )
    assert options == ReadOptions(
        allow_truncated=True, max_pixels=9, page=2, bands=(4, 3, 2), value_range=(-1.0, 2.5)
    )


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"bands": "4,3"}, "--bands 4,3: must be three whole numbers from 1; choose red, green"),
        ({"bands": "4,3,x"}, "--bands 4,3,x: must be three whole numbers from 1;"),
        ({"bands": "0,1,2"}, "bands must be three numbers from 1, got (0, 1, 2);"),
        ({"value_range": "1"}, "--range 1: must be two numbers, the lower first;"),
        ({"value_range": "a,b"}, "--range a,b: must be two numbers, the lower first;"),
        ({"value_range": "2,1"}, "value_range must be two numbers, the lower first, got 2,1;"),
        ({"page": -1}, "page must be 0 or more, got -1; count from 0."),
        ({"max_pixels": 0}, "max_pixels must be at least 1, got 0;"),
    ],
)
def test_a_flag_that_cannot_be_used_says_why(flags, sentence):
    with pytest.raises(ConfigError) as caught:
        read_options(**flags)
    assert str(caught.value).startswith(sentence)
