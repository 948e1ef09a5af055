"""Everything mode as the page hears of it: the same masks, told as they are found."""

import asyncio
import json
import logging
import re
import threading

import numpy as np
import pytest

from anymask.everything.presets import preset_for
from anymask.everything.select import select
from anymask.masks import rle
from anymask.serve.candidate_stream import Telling
from tests.unit.serve.asking import error_of, picture_bytes, send

SIDE = 5
LOW = {"pred_iou_thresh": 0.1, "stability_score_thresh": 0.4}


def find(page, picture, side=SIDE):
    """All lines of a run."""
    answer = page.post(f"/api/pictures/{picture}/everything", json={"points_per_side": side})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def told(page, cat):
    return find(page, cat)


@pytest.fixture(scope="module")
def found(page, cat, told):
    assert told[-1]["finished"]
    return page.app.state.serving.shelf.entry(cat).candidates.found()


def test_the_last_line_says_how_it_went(told):
    assert told[-1] == {"finished": True, "cancelled": False, "num_candidates": 3 * SIDE**2}
    done = [line["done"] for line in told[:-1]]
    assert done == sorted(done)
    assert done[-1] == SIDE**2
    assert {line["total"] for line in told[:-1]} == {SIDE**2}
    assert len(told) > 2
    assert all(line["seconds_left"] >= 0 for line in told[:-1])


@pytest.mark.parametrize("options", [{}, LOW, {**LOW, "box_nms_thresh": 0.95, "wholes_only": True}])
def test_the_masks_are_those_of_the_library(model, photos, found, options):
    masks = model.everything(photos / "chelsea.png", points_per_side=SIDE, **options)
    chosen = found.choose(**options)
    assert len(chosen) == len(masks) > 0
    for ours, theirs in zip(chosen, masks, strict=True):
        assert ours.rle == theirs.rle
        assert (ours.score, ours.finding, ours.box) == (theirs.score, theirs.finding, theirs.box)


def test_rows_hold_the_numbers_exactly(told, found):
    rows = [row for line in told[:-1] for row in line["rows"]]
    assert [row[0] for row in rows] == list(range(3 * SIDE**2))
    expected = found.candidates.rows
    for row, one in zip(rows, expected, strict=True):
        assert np.float32(row[1]) == one["predicted_iou"] == row[1]
        assert np.float32(row[2]) == one["stability_score"] == row[2]
        assert row[3:8] == [*one["box"].tolist(), one["area"]]
        assert row[8:] == [*one["point"].tolist(), one["slot"]]


def test_codes_of_all_that_may_be_shown_at_first_are_sent(model, told, found):
    codes = {int(n): code for line in told[:-1] for n, code in line["codes"].items()}
    assert 0 < len(codes) < len(found)
    assert all(found.candidates.codes[number] == code for number, code in codes.items())
    settings = preset_for(model.loaded, "default")
    kept = select(found.candidates, settings).kept.tolist()
    assert set(kept) <= set(codes)


def test_a_worse_one_of_the_same_box_waits_until_it_is_asked_for(model, found):
    settings = preset_for(model.loaded, "default")
    rows = found.candidates.rows[:3].copy()
    rows["box"] = [[0, 0, 100, 100], [0, 0, 100, 99], [0, 0, 100, 50]]
    rows["predicted_iou"], rows["stability_score"] = [0.7, 0.8, 0.6], 0.9
    _, codes = Telling(settings).tell(rows, ["a", "b", "c"])
    assert codes == {"1": "b", "2": "c"}
    rows["predicted_iou"] = [0.7, 0.1, 0.6]
    telling = Telling(settings)
    assert telling.tell(rows, ["a", "b", "c"])[1] == {"0": "a", "2": "c"}
    # A better one that comes later is sent all the same, with numbers that go on.
    rows["predicted_iou"] = [0.9, 0.1, 0.5]
    later, codes = telling.tell(rows, ["d", "e", "f"])
    assert [row[0] for row in later] == [3, 4, 5]
    assert codes == {"3": "d"}


