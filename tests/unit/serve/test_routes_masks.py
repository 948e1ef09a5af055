"""Points, boxes and rough masks give what the library gives, bit for bit."""

import asyncio
import json
import threading

import numpy as np
import pytest
from PIL import Image

from anymask.api import Model
from anymask.masks import rle
from anymask.serve.bodies import Step
from anymask.serve.chains import Chain, answer_chain
from anymask.serve.desk import Urgency
from tests.unit.serve.asking import RawRequest, ask, error_of, picture_bytes, send

POINT = {"points": [[200, 150]], "labels": [1]}


def post_json(page, picture, content):
    headers = {"Content-Type": "application/json"}
    return page.post(f"/api/pictures/{picture}/masks", content=content, headers=headers)


def same(told, masks):
    """Whether an answer is the library's, with its masks in the same order."""
    assert [one["number"] for one in told["masks"]] == list(range(len(masks)))
    for one, mask in zip(told["masks"], masks, strict=True):
        assert one["rle"] == mask.rle
        assert one["score"] == mask.score
        assert one["area"] == mask.area
        assert tuple(one["box"]) == mask.box
    assert masks[told["masks"][told["best"]]["number"]] is masks.best
    assert tuple(told["warnings"]) == masks.warnings
    return True


def turned(height, width):
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture_bytes(height, width, form="JPEG", exif=exif)


@pytest.mark.parametrize(
    "body",
    [
        picture_bytes(1, 1),
        picture_bytes(2000, 3),
        picture_bytes(3, 2000),
        picture_bytes(1960, 2130),
        turned(300, 451),
    ],
    ids=["1x1", "3x2000", "2000x3", "2130x1960", "turned"],
)
def test_any_size_gives_the_library_s_masks(page, model, body):
    told = send(page, body, "odd.png")
    width, height = told["width"], told["height"]
    embedding = model.embed(body)
    assert embedding.frame.original_hw == (height, width)
    x, y = width // 2, height // 2
    first = model.predict(embedding, points=[(x, y)], labels=[1])
    step = {"points": [[x, y]], "labels": [1], "number": 1}
    assert same(ask(page, told["id"], step), first)
    points, labels = [(x, y), (0, 0)], [1, 0]
    second = model.predict(embedding, points=points, labels=labels, mask=first[1], multimask=False)
    next_step = {"points": [[x, y], [0, 0]], "labels": labels, "multimask": False}
    assert same(ask(page, told["id"], step, next_step), second)
    box = (0, 0, width, height)
    boxed = model.predict(embedding, box=box, points=[(x, y)], labels=[1])
    told = ask(page, told["id"], {"box": list(box), "points": [[x, y]], "labels": [1]})
    assert same(told, boxed)


def test_three_masks_or_one_as_asked(page, cat):
    for multimask, expected in ((None, 3), (True, 3), (False, 1)):
        told = ask(page, cat, {**POINT, "multimask": multimask})
        assert len(told["masks"]) == expected


def test_a_hover_gives_the_best_mask_alone(page, cat):
    whole = ask(page, cat, POINT)
    told = ask(page, cat, POINT, purpose="hover", request=17)
    assert (told["request"], told["best"]) == (17, 0)
    assert told["masks"] == [whole["masks"][whole["best"]]]
    assert len(ask(page, cat, {**POINT, "multimask": True}, purpose="hover")["masks"]) == 3


def test_an_answer_to_a_hover_is_small(page, photos):
    told = send(page, (photos / "astronaut.png").read_bytes())
    answer = page.post(
        f"/api/pictures/{told['id']}/masks",
        json={"steps": [{"points": [[200, 150]], "labels": [1]}], "purpose": "hover"},
    )
    assert len(answer.content) < 50_000


def test_a_click_where_a_click_was_asks_nothing_again(page, cat, monkeypatch):
    step = {"points": [[123, 45]], "labels": [1]}
    first = ask(page, cat, step)
    monkeypatch.setattr(Model, "predict", None)
    told = ask(page, cat, step)
    assert told["masks"] == first["masks"]


