"""What a path holds is seen by how it is laid out, or refused with what to do."""

import json

import pytest

from anymask.data.conversion.forms import FORMS
from anymask.data.conversion.recognise import document_of, recognise
from anymask.errors import ConfigError
from tests.unit.data.conversion.sets import convert, write_coco_file


@pytest.mark.parametrize("name", FORMS)
def test_every_form_we_write_is_recognised(tmp_path, name):
    convert(write_coco_file(tmp_path / "in.json"), tmp_path / "out", name)
    file = {"coco": "annotations.json", "panoptic": "panoptic.json"}.get(name, "")
    assert recognise(tmp_path / "out") == (name, tmp_path / "out" / file)
    assert document_of(tmp_path / "out", name) == tmp_path / "out" / file


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("a.json", '{"image": {}, "annotations": []}', "sa1b"),
        ("a.json", '{"version": "5", "shapes": []}', "labelme"),
        ("a.json", '{"imageData": "' + "A" * 70_000 + '", "shapes": []}', "labelme"),
        ("a.json", '\ufeff {"info": {}, "images": [], "annotations": []}', "coco"),
        ("a.json", '{"images": [], "annotations": [{"segments_info": []}]}', "panoptic"),
        ("a.json", '{"images": [], "annotations": [', "coco"),
        ("data.yml", "names: []", "yolo"),
        ("a.txt", "", "yolo"),
    ],
)
def test_a_file_is_known_by_how_it_begins(tmp_path, name, text, form):
    (tmp_path / name).write_text(text)
    assert recognise(tmp_path / name)[0] == form
    assert recognise(tmp_path)[0] == form


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is empty"),
        ({"a.csv": "", "b.csv": ""}, "no annotations recognised among 2 names"),
        ({"a.json": "[]"}, "no annotations recognised among 1 names"),
        ({"a.json": '{"images": []}', "b.json": '{"images": []}'}, "holds 2 COCO files"),
    ],
)
def test_what_is_not_recognised_is_refused(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        recognise(tmp_path)


def test_a_file_of_no_known_kind_is_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"x": 1}))
    with pytest.raises(ConfigError, match="is no annotation file that is known"):
        recognise(tmp_path / "a.json")


def test_receipts_are_no_annotations(tmp_path):
    convert(write_coco_file(tmp_path / "in.json"), tmp_path / "out", "labelme")
    (tmp_path / "out" / "a.receipt.json").write_text('{"images": []}')
    assert recognise(tmp_path / "out")[0] == "labelme"


def test_a_folder_without_the_named_form_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no COCO file"):
        document_of(tmp_path, "coco")
