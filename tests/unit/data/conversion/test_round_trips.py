"""Every form into every other and back: nothing is lost that was not counted."""

import json
from dataclasses import replace

import pytest
from pycocotools.coco import COCO

from anymask.data.conversion.forms import FORMS
from anymask.masks.annotation import UNNAMED, AnnotatedPicture, Losses
from anymask.masks.finding import Finding
from tests.unit.data.conversion.sets import (
    NAMES,
    convert,
    read_all,
    told,
    unions,
    write_coco_file,
    write_pictures,
)
from tests.unit.masks.forms.annotated import annotation, edge, picture, ring, scene, square

SCENES = [scene(name) for name in NAMES]


def renamed(pictures) -> list[AnnotatedPicture]:
    """The same objects without names."""
    return [
        AnnotatedPicture(
            file_name=found.file_name,
            size_hw=found.size_hw,
            objects=tuple(type(one)(rle=one.rle) for one in found.objects),
        )
        for found in pictures
    ]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A COCO file and its pictures."""
    folder = tmp_path_factory.mktemp("given")
    return write_coco_file(folder / "given.json"), write_pictures(folder / "photos")


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
def test_two_forms_in_a_row_keep_every_mask(given, tmp_path, first, second):
    path, images = given
    holes = {name: "bridge" if name == "yolo" else "drop" for name in (first, second)}
    one = convert(path, tmp_path / "one", first, images=images, holes=holes[first])
    two = convert(tmp_path / "one", tmp_path / "two", second, images=images, holes=holes[second])
    found = read_all(second, _where(second, tmp_path / "two"), images)
    expected = renamed(SCENES) if "sa1b" in (first, second) else SCENES
    assert (one.num_bad, two.num_bad) == (0, 0)
    assert one.lost + two.lost == _expected_losses(first, second)
    if "yolo" in (first, second):
        assert unions(found) == unions(expected)
    else:
        assert told(found) == told(expected)


def _where(name, folder):
    file = {"coco": "annotations.json", "panoptic": "panoptic.json"}.get(name)
    return folder / file if file else folder


def _expected_losses(first, second) -> Losses:
    lost = Losses()
    lost["split objects"] = 3 if "yolo" in (first, second) else 0
    if first == "sa1b":
        lost["names"] = 12
    elif second == "sa1b":
        lost["names"] = 15 if first == "yolo" else 12
    return +lost


def test_forms_that_are_lossless_say_so():
    lossless = {name for name, form in FORMS.items() if form.is_lossless}
    assert lossless == {"png", "coco", "sa1b", "labelme", "layers"}


@pytest.mark.parametrize("name", ["png", "coco", "labelme", "layers"])
def test_overlaps_crowds_and_names_survive_lossless_forms(tmp_path, name):
    objects = (
        annotation(ring(), label="big\nname é"),
        annotation(ring() | square(), is_crowd=True),
        annotation(square(), label="big\nname é"),
    )
    path = write_coco_file(tmp_path / "in.json", [picture(*objects, file_name="d/a.jpg")])
    done = convert(path, tmp_path / "out", name)
    (found,) = read_all(name, _where(name, tmp_path / "out"))
    assert done.lost == Losses()
    assert replace(found, number=None) == picture(*objects, file_name="d/a.jpg")
    assert found.objects[1].label == UNNAMED


def test_overlaps_are_counted_where_a_pixel_has_one_owner(tmp_path):
    objects = (annotation(ring() | square(), score=0.5), annotation(square()))
    path = write_coco_file(tmp_path / "in.json", [picture(*objects)])
    for name, more in (("labelmap", {}), ("panoptic", {}), ("voc", {"scores": 1})):
        done = convert(path, tmp_path / name, name)
        expected = Losses({"overlapped objects": 1, "overlapped pixels": 81, **more})
        assert done.lost == expected


@pytest.mark.parametrize("name", FORMS)
def test_how_masks_were_found_comes_back_or_is_counted(tmp_path, name):
    finding = Finding(point=(20.5, 6.0), stability_score=0.96, crop_box=(0, 0, 56, 40))
    given = picture(annotation(square(), label="a", finding=finding), annotation(edge(), label="b"))
    path = write_coco_file(tmp_path / "in.json", [given])
    done = convert(path, tmp_path / "out", name, images=write_pictures(tmp_path / "p", ("a.png",)))
    cannot = name in ("yolo", "labelme", "voc")
    assert done.lost["stability scores"] == int(cannot)
    images = tmp_path / "p" if name in ("yolo", "labelme") else None
    (found,) = read_all(name, _where(name, tmp_path / "out"), images)
    findings = {one.rle["counts"]: one.finding for one in found.objects}
    assert findings[given.objects[0].rle["counts"]] == (None if cannot else finding)
    assert findings[given.objects[1].rle["counts"]] is None


@pytest.mark.parametrize(
    "wish",
    [{}, {"segmentation": "counts"}, {"segmentation": "polygons", "holes": "bridge"}],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_our_files(given, tmp_path, wish, capsys):
    convert(given[0], tmp_path / "out.json", "coco", **wish)
    theirs = COCO(tmp_path / "out.json")
    for one in SCENES:
        (image,) = (row for row in theirs.dataset["images"] if row["file_name"] == one.file_name)
        records = theirs.loadAnns(theirs.getAnnIds(imgIds=image["id"]))
        names = [theirs.cats[record["category_id"]]["name"] for record in records]
        assert names == [found.label for found in one.objects]
        areas = [int(theirs.annToMask(record).sum()) for record in records]
        assert areas == [record["area"] for record in records]
        assert sum(areas) == 81 + (26 * 24 - 96 - 1) + (80 + 32) + (320 - 16)
    assert "index created" in capsys.readouterr().out


def test_ids_of_images_and_categories_are_kept(given, tmp_path):
    convert(given[0], tmp_path / "out.json", "coco")
    before = json.loads(given[0].read_text())
    record = json.loads((tmp_path / "out.json").read_text())
    assert [one["name"] for one in record["categories"]] == ["square", "ring", "islands"]
    for key in ("images", "categories"):
        assert [one["id"] for one in record[key]] == [one["id"] for one in before[key]]
    assert [one["id"] for one in record["images"]] == [70, 71, 72]
    for one, other in zip(record["annotations"], before["annotations"], strict=True):
        assert (one["image_id"], one["category_id"]) == (other["image_id"], other["category_id"])
    assert [one["id"] for one in record["annotations"]] == list(range(1, 13))
    assert (tmp_path / "out.json").read_text().count("\n") == 3 + 12 + 6


def test_yolo_says_its_classes_and_parts_in_data_yaml(given, tmp_path):
    import yaml

    convert(given[0], tmp_path / "out", "yolo")
    content = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert content["names"] == {0: "square", 1: "ring", 2: "islands"}
    assert (content["train"], content["val"]) == ("images", "images/val")
    assert (tmp_path / "out" / "labels" / "val" / "b.txt").is_file()


def test_sa1b_numbers_pictures_by_their_names(tmp_path):
    names = ("sa_223750.jpg", "x.jpg", "sub/sa_223750.jpg", "y.jpg")
    path = write_coco_file(tmp_path / "in.json", [scene(name) for name in names])
    convert(path, tmp_path / "out", "sa1b")
    records = [json.loads((tmp_path / "out" / name).with_suffix(".json").read_text())
               for name in names]  # fmt: skip
    assert [record["image"]["image_id"] for record in records] == [223750, 1, 2, 3]
    ids = [one["id"] for record in records for one in record["annotations"]]
    assert ids == list(range(1, 17))


def test_pictures_without_masks_are_counted_where_they_leave_no_file(tmp_path):
    path = write_coco_file(tmp_path / "in.json", [picture()])
    assert convert(path, tmp_path / "png", "png").lost == Losses({"pictures without masks": 1})
    assert convert(path, tmp_path / "yolo", "yolo").lost == Losses()
    assert (tmp_path / "yolo" / "labels" / "a.txt").read_bytes() == b""
