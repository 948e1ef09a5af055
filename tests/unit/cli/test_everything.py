"""All masks of a photo: files of every form, odd photos, and what ends a run early."""

import csv
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

import anymask as library
from anymask.everything.generate import find_all
from anymask.masks.forms.label_layers import layers_record, read_label_layers
from anymask.masks.problem import Problem
from anymask.receipt import read_receipt, stamp_file
from tests.unit.cli.folders import names_in

# pycocotools is older than NumPy's word on copies.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ALL = ("sa1b", "overview", "png", "labelmap", "coco", "candidates")
EVERY_FORMAT = tuple(word for name in ALL for word in ("--format", name))
# As the fixture `everything` asks.
OPTIONS: dict[str, Any] = {
    "points_per_side": 4,
    "stability_score_offset": 0.01,
    "pred_iou_thresh": 0,
    "stability_score_thresh": 0,
    "box_nms_thresh": 1,
}


@pytest.fixture(scope="module")
def model(model_file):
    return library.load(model_file, device="cpu")


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def sa1b_masks(path) -> list[np.ndarray]:
    record = json.loads(Path(path).read_text())
    return [coco.decode(one["segmentation"]).astype(bool) for one in record["annotations"]]


def png_masks(folder) -> list[np.ndarray]:
    with (folder / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {f"{row['id']}.png" for row in rows} | {"metadata.csv"} == set(names_in(folder))
    return [pixels(folder / f"{row['id']}.png") > 0 for row in rows]


def layer_masks(folder) -> list[np.ndarray]:
    (path,) = folder.glob("*.layers.json")
    record = layers_record(path.read_bytes())
    assert not isinstance(record, Problem)
    found = read_label_layers(record, lambda name: (folder / name).read_bytes(), "cat.png")
    assert not isinstance(found, Problem)
    picture, problems = found
    assert problems == ()
    return [coco.decode(one.rle).astype(bool) for one in picture.objects]


def coco_masks(path, number=1) -> list[np.ndarray]:
    read = COCO(path)
    return [read.annToMask(one).astype(bool) for one in read.loadAnns(read.getAnnIds([number]))]


def same(masks, expected) -> bool:
    """Whether masks are the same; where there are none nothing was compared."""
    return len(masks) == len(expected) > 0 and all(map(np.array_equal, masks, expected))


def test_usual_outputs_are_a_record_and_an_overview(everything, folder, model):
    ran = everything("cat.png")
    assert (ran.code, names_in(folder)) == (
        0,
        [
            "cat.png",
            "cat.png.everything.json",
            "cat.png.overview.jpg",
            "cat.png.receipt.json",
        ],
    )
    expected = model.everything("cat.png", **OPTIONS)
    assert len(expected) == 48
    assert same(sa1b_masks("cat.png.everything.json"), [mask.array for mask in expected])
    with Image.open("cat.png.overview.jpg") as image:
        # Small photos are drawn larger, so that colours can be told apart.
        assert (image.format, image.width * 60) == ("JPEG", image.height * 90)
    assert ran.out.splitlines()[0] == "cat.png, 90×60: 48 masks of 48 candidates"
    assert "16 points; encoded in" in ran.err
    assert "written to the current folder, -o names another" in ran.err


def test_a_record_has_the_fields_and_types_of_sa1b(everything, folder, model):
    (folder / "cat.png").rename(folder / "sa_223750.png")
    # Crops whose edges are so near to the photo's that nothing counts as cut off.
    crops = {"crop_n_layers": 1, "crop_nms_thresh": 1, "crop_overlap_ratio": 0.9}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in crops.items()]
    everything("sa_223750.png", *words, "-o", "one.json")
    record = json.loads(Path("one.json").read_text())
    assert record["image"] == {
        "image_id": 223750, "width": 90, "height": 60, "file_name": "sa_223750.png"
    }  # fmt: skip
    expected = model.everything("sa_223750.png", **OPTIONS, **crops)
    assert len(expected) == len(record["annotations"]) > 48
    for mask, one in zip(expected, record["annotations"], strict=True):
        x0, y0, x1, y1 = mask.finding.crop_box
        assert one["crop_box"] == [x0, y0, x1 - x0, y1 - y0]
        assert one["point_coords"] == [list(mask.finding.point)]
        assert one["stability_score"] == pytest.approx(mask.finding.stability_score)
        assert one["predicted_iou"] == pytest.approx(mask.score)
        assert one["area"] == coco.area(one["segmentation"]) == mask.area
        assert {type(side) for side in one["bbox"] + one["crop_box"]} == {float}


