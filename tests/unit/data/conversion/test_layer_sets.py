"""Folders of label layers: what is there is read, what is not is told."""

from dataclasses import replace

import pytest

from anymask.data.conversion.layer_sets import open_label_layers
from anymask.data.conversion.recognise import recognise
from anymask.data.conversion.source import Place
from tests.unit.data.conversion.sets import NAMES, convert, write_coco_file, write_pictures
from tests.unit.masks.forms.annotated import scene


@pytest.fixture
def folder(tmp_path):
    convert(write_coco_file(tmp_path / "in.json"), tmp_path / "layers", "layers")
    return tmp_path / "layers"


def read(path, images=None):
    return list(open_label_layers(Place(path=path, images=images)).items)


def by_name(found):
    return {one.file_name: replace(one, number=None) for one in found}


def test_a_folder_gives_its_pictures(folder):
    assert by_name(read(folder)) == {name: scene(name) for name in NAMES}


def test_the_json_of_one_picture_gives_it(folder):
    assert recognise(folder / "c.v2.layers.json")[0] == "layers"
    assert by_name(read(folder / "c.v2.layers.json")) == {"c.v2.png": scene("c.v2.png")}
    (folder / "c.v2.layers.json").rename(folder / "mine.json")
    assert by_name(read(folder / "mine.json")) == {"c.v2.png": scene("c.v2.png")}


def test_a_layer_that_is_missing_is_a_row(folder):
    (folder / "a.layer1.png").unlink()
    (folder / "c.v2.layers.json").write_text("{")
    found = read(folder)
    rows = [one for one in found if not hasattr(one, "objects")]
    assert len(found) == 3
    assert [(row.code, row.message.split(" (")[0]) for row in rows] == [
        ("unreadable-labels", "cannot be read"),
        ("bad-json", "is not whole JSON"),
    ]
    assert "a.layer1.png" in str(rows[0])


def test_pictures_are_measured_where_they_are_named(folder, tmp_path):
    images = write_pictures(tmp_path / "photos", NAMES[:2])
    rows = [one for one in read(folder, images) if not hasattr(one, "objects")]
    assert [row.code for row in rows] == ["no-picture"]


def test_a_name_that_leads_out_of_the_folder_is_not_followed(folder):
    file = folder / "a.layers.json"
    file.write_text(file.read_text().replace('"a.png"', '"../a.png"'))
    assert "a.jpg" in by_name(read(folder))
