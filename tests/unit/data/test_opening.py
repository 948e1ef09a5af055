"""A picture and its masks either fit, or it is said why not."""

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from anymask.data.opening import OpenedSample, fit, open_sample, usable_bytes
from anymask.data.sample_record import BadSample
from anymask.masks.rle import compress, counts_of
from tests.scenes import HEIGHT, WIDTH, scene
from tests.unit.data.layouts_of_discs import annotated, decoded, write_scenes

MASK = np.array([20, HEIGHT * WIDTH - 20])


def opened_of(file):
    """The opened sample of a file that has no fault."""
    opened = open_sample(file)
    assert isinstance(opened, OpenedSample)
    return opened


def saved(folder, name="p.png", **options):
    Image.fromarray(scene(0)[0]).save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize(
    ("size_hw", "message"),
    [
        ((512, 512), "mask 512x512 for picture 128x96"),
        ((97, 128), "mask 128x97 for picture 128x96: off by one"),
        ((95, 127), "mask 127x95 for picture 128x96: off by one"),
        ((128, 96), "mask 96x128 for picture 128x96: width and height swapped"),
    ],
)
def test_sizes_that_differ_are_told(tmp_path, size_hw, message):
    told = open_sample(annotated(saved(tmp_path), size_hw, [MASK]))
    assert isinstance(told, BadSample)
    assert (told.code, told.message, told.input) == ("size-differs", message, "p.png")


def test_masks_drawn_before_the_exif_rotation_are_told(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, "p.jpg", exif=exif)
    told = open_sample(annotated(path, (HEIGHT, WIDTH), [MASK]))
    assert isinstance(told, BadSample)
    assert "mask 128x96 for picture 96x128: it was drawn before" in told.message
    upright = open_sample(annotated(path, (WIDTH, HEIGHT), [MASK]))
    assert not isinstance(upright, BadSample)
    assert usable_bytes(upright) is None
    encoded, size_hw = fit(upright, 1024)[:2]
    assert size_hw == (WIDTH, HEIGHT)
    seen = decoded(encoded)
    assert np.abs(seen.astype(int) - upright.picture.pixels).mean() < 2


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "is empty (0 bytes)"), (b"<!DOCTYPE html>", "is a web page, not a picture")],
)
@pytest.mark.parametrize("is_file", [True, False])
def test_a_picture_that_does_not_open_is_named_once(tmp_path, data, message, is_file):
    path = tmp_path / "bad: name.jpg"
    path.write_bytes(data)
    file = annotated(path, None, [])
    if not is_file:
        file = type(file)(
            set_name="s", name="n", source=data, shown="bad.jpg", size_hw=None, runs=()
        )
    told = open_sample(file)
    assert isinstance(told, BadSample)
    assert told.code == "unreadable-picture"
    assert told.message.startswith(message)


def test_masks_that_do_not_fit_are_left_out_and_told(tmp_path):
    runs = [MASK, [5, 5], [HEIGHT * WIDTH], [0, HEIGHT * WIDTH], [HEIGHT * WIDTH + 5, -5]]
    opened = opened_of(annotated(saved(tmp_path), None, runs))
    assert [run.tolist() for run in opened.runs] == [MASK.tolist(), [0, HEIGHT * WIDTH]]
    assert [(row.code, row.message) for row in opened.bad] == [
        ("broken-mask", "mask 1 covers 10 pixels, the picture has 12288"),
        ("empty-mask", "mask 2 has no pixel"),
        ("broken-mask", "mask 4 covers 12288 pixels, the picture has 12288"),
    ]


def test_a_plain_jpeg_is_kept_byte_for_byte(tmp_path):
    (file,) = write_scenes(tmp_path / "s", 1, "jpg")
    opened = opened_of(file)
    assert fit(opened, 128)[0] == file.source.read_bytes()
    assert fit(opened, 127)[0] != file.source.read_bytes()


def test_a_file_that_changed_since_is_not_taken_as_it_is(tmp_path):
    (file,) = write_scenes(tmp_path / "s", 1, "jpg")
    opened = opened_of(file)
    Image.fromarray(scene(5)[0]).save(file.source)
    assert usable_bytes(opened) is None
    seen = decoded(fit(opened, 128)[0])
    assert np.abs(seen.astype(int) - scene(0)[0]).mean() < 3


def test_a_file_that_is_gone_by_now_is_written_from_what_was_opened(tmp_path):
    (file,) = write_scenes(tmp_path / "s", 1, "jpg")
    opened = opened_of(file)
    file.source.unlink()
    assert np.abs(decoded(fit(opened, 128)[0]).astype(int) - scene(0)[0]).mean() < 3


def test_a_picture_with_a_colour_profile_is_written_anew(tmp_path):
    Image.fromarray(scene(0)[0]).convert("CMYK").save(tmp_path / "p.jpg")
    opened = opened_of(annotated(tmp_path / "p.jpg", None, [MASK]))
    encoded = fit(opened, 1024).encoded
    with Image.open(tmp_path / "p.jpg") as image:
        assert image.mode == "CMYK"
    seen = decoded(encoded)
    assert np.abs(seen.astype(int) - opened.picture.pixels).mean() < 2


@pytest.mark.parametrize("longest_px", [100, 64, 33])
def test_masks_shrink_with_their_picture(tmp_path, longest_px):
    (file,) = write_scenes(tmp_path / "s", 1)
    _, size_hw, runs, gone, _ = fit(opened_of(file), longest_px)
    assert size_hw == (round(HEIGHT * longest_px / WIDTH), longest_px)
    assert gone == []
    for mask, found in zip(scene(0)[1], runs, strict=True):
        share = cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_AREA)
        whole = coco.encode(np.asfortranarray((share >= 0.4999).astype(np.uint8)))
        assert compress(found).encode() == whole["counts"]


def test_masks_too_small_to_stay_are_told(tmp_path):
    dot = np.zeros((HEIGHT, WIDTH), np.bool_)
    dot[40, 40] = True
    file = annotated(saved(tmp_path), None, [counts_of(dot), MASK])
    _, _, runs, gone, _ = fit(opened_of(file), 32)
    assert len(runs) == 1
    assert [(row.code, row.message) for row in gone] == [
        ("mask-vanishes", "mask 0 has 1 pixels of 128x96 and none of 32x24")
    ]
