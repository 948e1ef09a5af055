"""labelme files: there and back without loss, and those that people drew."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from anymask.masks.annotation import Losses
from anymask.masks.forms.labelme import labelme_record, read_labelme, write_labelme
from anymask.masks.problem import Problem
from anymask.masks.rle import decode
from tests.unit.masks.forms.annotated import (
    SIZE_HW,
    annotation,
    blank,
    blobs,
    picture,
    ring,
    scene,
    square,
)

TRIANGLE = [[10.0, 10.0], [30.0, 10.0], [30.0, 30.0]]


def shape(**fields) -> dict:
    """A shape as labelme writes it."""
    usual: dict[str, Any] = {
        "label": "cat",
        "points": TRIANGLE,
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }
    return usual | fields


def record(*shapes, height=40, width=56) -> dict:
    """A file as labelme writes it."""
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def read(given, size_hw=None) -> Any:
    """Read a file that can be read."""
    return read_labelme(given, "a.png", size_hw)


def test_nothing_is_lost():
    given = scene()
    text, lost = write_labelme(given)
    assert lost == Losses()
    assert read(labelme_record(text)) == (given, (), Losses())


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_of_noise(seed):
    given = picture(annotation(blobs(seed), label="noise", is_crowd=True))
    text, lost = write_labelme(given)
    assert lost == Losses()
    assert read(labelme_record(text))[0] == given


def test_polygons_where_exact_else_masks_and_groups_for_parts():
    content = json.loads(write_labelme(scene())[0])
    told = [(one["shape_type"], one["group_id"], one["label"]) for one in content["shapes"]]
    assert told == [
        ("polygon", None, "square"),
        ("mask", None, "ring"),
        ("polygon", 3, "islands"),
        ("polygon", 3, "islands"),
        ("polygon", None, "square"),
    ]
    assert (content["imageData"], content["imagePath"]) == (None, "a.png")
    assert (content["imageHeight"], content["imageWidth"]) == SIZE_HW


def test_a_mask_is_a_png_between_its_first_and_last_pixel():
    (one,) = json.loads(write_labelme(picture(annotation(ring())))[0])["shapes"]
    assert one["points"] == [[2, 12], [25, 37]]
    png = np.asarray(Image.open(io.BytesIO(base64.b64decode(one["mask"]))))
    np.testing.assert_array_equal(png > 0, ring()[12:38, 2:26])


def test_scores_and_empty_masks_are_counted():
    given = picture(annotation(square(), score=0.5), annotation(blank()))
    text, lost = write_labelme(given)
    assert lost == Losses({"scores": 1, "empty masks": 1})
    assert len(json.loads(text)["shapes"]) == 1


def test_shapes_drawn_by_hand_cover_what_pillow_fills():
    given = record(
        shape(),
        shape(shape_type="rectangle", points=[[50, 30], [40, 20]]),
        shape(shape_type="circle", points=[[20, 20], [20, 30]]),
    )
    found, problems, left_out = read(given)
    assert (problems, left_out) == ((), Losses())
    triangle, rectangle, circle = (decode(one.rle) for one in found.objects)
    canvas = Image.new("1", (56, 40))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in TRIANGLE], fill=1)
    drawn = np.asarray(canvas)
    # Pillow fills the outline's pixels too: at most one more all round.
    assert (triangle & ~drawn).sum() == 0
    assert (drawn & ~triangle).sum() <= 3 * 21
    assert rectangle.sum() == 100
    assert rectangle[20:30, 40:50].all()
    assert circle.sum() == pytest.approx(np.pi * 100, rel=0.03)


def test_parts_of_a_group_are_one_object_and_other_names_another():
    given = record(
        shape(group_id=1),
        shape(group_id=1, points=[[40, 0], [50, 0], [50, 10]]),
        shape(group_id=1, label="dog"),
    )
    found, _, _ = read(given)
    assert [one.label for one in found.objects] == ["cat", "dog"]
    assert decode(found.objects[0].rle)[1, 48]
    assert not decode(found.objects[1].rle)[1, 48]


def test_shapes_without_area_are_left_out_and_counted():
    given = record(shape(shape_type="point", points=[[1, 2]]), shape(shape_type="line"), shape())
    found, problems, left_out = read(given)
    assert (len(found.objects), problems) == (1, ())
    assert left_out == Losses({"shapes without area": 2})


def test_the_pictures_own_size_wins_where_the_file_says_none_or_half():
    for height, width in ((None, None), (40, 56)):
        found, _, _ = read(record(shape(), height=height, width=width), (40, 56))
        assert found.size_hw == (40, 56)
        assert decode(found.objects[0].rle)[12, 26]
    found, _, _ = read(record(shape()), (80, 112))
    assert found.size_hw == (80, 112)
    assert decode(found.objects[0].rle).sum() == pytest.approx(4 * 200, rel=0.05)
    assert decode(found.objects[0].rle)[24, 52]


@pytest.mark.parametrize("size_hw", [(56, 40), (40, 60), (80, 56)])
def test_another_ratio_is_an_error(size_hw):
    found = read(record(shape()), size_hw)
    assert isinstance(found, Problem)
    assert found.code == "size-differs"
    assert found.message.startswith("imageWidth and imageHeight are 56×40, but its picture is ")


def test_a_size_that_no_memory_holds_is_an_error():
    found = read_labelme(record(height=1 << 20, width=1 << 20), "a.jpg")
    assert isinstance(found, Problem)
    assert (found.code, found.message[:42]) == (
        "too-large",
        "1048576×1048576 has 1,099,512 megapixels, ",
    )


def test_without_any_size_nothing_is_read():
    found = read(record(shape(), height=None))
    assert isinstance(found, Problem)
    assert found.message == "has no imageHeight and imageWidth, and its picture is not at hand"


def png_of(width, height) -> str:
    buffer = io.BytesIO()
    Image.new("L", (width, height), 1).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"points": [[1, 2], [3, 4]]}, "bad-polygon", "has 2 points, at least 3 are needed"),
        ({"points": [[1, 2], [3, None], [5, 6]]}, "bad-polygon", "holds nan at point 1"),
        ({"points": "x"}, "bad-polygon", "points must be a list of x, y, got 'x'"),
        ({"points": [[1, 2], [3, 10**400]]}, "bad-polygon", "points must be a list of x, y"),
        (
            {"points": [[1, 2], [3, float("inf")]], "shape_type": "circle"},
            "bad-polygon",
            "holds inf at point 0",
        ),
        ({"points": [[1, 1]] * 3}, "empty-mask", "holds no pixel"),
        ({"shape_type": "cube"}, "bad-shape", "shape_type 'cube' is not known"),
        ({"shape_type": "rectangle"}, "bad-polygon", "rectangle has 3 points, not 2"),
        ({"shape_type": "mask"}, "bad-mask", 'its "mask" is no text'),
        ({"shape_type": "mask", "mask": "/9j/"}, "bad-mask", 'its "mask" is no PNG in base64'),
        ({"shape_type": "mask", "mask": png_of(99, 2)}, "bad-mask", "mask 99×2 for picture 56×40"),
        (
            {"shape_type": "mask", "mask": png_of(40, 2), "points": [[30, 3], [69, 4]]},
            "bad-mask",
            "mask 40×2 at (30, 3) leaves the picture of 56×40",
        ),
    ],
)
def test_a_bad_shape_is_named_and_the_next_is_read(fields, code, message):
    found, (problem,), _ = read(record(shape(**fields), shape()))
    assert (problem.place, problem.code) == ("shape 1", code)
    assert message in problem.message
    assert len(found.objects) == 1


def test_what_is_no_shape_is_named():
    found, (problem,), _ = read(record(None, shape()))
    assert (problem.place, problem.message) == ("shape 1", "is no shape")
    assert len(found.objects) == 1


def test_a_mask_is_not_scaled():
    given = record(shape(shape_type="mask", mask=png_of(4, 4), points=[[1, 1], [4, 4]]))
    _, (problem,), _ = read(given, (80, 112))
    assert problem.code == "size-differs"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"shapes": [', "is not whole JSON (line 1 column 13"),
        (b"{}", 'is no labelme file: "shapes" is missing'),
    ],
)
def test_what_is_no_file_of_labelme_is_said(text, message):
    found = labelme_record(text)
    assert isinstance(found, Problem)
    assert message in found.message
