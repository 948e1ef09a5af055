"""Names of what belongs to a picture."""

import pytest

from anymask.masks.forms.stem import stem_of


@pytest.mark.parametrize(
    ("file_name", "stem"),
    [
        ("a.jpg", "a"),
        ("a/b.v2.JPG", "a/b.v2"),
        ("a.b/c", "a.b/c"),
        (".hidden", ".hidden"),
        ("ü\n.png", "ü\n"),
    ],
)
def test_the_last_suffix_goes_and_folders_stay(file_name, stem):
    assert stem_of(file_name) == stem
