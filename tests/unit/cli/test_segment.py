import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

import anymask as library
from anymask.cli.answer import answer
from anymask.receipt import read_receipt, stamp_file
from tests.unit.cli.folders import names_in

# pycocotools is older than NumPy's word on copies.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def model(model_file):
    return library.load(model_file, device="cpu")


def test_a_click_becomes_a_mask_and_an_overlay(segment, folder, model):
    ran = segment("cat.png", "--point", "45,30")
    assert (ran.code, names_in(folder)) == (
        0,
        ["cat.png", "cat.png.mask.png", "cat.png.overlay.png", "cat.png.receipt.json"],
    )
    best = model.predict(model.embed("cat.png"), points=[(45, 30)]).best
    assert (pixels("cat.png.mask.png") == best.array * 255).all()
    assert (pixels("cat.png.overlay.png") == np.asarray(best.overlay())).all()
    assert ran.out.splitlines()[0].startswith(f"cat.png, 90×60: score {best.score:.2f}, ")
    assert "written to the current folder, -o names another" in ran.err


def test_points_of_both_kinds_and_a_box_are_one_prompt(segment, model):
    segment(
        "cat.png", "--point", "45,30", "--point", "80,50,-", "--box", "9,6,81,54", "-o", "m.png"
    )
    expected = model.predict(
        model.embed("cat.png"), points=[(45, 30), (80, 50)], labels=[1, 0], box=(9, 6, 81, 54)
    )
    assert (pixels("m.png") == expected.best.array * 255).all()


@pytest.mark.parametrize(
    "words",
    [
        ["--point", "50%,50%"],
        ["--point", "45,50%"],
        ["--point", "0.5,0.5", "--normalized"],
    ],
)
def test_relative_coordinates_mean_the_same_pixels(segment, words):
    segment("cat.png", "--point", "45,30", "-o", "pixels.png")
    segment("cat.png", *words, "-o", "shares.png")
    assert (pixels("shares.png") == pixels("pixels.png")).all()


def test_a_rough_mask_is_refined(segment, model):
    rough = np.zeros((60, 90), np.uint8)
    rough[10:50, 20:70] = 255
    Image.fromarray(rough).save("rough.png")
    ran = segment("cat.png", "--mask", "rough.png", "--point", "45,30", "-o", "m.png")
    assert ran.code == 0
    expected = model.predict(model.embed("cat.png"), points=[(45, 30)], mask=rough > 0)
    assert (pixels("m.png") == expected.best.array * 255).all()


def test_a_written_mask_can_be_given_back(segment):
    assert segment("cat.png", "--point", "45,30").code == 0
    ran = segment("cat.png", "--point", "45,30", "--mask", "cat.png.mask.png", "-o", "again")
    assert ran.code == 0
    assert pixels("again/cat.png.mask.png").shape == (60, 90)


def test_all_masks_are_the_three_candidates_best_first(segment, model):
    ran = segment("cat.png", "--point", "45,30", "--all-masks", "-o", "out")
    three = sorted(model.predict(model.embed("cat.png"), points=[(45, 30)]), key=lambda m: -m.score)
    for number, mask in enumerate(three, start=1):
        assert (pixels(f"out/cat.png.{number}.mask.png") == mask.array * 255).all()
    assert "cat.png, 90×60: 3 masks" in ran.out
    assert "current folder" not in ran.err


def test_several_boxes_are_several_objects(segment, model):
    words = ["--box", "5,5,40,50", "--box", "50,10,85,55"]
    ran = segment("cat.png", *words, "-o", "out", "--format", "png", "--format", "overlay")
    assert ran.code == 0
    embedding = model.embed("cat.png")
    for number, box in ((1, (5, 5, 40, 50)), (2, (50, 10, 85, 55))):
        best = model.predict(embedding, box=box).best
        assert (pixels(f"out/cat.png.{number}.mask.png") == best.array * 255).all()
    # Both boxes are drawn: their upper edges are green.
    overlay = pixels("out/cat.png.overlay.png").astype(int)
    for x, y in ((20, 5), (70, 10)):
        red, green, blue = overlay[y, x]
        assert green > red
        assert green > blue


