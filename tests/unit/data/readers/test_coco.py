"""COCO and LVIS files give the masks pycocotools sees; what cannot be used is named by its id."""

import json
import shutil
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from pycocotools import mask as coco

from anymask.data.readers import json_stream
from anymask.data.readers.coco import read_coco
from anymask.data.readers.sa1b_tar import read_sa1b_tar
from anymask.data.sample_record import AnnotatedFile
from anymask.errors import DataError
from tests.scenes import HEIGHT, WIDTH, scene, write_shard

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SQUARE = [[1, 1, 9, 1, 9, 9, 1, 9]]
IMAGES = [
    {"id": 7, "file_name": "a.jpg", "height": 20, "width": 30},
    {"id": 8, "file_name": "sub/b.png", "height": 20, "width": 30},
]


def samples_of(path, *folder, **options):
    """Read a path; its samples are of any type, so that their fields can be asked for."""
    return read_coco(path, *folder, **options)


def pairs_of(path):
    return read_sa1b_tar(path)


def annotation(number, image=7, segmentation=SQUARE, **more):
    return {"id": number, "image_id": image, "segmentation": segmentation, **more}


def write(tmp_path, images, annotations, folder=""):
    """Write a COCO file, the annotations first, and an empty file for each picture."""
    for image in images:
        name = image.get("file_name")
        if isinstance(name, str) and ".." not in name:
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"annotations": annotations, "categories": [], "images": images}))
    return path


def split(samples):
    samples = list(samples)
    good = [sample for sample in samples if isinstance(sample, AnnotatedFile)]
    bad = [sample for sample in samples if not isinstance(sample, AnnotatedFile)]
    return good, bad


def plane(sample, index):
    runs = sample.runs[index]
    return np.repeat(np.arange(len(runs)) % 2, runs).reshape(sample.size_hw[::-1]).T


def test_masks_are_those_of_pycocotools_in_every_form(tmp_path):
    masks = scene(3)[1]
    codes = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
    ring = [4.5, 3, 99, 20.25, 60, 90, 10, 95]
    runs = np.diff(np.flatnonzero(np.diff(masks[0].T.ravel(), prepend=~masks[0][0, 0])))
    listed = [*runs.tolist(), HEIGHT * WIDTH - int(runs.sum())]
    forms = [
        {"size": [HEIGHT, WIDTH], "counts": listed},
        {"size": [HEIGHT, WIDTH], "counts": codes[1]["counts"].decode()},
        [ring, [0, 0, 50, 0, 50, 50]],
    ]
    image = {"id": 1, "file_name": "a.jpg", "height": HEIGHT, "width": WIDTH}
    path = write(tmp_path, [image], [annotation(n, 1, form) for n, form in enumerate(forms)])
    ((picture,), bad) = split(samples_of(path))
    assert bad == []
    np.testing.assert_array_equal(plane(picture, 0), masks[0])
    np.testing.assert_array_equal(plane(picture, 1), masks[1])
    merged = coco.merge(coco.frPyObjects(forms[2], HEIGHT, WIDTH))
    np.testing.assert_array_equal(plane(picture, 2), coco.decode(merged))
    assert (picture.set_name, picture.name, picture.source) == (
        "instances",
        "a",
        tmp_path / "a.jpg",
    )


def test_pictures_come_in_the_order_of_the_file_those_without_masks_too(tmp_path):
    path = write(tmp_path, IMAGES[::-1], [annotation(1), annotation(2)])
    good, bad = split(samples_of(path))
    assert [(p.name, len(p.runs), p.size_hw) for p in good] == [
        ("sub/b", 0, (20, 30)),
        ("a", 2, (20, 30)),
    ]
    assert bad == []


def test_crowds_are_counted_and_left_out(tmp_path):
    crowd = annotation(2, iscrowd=1, segmentation={"size": [20, 30], "counts": [600]})
    left_out: Counter[str] = Counter()
    good, bad = split(
        samples_of(write(tmp_path, IMAGES, [annotation(1), crowd]), left_out=left_out)
    )
    assert (len(good[0].runs), bad, left_out) == (1, [], {"crowd": 1})


@pytest.mark.parametrize(
    "folder", ["", "images", "train2017", "val2017", "../images", "../train2017"]
)
def test_the_usual_picture_folders_are_found(tmp_path, folder):
    inside = tmp_path / "annotations"
    inside.mkdir()
    good, bad = split(samples_of(write(inside, IMAGES, [annotation(1)], folder)))
    assert [p.name for p in good] == ["a", "sub/b"]
    assert bad == []


def test_a_named_folder_is_the_only_one(tmp_path):
    path = write(tmp_path, IMAGES[:1], [])
    (tmp_path / "other").mkdir()
    good, (bad,) = split(samples_of(path, tmp_path / "other"))
    assert (good, bad.code, bad.message) == (
        [],
        "no-picture",
        "a.jpg was found in none of 1 folders",
    )
    assert bad.input == f"{path}: image 7"
    shutil.move(tmp_path / "a.jpg", tmp_path / "other" / "a.jpg")
    assert split(samples_of(path, tmp_path / "other"))[0][0].source == tmp_path / "other" / "a.jpg"


@pytest.mark.parametrize("folder", ["train2017", "images/train2017", ""])
def test_lvis_names_pictures_by_address(tmp_path, folder):
    url = "http://images.cocodataset.org/train2017/000000391895.jpg"
    image = {"id": 391895, "coco_url": url, "height": 20, "width": 30}
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "000000391895.jpg").touch()
    good, bad = split(samples_of(write(tmp_path, [image], [annotation(1, 391895)])))
    assert [(p.name, len(p.runs)) for p in good] == [("train2017/000000391895", 1)]
    assert bad == []