def test_the_pointer_is_answered_at_once_and_the_click_with_care(page, model, cat, photos):
    step = {"points": [[123, 45]], "labels": [1]}
    embedding = model.embed(photos / "chelsea.png")
    quick = model.predict(embedding, points=[(123, 45)], zoom=False, flip=False)
    usual = model.predict(embedding, points=[(123, 45)])
    preview = ask(page, cat, step, purpose="hover")
    told = ask(page, cat, step)
    assert preview["masks"][0]["rle"]["counts"] == quick.best.rle["counts"]
    assert [one["rle"]["counts"] for one in told["masks"]] == [m.rle["counts"] for m in usual]


def test_a_mask_mended_by_hand_is_where_it_begins(page, model, cat, photos):
    inside = np.zeros((300, 451), bool)
    inside[100:200, 100:300] = True
    embedding = model.embed(photos / "chelsea.png")
    expected = model.predict(embedding, points=[(150, 150)], labels=[1], mask=inside)
    step = {"points": [[150, 150]], "labels": [1]}
    assert same(ask(page, cat, step, mask=rle.encode(inside)), expected)


def test_what_is_odd_is_told(page, cat):
    told = ask(page, cat, {"box": [-5, 0, 100, 100]})
    assert told["warnings"] == ["box (-5, 0, 100, 100) was clipped to the picture's 451×300"]


def test_a_picture_that_is_not_encoded_yet_is_encoded_first(page, model, photos):
    body = (photos / "coffee.png").read_bytes()
    told = send(page, body)
    entry = page.app.state.serving.shelf.entry(told["id"])
    entry.embedding = None
    expected = model.predict(model.embed(body), points=[(200, 150)], labels=[1])
    assert same(ask(page, told["id"], POINT), expected)
    assert entry.embedding is not None


def test_a_mask_knows_the_bare_name_of_its_picture(page, photos):
    told = send(page, (photos / "camera.png").read_bytes(), "my/pictures/man.png")
    ask(page, told["id"], POINT)
    entry = page.app.state.serving.shelf.entry(told["id"])
    chain = Chain(steps=[Step(points=[[200, 150]], labels=[1])])
    masks = answer_chain(page.app.state.serving.model, entry.embedding, entry.answers, chain)
    assert "model.embed('man.png')" in masks.code()


@pytest.mark.parametrize(
    ("steps", "fields", "sentence"),
    [
        ([{"points": [[900, 20]], "labels": [1]}], {}, "point 0 (900, 20) lies outside 451×300"),
        ([{"points": [[1, 2]], "labels": [0]}], {}, "nothing to look for"),
        ([{"box": [5, 5, 5, 9]}], {}, "box (5, 5, 5, 9) has no area (x1 ≤ x0)"),
        ([{"points": [[1, 2]]}], {}, "1 points but 0 labels"),
        ([POINT], {"mask": {"size": [2, 3], "counts": "132"}}, "mask 3×2 for picture 451×300"),
        ([{**POINT, "multimask": False, "number": 1}, POINT], {}, "steps[0].number is 1, but"),
    ],
)
def test_a_prompt_that_cannot_be_is_named(page, cat, steps, fields, sentence):
    answer = page.post(f"/api/pictures/{cat}/masks", json={"steps": steps, **fields})
    error = error_of(answer, 422)
    assert error["code"] == "wrong_prompt"
    assert error["message"].startswith(sentence)
    assert error["hint"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "steps: field required"),
        ({"steps": []}, "steps: list should have at least 1 item"),
        ({"steps": [POINT] * 257}, "steps: list should have at most 256 items"),
        ({"steps": [{"points": [["1", 2]]}]}, "steps[0].points[0][0]: input should be a valid num"),
        ({"steps": [{"points": [[1]]}]}, "steps[0].points[0]: list should have at least 2 items"),
        ({"steps": [POINT], "purpose": "look"}, "purpose: input should be 'hover' or 'click'"),
        ({"steps": [POINT], "request": -1}, "request: input should be greater than or equal to 0"),
        ({"steps": [POINT], "request": True}, "request: input should be a valid integer"),
        ({"steps": [POINT], "extra": 1}, "extra: extra inputs are not permitted"),
        ([], "the body: input should be a valid dictionary"),
        (None, "the body: input should be a valid dictionary"),
        (3, "the body: input should be a valid dictionary"),
    ],
)
def test_a_field_that_is_wrong_is_named(page, cat, body, message):
    error = error_of(post_json(page, cat, json.dumps(body)), 422)
    assert error["code"] == "wrong_request"
    assert error["message"].startswith(message)
    assert error["hint"] == "see the example in /openapi.json"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"steps": [', 400, "the JSON breaks off or is wrong at letter 11"),
        (b"[" * 100_000, 400, "the JSON nests too deep"),
        (b'{"steps": [{"points": [[NaN, 1]]}]}', 400, "the JSON holds NaN, which is no number"),
        (b'{"steps": [], "steps": []}', 400, "the JSON has 'steps' twice"),
        (
            b'{"steps": [{"points": [[1e400, 1]], "labels": [1]}]}',
            422,
            "steps[0].points[0][0]: input should be a finite number",
        ),
        (
            b'{"steps": [{"points": [[1' + b"0" * 400 + b', 1]], "labels": [1]}]}',
            422,
            "steps[0].points[0][0]: input should be a",
        ),
    ],
    ids=["cut", "nested", "NaN", "twice", "1e400", "digits"],
)
def test_json_that_means_nothing_is_refused(page, cat, body, status, message):
    error = error_of(post_json(page, cat, body), status)
    assert error["code"] == "wrong_request"
    assert error["message"].startswith(message)


