"""Every failure has one shape, one sentence and one remedy."""

import asyncio
import json
import logging
from contextlib import aclosing
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from anymask import errors
from anymask.serve.answers import Refusal, answer_of, error_of, is_out_of_memory, lines, refusal_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.TooManyPixels("big"), 413, "too_many_pixels"),
        (errors.UnknownFormat("text"), 415, "not_a_picture"),
        (errors.ImageError("cut"), 422, "broken_picture"),
        (errors.PromptError("outside"), 422, "wrong_prompt"),
        (errors.DataError("rle"), 422, "wrong_request"),
        (errors.ConfigError("preset"), 422, "wrong_request"),
        (errors.InputError("page"), 422, "wrong_request"),
        (errors.StateError("other model"), 503, "model_failed"),
        (errors.WeightsError("gone"), 503, "model_failed"),
        (MemoryError(), 503, "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried"), 503, "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 503, "out_of_memory"),
        (ZeroDivisionError("secret"), 503, "model_failed"),
        (HTTPException(404), 404, "not_found"),
        (HTTPException(405, headers={"Allow": "GET"}), 405, "method"),
        (HTTPException(400), 400, "wrong_request"),
        (Refusal(410, "gone", "dropped"), 410, "gone"),
    ],
)
def test_each_kind_of_failure_has_its_status_and_code(error, status, code):
    answer = answer_of(error)
    assert answer.status_code == status
    told = json.loads(bytes(answer.body))
    assert told["ok"] is False
    assert told["error"]["code"] == code
    assert "secret" not in told["error"]["message"]
    assert told["error"]["message"]


def test_our_own_sentence_and_remedy_are_passed_on():
    error = errors.PromptError("point 0 (900, 2) lies outside 451×300", hint="points are (x, y)")
    assert error_of(error) == {
        "code": "wrong_prompt",
        "message": "point 0 (900, 2) lies outside 451×300",
        "hint": "points are (x, y)",
    }


def test_a_flag_of_the_command_line_is_no_remedy_in_the_page():
    error = errors.TooManyPixels("bomb.png: 900 megapixels", hint="raise --max-pixels")
    assert refusal_of(error).hint == "choose a smaller picture or shrink this one"


def test_a_refusal_s_headers_and_place_reach_the_client():
    answer = answer_of(Refusal(429, "busy", "wait", headers={"Retry-After": "2"}, place=3))
    assert answer.headers["retry-after"] == "2"
    assert json.loads(bytes(answer.body))["error"]["place"] == 3


def test_other_errors_are_not_taken_for_lack_of_memory():
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def told_by(source) -> Any:
    """What the response goes through as it is sent."""
    return lines(source).body_iterator


def told_lines(source):
    async def all_lines():
        return [json.loads(line) async for line in told_by(source)]

    return asyncio.run(all_lines())


def test_a_growing_answer_is_one_object_a_line():
    async def source():
        yield {"done": 1, "name": "<é>\n"}
        yield {"done": 2}

    assert told_lines(source()) == [{"done": 1, "name": "<é>\n"}, {"done": 2}]


def test_a_growing_answer_that_fails_ends_with_the_failure(caplog):
    async def source():
        yield {"done": 1}
        raise errors.PromptError("no grid", hint="give one")

    last = told_lines(source())[-1]
    error = {"code": "wrong_prompt", "message": "no grid", "hint": "give one"}
    assert last == {"stage": "failed", "error": error}
    assert caplog.records == []


def test_an_unexpected_failure_is_one_line_in_the_log_without_its_words(caplog):
    async def source():
        yield {"done": 1}
        raise ZeroDivisionError("the picture's secret")

    with caplog.at_level(logging.INFO):
        assert told_lines(source())[-1]["error"]["code"] == "model_failed"
    (record,) = caplog.records
    assert record.getMessage() == "an answer broke off: ZeroDivisionError"
    assert record.exc_info is None


def test_a_growing_answer_that_nobody_reads_on_is_closed():
    closed = []

    async def source():
        try:
            while True:
                yield {"more": True}
        finally:
            closed.append(True)

    async def read_one():
        async with aclosing(told_by(source())) as told:
            await anext(told)
        # At once, not when somebody tidies up.
        assert closed == [True]

    asyncio.run(read_one())