def rle(size, counts):
    return {"size": size, "counts": counts}


@pytest.mark.parametrize(
    ("annotations", "code", "place", "message"),
    [
        ([annotation(5, image=99)], "unknown-image-id", "annotation 5",
         "its image_id 99 is no image of the file"),
        ([annotation(5), annotation(5)], "duplicate-annotation-id", "annotation 5",
         "an earlier annotation has the same id"),
        ([{"id": 3}], "bad-record", "annotations[0]",
         "is no record with an id and, for an annotation, an image_id"),
        ([annotation(5, segmentation=rle([30, 20], [100, 500]))], "size-swapped", "annotation 5",
         "RLE size [30, 20] is 20×30, but its sums fit 30×20: height and width swapped?"),
        ([annotation(5, segmentation=rle([20, 30], [1, 2]))], "bad-rle", "annotation 5",
         "RLE counts sum to 3, but size [20, 30] has 600 pixels"),
        ([annotation(5, segmentation=[[1, 1, 5, 5]])], "bad-polygon", "annotation 5",
         "polygon 0 has 2 points, at least 3 are needed"),
        ([annotation("x\ny", segmentation=[])], "no-segmentation", r"annotation x\ny",
         "holds no polygon and no run-length code"),
        ([annotation(5, segmentation=[[50, 50, 60, 50, 60, 60]])], "empty-mask", "annotation 5",
         "its mask holds no pixel"),
    ],
)  # fmt: skip
def test_a_bad_annotation_is_named_and_the_others_go_on(
    tmp_path, annotations, code, place, message
):
    path = write(tmp_path, IMAGES, [*annotations, annotation(6)])
    good, (bad,) = split(samples_of(path))
    assert (bad.code, bad.input, bad.message) == (code, f"{path}: {place}", message)
    assert bad.hint
    assert len(good) == 2
    assert plane(good[0], -1)[1:9, 1:9].all()
    assert len(good[0].runs) == 1 + (code == "duplicate-annotation-id")


@pytest.mark.parametrize(
    ("images", "num_good", "codes"),
    [
        ([IMAGES[0], IMAGES[0]], 1, ["duplicate-image-id"]),
        ([IMAGES[0], {**IMAGES[1], "id": 7}], 0, ["duplicate-image-id"] * 2),
        ([IMAGES[0], {"file_name": "b.jpg"}], 1, ["bad-record"]),
        ([IMAGES[0], {"id": 9}], 1, ["bad-record"]),
        ([IMAGES[0], {"id": 9, "file_name": "../../etc/x.jpg"}], 1, ["path-leaves-folder"]),
        ([IMAGES[0], {"id": 9, "file_name": "/etc/hostname"}], 1, ["path-leaves-folder"]),
        ([IMAGES[0], {"id": 9, "file_name": "c" * 500}], 1, ["no-picture"]),
    ],
)
def test_a_bad_image_is_named_and_the_others_go_on(tmp_path, images, num_good, codes):
    path = write(tmp_path, [], [annotation(1)])
    (tmp_path / "a.jpg").touch()
    path.write_text(json.dumps({"images": images, "annotations": [annotation(1)]}))
    good, bad = split(samples_of(path))
    assert [sample.code for sample in bad] == codes
    assert [(p.name, len(p.runs)) for p in good] == [("a", 1)] * num_good


def test_two_pictures_of_one_stem_keep_different_names(tmp_path):
    images = [{"id": n, "file_name": name} for n, name in enumerate(("a.jpg", "a.png"))]
    good, _ = split(samples_of(write(tmp_path, images, [])))
    assert [p.name for p in good] == ["a", "a~1"]


def test_ids_may_be_text_or_huge_and_annotations_may_have_none(tmp_path):
    images = [{**IMAGES[0], "id": "7"}, {**IMAGES[1], "id": 1 << 70}]
    annotations = [annotation(None, "7"), annotation(None, "7"), annotation(4, 1 << 70)]
    good, bad = split(samples_of(write(tmp_path, images, annotations)))
    assert [len(p.runs) for p in good] == [2, 1]
    assert bad == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"images": [{"id": 1},\n {"id"', r"instances\.json: is cut short at line 2 column 7"),
        ("not json", r"instances\.json: is not JSON at line 1 column 1"),
        ('{"annotations": []}', r'instances\.json: is no COCO file: its "images" are missing'),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, text, sentence):
    path = tmp_path / "instances.json"
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        list(samples_of(path))


def test_a_shard_written_as_coco_gives_the_same_masks(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 300)
    pictures = list(pairs_of(write_shard(tmp_path / "discs.tar", 4)))
    images = [
        {"id": n, "file_name": f"{p.name}.jpg", "height": p.size_hw[0], "width": p.size_hw[1]}
        for n, p in enumerate(pictures)
    ]
    annotations = [
        annotation(f"{n}-{m}", n, rle(list(p.size_hw), runs.tolist()))
        for n, p in enumerate(pictures)
        for m, runs in enumerate(p.runs)
    ]
    good, bad = split(samples_of(write(tmp_path, images, annotations[::-1])))
    assert bad == []
    for one, other in zip(pictures, good, strict=True):
        assert one.name == other.name
        for index in range(3):
            np.testing.assert_array_equal(plane(one, index), plane(other, 2 - index))


def test_memory_does_not_grow_with_the_masks(tmp_path):
    counts = [1, 1] * 300
    many = [annotation(n, 7, rle([20, 30], counts)) for n in range(1000)]
    path = write(tmp_path, IMAGES[:1], many)
    assert path.stat().st_size > 1.7e6
    tracemalloc.start()
    samples = samples_of(path)
    first = next(samples)
    kept = sum(runs.nbytes for runs in first.runs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(first.runs) == 1000
    assert peak < kept + 6e6