def test_other_codes_are_given_when_they_are_asked_for(page, cat, found):
    numbers = [0, 5, 3 * SIDE**2 - 1]
    answer = page.post(f"/api/pictures/{cat}/candidates", json={"numbers": numbers})
    assert answer.json() == {"codes": {str(n): found.candidates.codes[n] for n in numbers}}


def test_a_number_that_does_not_exist_is_refused(page, cat, found):
    answer = page.post(f"/api/pictures/{cat}/candidates", json={"numbers": [3 * SIDE**2]})
    error = error_of(answer, 422)
    assert error["message"] == f"candidate {len(found)} of {len(found)}"
    answer = page.post(f"/api/pictures/{cat}/candidates", json={"numbers": list(range(201))})
    assert error_of(answer, 422)["code"] == "wrong_request"


@pytest.mark.parametrize("side", [0, 129, -1])
def test_a_grid_nobody_waits_for_is_refused(page, cat, side):
    answer = page.post(f"/api/pictures/{cat}/everything", json={"points_per_side": side})
    error = error_of(answer, 422)
    assert (error["message"], error["hint"]) == (f"points_per_side is {side}", "use 1 to 128")


def test_before_a_run_there_is_nothing_to_explain(page):
    picture = send(page, picture_bytes(40, 60))["id"]
    for path, body in (("explain", {"point": [1, 1]}), ("candidates", {"numbers": [0]})):
        error = error_of(page.post(f"/api/pictures/{picture}/{path}", json=body), 404)
        assert (error["code"], error["hint"]) == ("not_found", "run Everything first")


def covered_pixel(found, number):
    mask = rle.decode(
        {"size": list(found.candidates.size_hw), "counts": found.candidates.codes[number]}
    )
    y, x = np.argwhere(mask)[0].tolist()
    return x, y


def explain(page, cat, point, **settings):
    answer = page.post(
        f"/api/pictures/{cat}/explain", json={"point": list(point), "settings": settings}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("settings", "name", "sentence"),
    [
        ({"pred_iou_thresh": 0.999}, "pred_iou_thresh", r"best 0\.\d\d < 1\.00 score"),
        (
            {"pred_iou_thresh": 0, "stability_score_thresh": 1.5},
            "stability_score_thresh",
            r"best \d\.\d\d < 1\.50 stability",
        ),
        (
            {"pred_iou_thresh": 0, "stability_score_thresh": 0, "min_area": 10**6},
            "min_area",
            r"best [\d,]+ < 1,000,000 pixels",
        ),
        (
            {"pred_iou_thresh": 0, "stability_score_thresh": 0, "max_area_share": 1e-6},
            "max_area_share",
            r"the best covers \S+ % of the picture, needs less than 0.0001 %",
        ),
    ],
)
def test_the_sentence_names_the_filter(page, cat, found, settings, name, sentence):
    best = int(np.argmax(found.candidates.rows["predicted_iou"]))
    told = explain(page, cat, covered_pixel(found, best), **settings)
    assert told["filter"] == name
    assert re.fullmatch(rf"Nothing here: \d+ candidates?, {sentence}", told["sentence"])
    assert told["candidates"] >= 1
    one = told["best"]
    assert one["rle"]["counts"] == found.candidates.codes[one["number"]]
    assert one["iou"] == float(found.candidates.rows["predicted_iou"][one["number"]])
    assert one["area"] == rle.area(one["rle"])