def test_every_format_holds_the_same_masks(everything, folder):
    ran = everything("cat.png", *EVERY_FORMAT, "-o", "out")
    out = folder / "out"
    assert ran.code == 0, ran.err
    assert names_in(out) == [
        "cat.png.candidates.npz",
        "cat.png.everything.json",
        "cat.png.labels",
        "cat.png.masks",
        "cat.png.overview.jpg",
        "cat.png.receipt.json",
        "coco",
        "coco.receipt.json",
    ]
    masks = sa1b_masks(out / "cat.png.everything.json")
    assert len(masks) == 48
    assert same(png_masks(out / "cat.png.masks"), masks)
    assert same(layer_masks(out / "cat.png.labels"), masks)
    assert same(coco_masks(out / "coco" / "annotations.json"), masks)


def test_every_format_comes_out_the_same_again(everything, anymask, folder):
    assert everything("cat.png", *EVERY_FORMAT, "--policy", "largest", "-o", "out").code == 0
    for name, number in (("cat.png", 48 + 1 + 4), ("coco", 1)):
        receipt = folder / "out" / f"{name}.receipt.json"
        stamps = read_receipt(receipt).outputs
        ran = anymask("replay", receipt, "-o", f"again-{name}")
        assert (ran.code, ran.out.partition(":")[0]) == (0, "same bytes"), ran.out
        assert len(stamps) >= number
        for stamp in stamps:
            path = folder / "out" / str(stamp.folder) / stamp.name
            assert stamp_file(path).sha256 == stamp.sha256


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "all.png", "--keep-candidates"),
        ("-o", "all.json", "--crop-n-layers", 1, "--mode", "fast"),
        ("-o", "all.jpg", "--half", "--min-mask-region-area", 20, "--drop-small-masks"),
        ("-o", "out", "--format", "coco", "--keep-candidates", "--wholes-only"),
        ("-o", "out", "--preset", "dense", "--point-grids", "grids.json", "--max-memory", "8GB"),
        ("-o", "out", "--tile", 64, "--halo", 17),
    ],
)
def test_flags_are_repeated(everything, anymask, folder, words):
    grids = [[[0.2, 0.5], [0.7, 0.4]], [[0.5, 0.5]]]
    (folder / "grids.json").write_text(json.dumps(grids))
    run = everything
    if "--point-grids" in words:
        ran = anymask("everything", "cat.png", *words)
    else:
        ran = run("cat.png", *words)
    assert ran.code == 0, ran.err
    receipts = list(folder.rglob("*.receipt.json"))
    assert receipts
    for number, receipt in enumerate(receipts):
        again = anymask("replay", receipt, "-o", f"again-{number}")
        assert (again.code, again.out.partition(":")[0]) == (0, "same bytes"), again.out


def test_the_receipt_holds_the_effective_settings(everything, folder, model_file):
    everything("cat.png", "--preset", "sa1b", "--max-memory", "2GB", "-o", "out")
    receipt = read_receipt(folder / "out" / "cat.png.receipt.json")
    settings = receipt.settings
    assert receipt.command == "everything"
    assert receipt.model is not None
    assert receipt.model.sha256 == stamp_file(model_file).sha256
    assert (settings["preset"], settings["max_memory"]) == ("sa1b", 2_000_000_000)
    assert settings["points_per_side"] == 4
    assert settings["crop_n_layers"] == 2
    assert settings["max_area_share"] == 0.95
    assert settings["drop_small_masks"] is True
    assert settings["formats"] == ["sa1b", "overview"]
    assert "--max-memory=2GB" not in receipt.arguments
    assert set(receipt.seconds) == {"encode", "propose", "select"}


@pytest.mark.parametrize("words", [(), ("--keep-candidates",)])
def test_nothing_passes(everything, folder, words):
    high = ("--pred-iou-thresh", 0.99)
    ran = everything("cat.png", *high, *EVERY_FORMAT, *words, "-o", "out")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "cat.png, 90×60: no mask of 48 candidates"
    assert lines[lines.index("dropped") + 1] == "  48  predicted IoU not above 0.99"
    assert "note: no mask passes; lower --pred-iou-thresh\n" in ran.err
    out = folder / "out"
    assert sa1b_masks(out / "cat.png.everything.json") == []
    assert names_in(out / "cat.png.masks") == ["metadata.csv"]
    assert layer_masks(out / "cat.png.labels") == []
    assert coco_masks(out / "coco" / "annotations.json") == []
    assert json.loads((out / "coco" / "annotations.json").read_text())["images"]
    with Image.open(out / "cat.png.overview.jpg") as image:
        assert image.width * 60 == image.height * 90


