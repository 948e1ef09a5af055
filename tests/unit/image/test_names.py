"""Names from outside are shown without doing anything to the terminal."""

from pathlib import Path

import pytest

from anymask.image import display_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("a\nb\t.jpg", r"a\nb\t.jpg"),
        (b"\xff\x80.jpg", r"\xff\x80.jpg"),
        ("x\x1b[31m", r"x\x1b[31m"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("\u2028", r"\u2028"),
        ("😀 Äpfel 猫.png", "😀 Äpfel 猫.png"),
        (Path("-rf"), "-rf"),
    ],
)
def test_unprintable_characters_are_escaped(name, shown):
    assert display_name(name) == shown
