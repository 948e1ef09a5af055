"""The code that the page copies is run, and gives the mask that the page shows."""

import base64
import contextlib
import csv
import functools
import io
import json
import shlex
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anymask.cli.main import main
from anymask.everything.propose import propose
from anymask.everything.select import select
from anymask.masks import rle
from anymask.masks.mask import Mask
from anymask.masks.png import load_mask
from anymask.serve.coding import CodeFile
from tests.unit.serve.asking import ask, error_of, send
from tests.unit.serve.test_routes_everything import LOW, find

SIDE = 3
HOSTILE = "-o <img src=x onerror='alert(1)'>.png"


@pytest.fixture(scope="module")
def photo(photos):
    """The bytes of a small picture."""
    with Image.open(photos / "chelsea.png") as image:
        small = image.convert("RGB").resize((150, 100))
    file = io.BytesIO()
    small.save(file, format="PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def kitten(page, photo):
    return send(page, photo, "kitten.png")["id"]


@pytest.fixture
def beside(tmp_path, monkeypatch, photo):
    """A folder with the picture, as the current one."""
    (tmp_path / "kitten.png").write_bytes(photo)
    (tmp_path / HOSTILE).write_bytes(photo)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def loaded_once(model, monkeypatch):
    """Programs and commands get the model that is there already; they say which one."""
    load = functools.partial(_given, model)
    monkeypatch.setattr("anymask.load", load)
    monkeypatch.setattr("anymask.api.load", load)


def _given(model, source=None, **options):
    assert source is None
    assert all(value in ("auto", "torch", None) for value in options.values()), options
    return model


def code(page, picture, source):
    answer = page.post(f"/api/pictures/{picture}/code", json={"source": source})
    assert answer.status_code == 200, answer.text
    return answer.json()


def save_files(told, rle_of_page=None):
    for file in told["files"]:
        if file["png"] is not None:
            data = base64.b64decode(file["png"])
        else:
            image = Image.fromarray(rle.decode(rle_of_page).view(np.uint8) * np.uint8(255))
            buffer = io.BytesIO()
            image.save(buffer, format="PNG")
            data = buffer.getvalue()
        Path(file["name"]).write_bytes(data)


def by_python(told):
    """Run the program and give the mask it leaves."""
    names: dict[str, Any] = {}
    exec(told["python"], names)
    mask = names["mask"]
    return mask.rle if isinstance(mask, Mask) else rle.encode(mask)


def by_command(told, monkeypatch):
    """Run the command lines; give the remark at their end, without its sign."""
    *lines, remark = told["command"].splitlines()
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "anymask"
        monkeypatch.setattr(sys, "argv", words)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main() == 0, line
    assert remark.startswith("# the mask is ")
    return remark.removeprefix("# the mask is ")


FIRST = {"points": [[80, 50]], "labels": [1], "multimask": None, "number": 1}
SECOND = {"points": [[80, 50], [20, 20]], "labels": [1, 0], "multimask": False, "number": 0}
THIRD = {"points": [[80, 50], [20, 20], [100, 60]], "labels": [1, 0, 1], "multimask": True}


@pytest.mark.parametrize(("name", "number"), [("kitten.png", 0), ("kitten.png", 2), (HOSTILE, 1)])
def test_three_clicks_and_a_chosen_candidate(page, photo, beside, monkeypatch, name, number):
    picture = send(page, photo, name)["id"]
    steps = [FIRST, SECOND, {**THIRD, "number": number}]
    shown = ask(page, picture, *steps)["masks"][number]["rle"]
    told = code(page, picture, {"kind": "steps", "steps": steps, "number": number})
    assert told["files"] == []
    assert told["python"].endswith(f"mask = masks[{number}]\n")
    assert by_python(told) == shown
    remark = by_command(told, monkeypatch)
    assert rle.encode(load_mask(remark)) == shown


def test_one_click_and_a_candidate_that_is_not_the_best(page, kitten, beside, monkeypatch):
    page.app.state.serving.shelf.entry(kitten).call("kitten.png")
    answer = ask(page, kitten, FIRST)
    number = next(n for n in range(3) if n != answer["best"])
    shown = answer["masks"][number]["rle"]
    told = code(page, kitten, {"kind": "steps", "steps": [FIRST], "number": number})
    assert by_python(told) == shown
    remark = by_command(told, monkeypatch)
    assert remark in ("mask.2.png", "mask.3.png")
    assert rle.encode(load_mask(remark)) == shown


def test_a_box_with_points(page, kitten, beside, monkeypatch):
    page.app.state.serving.shelf.entry(kitten).call("kitten.png")
    box = {"points": [], "labels": [], "box": [30, 20, 120, 90], "multimask": False}
    both = {"points": [[70, 40], [40, 80]], "labels": [1, 0], "box": [30, 20, 120, 90]}
    steps = [box, {**both, "multimask": False}]
    shown = ask(page, kitten, *steps)["masks"][0]["rle"]
    told = code(page, kitten, {"kind": "steps", "steps": steps, "number": 0})
    assert by_python(told) == shown
    assert by_command(told, monkeypatch) == "mask.png"
    assert rle.encode(load_mask("mask.png")) == shown


@pytest.mark.parametrize("name", ["kitten.png", HOSTILE])
def test_a_mask_that_was_mended(page, photo, beside, monkeypatch, name):
    picture = send(page, photo, name)["id"]
    mended = np.zeros((100, 150), bool)
    mended[30:70, 40:110] = True
    start = rle.encode(mended)
    steps = [SECOND, {**THIRD, "multimask": False}]
    shown = ask(page, picture, *steps, mask=start)["masks"][0]["rle"]
    told = code(page, picture, {"kind": "steps", "steps": steps, "mask": start, "number": 0})
    (file,) = told["files"]
    stem, _, end = file["name"].partition(".mended-")
    assert end.endswith(".png")
    assert (name != "kitten.png") or stem == "kitten.png"
    # Another mask lies in another file, so that one beside the other can be told apart.
    other = code(page, picture, {"kind": "edited", "rle": rle.encode(~mended)})
    assert other["files"][0]["name"] != file["name"]
    save_files(told)
    assert np.array_equal(load_mask(file["name"]), mended)
    assert by_python(told) == shown
    assert rle.encode(load_mask(by_command(told, monkeypatch))) == shown


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_mask_that_was_drawn_by_hand(page, kitten, beside, monkeypatch, is_sent):
    page.app.state.serving.shelf.entry(kitten).call("kitten.png")
    drawn = np.zeros((100, 150), bool)
    drawn[10:20, 5:60] = drawn[90:, 100:] = True
    shown = rle.encode(drawn)
    told = code(page, kitten, {"kind": "edited", **({"rle": shown} if is_sent else {})})
    (name,) = (file["name"] for file in told["files"])
    assert (name == "kitten.png.mended.png") != is_sent
    assert (told["files"][0]["png"] is not None) == is_sent
    save_files(told, shown)
    assert by_python(told) == shown
    assert rle.encode(load_mask(by_command(told, monkeypatch))) == shown


@pytest.fixture(scope="module")
def found(page, kitten):
    assert find(page, kitten, SIDE)[-1]["finished"]
    return page.app.state.serving.shelf.entry(kitten).candidates.found()


def everything_code(page, picture, found, number, settings):
    page.app.state.serving.shelf.entry(picture).call("kitten.png")
    source = {"kind": "everything", "settings": settings, "number": number}
    told = code(page, picture, source)
    size = list(found.candidates.size_hw)
    return told, {"size": size, "counts": found.candidates.codes[number]}


def numbered_png(remark, folder):
    (found,) = folder.glob(f"masks/*/{remark.split()[0]}")
    return rle.encode(load_mask(found))


def test_a_mask_of_everything_mode(page, kitten, found, beside, monkeypatch):
    kept = found.choose(**LOW)
    number = next(
        n
        for n, code in enumerate(found.candidates.codes)
        if code == kept[len(kept) - 1].rle["counts"]
    )
    told, shown = everything_code(page, kitten, found, number, LOW)
    assert told["python"].endswith(f"mask = masks[{len(kept) - 1}]\n")
    for flag in ("--points-per-side 3", "--pred-iou-thresh 0.1", "--stability-score-thresh 0.4"):
        assert flag in told["command"]
    assert by_python(told) == shown
    assert numbered_png(by_command(told, monkeypatch), beside) == shown


def test_a_candidate_that_the_thresholds_drop(page, kitten, found, beside, monkeypatch):
    settings = {"pred_iou_thresh": 0.99, "wholes_only": True}
    number = int(np.argmin(found.candidates.rows["predicted_iou"]))
    told, shown = everything_code(page, kitten, found, number, settings)
    assert by_python(told) == shown
    assert numbered_png(by_command(told, monkeypatch), beside) == shown


def test_a_candidate_of_another_grid_is_found_again(page, kitten, found, beside):
    told, _ = everything_code(page, kitten, found, 2, {**LOW, "points_per_side": 2})
    assert "points_per_side=2" in told["python"]
    assert page.app.state.serving.shelf.entry(kitten).candidates.found().settings == found.settings


def test_a_candidate_of_a_run_that_was_ended(page, photo, beside, monkeypatch):
    data = photo + b"another"  # behind the end of the picture; it is another file
    (beside / "kitten.png").write_bytes(data)
    picture = send(page, data, "kitten.png")["id"]
    with monkeypatch.context() as patch:
        ended = functools.partial(_ended_at_once, propose)
        patch.setattr("anymask.serve.candidate_stream.propose", ended)
        assert find(page, picture, 8)[-1]["cancelled"]
    found = page.app.state.serving.shelf.entry(picture).candidates.found()
    number = len(found) - 2
    told = code(page, picture, {"kind": "everything", "settings": {}, "number": number})
    shown = found.candidates.codes[number]
    assert by_python(told)["counts"] == shown
    remark = by_command(told, monkeypatch)
    (table,) = beside.glob("masks/*/metadata.csv")
    x, y = found.candidates.rows["point"][number].tolist()
    lines = [
        line
        for line in csv.DictReader(table.read_text().splitlines())
        if (float(line["point_input_x"]), float(line["point_input_y"])) == (x, y)
    ]
    line = lines[int(remark.split("line ")[1].split()[0]) - 1]
    assert rle.encode(load_mask(table.with_name(f"{line['id']}.png")))["counts"] == shown


def _ended_at_once(search, *given, **options):
    return search(*given, **{**options, "should_stop": lambda: True})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "steps", "steps": [SECOND], "number": 2}, "number is 2, but the answer has 1"),
        ({"kind": "everything", "number": 10**6}, "candidate 1000000 of"),
        (
            {"kind": "everything", "number": 0, "settings": {"points_per_side": 1000}},
            "points_per_side is 1000",
        ),
        ({"kind": "everything", "number": 0, "settings": {"colour": 3}}, "unknown setting"),
        (
            {"kind": "everything", "number": 0, "settings": {"points_per_side": True}},
            "setting 'points_per_side' must be a whole number or nothing, got True",
        ),
        (
            {"kind": "everything", "number": 0, "settings": {"points_per_side": None}},
            "exactly one of points_per_side and point_grids",
        ),
        (
            {"kind": "everything", "number": 0, "settings": {"point_grids": [[[0.5, 0.5]]]}},
            "point_grids",
        ),
        ({"kind": "guess"}, "source"),
        (
            {"kind": "edited", "rle": {"size": [5, 4], "counts": "o"}},
            "the edited object: its mask is 4×5, the picture 150×100",
        ),
    ],
)
def test_sources_that_cannot_be_used_are_refused(page, kitten, found, source, message):
    answer = page.post(f"/api/pictures/{kitten}/code", json={"source": source})
    assert message in error_of(answer, 422)["message"]
    assert json.loads(answer.text)["error"]["code"] in ("wrong_request", "wrong_prompt")