ODD = {
    "grey.png": (64, 48),
    "dot.png": (1, 1),
    "six.png": (3, 2),
    "wide.png": (40000, 1),
    "tall.png": (1, 40000),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("words", [(), ("--crop-n-layers", 1, "--mode", "fast")])
def test_an_odd_photo_gives_valid_files_of_every_format(everything, folder, name, words):
    Image.new("RGB", ODD[name], (90, 90, 90)).save(folder / name)
    ran = everything(name, "--points-per-side", 2, *words, *EVERY_FORMAT, "-o", "out")
    assert ran.code == 0, ran.err
    out = folder / "out"
    masks = sa1b_masks(out / f"{name}.everything.json")
    assert {mask.shape for mask in masks} == {ODD[name][::-1]}
    assert same(png_masks(out / f"{name}.masks"), masks)
    assert same(coco_masks(out / "coco" / "annotations.json"), masks)
    (layers,) = (out / f"{name}.labels").glob("*.layer1.png")
    with Image.open(layers) as image, Image.open(out / f"{name}.overview.jpg") as overview:
        assert image.size == ODD[name]
        assert max(overview.size) <= 1600
    is_long = max(ODD[name]) == 40000
    assert ("is so long and thin that details are lost; add --tile 1024" in ran.err) is is_long


def test_one_bad_photo_of_many_is_listed_and_the_others_are_done(everything, folder):
    (folder / "empty.jpg").touch()
    shutil.copy("cat.png", "dog.png")
    words = ("--format", "sa1b", "--format", "coco", "-o", "out")
    ran = everything("cat.png", "empty.jpg", "none.png", "dog.png", *words)
    assert ran.code == 3
    assert "failed: empty.jpg: is empty (0 bytes); download or copy it again\n" in ran.err
    assert "2 of 4 photos are done, in out; 2 failed, listed in out/failures.jsonl" in ran.err
    assert ran.out.splitlines()[0].startswith(
        "cat.png: 48 masks of 48 candidates → out/cat.png.everything.json"
    )
    listed = (folder / "out" / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line)["input"] for line in listed] == ["empty.jpg", "none.png"]
    one = coco_masks(folder / "out" / "coco" / "annotations.json")
    assert same(one, sa1b_masks("out/cat.png.everything.json"))
    assert same(coco_masks("out/coco/annotations.json", 2), one)


def test_a_single_bad_photo_ends_before_the_model_is_loaded(anymask, folder):
    (folder / "page.jpg").write_text("<!DOCTYPE html>")
    ran = anymask("everything", "page.jpg", "--model", "none.pth", "--json")
    assert (ran.code, ran.records[0]["ok"]) == (3, False)
    assert ran.err.startswith("error: page.jpg: is a web page, not a picture")


def test_a_photo_over_the_limit_is_offered_tiles(everything, folder):
    ran = everything("cat.png", "--max-pixels", 100)
    assert (ran.code, names_in(folder)) == (3, ["cat.png"])
    assert ran.err.splitlines()[-1] == "hint: raise --max-pixels or add --tile 1024"
    assert everything("cat.png", "--max-pixels", 5400, "--tile", 128).code == 0


@pytest.mark.parametrize("num_before", [0, 1])
def test_ctrl_c_leaves_whole_files_only(everything, folder, monkeypatch, num_before):
    shutil.copy("cat.png", "dog.png")
    calls = []

    def stopped(*words, **named):
        calls.append(words)
        if len(calls) > num_before:
            raise KeyboardInterrupt
        return find_all(*words, **named)

    monkeypatch.setattr("anymask.everything.generate.find_all", stopped)
    ran = everything("cat.png", "dog.png", *EVERY_FORMAT, "-o", "out")
    assert ran.code == 130
    assert ran.err.endswith("note: stopped by Ctrl-C; what was written before is whole\n")
    out = folder / "out"
    left = [path for path in out.rglob("*") if path.is_file()]
    assert not [path for path in left if path.name.startswith(".")]
    assert not list(out.rglob("annotations.json"))
    masks = [sa1b_masks(path) for path in out.glob("*.everything.json")]
    assert [len(one) for one in masks] == [48] * num_before


