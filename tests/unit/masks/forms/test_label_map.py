"""Label maps: numbers never wrap, the smaller object is on top, and names travel along."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.forms.label_map import read_label_map, write_label_map
from anymask.masks.forms.painting import paint
from anymask.masks.problem import Problem

SIZE = (40, 50)


def read(*given, **options):
    return read_label_map(*given, **options)


def box(x0, y0, x1, y1, size=SIZE, **said):
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return Annotation(rle=rle.encode(mask), **said)


def picture(*objects, size=SIZE, name="a/b.v2.jpg"):
    return AnnotatedPicture(file_name=name, size_hw=size, objects=objects)


def single_pixels(num_objects, side):
    pixels = side * side
    objects = tuple(
        Annotation(rle=rle.encode_runs(np.array([n, 1, pixels - n - 1]), (side, side)))
        for n in range(num_objects)
    )
    return picture(*objects, size=(side, side), name="x.jpg")


def pixels_of(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def read_one(given, **options):
    files, losses = write_label_map(given, ())
    (data,) = files.values()
    found = read(data, given.file_name, **options)
    assert not isinstance(found, Problem)
    return found[0], losses


def test_masks_names_scores_and_crowds_come_back():
    given = picture(
        box(3, 4, 10, 12, label="Kätzchen\n🐈", score=0.1 + 0.2),
        box(20, 0, 50, 40),
        box(0, 30, 9, 40, label="crowd: 3", is_crowd=True),
    )
    found, losses = read_one(given)
    assert found == given
    assert losses == {}


def test_other_programs_see_plain_numbers():
    files, _ = write_label_map(picture(box(3, 4, 10, 12, label="cat"), box(20, 0, 50, 40)), ())
    assert list(files) == ["a/b.v2.png"]
    values = pixels_of(files["a/b.v2.png"])
    assert values.dtype == np.uint8
    assert np.unique(values, return_counts=True)[1].tolist() == [2000 - 56 - 1200, 56, 1200]
    assert (values[4:12, 3:10] == 1).all()
    assert (values[:, 20:] == 2).all()


@pytest.mark.parametrize(
    ("num_objects", "side", "suffix", "dtype"),
    [
        (1, 20, "png", np.uint8),
        (254, 20, "png", np.uint8),
        (255, 20, "png", np.uint16),
        (300, 20, "png", np.uint16),
    ],
)
def test_more_objects_take_more_bits(num_objects, side, suffix, dtype):
    given = single_pixels(num_objects, side)
    ((name, data),) = write_label_map(given, ())[0].items()
    assert name == f"x.{suffix}"
    values = pixels_of(data)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values.T.ravel()[:num_objects], np.arange(num_objects) + 1)
    assert read_one(given)[0] == given


def test_70000_objects_make_a_32_bit_tiff_whose_numbers_do_not_wrap():
    empty = box(0, 0, 0, 0)
    given = picture(*[empty] * 65_535, box(0, 0, 9, 9), *[empty] * 4463, box(20, 20, 30, 30))
    files, losses = write_label_map(given, ())
    assert list(files) == ["a/b.v2.tif"]
    values = tifffile.imread(io.BytesIO(files["a/b.v2.tif"]))
    assert values.dtype == np.int32
    assert dict(zip(*np.unique(values, return_counts=True), strict=True)) == {
        0: 2000 - 181,
        65_536: 81,
        70_000: 100,
    }
    found, _ = read(files["a/b.v2.tif"], "x.jpg")
    assert found.objects == (box(0, 0, 9, 9), box(20, 20, 30, 30))
    assert losses == {"empty masks": 69_998}


def test_a_tiff_carries_names_too(monkeypatch):
    monkeypatch.setattr("anymask.masks.forms.label_map._MOST_OF_16_BITS", 1)
    given = picture(box(3, 4, 10, 12, label="Käfer", score=0.5), box(20, 0, 50, 40))
    assert list(write_label_map(given, ())[0]) == ["a/b.v2.tif"]
    assert read_one(given)[0] == given


def test_the_smaller_object_is_on_top_and_lost_pixels_are_counted():
    large, small, hidden = box(0, 0, 30, 30), box(10, 10, 20, 20), box(12, 12, 15, 15)
    same = box(12, 12, 15, 15)
    found, losses = read_one(picture(small, large, hidden, same))
    areas = [rle.area(one.rle) for one in found.objects]
    assert areas == [100 - 9, 900 - 100, 9]
    assert losses == {
        "overlapped pixels": 9 + 100 + 9,
        "overlapped objects": 2,
        "hidden objects": 1,
    }
    painting = paint(picture(small, large, hidden, same).objects, SIZE)
    assert painting.lost_px.tolist() == [9, 100, 9, 0]
    # Of equal ones the later is on top.
    assert painting.labels[13, 13] == 4


def test_a_mask_without_pixels_is_counted():
    found, losses = read_one(picture(box(5, 5, 5, 5, label="nothing"), box(0, 0, 4, 4, label="a")))
    assert [one.label for one in found.objects] == ["a"]
    assert losses == {"empty masks": 1}


def test_no_objects_are_a_black_picture():
    found, losses = read_one(picture())
    assert found == picture()
    assert losses == {}


@pytest.mark.parametrize("num_objects", [2, 300])
def test_masks_of_any_shape_come_back_pixel_by_pixel(num_objects):
    random = np.random.default_rng(num_objects)
    numbers = random.integers(0, num_objects + 1, SIZE)
    objects = [Annotation(rle=rle.encode(numbers == n + 1)) for n in range(num_objects)]
    found, losses = read_one(picture(*objects))
    assert found.objects == tuple(objects)
    assert losses == {}


def test_maps_of_other_programs_are_read():
    values = np.zeros(SIZE, np.uint16)
    values[2:5, 3:9], values[10:, 40:] = 700, 9
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    found, problems = read(buffer.getvalue(), "p.jpg", SIZE)
    assert problems == ()
    assert found.file_name == "p.jpg"
    assert [(rle.area(one.rle), one.label) for one in found.objects] == [
        (30 * 10, "object"),
        (3 * 6, "object"),
    ]
    np.testing.assert_array_equal(rle.decode(found.objects[1].rle), values == 700)


def test_void_of_a_palette_map_is_no_object():
    values = np.full(SIZE, 255, np.uint8)
    values[:9] = 1
    image = Image.fromarray(values)
    image.putpalette([value for number in range(256) for value in (number, 0, 0)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    found, _ = read(buffer.getvalue(), "p.jpg")
    assert [rle.area(one.rle) for one in found.objects] == [9 * 50]


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "{", '{"1": 3}', '{"x": {"label": "a"}}', '{"1": {"label": 7, "score": "high"}}'],
)
def test_a_text_of_another_form_says_nothing(text):
    from PIL.PngImagePlugin import PngInfo

    chunks, buffer = PngInfo(), io.BytesIO()
    chunks.add_text("anymask", text)
    Image.fromarray(np.ones(SIZE, np.uint8)).save(buffer, "PNG", pnginfo=chunks)
    found, _ = read(buffer.getvalue(), "p.jpg")
    assert [(one.label, one.score) for one in found.objects] == [("object", None)]


def written(values, kind):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "size_hw", "code", "sentence"),
    [
        (written(np.ones((512, 512), np.uint8), "PNG"), (480, 640), "size-differs",
         "mask 512×512 for picture 640×480"),
        (written(np.ones(SIZE, np.uint8), "JPEG"), None, "lossy-labels",
         "is a JPEG or WebP picture, which changes the numbers of labels"),
        (written(np.eye(9, dtype=np.uint8)[:, :, None] * np.array([1, 2, 3], np.uint8), "PNG"),
         None, "colour-labels", "is a colour picture, and each colour is not a number"),
        (written(np.ones(SIZE, np.uint8), "PNG")[:60], None, "unreadable-labels", "cannot be read"),
        (b"", None, "unreadable-labels", "is no picture"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told(data, size_hw, code, sentence):
    found = read(data, "p.jpg", size_hw)
    assert isinstance(found, Problem)
    assert (found.code, found.message[: len(sentence)]) == (code, sentence)
    assert found.hint
