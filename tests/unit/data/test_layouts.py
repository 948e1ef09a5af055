"""What a path holds is told apart, and what nearly fits is refused with a way out."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from anymask.data.layouts import recognise, recognise_all
from anymask.data.sample_record import AnnotatedFile
from anymask.errors import ConfigError
from tests.scenes import write_shard

LABELS = np.array([[0, 1, 1], [3, 0, 0]], np.uint8)
MASK = {"size": [2, 3], "counts": [1, 2, 3]}
RECORD = {"image": {"height": 2, "width": 3}, "annotations": [{"id": 1, "segmentation": MASK}]}
COCO = {
    "info": {},
    "images": [{"id": 1, "file_name": "a.jpg", "height": 2, "width": 3}],
    "annotations": [
        {"id": 1, "image_id": 1, "segmentation": MASK},
        {"id": 2, "image_id": 1, "segmentation": MASK, "iscrowd": 1},
    ],
}


def samples_of(layout):
    return list(layout.read())


def photo(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2)).save(file)


def labels(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(LABELS).save(file)


def document(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def sa1b(folder):
    photo(folder / "a.jpg")
    document(folder / "a.json", RECORD)


def coco(folder):
    photo(folder / "images" / "a.jpg")
    document(folder / "instances.json", COCO)


def coco_tree(folder):
    photo(folder / "train2017" / "a.jpg")
    document(folder / "annotations" / "instances_train2017.json", COCO)


def coco_flat(folder):
    photo(folder / "a.jpg")
    document(folder / "_annotations.coco.json", COCO)


def voc(folder):
    photo(folder / "JPEGImages" / "a.jpg")
    labels(folder / "SegmentationObject" / "a.png")


def regions(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = np.empty((1, 1), object)
    cells[0, 0] = {"Segmentation": LABELS}
    savemat(file, {"groundTruth": cells})


def bsds(folder):
    photo(folder / "images" / "train" / "a.jpg")
    regions(folder / "groundTruth" / "train" / "a.mat")


def bsds_flat(folder):
    photo(folder / "a.jpg")
    regions(folder / "a.mat")


def two_folders(folder):
    photo(folder / "images" / "a.jpg")
    labels(folder / "masks" / "a.png")


def beside(folder):
    photo(folder / "a.bmp")
    labels(folder / "a.png")


def tail(folder):
    photo(folder / "a.jpg")
    labels(folder / "a_mask.png")


MAKERS = [
    (sa1b, "sa1b-folder", 1),
    (coco, "coco", 1),
    (coco_tree, "coco", 1),
    (coco_flat, "coco", 1),
    (voc, "voc", 2),
    (bsds, "bsds", 2),
    (bsds_flat, "bsds", 2),
    (two_folders, "label-maps", 2),
    (beside, "label-maps", 2),
    (tail, "label-maps", 2),
]


@pytest.mark.parametrize(("make", "kind", "num_masks"), MAKERS)
def test_a_folder_is_recognised_and_read(tmp_path, make, kind, num_masks):
    make(tmp_path)
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "README.txt").touch()
    layout = recognise(tmp_path)
    assert layout.kind == kind
    assert layout.description
    (sample,) = samples_of(layout)
    assert isinstance(sample, AnnotatedFile)
    assert isinstance(sample.source, Path)
    assert sample.name.endswith("a")
    assert sample.source.is_file()
    assert (len(sample.runs), sample.size_hw) == (num_masks, (2, 3))


def test_left_out_is_counted_by_the_reader(tmp_path):
    coco(tmp_path)
    left_out: Counter[str] = Counter()
    assert len(list(recognise(tmp_path / "instances.json").read(left_out))) == 1
    assert left_out == {"crowd": 1}


def test_every_tar_of_a_folder_is_a_set(tmp_path):
    for name in ("b", "a"):
        write_shard(tmp_path / f"{name}.tar", 1)
    layouts = recognise_all(tmp_path)
    assert [(layout.kind, layout.path.name) for layout in layouts] == [
        ("sa1b-tar", "a.tar"),
        ("sa1b-tar", "b.tar"),
    ]
    assert [samples_of(layout)[0].set_name for layout in layouts] == ["a", "b"]
    assert recognise(tmp_path / "a.tar") == layouts[0]
    with pytest.raises(ConfigError, match=r"holds 2 sets \(a\.tar, b\.tar\); name one of them"):
        recognise(tmp_path)


@pytest.mark.parametrize(("make", "kind", "_"), MAKERS)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_set_that_lies_deeper_is_read_or_pointed_to(tmp_path, make, kind, _, depth):
    inside = tmp_path.joinpath(*["deeper", "down"][:depth])
    make(inside)
    if make in (sa1b, beside, tail):
        (sample,) = samples_of(recognise(tmp_path))
        assert sample.name == f"{inside.relative_to(tmp_path)}/a"
        assert len(sample.runs)
        return
    with pytest.raises(ConfigError) as caught:
        recognise(tmp_path)
    assert caught.value.message.endswith("recognised among 1 names (deeper)")
    assert str(caught.value.hint).startswith(f"name {inside} (")
    assert recognise(inside).kind == kind


def test_what_was_expected_and_what_is_there_are_shown(tmp_path):
    for name in ("x.jpg", "y.txt", "z.doc", "zz\n.doc"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError) as caught:
        recognise_all(tmp_path)
    assert caught.value.message.endswith("recognised among 4 names (x.jpg, y.txt, z.doc)")
    for pattern in ("x.jpg beside x.json", "images/x.jpg and masks/x.png", "groundTruth/*.mat"):
        assert pattern in str(caught.value.hint)


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        ("images", r"among 1 names \(images\); add a folder of label images beside the pictures"),
        ("masks", r"among 1 names \(masks\); add a folder of pictures beside the label images"),
    ],
)
def test_half_a_layout_says_what_is_missing(tmp_path, left, sentence):
    two_folders(tmp_path)
    shutil.rmtree(tmp_path / ({"images", "masks"} - {left}).pop())
    with pytest.raises(ConfigError, match=sentence):
        recognise(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", RECORD, r"a\.json: is the record of one picture; name its folder"),
        ("a.json", [1, 2], r'a\.json: is no COCO file: an object with "images" and'),
        ("a.json", {"shapes": []}, r"a\.json: is no COCO file"),
        ("a.zip", {}, r"a\.zip: is neither a \.tar shard nor a COCO \.json"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, name, content, sentence):
    document(tmp_path / name, content)
    with pytest.raises(ConfigError, match=sentence):
        recognise(tmp_path / name)


def test_several_coco_files_are_not_chosen_from(tmp_path):
    coco(tmp_path)
    document(tmp_path / "more.json", COCO)
    with pytest.raises(ConfigError, match=r"holds 2 COCO files \(instances\.json, more\.json\)"):
        recognise(tmp_path)


def test_nothing_is_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r": is empty; expected \*\.tar"):
        recognise(tmp_path)
    with pytest.raises(ConfigError, match=r"gone: no such file or folder; check the path"):
        recognise(tmp_path / "gone")


def test_labelme_pairs_are_not_taken_for_sa1b(tmp_path):
    photo(tmp_path / "a.jpg")
    document(tmp_path / "a.json", {"version": "5.0", "shapes": [], "imagePath": "a.jpg"})
    with pytest.raises(ConfigError, match=r"no annotated pictures recognised"):
        recognise(tmp_path)