@pytest.mark.parametrize("name", ALL)
def test_a_full_disk_leaves_no_half_file(everything, folder, monkeypatch, name):
    def full(_number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ran = everything("cat.png", "--format", name, "-o", "out")
    assert ran.code == 1
    assert "the disk is full\nhint: free some space or choose another folder\n" in ran.err or (
        "cannot be written (No space left on device)\nhint: choose a folder" in ran.err
    )
    assert [path for path in (folder / "out").rglob("*") if path.is_file()] == []


def test_nothing_is_replaced_unasked(everything, folder):
    (folder / "cat.png.everything.json").write_text("mine")
    ran = everything("cat.png")
    assert (ran.code, (folder / "cat.png.everything.json").read_text()) == (2, "mine")
    assert "cat.png.everything.json: exists already" in ran.err
    assert everything("cat.png", "--overwrite").code == 0
    assert len(sa1b_masks("cat.png.everything.json")) == 48


def test_a_folder_of_masks_is_one_result(everything, folder):
    words = ("--format", "png", "--format", "labelmap", "-o", "out", "--overwrite")
    everything("cat.png", *words)
    (folder / "out" / "cat.png.masks" / "notes.txt").write_text("mine")
    assert len(names_in("out/cat.png.masks")) == 48 + 2
    assert everything("cat.png", *words, "--box-nms-thresh", 0.7).code == 0
    assert names_in("out/cat.png.masks") == ["0.png", "metadata.csv", "notes.txt"]
    assert names_in("out/cat.png.labels") == ["cat.layer1.png", "cat.layers.json"]


def test_a_file_may_be_named(everything, folder):
    assert everything("cat.png").code == everything("cat.png", "-o", "all.png").code == 0
    assert pixels("all.png").shape == pixels("cat.png.overview.jpg").shape
    assert everything("cat.png", "-o", "set.json", "--format", "coco").code == 0
    assert len(coco_masks("set.json")) == 48
    assert everything("cat.png", "-o", "x.npz", "--format", "candidates").code == 0
    assert everything("cat.png", "-o", "y.json", "--keep-candidates").code == 0
    assert (folder / "x.npz").read_bytes() == (folder / "y.json.candidates.npz").read_bytes()


def test_keeping_candidates_changes_no_mask(everything):
    strict = ("--stability-score-thresh", 0.5)
    everything("cat.png", *strict, "-o", "a.json")
    ran = everything("cat.png", *strict, "-o", "b.json", "--keep-candidates")
    masks = sa1b_masks("a.json")
    assert 0 < len(masks) < 48
    assert same(sa1b_masks("b.json"), masks)
    assert f"  {48 - len(masks)}  stability score under 0.5" in ran.out


def test_json_is_one_record_and_no_file(everything, folder, model):
    (record,) = everything("cat.png", "--json", "--stability-score-thresh", 0.5).records
    expected = model.everything("cat.png", **{**OPTIONS, "stability_score_thresh": 0.5})
    assert names_in(folder) == ["cat.png"]
    assert (record["ok"], record["width"], record["height"]) == (True, 90, 60)
    assert record["num_masks"] == len(record["masks"]) == len(expected)
    assert record["dropped"] == {"stability_score_thresh": 48 - len(expected)}
    assert (record["num_candidates"], record["num_prompts"]) == (48, 16)
    for mask, one in zip(expected, record["masks"], strict=True):
        assert (coco.decode(one["rle"]).astype(bool) == mask.array).all()
        assert one["box"] == list(mask.box)
        assert one["parent"] is None or record["masks"][one["parent"]]["area"] > one["area"]
    assert record["settings"]["stability_score_thresh"] == 0.5


def test_a_photo_may_come_from_standard_input(everything, folder):
    ran = everything("-", "-o", "in.json", stdin=(folder / "cat.png").read_bytes())
    assert ran.out.startswith("standard input, 90×60: 48 masks")
    everything("cat.png", "-o", "named.json")
    assert same(sa1b_masks("in.json"), sa1b_masks("named.json"))


def test_tiles_give_masks_of_the_whole_picture(everything, folder):
    ran = everything("cat.png", "--tile", 64, "--halo", 16, *EVERY_FORMAT, "-o", "out")
    assert ran.code == 0, ran.err
    assert "tiles, " in ran.err
    masks = sa1b_masks("out/cat.png.everything.json")
    assert masks
    lines = ran.out.splitlines()
    table = lines[lines.index("dropped") + 1 :]
    dropped = [line.split(maxsplit=1) for line in table if line.startswith("  ")]
    assert "cut off by a tile's edge" in [reason for _, reason in dropped]
    num_all = len(masks) + sum(int(number) for number, _ in dropped)
    assert lines[0] == f"cat.png, 90×60: {len(masks)} masks of {num_all} candidates"
    assert {mask.shape for mask in masks} == {(60, 90)}
    assert same(png_masks(folder / "out" / "cat.png.masks"), masks)
    photo = Path("cat.png").read_bytes()
    again = everything("-", "--tile", 64, "--halo", 16, "-o", "in.json", stdin=photo)
    assert again.code == 0
    assert same(sa1b_masks("in.json"), masks)


REFUSED = [
    (("--preset", "best"), "--preset 'best' is unknown", "use default, dense, objects, sa1b"),
    (
        ("--mode", "quick"),
        "--mode must be one of 'exact', 'fast', 'adaptive', got 'quick'",
        "choose from exact, fast, adaptive",
    ),
    (("--points-per-side", 0), "--points-per-side is 0", "use 1 or more"),
    (("--crop-n-layers", 9), "--crop-n-layers is 9", "use 6 or less"),
    (("--max-memory", "much"), "--max-memory is 'much'", 'use bytes, or text like "800MB"'),
    (("--policy", "best"), "--policy is 'best'", "use smallest, score, largest"),
    (("--halo", 9), "--halo without --tile: there are no tiles", "add --tile 1024"),
    (
        ("--point-grids", "none.json"),
        "--point-grids with --points-per-side: they contradict",
        "give one of them",
    ),
    (
        ("--format", "jpg"),
        "--format jpg: is unknown",
        "use sa1b, overview, png, labelmap, candidates, coco",
    ),
    (
        ("-o", "m.png", "--format", "png"),
        "-o m.png: names one file for masks, which are several",
        "name a folder",
    ),
    (
        ("-o", "m.tif"),
        "m.tif: overviews are written as JPEG or PNG, not as .tif",
        "name it m.jpg",
    ),
]


@pytest.mark.parametrize(("words", "message", "hint"), REFUSED)
def test_wrong_use_is_found_before_anything_starts(anymask, folder, words, message, hint):
    usual = () if "--points-per-side" in words else ("--points-per-side", 4)
    ran = anymask("everything", "cat.png", *usual, "--model", "none.pth", *words)
    assert (ran.code, ran.err) == (2, f"error: {message}\nhint: {hint}\n")
    assert names_in(folder) == ["cat.png"]


def test_tiles_without_a_core_are_found_before_anything_starts(anymask, folder):
    ran = anymask("everything", "cat.png", "--tile", 64, "--halo", 32, "--model", "none.pth")
    assert (ran.code, names_in(folder)) == (2, ["cat.png"])
    assert ran.err.startswith("error: --tile 64 with --halo 32: tiles of 64 pixels with a halo of")
    assert "\nhint: use a halo from 16 to 31" in ran.err
    ran = anymask("everything", "cat.png", "--tile", 20, "--model", "none.pth")
    assert ran.err.startswith("error: --tile 20: tiles of 20 pixels are too small\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "--point-grids g.json: cannot be read (No such file or directory)"),
        ("[[[0.5]]]", "--point-grids g.json: holds no lists of points"),
        ("{", "--point-grids g.json: holds no lists of points"),
        ("[[[0.5, 1.5]]]", "--point-grids[0] holds (0.5, 1.5)"),
        ("[[], []]", "--point-grids has 2 grids for 1 layers"),
    ],
)
def test_own_points_that_cannot_be_used(anymask, folder, text, sentence):
    if text is not None:
        (folder / "g.json").write_text(text)
    ran = anymask("everything", "cat.png", "--point-grids", "g.json", "--model", "none.pth")
    assert (ran.code, ran.err.splitlines()[0]) == (2, f"error: {sentence}")


def test_own_points_are_asked(anymask, folder, model, model_file, loaded_once, monkeypatch):
    monkeypatch.setattr("anymask.api.load", loaded_once)
    (folder / "g.json").write_text("[[[0.25, 0.5], [0.75, 0.5]]]")
    loose = ("--pred-iou-thresh", 0, "--stability-score-thresh", 0)
    words = ("--point-grids", "g.json", *loose, "--model", model_file, "--json")
    (record,) = anymask("everything", "cat.png", *words).records
    assert record["num_prompts"] == 2
    points = [tuple(mask["point"]) for mask in record["masks"]]
    assert points
    assert set(points) <= {(22.5, 30.0), (67.5, 30.0)}


def test_memory_that_cannot_do_is_told_in_flags(everything):
    ran = everything("cat.png", "--max-memory", "1MB")
    assert ran.code == 2
    assert ran.err.splitlines()[-2].startswith("error: --max-memory is 1 MB, this picture and")