def test_where_a_mask_is_the_sentence_says_so(page, cat, found):
    number = int(select(found.candidates, found.settings).kept[0])
    told = explain(page, cat, covered_pixel(found, number))
    assert told["filter"] is None
    assert told["sentence"].startswith(("1 mask here", "2 masks here", "3 masks here"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"point": 1}, "unknown setting 'point'"),
        ({"pred_iou_thresh": 88}, "pred_iou_thresh is 88"),
        ({"pred_iou_thresh": "high"}, "pred_iou_thresh"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(page, cat, found, settings, message):
    answer = page.post(f"/api/pictures/{cat}/explain", json={"point": [1, 1], "settings": settings})
    assert message in error_of(answer, 422)["message"]


def test_a_point_beside_the_picture_is_refused(page, cat, found):
    answer = page.post(f"/api/pictures/{cat}/explain", json={"point": [451, 0]})
    error = error_of(answer, 422)
    assert error["code"] == "wrong_prompt"
    assert error["message"] == "point (451, 0) lies outside 451×300"


def test_what_was_found_is_counted_in_the_memory(page, cat, found):
    entry = page.app.state.serving.shelf.entry(cat)
    assert entry.candidate_bytes > sum(len(code) for code in found.candidates.codes)


def asked_and_left(page, picture, side, *, after_lines):
    """Ask over the ASGI door, and go after some lines; gives the lines that came."""
    body = json.dumps({"points_per_side": side}).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/api/pictures/{picture}/everything",
        "raw_path": f"/api/pictures/{picture}/everything".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8765"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8765),
    }

    async def go():
        sent, gone = [], asyncio.Event()
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if waiting:
                return waiting.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message.get("body"):
                sent.append(message["body"])
            if len(sent) >= after_lines:
                gone.set()

        await page.app(scope, receive, send)
        return sent

    lines = page.portal.call(go)
    return [json.loads(line) for chunk in lines for line in chunk.splitlines()]


def test_a_client_that_goes_ends_the_run_and_what_was_found_stays(page, photos, caplog, model):
    picture = send(page, (photos / "coffee.png").read_bytes(), "coffee.png")["id"]
    caplog.set_level(logging.INFO, logger="anymask.serve")
    lines = asked_and_left(page, picture, 64, after_lines=2)
    assert all(line.get("done", 0) < 4096 for line in lines)
    serving = page.app.state.serving
    ended = threading.Event()
    page.portal.call(serving.desk.lengthy, ended.set)  # the lane is free again
    assert ended.is_set()
    run = serving.shelf.entry(picture).candidates
    found = run.found()
    assert not run.is_whole
    assert 0 < len(found) <= 3 * found.candidates.num_prompts < 3 * 4096 // 10
    said = [record for record in caplog.records if record.name.startswith("anymask.serve")]
    assert [record.getMessage() for record in said] == [
        "everything on a picture of 600×400 ended early"
    ]
    # What was found can be asked about, and is what a whole run finds first.
    answer = page.post(f"/api/pictures/{picture}/candidates", json={"numbers": [0]})
    assert answer.json()["codes"]["0"] == found.candidates.codes[0]
    assert explain(page, picture, covered_pixel(found, 0))["candidates"] >= 1


def test_a_run_that_fails_ends_with_a_line(page, monkeypatch):
    picture = send(page, picture_bytes(40, 60, seed=4))["id"]

    def broken(*_, **__):
        raise RuntimeError("secret path /home/somebody")

    monkeypatch.setattr("anymask.serve.candidate_stream.propose", broken)
    (line,) = find(page, picture)
    assert line["stage"] == "failed"
    assert line["error"]["code"] == "model_failed"
    assert "secret" not in json.dumps(line)


def test_tiny_pictures_have_masks_too(page, model, tmp_path):
    for size in ((1, 1), (3, 200)):
        data = picture_bytes(*size)
        (tmp_path / "tiny.png").write_bytes(data)
        picture = send(page, data)["id"]
        find(page, picture, 2)
        found = page.app.state.serving.shelf.entry(picture).candidates.found()
        masks = model.everything(tmp_path / "tiny.png", points_per_side=2, **LOW)
        assert [one.rle for one in found.choose(**LOW)] == [one.rle for one in masks]


def test_two_runs_of_one_picture_queue_up(page, cat, told):
    assert find(page, cat)[-1] == told[-1]
