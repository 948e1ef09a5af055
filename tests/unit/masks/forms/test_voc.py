"""Pascal VOC's two palette pictures and the list of its classes."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from anymask.errors import InputError
from anymask.masks import rle
from anymask.masks.annotation import AnnotatedPicture, Annotation
from anymask.masks.forms.voc import (
    VOC_CATEGORIES,
    read_category_list,
    read_voc,
    voc_palette,
    write_category_list,
    write_voc,
)
from anymask.masks.problem import Problem

SIZE = (40, 50)
NAMES = ("cat", "dog: small", "Kuh")


def read(*given, **options):
    return read_voc(*given, **options)


def box(x0, y0, x1, y1, label="cat", **said):
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return Annotation(rle=rle.encode(mask), label=label, **said)


def picture(*objects):
    return AnnotatedPicture(file_name="a/b.jpg", size_hw=SIZE, objects=objects)


def png(values, palette=None):
    image, buffer = Image.fromarray(np.asarray(values, np.uint8)), io.BytesIO()
    image.putpalette([value for colour in palette or voc_palette() for value in colour])
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read_back(given, names=NAMES, **options):
    files, losses = write_voc(given, names)
    found = read(
        given.file_name,
        names,
        classes=files["SegmentationClass/a/b.png"],
        objects=files["SegmentationObject/a/b.png"],
        **options,
    )
    return found, losses


def test_objects_and_their_classes_come_back():
    given = picture(box(0, 0, 9, 9, "Kuh"), box(9, 0, 20, 30, "cat"), box(20, 20, 50, 40, "cat"))
    assert read_back(given) == ((given, ()), {})
    assert read_back(given, size_hw=SIZE) == ((given, ()), {})


def test_files_are_palette_pictures_in_the_colours_of_voc():
    files, _ = write_voc(picture(box(0, 0, 9, 9, "Kuh"), box(9, 0, 20, 30, "cat")), NAMES)
    for folder, number in (("SegmentationClass", 3), ("SegmentationObject", 1)):
        with Image.open(io.BytesIO(files[f"{folder}/a/b.png"])) as image:
            assert image.mode == "P"
            assert np.asarray(image)[4, 4] == number
            assert image.convert("RGB").getpixel((4, 4)) == voc_palette()[number]


def test_the_palette_is_that_of_the_development_kit():
    palette = voc_palette()
    assert len(set(palette)) == 256
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 4: (0, 0, 128), 8: (64, 0, 0),
             15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}  # fmt: skip
    assert {number: palette[number] for number in known} == known


def test_what_voc_cannot_hold_is_counted():
    found, losses = read_back(
        picture(box(0, 0, 30, 30), box(0, 0, 10, 10, score=0.5), box(40, 30, 50, 40, is_crowd=True))
    )
    assert [rle.area(one.rle) for one in found[0].objects] == [800, 100, 100]
    assert losses == {
        "overlapped pixels": 100, "overlapped objects": 1, "scores": 1, "crowd marks": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("num_objects", "num_names", "sentence"),
    [
        (255, 1, "a/b.jpg: has 255 objects, VOC's pictures number 254; convert to labelmap"),
        (1, 300, "a/b.jpg: has 300 classes, VOC's pictures number 254; convert to labelmap"),
    ],
)
def test_numbers_beyond_8_bits_are_refused_and_never_wrap(num_objects, num_names, sentence):
    objects = [Annotation(rle=rle.encode(np.eye(*SIZE) > 0), label="0")] * num_objects
    with pytest.raises(InputError, match=re.escape(sentence)):
        write_voc(picture(*objects), [str(number) for number in range(num_names)])


def test_254_objects_are_written():
    objects = [box(n % 50, n // 50, n % 50 + 1, n // 50 + 1) for n in range(254)]
    (found, problems), losses = read_back(picture(*objects))
    assert (found.objects, problems, losses) == (tuple(objects), (), {})


def test_a_label_that_is_no_category_is_refused_with_its_name():
    with pytest.raises(
        InputError, match=r"a/b.jpg: its label c\\nw is no category of the set; add"
    ):
        write_voc(picture(box(0, 0, 9, 9, "c\nw")), NAMES)


def test_void_belongs_to_nothing_and_the_class_of_most_pixels_counts():
    objects, classes = np.zeros(SIZE, int), np.zeros(SIZE, int)
    objects[5:20, 5:20], classes[5:20, 5:18], classes[5:20, 18:20] = 1, 15, 3
    objects[30:, 30:], classes[30:, 30:] = 2, 8
    objects[4, :], classes[4, :] = 255, 255
    found, problems = read("x.jpg", objects=png(objects), classes=png(classes))
    assert problems == ()
    assert [(one.label, rle.area(one.rle)) for one in found.objects] == [
        ("person", 225),
        ("cat", 200),
    ]


def test_one_of_the_two_pictures_is_enough():
    numbers = np.zeros(SIZE, int)
    numbers[:9], numbers[20:] = 1, 20
    found, _ = read("x.jpg", objects=None, classes=png(numbers))
    assert [one.label for one in found.objects] == ["aeroplane", "tvmonitor"]
    found, _ = read("x.jpg", objects=png(numbers), classes=None)
    assert [one.label for one in found.objects] == ["object", "object"]
    assert [rle.area(one.rle) for one in found.objects] == [450, 1000]


def test_a_class_without_a_name_is_a_problem_of_its_object_alone():
    numbers = np.zeros(SIZE, int)
    numbers[:9], numbers[20:] = 1, 4
    found, (wrong,) = read("x.jpg", NAMES, objects=png(numbers), classes=png(numbers))
    assert [one.label for one in found.objects] == ["cat"]
    assert (wrong.place, wrong.code, wrong.message) == (
        "object 4", "unknown-category", "its class 4 is none of 3"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "classes", "size_hw", "code", "sentence"),
    [
        (png(np.ones((9, 8))), png(np.ones((8, 9))), None, "size-differs",
         "mask 9×8 for picture 8×9"),
        (png(np.ones((9, 8))), None, (480, 640), "size-differs", "mask 8×9 for picture 640×480"),
        (None, None, None, "no-labels", "has no label image"),
        (b"x", None, None, "unreadable-labels", "is no picture"),
        (png(np.ones((9, 8))), b"x", None, "unreadable-labels", "is no picture"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_are_told(objects, classes, size_hw, code, sentence):
    found = read("x.jpg", objects=objects, classes=classes, size_hw=size_hw)
    assert isinstance(found, Problem)
    assert (found.code, found.message) == (code, sentence)


def test_the_list_of_classes_comes_back():
    names = ("cat", "dog: small, brown", "background", "Kuh 🐄", "# not a comment", "")
    text = write_category_list(names).decode()
    assert text.splitlines()[:3] == [
        "# label:color_rgb:parts:actions", "background:0,0,0::", "cat:128,0,0::"
    ]  # fmt: skip
    assert read_category_list(text.encode()) == names
    assert read_category_list(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == names
    assert read_category_list(b"background:0,0,0::\naeroplane:128,0,0::\n") == VOC_CATEGORIES[:1]


def test_a_name_of_two_lines_is_refused_and_in_the_list_of_classes_escaped():
    assert read_category_list(write_category_list(["a\nb", "c"])) == (r"a\nb", "c")
    with pytest.raises(InputError, match=r"its name a\\nb holds a line break, which VOC's lists"):
        write_voc(picture(box(0, 0, 9, 9, "a\nb")), ["a\nb"])
    odd = replace(picture(), file_name="a\nb.jpg")
    with pytest.raises(InputError, match=r"its name a\\nb.jpg holds a line break"):
        write_voc(odd, [])
