from pathlib import Path

import pytest

from anymask.cli.formats import SETS
from anymask.cli.outputs import make_plan, refuse_collisions
from anymask.cli.photos import Photo
from anymask.data.conversion.forms import FORMS as CONVERTED
from anymask.errors import InputError

PHOTO = Photo(path="a.jpg", shown="a.jpg", stem="a.jpg")
OTHER = Photo(path="a.png", shown="a.png", stem="a.png")


def plan_of(output=None, *formats, num_photos=1, num_masks=1, overwrite=False, programs=False):
    return make_plan(
        output,
        formats,
        num_photos=num_photos,
        num_masks=num_masks,
        may_overwrite=overwrite,
        is_for_programs=programs,
    )


def paths(plan, photo=PHOTO):
    return [str(output.path) for output in plan.outputs(photo)]


def test_mask_and_overlay_go_to_the_current_folder(folder):
    assert paths(plan_of()) == ["a.jpg.mask.png", "a.jpg.overlay.png"]


def test_a_name_without_a_picture_suffix_is_a_folder(folder):
    assert paths(plan_of("out")) == ["out/a.jpg.mask.png", "out/a.jpg.overlay.png"]
    assert paths(plan_of("out.d")) == ["out.d/a.jpg.mask.png", "out.d/a.jpg.overlay.png"]


def test_a_folder_may_look_like_a_picture(folder):
    (folder / "out.png").mkdir()
    assert paths(plan_of("out.png"))[0] == "out.png/a.jpg.mask.png"
    assert paths(plan_of("new.png/"))[0] == "new.png/a.jpg.mask.png"


def test_photos_of_the_same_stem_do_not_collide(folder):
    plan = plan_of("out", num_photos=2)
    assert not set(paths(plan, PHOTO)) & set(paths(plan, OTHER))


def test_several_masks_are_numbered_and_share_one_overlay(folder):
    plan = plan_of("out", "png", "overlay", "rle", num_masks=3)
    assert paths(plan) == [
        "out/a.jpg.1.mask.png",
        "out/a.jpg.2.mask.png",
        "out/a.jpg.3.mask.png",
        "out/a.jpg.overlay.png",
        "out/a.jpg.rle.json",
    ]
    assert [output.number for output in plan.outputs(PHOTO)] == [0, 1, 2, None, None]


def test_one_photo_may_name_its_file(folder):
    assert paths(plan_of("x/dog.png")) == ["x/dog.png"]
    assert paths(plan_of("x/dog.PNG", "cutout")) == ["x/dog.PNG"]
    assert paths(plan_of("dog.jpg", "overlay")) == ["dog.jpg"]
    assert paths(plan_of("dog.png", num_masks=2)) == ["dog.1.png", "dog.2.png"]


def test_a_json_file_is_a_run_length_code(folder):
    plan = plan_of("dog.json")
    assert [form.name for form in plan.formats] == ["rle"]


def test_a_receipt_stands_beside_the_outputs(folder):
    assert plan_of("out").receipt_owner(PHOTO) == Path("out/a.jpg")
    assert plan_of("x/dog.png").receipt_owner(PHOTO) == Path("x/dog.png")


def test_programs_get_files_only_when_they_ask(folder):
    assert paths(plan_of(programs=True)) == []
    assert paths(plan_of(None, "rle", programs=True)) == ["a.jpg.rle.json"]
    assert paths(plan_of("out", programs=True))[0] == "out/a.jpg.mask.png"


def test_a_format_named_twice_is_written_once(folder):
    assert paths(plan_of(None, "png", "PNG", "png")) == ["a.jpg.mask.png"]


@pytest.mark.parametrize(
    ("output", "formats", "sentence"),
    [
        ("m.jpg", (), "m.jpg: JPEG changes mask values; use PNG."),
        ("m.JPEG", ("png",), "m.JPEG: JPEG changes mask values; use PNG."),
        ("m.jpg", ("cutout",), "m.jpg: JPEG has no transparency; use PNG."),
        ("m.tif", (), "m.tif: masks are written as PNG, not as .tif; name it m.png."),
        (
            "m.bmp",
            ("overlay",),
            "m.bmp: overlays are written as PNG or JPEG, not as .bmp; name it m.png.",
        ),
        (
            "m.png",
            ("rle",),
            "m.png: run-length codes are written as JSON, not as .png; name it m.json.",
        ),
        (
            "m.png",
            ("png", "overlay"),
            "-o m.png: names one file for 2 formats (png, overlay); name a folder.",
        ),
        (
            None,
            ("jpg",),
            "--format jpg: is unknown; use png, cutout, "
            "overlay, rle, logits, coco, sa1b, yolo, labelme, labelmap, layers, voc, panoptic.",
        ),
        ("cat.png/", (), "-o cat.png: is a file, not a folder; name a folder."),
    ],
)
def test_what_does_not_go_together_is_refused(folder, output, formats, sentence):
    with pytest.raises(InputError) as caught:
        plan_of(output, *formats)
    assert (str(caught.value), caught.value.exit_code) == (sentence, 2)


def test_one_file_for_many_photos_is_refused(folder):
    with pytest.raises(InputError, match=r"^-o m.png: names one file for 3 photos; name a folder"):
        plan_of("m.png", num_photos=3)


def test_an_existing_file_is_not_replaced_unasked(folder):
    (folder / "a.jpg.mask.png").write_text("mine")
    with pytest.raises(InputError, match=r"^a.jpg.mask.png: exists already; add --overwrite"):
        refuse_collisions(plan_of(), [PHOTO], [])
    (folder / "a.jpg.receipt.json").write_text("mine")
    with pytest.raises(InputError, match=r"exists already, and so do 1 more;"):
        refuse_collisions(plan_of(), [PHOTO], [])
    refuse_collisions(plan_of(overwrite=True), [PHOTO], [])
    refuse_collisions(plan_of(programs=True), [PHOTO], [])


@pytest.mark.parametrize("output", ["cat.png", "./cat.png", "link.png"])
def test_an_input_is_never_replaced(folder, output):
    (folder / "link.png").symlink_to("cat.png")
    with pytest.raises(InputError, match=r"is an input, and inputs are never changed; choose"):
        refuse_collisions(plan_of(output, overwrite=True), [PHOTO], ["cat.png"])


def test_the_sets_are_the_forms_of_convert():
    # A PNG a mask is written beside each photo instead.
    assert set(SETS) == set(CONVERTED) - {"png"}
