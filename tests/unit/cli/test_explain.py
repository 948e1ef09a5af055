"""Why there is no mask at a pixel: in a table, as JSON and in a picture."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

import anymask as library
from anymask.everything.kept import save_candidates
from anymask.image.photos import photo_path
from tests.unit.cli.folders import names_in

THRESHOLD = 0.6
OPTIONS: dict[str, Any] = {
    "points_per_side": 4,
    "stability_score_offset": 0.02,
    "pred_iou_thresh": 0,
    "stability_score_thresh": THRESHOLD,
    "box_nms_thresh": 0.7,
}
WORDS = tuple(f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items())
CHOICE = WORDS[2:]


@pytest.fixture(scope="module")
def candidates(model_file, tmp_path_factory):
    """What the library says of the photo of the fixture `folder`."""
    path = tmp_path_factory.mktemp("photo") / "cat.png"
    with Image.open(photo_path("chelsea")) as image:
        image.convert("RGB").resize((90, 60)).save(path)
    return library.load(model_file, device="cpu").candidates(path, **OPTIONS)


@pytest.fixture
def explain(anymask, model_file, loaded_once, monkeypatch):
    """Run `anymask explain WORDS...` with the seeded model."""
    monkeypatch.setattr("anymask.api.load", loaded_once)

    def run(*words: object, stdin: bytes | None = None):
        return anymask("explain", *WORDS, *words, "--model", model_file, stdin=stdin)

    return run


@pytest.fixture
def kept(candidates, folder):
    """A file of all candidates of the photo."""
    save_candidates(candidates.candidates, candidates.picture_of, "kept.npz")
    return "kept.npz"


def test_every_candidate_at_the_pixel_is_told_with_its_filter(explain, candidates, folder):
    (record,) = explain("cat.png", "--point", "45,30", "--json").records
    expected = candidates.explain((45, 30))
    assert record["sentence"] == expected.sentence()
    assert (record["point"], record["not_kept"]) == ([45.0, 30.0], {})
    assert record["nearest_point"] == list(expected.nearest_point)
    assert len(record["candidates"]) == len(expected.verdicts) > 3
    reasons = set()
    for told, verdict in zip(record["candidates"], expected.verdicts, strict=True):
        assert told["number"] == verdict.number
        assert told["area"] == verdict.area
        assert told["value"] == pytest.approx(float(verdict.fate.value), abs=1e-6)
        assert told["rival"] == verdict.fate.rival
        reasons.add(told["filter"])
        if told["filter"] == "stability_score_thresh":
            assert told["value"] == told["stability_score"] < told["threshold"] == THRESHOLD
    assert reasons == {None, "stability_score_thresh", "box_nms_thresh"}
    assert names_in(folder) == ["cat.png"]


def test_a_table_is_printed_for_people(explain, candidates):
    ran = explain("cat.png", "--point", "50%,50%")
    lines = ran.out.splitlines()
    verdicts = candidates.explain((45, 30)).verdicts
    assert ran.code == 0, ran.err
    assert lines[0].startswith("(45, 30): 1 mask here: the best has a predicted IoU of")
    assert lines[1].split()[:4] == ["candidate", "IoU", "stability", "pixels"]
    numbers = [line.split()[0] for line in lines[2:] if line.split()[0].isdigit()]
    assert [str(one.number) for one in verdicts][: len(numbers)] == numbers
    assert "is in the result" in lines[2]
    assert "needs 0.6" in " ".join(ran.out.split())
    assert lines[-1].startswith("nearest point that was asked: (")


def test_an_empty_place_names_what_is_missing(explain):
    ran = explain("cat.png", "--point", "45,30", "--pred-iou-thresh", 0.88)
    assert ran.out.startswith("(45, 30): nothing here: ")
    assert "needs more than 0.88" in ran.out.splitlines()[0]


def test_kept_candidates_need_no_model(kept, explain, anymask, folder):
    (fresh,) = explain("cat.png", "--point", "20,30", "--json").records
    words = ("--candidates", kept, "--point", "20,30", *CHOICE, "--json")
    (record,) = anymask("explain", *words).records
    assert record == {**fresh, "picture": None}
    ran = anymask("explain", "cat.png", *words, "-o", "why.jpg")
    assert ran.records[0]["outputs"] == ["why.jpg"]


def test_another_photo_is_noticed(kept, anymask, folder):
    with Image.open("cat.png") as image:
        image.rotate(180).save("tac.png")
    words = ("--candidates", kept, "--point", "20,30", *CHOICE)
    note = "was made from a photo of other bytes than the one that was named"
    ran = anymask("explain", "tac.png", *words, "--json")
    assert (ran.code, ran.err) == (0, f"note: kept.npz: {note}\n")
    assert ran.records[0]["notes"] == [note]
    ran = anymask("explain", "cat.png", *words, "--json")
    assert (ran.records[0]["notes"], ran.err) == ([], "")


@pytest.mark.parametrize("name", ["why.png", "why.jpg"])
def test_the_candidates_can_be_drawn(kept, anymask, folder, name):
    words = ("cat.png", "--candidates", kept, "--point", "20,30", *CHOICE, "-o", name)
    assert anymask("explain", *words).code == 0
    with Image.open(name) as image:
        assert image.format == {"png": "PNG", "jpg": "JPEG"}[name[-3:]]
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    again = anymask("explain", *words)
    assert again.err == (
        f"error: {name}: exists already\nhint: add --overwrite, or choose another name\n"
    )
    assert anymask("explain", *words, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--point", "4,5"), "no photo is named"),
        (("cat.png", "--point", "x"), "--point x: must be x,y or x,y,-, got 1 value"),
        (("none.png", "--point", "4,5"), "none.png: no such file"),
        (
            ("cat.png", "--candidates", "kept.npz", "--point", "4,5", "--mode", "fast"),
            "--mode with --candidates: these are made already",
        ),
        (
            ("cat.png", "--candidates", "none.npz", "--point", "4,5"),
            "none.npz: No such file or directory",
        ),
        (
            ("cat.png", "--candidates", "cat.png", "--point", "4,5"),
            "cat.png: is no file of candidates, or damaged",
        ),
        (
            ("cat.png", "--candidates", "kept.npz", "--point", "95,5"),
            "point 0 (95, 5) lies outside 90×60",
        ),
        (("--candidates", "kept.npz", "--point", "90,5"), "point (90, 5) lies outside 90×60"),
        (
            ("half.png", "--candidates", "kept.npz", "--point", "4,5"),
            "kept.npz: is of a photo of 90×60, not of 45×30",
        ),
        (
            ("--candidates", "kept.npz", "--point", "4,5", "-o", "w.png"),
            "-o without a photo: there is nothing to draw on",
        ),
        (("cat.png", "--point", "4,5", "-o", "w.gif"), "-o w.gif: is no name of a picture"),
        (
            ("cat.png", "--point", "4,5", "-o", "cat.png", "--overwrite"),
            "cat.png: is an input, and inputs are never changed",
        ),
    ],
)
def test_what_cannot_be_explained(kept, anymask, folder, words, sentence):
    with Image.open("cat.png") as image:
        image.resize((45, 30)).save("half.png")
    before = (folder / "cat.png").read_bytes()
    ran = anymask("explain", *words)
    assert (ran.code in (2, 3), ran.err.splitlines()[0]) == (True, f"error: {sentence}")
    assert (folder / "cat.png").read_bytes() == before


def test_a_point_outside_is_told_before_the_model_is_loaded(anymask):
    ran = anymask("explain", "cat.png", "--point", "400,30", "--model", "none.pth")
    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "error: point 0 (400, 30) lies outside 90×60",
    )


def test_a_photo_of_one_pixel_has_an_explanation(explain, folder):
    Image.new("RGB", (1, 1)).save("dot.png")
    ran = explain("dot.png", "--point", "0,0")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("(0, 0): ")
