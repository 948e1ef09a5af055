"""The published command line's folder: pictures of 0 and 255, and its table."""

import csv
import io

import numpy as np
from PIL import Image

from anymask.masks.finding import Finding
from anymask.masks.forms.published_folder import published_folder
from tests.unit.masks.forms.annotated import annotation, blank, islands, picture, ring

FINDING = Finding(point=(31.5, 8.25), stability_score=0.981, crop_box=(4, 0, 56, 30))

# As the published program has it, field by field.
HEADER = [
    "id", "area", "bbox_x0", "bbox_y0", "bbox_w", "bbox_h", "point_input_x", "point_input_y",
    "predicted_iou", "stability_score", "crop_box_x0", "crop_box_y0", "crop_box_w", "crop_box_h",
]  # fmt: skip


def rows_of(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode("ascii"))))


def test_masks_are_pictures_of_0_and_255_in_the_order_of_the_objects():
    given = picture(annotation(ring()), annotation(blank()), annotation(islands()))
    files = dict(published_folder(given))
    assert list(files) == ["0.png", "1.png", "2.png", "metadata.csv"]
    for name, mask in (("0.png", ring()), ("1.png", blank()), ("2.png", islands())):
        with Image.open(io.BytesIO(files[name])) as found:
            assert (found.format, found.mode) == ("PNG", "L")
            np.testing.assert_array_equal(np.asarray(found), mask * np.uint8(255))


def test_the_table_is_the_published_one():
    given = picture(annotation(islands(), score=0.9631, finding=FINDING))
    text = dict(published_folder(given))["metadata.csv"]
    header, row = rows_of(text)
    assert header == HEADER
    # The last column and row of a mask belong to its box: 14 to 37, and 2 to 9.
    assert row == ["0", "112", "14", "2", "23", "7", "31.5", "8.25", "0.9631", "0.981",
                   "4", "0", "52", "30"]  # fmt: skip
    assert not text.endswith(b"\n")


def test_a_mask_of_one_pixel_has_a_box_without_width():
    dot = blank()
    dot[7, 5] = True
    given = picture(annotation(dot), annotation(blank()))
    rows = rows_of(dict(published_folder(given))["metadata.csv"])
    assert rows[1][1:6] == ["1", "5", "7", "0", "0"]
    assert rows[2][1:6] == ["0", "0", "0", "0", "0"]


def test_what_is_not_known_is_an_empty_cell():
    rows = rows_of(dict(published_folder(picture(annotation(ring()))))["metadata.csv"])
    assert rows[1][6:] == [""] * 8


def test_without_masks_there_is_a_table_of_no_rows():
    files = dict(published_folder(picture()))
    assert list(files) == ["metadata.csv"]
    assert rows_of(files["metadata.csv"]) == [HEADER]


def test_files_are_made_one_at_a_time():
    broken = annotation(ring())
    broken.rle["counts"] = "!"
    files = published_folder(picture(annotation(islands()), broken))
    assert next(files)[0] == "0.png"
