"""Choosing masks anew among kept candidates gives what a run with those thresholds gives."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from anymask.everything.kept import load_candidates, save_candidates
from anymask.receipt import read_receipt
from tests.unit.cli.folders import names_in

KEPT = ("in/cat.png.candidates.npz", "in/tac.png.candidates.npz")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What the first test that needs it has written."""
    return {}


@pytest.fixture
def kept(everything, folder, files):
    """Files of all candidates of two photos."""
    with Image.open("cat.png") as image:
        image.rotate(180).save("tac.png")
    if not files:
        ran = everything("cat.png", "tac.png", "--format", "candidates", "-o", "in")
        assert ran.code == 0, ran.err
        files.update({name: Path(name).read_bytes() for name in KEPT})
    shutil.rmtree("in", ignore_errors=True)
    Path("in").mkdir()
    for name, content in files.items():
        Path(name).write_bytes(content)
    return KEPT


@pytest.mark.parametrize(
    ("words", "num_masks"),
    [
        ((), range(48, 49)),
        (("--stability-score-thresh", 0.5), range(1, 48)),
        (("--box-nms-thresh", 0.8, "--min-area", 700), range(1, 48)),
        (
            ("--min-mask-region-area", 30, "--drop-small-masks", "--max-area-share", 0.5),
            range(1, 48),
        ),
        (("--wholes-only", "--stability-score-thresh", 0.4), range(1, 48)),
        (("--pred-iou-thresh", 0.9), range(1)),
    ],
)
def test_masks_are_those_of_a_run_with_the_same_thresholds(
    kept, everything, anymask, words, num_masks
):
    forms = ("sa1b", "overview", "png", "labelmap")
    formats = [word for name in forms for word in ("--format", name)]
    assert everything("cat.png", *words, *formats, "-o", "run").code == 0
    ran = anymask("filter", kept[0], *words, *formats, "--photo", "cat.png", "-o", "chosen")
    assert ran.code == 0, ran.err
    files = [path for path in Path("run").rglob("*") if path.is_file()]
    assert len(files) >= 5
    record = json.loads(Path("run/cat.png.everything.json").read_text())
    assert len(record["annotations"]) in num_masks
    for path in files:
        if not path.name.endswith(".receipt.json"):
            assert (Path("chosen") / path.relative_to("run")).read_bytes() == path.read_bytes()


def test_usual_output_is_a_record_and_with_the_photo_an_overview(kept, anymask):
    ran = anymask("filter", kept[0], "-o", "a", "--stability-score-thresh", 0.5)
    assert names_in("a") == ["cat.png.everything.json", "cat.png.receipt.json"]
    assert ran.out.startswith("in/cat.png.candidates.npz: ")
    assert "stability score under 0.5" in ran.out
    anymask("filter", kept[0], "-o", "b", "--photo", "cat.png")
    assert "cat.png.overview.jpg" in names_in("b")


def test_it_comes_out_the_same_again(kept, anymask):
    words = ("--photo", "cat.png", "--format", "overview", "--format", "coco", "-o", "a")
    assert anymask("filter", kept[0], *words, "--box-nms-thresh", 0.9).code == 0
    for name in ("cat.png", "coco"):
        receipt = Path("a") / f"{name}.receipt.json"
        assert read_receipt(receipt).settings["box_nms_thresh"] == 0.9
        ran = anymask("replay", receipt)
        assert (ran.code, ran.out) == (0, "same bytes: 1 output\n")


def test_several_files_make_one_set(kept, anymask, folder):
    (folder / "bad.npz").write_text("no")
    ran = anymask("filter", *kept, "bad.npz", "--format", "coco", "-o", "all.json")
    assert ran.code == 3
    assert "failed: bad.npz: is no file of candidates, or damaged; make it anew" in ran.err
    assert "2 of 3 photos are done, in the current folder; 1 failed, listed in" in ran.err
    read = COCO("all.json")
    assert [image["file_name"] for image in read.loadImgs([1, 2])] == ["cat.png", "tac.png"]
    assert [len(read.getAnnIds([number])) for number in (1, 2)] == [48, 48]
    assert anymask("replay", "all.json.receipt.json").out.startswith("same bytes")


def test_json_is_one_record_a_file(kept, anymask, folder):
    records = anymask("filter", *kept, "--wholes-only", "--json").records
    assert [record["picture"] for record in records] == ["cat.png", "tac.png"]
    for record in records:
        assert {mask["parent"] for mask in record["masks"]} == {None}
        assert record["dropped"]["wholes_only"] == 48 - record["num_masks"] > 0
        assert record["settings"]["wholes_only"] is True
    assert names_in(folder) == ["cat.png", "in", "tac.png"]


