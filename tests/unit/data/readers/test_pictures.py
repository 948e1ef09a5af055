"""A folder of photos serves where no masks are asked for."""

import shutil

import pytest

from anymask.data.layouts import recognise_all, recognise_pictures
from anymask.data.readers.pictures import read_pictures
from anymask.data.sample_record import AnnotatedFile
from anymask.errors import ConfigError


@pytest.fixture
def album(tmp_path, photos):
    """A folder with three pictures, two of one stem, and a text."""
    (tmp_path / "below").mkdir()
    shutil.copy(photos / "coffee.png", tmp_path / "a.png")
    shutil.copy(photos / "rocket.jpg", tmp_path / "a.jpg")
    shutil.copy(photos / "coins.png", tmp_path / "below" / "a.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_pictures_are_read_under_names_of_their_own(album):
    found = [one for one in read_pictures(album) if isinstance(one, AnnotatedFile)]
    assert [picture.name for picture in found] == ["a", "a.png", "below/a"]
    assert [picture.source for picture in found] == [
        album / "a.jpg",
        album / "a.png",
        album / "below" / "a.png",
    ]
    assert {picture.runs for picture in found} == {()}


def test_a_folder_of_pictures_is_a_set_only_without_masks(album):
    (album / "a.jpg").unlink()  # beside a.png it would be a picture and its labels
    (layout,) = recognise_pictures(album)
    assert (layout.kind, layout.description) == ("pictures", "folder of pictures")
    assert len(list(layout.read())) == 2
    with pytest.raises(ConfigError, match="no annotated pictures"):
        recognise_all(album)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        recognise_pictures(tmp_path)