def test_settings_are_looked_at_before_a_long_run(page, kitten, monkeypatch):
    run = "anymask.serve.source_codes.EverythingRun.work"
    monkeypatch.setattr(run, lambda run: pytest.fail("it ran"))
    settings = {"points_per_side": 128, "pred_iou_thresh": "x"}
    source = {"kind": "everything", "number": 0, "settings": settings}
    answer = page.post(f"/api/pictures/{kitten}/code", json={"source": source})
    assert "'pred_iou_thresh' must be a finite number" in error_of(answer, 422)["message"]


def test_files_of_code_are_made_beside_the_answers(page, kitten, monkeypatch):
    makers = []
    make = CodeFile.png

    def noted(file):
        makers.append(threading.current_thread().name)
        return make(file)

    monkeypatch.setattr(CodeFile, "png", noted)
    mask = ask(page, kitten, FIRST)["masks"][0]["rle"]
    code(page, kitten, {"kind": "edited", "rle": mask})
    assert makers == ["anymask-desk"]


def test_objects_of_one_run_are_chosen_once(page, kitten, found, monkeypatch):
    chosen = []

    def noted(*given):
        chosen.append(given)
        return select(*given)

    monkeypatch.setattr("anymask.serve.source_codes.select", noted)
    size, codes = list(found.candidates.size_hw), found.candidates.codes
    objects = [
        {
            "name": f"{number}",
            "rle": {"size": size, "counts": codes[number]},
            "source": {"kind": "everything", "number": number, "settings": {}},
        }
        for number in range(8)
    ]
    answer = page.post(
        f"/api/pictures/{kitten}/export", json={"format": "receipt", "objects": objects}
    )
    assert answer.status_code == 200
    told = answer.json()["settings"]["objects"]
    assert all(one["python"] for one in told)
    # With the usual settings, and with those that drop nothing.
    assert len(chosen) <= 2
