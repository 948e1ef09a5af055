"""Label images are read unscaled, and what cannot hold numbers is refused."""

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.measure import label as components

from anymask.data.readers.label_image import read_label_image
from anymask.masks.label_image import label_runs
from anymask.masks.problem import Problem

LABELS = np.array([[0, 1, 1, 0], [2, 0, 1, 9], [2, 2, 0, 0]])


def image_of(path):
    return read_label_image(path)


def planes(labels, **options):
    runs = label_runs(np.asarray(labels, np.int64), **options)
    shape = labels.shape[::-1]
    return [np.repeat(np.arange(len(one)) % 2 == 1, one).reshape(shape).T for one in runs]


def palette(labels):
    picture = Image.fromarray(labels.astype(np.uint8)).convert("L")
    picture.putpalette(np.random.default_rng(0).bytes(768))
    return picture


@pytest.mark.parametrize(
    ("name", "make", "is_palette"),
    [
        ("grey.png", lambda a: Image.fromarray(a.astype(np.uint8)), False),
        ("deep.png", lambda a: Image.fromarray(a.astype(np.uint16)), False),
        ("palette.png", palette, True),
        ("grey.bmp", lambda a: Image.fromarray(a.astype(np.uint8)), False),
        ("deep.tif", lambda a: Image.fromarray(a.astype(np.uint16)), False),
        ("wide.tif", lambda a: Image.fromarray(a.astype(np.int32)), False),
        ("float.tif", lambda a: Image.fromarray(a.astype(np.float32)), False),
        ("three.png", lambda a: Image.fromarray(np.dstack([a.astype(np.uint8)] * 3)), False),
    ],
)
def test_numbers_are_those_that_were_written(tmp_path, name, make, is_palette):
    make(LABELS).save(tmp_path / name)
    image = image_of(tmp_path / name)
    np.testing.assert_array_equal(image.labels, LABELS)
    assert image.is_palette is is_palette


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_numbers_above_255_do_not_wrap(tmp_path, suffix, num_channels):
    labels = (np.arange(90_000) % 65_536).reshape(300, 300).astype(np.uint16)
    path = tmp_path / f"many.{suffix}"
    cv2.imwrite(str(path), np.dstack([labels] * num_channels))
    np.testing.assert_array_equal(image_of(path).labels, labels)


def test_one_bit_is_0_and_1(tmp_path):
    Image.fromarray(LABELS > 0).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(image_of(tmp_path / "bit.png").labels, LABELS > 0)


def colour():
    return np.dstack([LABELS, LABELS, 255 - LABELS]).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "write", "code", "message"),
    [
        ("a.png", lambda p: Image.fromarray(colour()).save(p), "colour-labels",
         "is a colour picture, and each colour is not a number"),
        ("a.jpg", lambda p: Image.fromarray(LABELS.astype(np.uint8)).save(p), "lossy-labels",
         "is a JPEG or WebP picture, which changes the numbers of labels"),
        ("b.png", lambda p: Image.new("L", (3, 3)).save(p, "JPEG"), "lossy-labels",
         "is a JPEG or WebP picture, which changes the numbers of labels"),
        ("a.tif", lambda p: Image.fromarray((LABELS / 2).astype(np.float32)).save(p),
         "broken-numbers", "holds numbers that are not whole"),
        ("n.tif", lambda p: Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(p),
         "broken-numbers", "holds numbers that are not whole"),
        ("p.tif", lambda p: Image.new("L", (3, 3)).save(
            p, save_all=True, append_images=[Image.new("L", (3, 3))]), "several-pages",
         "has several pages, of which only one can be read"),
        ("a.png", lambda p: p.write_bytes(b""), "unreadable-labels", "is no picture"),
        ("a.png", lambda p: None, "unreadable-labels",
         "cannot be read (No such file or directory)"),
    ],
)  # fmt: skip
def test_what_holds_no_numbers_is_refused(tmp_path, name, write, code, message):
    write(tmp_path / name)
    problem = image_of(tmp_path / name)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.message) == (code, message)


def test_a_picture_cut_short_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    assert image_of(tmp_path / "a.png").code == "unreadable-labels"


def test_each_number_is_one_mask_in_order():
    masks = planes(LABELS)
    assert [int(mask.sum()) for mask in masks] == [3, 3, 1]
    for mask, value in zip(masks, (1, 2, 9), strict=True):
        np.testing.assert_array_equal(mask, np.equal(LABELS, value))


def test_no_number_is_no_mask():
    assert label_runs(np.zeros((3, 4), np.int64)) == ()
    assert planes(np.full((2, 3), 5))[0].all()


def test_connected_parts_are_those_of_skimage():
    rng = np.random.default_rng(1)
    for _ in range(20):
        labels = rng.integers(0, 4, tuple(rng.integers(3, 30, 2)))
        expected = components(labels, connectivity=2, background=0)
        found = np.zeros_like(labels)
        masks = planes(labels, connected=True)
        assert len(masks) == expected.max()
        for number, mask in enumerate(masks, 1):
            assert len(np.unique(expected[mask])) == 1
            assert not found[mask].any()
            found[mask] = number
        np.testing.assert_array_equal(found > 0, labels > 0)


def test_seventy_thousand_objects_are_told_apart():
    labels = np.arange(90_000).reshape(300, 300)
    runs = label_runs(labels)
    assert len(runs) == 89_999
    assert runs[69_999].tolist() == [100 * 300 + 233, 1, 90_000 - 100 * 300 - 234]
