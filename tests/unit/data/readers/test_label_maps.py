"""Pictures and label images are paired by name in every usual layout."""

import numpy as np
import pytest
from PIL import Image

from anymask.data.readers.label_maps import read_label_maps
from anymask.data.sample_record import AnnotatedFile

TWO = np.array([[0, 1, 1], [3, 0, 255]], np.uint8)
BINARY = np.array([[0, 255, 255], [0, 0, 255]], np.uint8)


def samples_of(path, **options):
    """Read a path; its samples are of any type, so that their fields can be asked for."""
    return read_label_maps(path, **options)


def put(folder, name, labels=TWO, *, is_palette=False):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels)
    if is_palette:
        picture.putpalette(list(range(256)) * 3)
    picture.save(file)
    return file


def photo(folder, name):
    return put(folder, name, np.full((2, 3, 3), 90, np.uint8))


def split(samples):
    samples = list(samples)
    good = [sample for sample in samples if isinstance(sample, AnnotatedFile)]
    bad = [sample for sample in samples if not isinstance(sample, AnnotatedFile)]
    return good, bad


def areas(sample):
    return [int(runs[1::2].sum()) for runs in sample.runs]


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        ("images", "masks"),
        ("images", "labels"),
        ("Images", "annotations"),
        ("imgs", "gt"),
        ("JPEGImages", "SegmentationObject"),
    ],
)
def test_two_folders_are_paired_by_stem(tmp_path, pictures, labels):
    for name in ("a", "train/b"):
        photo(tmp_path / pictures, f"{name}.jpg")
        put(tmp_path / labels, f"{name}.png")
    good, bad = split(samples_of(tmp_path))
    assert [(p.name, areas(p), p.size_hw) for p in good] == [
        ("a", [2, 1, 1], (2, 3)),
        ("train/b", [2, 1, 1], (2, 3)),
    ]
    assert bad == []
    assert good[0].source == tmp_path / pictures / "a.jpg"


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("001.bmp", "001.png"),
        ("001.jpg", "001.png"),
        ("001.jpg", "001.bmp"),
        ("001.tif", "001.png"),
        ("001.jpg", "001_mask.png"),
        ("001.png", "001_label.png"),
        ("001.png", "001-Masks.tif"),
        ("x/001.jpg", "x/001_seg.png"),
    ],
)
def test_labels_may_lie_beside_their_pictures(tmp_path, picture, labels):
    source = photo(tmp_path, picture)
    put(tmp_path, labels)
    ((sample,), bad) = split(samples_of(tmp_path))
    assert (sample.source, sample.name, areas(sample), bad) == (
        source,
        picture[:-4],
        [2, 1, 1],
        [],
    )


@pytest.mark.parametrize("pattern", ["a/{}.png", "a/mask{}.png", "a_{}.png", "a_mask_{}.png"])
def test_masks_of_single_objects_are_read(tmp_path, pattern):
    photo(tmp_path / "images", "a.jpg")
    for number in range(3):
        put(tmp_path / "masks", pattern.format(number), BINARY)
    ((sample,), bad) = split(samples_of(tmp_path))
    assert (areas(sample), bad) == ([3, 3, 3], [])


def test_a_picture_of_the_same_name_comes_before_a_number(tmp_path):
    for name in ("a", "a_1"):
        photo(tmp_path / "images", f"{name}.jpg")
        put(tmp_path / "masks", f"{name}.png")
    good, bad = split(samples_of(tmp_path))
    assert [(p.name, areas(p)) for p in good] == [("a", [2, 1, 1]), ("a_1", [2, 1, 1])]
    assert bad == []


@pytest.mark.parametrize(
    ("labels", "is_palette", "expected"),
    [(TWO, False, [2, 1, 1]), (TWO, True, [2, 1]), (BINARY, False, [3]), (BINARY, True, [3])],
)
def test_255_is_void_in_palette_maps_alone(tmp_path, labels, is_palette, expected):
    photo(tmp_path / "images", "a.jpg")
    put(tmp_path / "masks", "a.png", labels, is_palette=is_palette)
    ((sample,), _) = split(samples_of(tmp_path))
    assert areas(sample) == expected


def test_numbers_are_split_into_parts_on_request(tmp_path):
    photo(tmp_path / "images", "a.jpg")
    put(tmp_path / "masks", "a.png", np.array([[1, 0, 1], [1, 0, 1]], np.uint8))
    assert areas(next(samples_of(tmp_path))) == [4]
    assert areas(next(samples_of(tmp_path, connected=True))) == [2, 2]


def test_named_folders_are_used(tmp_path):
    photo(tmp_path / "this", "a.jpg")
    put(tmp_path / "that", "a.png")
    samples = samples_of(tmp_path, pictures=tmp_path / "this", labels=tmp_path / "that")
    assert areas(next(samples)) == [2, 1, 1]


def test_a_map_without_objects_is_a_picture_without_masks(tmp_path):
    photo(tmp_path / "images", "a.jpg")
    put(tmp_path / "masks", "a.png", np.zeros((2, 3), np.uint8))
    ((sample,), bad) = split(samples_of(tmp_path))
    assert (sample.runs, sample.size_hw, bad) == ((), (2, 3), [])


@pytest.mark.parametrize(
    ("files", "code", "place"),
    [
        ({"images/a.jpg": None}, "no-labels", "images/a.jpg"),
        ({"masks/a.png": TWO}, "no-picture", "masks/a.png"),
        ({"images/a.jpg": None, "images/a.png": None, "masks/a.png": TWO}, "ambiguous-pair",
         "images/a.jpg"),
        ({"images/a.jpg": None, "masks/a.png": TWO, "masks/a.bmp": TWO}, "ambiguous-pair",
         "images/a.jpg"),
        ({"images/a.jpg": None, "masks/a.png": np.dstack([TWO, TWO, 255 - TWO])},
         "colour-labels", "masks/a.png"),
        ({"images/a.jpg": None, "masks/a.jpg": TWO}, "lossy-labels", "masks/a.jpg"),
    ],
)  # fmt: skip
def test_a_bad_pair_is_named_and_the_others_go_on(tmp_path, files, code, place):
    for name, labels in {**files, "images/z.jpg": None, "masks/z.png": TWO}.items():
        photo(tmp_path, name) if labels is None else put(tmp_path, name, labels)
    ((good,), (bad,)) = split(samples_of(tmp_path))
    assert (bad.code, bad.input, good.name) == (code, str(tmp_path / place), "z")


@pytest.mark.parametrize(
    ("labels", "code", "message"),
    [
        (np.zeros((2, 3), np.uint8), "empty-mask", "its mask holds no pixel"),
        (TWO, "not-binary", "is a mask of one object but holds 3 numbers other than 0"),
        (np.full((4, 5), 255, np.uint8), "size-differs",
         "mask 5×4, but another mask of the picture is 3×2"),
    ],
)  # fmt: skip
def test_a_bad_mask_is_named_and_the_picture_goes_on(tmp_path, labels, code, message):
    photo(tmp_path / "images", "a.jpg")
    for number, mask in enumerate((BINARY, labels, BINARY)):
        put(tmp_path / "masks", f"a_{number}.png", mask)
    ((good,), (bad,)) = split(samples_of(tmp_path))
    assert (bad.code, bad.message) == (code, message)
    assert bad.input == str(tmp_path / "masks" / "a_1.png")
    assert areas(good) == [3, 3]


def test_two_pictures_of_one_kind_are_no_pair(tmp_path):
    for name in ("a.jpg", "a.webp"):
        photo(tmp_path, name)
    (bad,) = samples_of(tmp_path)
    assert bad.code == "ambiguous-pair"