def test_a_cut_out_has_the_photos_size_and_pixels(segment):
    segment("cat.png", "--point", "45,30", "--format", "cutout", "--format", "png")
    cut, mask = pixels("cat.png.cutout.png"), pixels("cat.png.mask.png") > 0
    assert cut.shape == (60, 90, 4)
    assert ((cut[:, :, 3] > 127) == mask).mean() > 0.99
    solid = cut[:, :, 3] == 255
    inside = solid & (pixels("cat.png") == cut[:, :, :3]).all(axis=2)
    assert inside.sum() > 0.5 * solid.sum()


def test_a_run_length_code_reads_back_as_the_mask(segment, folder):
    segment("cat.png", "--point", "45,30", "--format", "rle", "--format", "png")
    (record,) = json.loads((folder / "cat.png.rle.json").read_text())
    mask = pixels("cat.png.mask.png") > 0
    assert (coco.decode(record["segmentation"]) == mask).all()
    assert record["area"] == mask.sum()
    assert record["bbox"] == list(coco.toBbox(record["segmentation"]))


def test_an_overlay_may_be_a_jpeg(segment, folder):
    assert segment("cat.png", "--point", "45,30", "-o", "v.jpg", "--format", "overlay").code == 0
    with Image.open("v.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (90, 60))
    assert (folder / "v.jpg.receipt.json").is_file()


def test_a_photo_may_come_from_standard_input(segment, folder):
    ran = segment("-", "--point", "45,30", stdin=(folder / "cat.png").read_bytes())
    segment("cat.png", "--point", "45,30")
    assert ran.code == 0
    assert ran.out.startswith("standard input, 90×60: score ")
    assert "its name has no suffix" not in ran.err
    assert (pixels("stdin.mask.png") == pixels("cat.png.mask.png")).all()


def test_standard_input_is_called_so_when_it_fails(segment):
    ran = segment("-", "--point", "4,5", stdin=b"")
    assert (ran.code, ran.err.splitlines()[0]) == (3, "error: standard input: is empty (0 bytes)")
    ran = segment(
        "-",
        "cat.png",
        "--point",
        "4,5",
        stdin=b"<html></html>",
    )
    assert "failed: standard input: is a web page, not a picture" in ran.err


def test_the_receipt_says_how_it_came_to_be(segment, folder, model_file):
    segment("cat.png", "--point", "45,30", "--point", "80,50,-", "--all-masks")
    receipt = read_receipt(folder / "cat.png.receipt.json")
    stamp = stamp_file(folder / "cat.png")
    assert receipt.input == replace(stamp, folder=".")
    assert receipt.command == "segment"
    assert receipt.arguments[:3] == ("@input", "--point=45,30", "--point=80,50,-")
    assert receipt.model is not None
    assert receipt.model.sha256 == stamp_file(model_file).sha256
    assert receipt.prompts[0].points == ((45.0, 30.0), (80.0, 50.0))
    assert receipt.prompts[0].labels == (1, 0)
    assert receipt.settings["all_masks"] is True
    assert receipt.settings["input_size"] == 64
    assert receipt.settings["page"] == 0
    assert set(receipt.seconds) == {"encode", "decode"}


def test_json_is_one_record_and_no_file(segment, folder, model):
    ran = segment("cat.png", "--point", "45,30", "--json")
    best = model.predict(model.embed("cat.png"), points=[(45, 30)]).best
    (record,) = ran.records
    assert names_in(folder) == ["cat.png"]
    assert (record["ok"], record["picture"]) == (True, "cat.png")
    assert (record["width"], record["height"]) == (90, 60)
    assert record["sha256"] == stamp_file(folder / "cat.png").sha256
    assert record["prompts"][0]["points"] == [[45.0, 30.0]]
    (mask,) = record["masks"]
    assert mask["score"] == pytest.approx(best.score, abs=1e-6)
    assert mask["box"] == list(best.box)
    assert mask["area"] == coco.area(mask["rle"]) == best.area
    assert (coco.decode(mask["rle"]) == best.array).all()
    assert record["seconds"]["encode"] > 0
    assert record["outputs"] == []


def test_json_names_the_files_it_was_asked_for(segment):
    (record,) = segment("cat.png", "--point", "45,30", "--json", "-o", "out").records
    assert record["outputs"] == [
        "out/cat.png.mask.png",
        "out/cat.png.overlay.png",
        "out/cat.png.receipt.json",
    ]
    assert all(Path(name).is_file() for name in record["outputs"])


def test_many_photos_are_done_in_one_call(segment, folder):
    for name in ("a.jpg", "a.png"):
        shutil.copy("cat.png", name)
    ran = segment("a.jpg", "a.png", "--point", "50%,50%", "-o", "out")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 2
    assert "→ out/a.jpg.mask.png" in ran.out
    assert ran.err.splitlines()[-1] == "2 of 2 photos are done, in out"
    assert len(names_in("out")) == 6


def test_one_bad_photo_of_many_is_listed_and_the_others_are_done(segment, folder):
    (folder / "empty.jpg").touch()
    (folder / "page.jpg").write_text("<!DOCTYPE html><p>Not here</p>")
    names = ["empty.jpg", "cat.png", "page.jpg", "none.png"]
    ran = segment(*names, "--point", "45,30", "-o", "out")
    assert ran.code == 3
    assert "failed: empty.jpg: is empty (0 bytes); download or copy it again\n" in ran.err
    assert "failed: page.jpg: is a web page, not a picture (begins with `<!DOCTYPE`);" in ran.err
    assert "failed: none.png: no such file; check the name and the folder\n" in ran.err
    assert "1 of 4 photos are done, in out; 3 failed, listed in out/failures.jsonl" in ran.err
    assert pixels("out/cat.png.mask.png").shape == (60, 90)
    lines = [
        json.loads(line) for line in (folder / "out" / "failures.jsonl").read_text().splitlines()
    ]
    assert [(line["input"], line["code"]) for line in lines] == [
        ("empty.jpg", "ImageError"),
        ("page.jpg", "UnknownFormat"),
        ("none.png", "ImageError"),
    ]
    assert lines[0]["message"] == "empty.jpg: is empty (0 bytes)"


def test_failures_of_an_earlier_run_stay_listed(segment, folder):
    for _ in range(2):
        segment("none.png", "cat.png", "--point", "4,5", "-o", "out", "--overwrite")
    assert len((folder / "out" / "failures.jsonl").read_text().splitlines()) == 2


def test_a_prompt_may_fit_some_photos_only(segment, folder):
    Image.fromarray(pixels("cat.png")[:30, :45]).save("small.png")
    ran = segment("cat.png", "small.png", "--point", "60,20", "-o", "out")
    assert ran.code == 3
    assert "failed: small.png: point 0 (60, 20) lies outside 45×30; points are (x, y)" in ran.err


def test_json_tells_of_failures_too(segment):
    ran = segment("none.png", "cat.png", "--point", "45,30", "--json")
    bad, good = ran.records
    assert (ran.code, bad["ok"], good["ok"]) == (3, False, True)
    assert bad["picture"] == "none.png"
    assert bad["error"] == {
        "code": "ImageError",
        "message": "none.png: no such file",
        "hint": "check the name and the folder",
    }
    assert not Path("failures.jsonl").exists()


def test_json_tells_of_the_failure_of_a_single_photo(segment):
    ran = segment("cat.png", "--point", "400,30", "--json")
    assert ran.code == 2
    assert ran.records[0]["error"]["message"] == "point 0 (400, 30) lies outside 90×60"


def test_wrong_use_is_found_before_the_model_is_loaded(anymask):
    ran = anymask("segment", "cat.png", "--point", "400,30", "--model", "none.pth")
    assert (ran.code, "point 0 (400, 30) lies outside 90×60" in ran.err) == (2, True)


def test_a_box_without_area_is_found_before_many_photos_start(anymask):
    ran = anymask("segment", "cat.png", "none.png", "--box", "9,9,3,20", "--model", "none.pth")
    assert ran.code == 2
    assert ran.err.startswith("error: box 0 has no area (x1 ≤ x0)")


def test_nothing_is_replaced_unasked(segment, folder):
    (folder / "cat.png.mask.png").write_text("mine")
    ran = segment("cat.png", "--point", "45,30")
    assert (ran.code, names_in(folder).count("cat.png.overlay.png")) == (2, 0)
    assert ran.err == (
        "error: cat.png.mask.png: exists already\n"
        "hint: add --overwrite, or choose another folder with -o\n"
    )
    assert (folder / "cat.png.mask.png").read_text() == "mine"
    assert segment("cat.png", "--point", "45,30", "--overwrite").code == 0
    assert pixels("cat.png.mask.png").shape == (60, 90)


def test_a_file_that_appears_meanwhile_is_not_replaced(segment, folder, monkeypatch):
    def answer_late(*words, **named):
        (folder / "cat.png.mask.png").write_text("mine")
        return answer(*words, **named)

    monkeypatch.setattr("anymask.cli.segment.answer", answer_late)
    ran = segment("cat.png", "--point", "45,30")
    assert (ran.code, ran.err.splitlines()[-2:]) == (
        1,
        [
            "error: cat.png.mask.png: exists already",
            "hint: choose another name or add --overwrite",
        ],
    )
    assert (folder / "cat.png.mask.png").read_text() == "mine"


def test_the_photo_itself_is_never_replaced(segment, folder):
    before = (folder / "cat.png").read_bytes()
    ran = segment("cat.png", "--point", "45,30", "-o", "cat.png", "--overwrite")
    assert ran.code == 2
    assert "cat.png: is an input, and inputs are never changed" in ran.err
    assert (folder / "cat.png").read_bytes() == before


def test_a_full_disk_ends_the_run_and_keeps_what_is_done(segment, folder, monkeypatch):
    written = []
    real = os.fsync

    def fsync(number):
        written.append(number)
        if len(written) > 4:
            raise OSError(28, "No space left on device")
        real(number)

    shutil.copy("cat.png", "dog.png")
    monkeypatch.setattr("os.fsync", fsync)
    ran = segment("cat.png", "dog.png", "--point", "45,30", "-o", "out")
    assert ran.code == 1
    assert "1 of 2 photos are done, in out" in ran.err
    assert "error: out/dog.png.overlay.png: the disk is full" in ran.err
    assert names_in("out") == [
        "cat.png.mask.png",
        "cat.png.overlay.png",
        "cat.png.receipt.json",
        "dog.png.mask.png",
    ]


def test_a_name_cannot_write_to_the_screen_as_it_likes(segment, folder):
    name = "[red]a\x1b[2J\nb.png"
    Path("cat.png").rename(name)
    ran = segment(name, "none\x07.png", "--point", "45,30", "-o", "out")
    assert r"[red]a\x1b[2J\nb.png: score" in ran.out
    assert r"failed: none\x07.png: no such file" in ran.err
    assert "\x1b" not in ran.out + ran.err
    assert "\x07" not in ran.out + ran.err
    receipt = next(path for path in (folder / "out").iterdir() if path.name.endswith(".json"))
    assert read_receipt(receipt).input.name == name


def test_a_name_that_is_no_text_is_processed(segment, folder):
    raw = b"a\xff\xfe.png"
    Path("cat.png").rename(os.fsdecode(raw))
    (record,) = segment(os.fsdecode(raw), "--point", "45,30", "--json", "-o", "out").records
    assert record["picture"] == r"a\xff\xfe.png"
    assert bytes.fromhex(record["name_bytes"]) == raw
    assert all(Path(name).is_file() for name in record["outputs"])


def test_the_names_of_a_shell_flag_needs_a_double_dash(segment, folder):
    Path("cat.png").rename("-rf.png")
    assert segment("--point", "45,30", "-o", "out", "./-rf.png").code == 0
    assert not any(name.startswith("-") for name in names_in("out"))


def test_the_care_that_was_asked_for_is_taken_and_stands_in_the_receipt(segment, folder, model):
    segment("cat.png", "--box", "20,20,30,28", "--zoom", "--flip", "--refine", "1", "-o", "a")
    embedding = model.embed("cat.png")
    asked = {"zoom": True, "flip": True, "refine": 1}
    expected = model.predict(embedding, box=(20, 20, 30, 28), **asked).best
    assert expected.close_up is not None
    assert (pixels("a/cat.png.mask.png") == expected.array * 255).all()
    receipt = read_receipt(folder / "a" / "cat.png.receipt.json")
    assert {name: receipt.settings[name] for name in asked} == asked
    assert {"--zoom", "--flip", "--refine=1"} <= set(receipt.arguments)


def test_care_can_be_refused(segment, folder, model):
    segment("cat.png", "--box", "20,20,30,28", "--no-zoom", "--no-flip", "-o", "plain")
    plain = model.predict(model.embed("cat.png"), box=(20, 20, 30, 28), zoom=False, flip=False)
    assert (pixels("plain/cat.png.mask.png") == plain.best.array * 255).all()
    receipt = read_receipt(folder / "plain" / "cat.png.receipt.json")
    assert {"--no-zoom", "--no-flip"} <= set(receipt.arguments)
    assert receipt.settings["refine"] is None


def test_too_many_rounds_are_refused(segment):
    ran = segment("cat.png", "--point", "45,30", "--refine", "9")
    assert ran.code == 2
    assert "'--refine': Input should be less than or equal to 8" in ran.err
