"""Masks as one PNG each."""

import io

import numpy as np
import pytest
from PIL import Image

from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.forms.png import read_png, write_png
from anymask.masks.png import load_mask
from anymask.masks.problem import Problem

SIZE = (40, 50)
RANDOM = np.random.default_rng(2)


def read(*given, **options):
    return read_png(*given, **options)


def annotation(mask, **said):
    return Annotation(rle=rle.encode(np.asarray(mask, dtype=bool)), **said)


def picture(*objects, size=SIZE):
    return AnnotatedPicture(file_name="a/b.jpg", size_hw=size, objects=objects)


def data_of(values, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


def disc(radius=9):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(y - 20, x - 25) < radius


def test_overlapping_masks_and_all_that_is_said_of_them_come_back():
    given = picture(
        annotation(disc(), label="Käse: alt", score=0.875),
        annotation(RANDOM.random(SIZE) < 0.5),
        annotation(np.ones(SIZE), is_crowd=True),
    )
    files, losses = write_png(given, ())
    assert list(files) == ["a/b/0001.png", "a/b/0002.png", "a/b/0003.png"]
    assert losses == {}
    assert read(files, "a/b.jpg") == (given, ())
    assert read(dict(reversed(files.items())), "a/b.jpg", SIZE) == (given, ())


def test_a_file_is_a_plain_mask_to_everybody_else(tmp_path):
    files, _ = write_png(picture(annotation(disc(), label="cat")), ())
    path = tmp_path / "mask.png"
    path.write_bytes(files["a/b/0001.png"])
    np.testing.assert_array_equal(load_mask(path), disc())
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("L", (50, 40))
        assert set(np.unique(np.asarray(image)).tolist()) == {0, 255}


def test_names_keep_the_order_of_any_number_of_objects():
    some, empty = annotation(disc()), annotation(np.zeros(SIZE))
    files, _ = write_png(picture(some, *[empty] * 9997, some, some), ())
    assert list(files) == ["a/b/00001.png", "a/b/09999.png", "a/b/10000.png"]


def test_a_mask_without_pixels_is_counted_when_written_and_told_when_read():
    files, losses = write_png(picture(annotation(np.zeros(SIZE)), annotation(disc())), ())
    assert list(files) == ["a/b/0002.png"]
    assert losses == {"empty masks": 1}
    found, problems = read({**files, "a/b/0003.png": data_of(np.zeros(SIZE, np.uint8))}, "p.jpg")
    assert len(found.objects) == 1
    assert [(one.place, one.code) for one in problems] == [("a/b/0003.png", "empty-mask")]


def test_a_cut_out_is_read_by_its_alpha_and_a_coloured_mask_by_its_colours():
    cutout = np.full((*SIZE, 4), 200, np.uint8)
    cutout[..., 3] = disc() * 255
    coloured = np.zeros((*SIZE, 3), np.uint8)
    coloured[disc(), 1] = 7
    found, problems = read({"1": data_of(cutout), "2": data_of(coloured)}, "p.jpg")
    assert problems == ()
    for one in found.objects:
        np.testing.assert_array_equal(rle.decode(one.rle), disc())


@pytest.mark.parametrize(
    ("data", "code", "sentence"),
    [
        (data_of(np.ones((512, 512), np.uint8)), "size-differs", "mask 512×512 for picture 50×40"),
        (data_of(np.ones(SIZE, np.uint8), "JPEG"),
         "lossy-labels", "JPEG changes mask values"),
        (data_of(np.ones(SIZE, np.uint8), "BMP"), "unreadable-mask", "is not a PNG picture"),
        (data_of(np.ones(SIZE, np.uint8))[:50], "unreadable-mask", "is cut short or damaged"),
        (b"PK", "unreadable-mask", "is not a PNG picture"),
        (b"", "unreadable-mask", "is empty (0 bytes)"),
    ],
)  # fmt: skip
def test_one_bad_file_is_told_by_its_name_and_the_others_are_read(data, code, sentence):
    good = write_png(picture(annotation(disc()), annotation(disc(5))), ())[0]
    found, problems = read({**good, "a/b/ugly\n.png": data}, "a/b.jpg")
    assert [rle.area(one.rle) for one in found.objects] == [disc().sum(), disc(5).sum()]
    (wrong,) = problems
    assert (wrong.place, wrong.code, wrong.message) == ("a/b/ugly\\n.png", code, sentence)


def test_without_any_usable_file_the_first_problem_is_all_there_is():
    found = read({"1.png": b"", "2.png": b"x"}, "a/b.jpg")
    assert isinstance(found, Problem)
    assert (found.place, found.message) == ("1.png", "is empty (0 bytes)")
    assert isinstance(read({}, "a/b.jpg"), Problem)
    assert read({}, "a/b.jpg", SIZE) == (picture(), ())