def test_a_model_that_fails_is_a_sentence_and_the_next_click_is_answered(page, cat, monkeypatch):
    step = {"points": [[11, 12]], "labels": [1]}
    for raised, code in (
        (RuntimeError("/home/me"), "model_failed"),
        (MemoryError(), "out_of_memory"),
    ):
        with monkeypatch.context() as broken:

            def fail(*_given, raised=raised, **_named):
                raise raised

            broken.setattr(Model, "predict", fail)
            error = error_of(page.post(f"/api/pictures/{cat}/masks", json={"steps": [step]}), 503)
        assert error["code"] == code
        assert "/home/me" not in error["message"]
    assert ask(page, cat, step)["masks"]


def test_of_many_hovers_the_newest_is_answered_and_a_click_goes_first(page, cat):
    free = threading.Event()
    desk = page.app.state.serving.desk
    order = []

    async def asked(number, purpose):
        step = {"points": [[number, 20]], "labels": [1]}
        body = json.dumps({"request": number, "purpose": purpose, "steps": [step]}).encode()
        kind = [("Content-Type", "application/json")]
        answer = await RawRequest(page, "POST", f"/api/pictures/{cat}/masks", kind, [body]).run()
        order.append((purpose, answer.json().get("request")))
        return answer

    async def all_at_once():
        busy = asyncio.create_task(desk.run(lambda: free.wait(10), Urgency.CLICK))
        await asyncio.sleep(0.02)
        hovers = [asyncio.create_task(asked(number, "hover")) for number in range(200)]
        outdated = await asyncio.gather(*hovers[:-1])
        order.clear()
        click = asyncio.create_task(asked(7, "click"))
        while desk.waiting < 3:
            await asyncio.sleep(0.01)
        free.set()
        await asyncio.gather(busy, hovers[-1], click)
        return outdated

    outdated = page.portal.call(all_at_once)
    assert {error_of(answer, 409)["code"] for answer in outdated} == {"newer_question"}
    assert order == [("click", 7), ("hover", 199)]


def test_who_leaves_is_not_answered(page, cat, monkeypatch):
    free, asked = threading.Event(), []
    monkeypatch.setattr(Model, "predict", lambda *given, **named: asked.append(named))
    desk = page.app.state.serving.desk

    async def leave():
        busy = asyncio.create_task(desk.run(lambda: free.wait(10), Urgency.CLICK))
        body = json.dumps({"steps": [{"points": [[99, 98]], "labels": [1]}]}).encode()
        kind = [("Content-Type", "application/json")]
        request = RawRequest(page, "POST", f"/api/pictures/{cat}/masks", kind, [body])
        run = asyncio.create_task(request.run())
        while desk.waiting < 2:
            await asyncio.sleep(0.01)
        request.leaves.set()
        answer = await run
        free.set()
        await busy
        return answer

    assert page.portal.call(leave).status_code == 499
    assert asked == []