def test_no_mask_is_a_result(kept, anymask):
    ran = anymask("filter", kept[0], "--min-area", 9999, "-o", "a")
    assert ran.code == 0
    assert ran.out.startswith("in/cat.png.candidates.npz: no mask of 48 candidates\n")
    assert "  48  under 9999 pixels\n" in ran.out
    assert ran.err == "note: no mask passes; lower --min-area\n"
    assert json.loads(Path("a/cat.png.everything.json").read_text())["annotations"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("cat.png",), "cat.png: is no file of candidates, or damaged"),
        (("none.npz",), "none.npz: No such file or directory"),
        (("{0}", "--min-area", -1), "--min-area is -1"),
        (("{0}", "{1}", "--photo", "cat.png"), "--photo with 2 files of candidates: each is of"),
        (("{0}", "--format", "overview"), "an overview is drawn on the photo"),
        (("{0}", "--format", "candidates"), "--format candidates: is unknown"),
        (
            ("{0}", "-o", "{0}", "--overwrite"),
            "in/cat.png.candidates.npz: overviews are written as",
        ),
        (("{0}", "--photo", "half.png"), "in/cat.png.candidates.npz: is of a photo of 90×60, not"),
    ],
)
def test_what_cannot_be_filtered(kept, anymask, folder, words, sentence):
    with Image.open("cat.png") as image:
        image.resize((45, 30)).save("half.png")
    before = Path(kept[0]).read_bytes()
    place = () if "-o" in words else ("-o", "out")
    ran = anymask("filter", *(str(word).format(*kept) for word in words), *place)
    assert ran.code == 2
    assert ran.err.startswith(f"error: {sentence}")
    assert Path(kept[0]).read_bytes() == before
    assert not (folder / "out").exists()


def test_another_photo_is_noticed(kept, anymask):
    ran = anymask("filter", kept[0], "--photo", "tac.png", "-o", "a")
    assert ran.code == 0
    assert "note: in/cat.png.candidates.npz: was made from a photo of other bytes" in ran.err


def test_a_photo_whose_bytes_are_unknown_is_not_called_another(kept, anymask):
    candidates, source = load_candidates(kept[0])
    save_candidates(candidates, replace(source, sha256=""), "array.candidates.npz")
    ran = anymask("filter", "array.candidates.npz", "--photo", "tac.png", "-o", "a")
    assert (ran.code, ran.err) == (0, "")


def test_help_tells_what_holds_for_kept_candidates(anymask, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = anymask("filter", "--help").out
    assert "Which masks stay (what is left out is as it was)" in text
    assert "preset" not in text
    assert "One of sa1b, overview, png, labelmap, coco; may be repeated." in " ".join(text.split())
    other = anymask("everything", "--help").out
    assert "Which masks stay (what is left out is the preset's)" in other
    assert "One of sa1b, overview, png, labelmap, candidates, coco;" in " ".join(other.split())
    third = anymask("explain", "--help").out
    assert "Which masks stay (left out: the preset's; with --candidates as it was)" in third


def test_a_name_in_the_file_leads_nowhere_else(kept, anymask, folder):
    candidates, source = load_candidates(kept[0])
    save_candidates(candidates, replace(source, name="../../evil/x\n.png"), "bad.candidates.npz")
    formats = [word for name in ("sa1b", "labelmap", "coco") for word in ("--format", name)]
    assert anymask("filter", "bad.candidates.npz", *formats, "-o", "out").code == 0
    assert names_in(folder) == ["bad.candidates.npz", "cat.png", "in", "out", "tac.png"]
    record = json.loads(Path("out/bad.everything.json").read_text())
    assert record["image"]["file_name"].startswith("x_.png-")
    assert all(name.startswith("x_") for name in names_in("out/bad.labels"))


def test_thresholds_below_what_was_kept_are_refused(kept, anymask):
    candidates, source = load_candidates(kept[0])
    floors = replace(candidates.floors, stability_score=0.5)
    save_candidates(replace(candidates, floors=floors), source, "part.candidates.npz")
    ran = anymask("filter", "part.candidates.npz", "--stability-score-thresh", 0.3, "-o", "a")
    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "error: part.candidates.npz: holds no candidates below 0.5, --stability-score-thresh is "
        "0.3",
    )
    ran = anymask("filter", "part.candidates.npz", "--stability-score-thresh", 0.6, "-o", "a")
    assert ran.code == 0


def test_a_folder_of_masks_is_one_result(kept, anymask):
    words = ("filter", kept[0], "--format", "png", "-o", "a", "--overwrite")
    anymask(*words)
    assert len(names_in("a/cat.png.masks")) == 49
    shutil.copy("cat.png", "a/cat.png.masks/mine.png")
    anymask(*words, "--box-nms-thresh", 0.7)
    assert names_in("a/cat.png.masks") == ["0.png", "metadata.csv", "mine.png"]
    with Image.open("a/cat.png.masks/0.png") as image:
        assert set(np.unique(np.asarray(image))) <= {0, 255}


def test_thresholds_of_the_run_can_be_lowered(everything, anymask):
    strict = ("--stability-score-thresh", 0.9, "--keep-candidates")
    (record,) = everything("cat.png", *strict, "-o", "in", "--json").records
    kept = "in/cat.png.candidates.npz"
    (loose,) = anymask("filter", kept, "--stability-score-thresh", 0, "--json").records
    assert record["num_masks"] < loose["num_masks"] == 48
