"""Clicks go first, of hovers only the newest waits, and what nobody wants is never begun."""

import asyncio
import logging
import threading
from contextlib import asynccontextmanager

import pytest

from anymask.errors import PromptError
from anymask.serve.answers import Refusal
from anymask.serve.desk import Desk, Urgency

MOMENT = 0.02


@asynccontextmanager
async def held_up(desk):
    """Let the desk do nothing until the block ends."""
    free, begun = threading.Event(), threading.Event()

    def wait():
        begun.set()
        free.wait(10)

    task = asyncio.create_task(desk.run(wait, Urgency.CLICK))
    await asyncio.to_thread(begun.wait, 10)
    try:
        yield
    finally:
        free.set()
        await task


def ask(desk, done, name, urgency, **more):
    async def asked():
        return await desk.run(lambda: done.append(name), urgency, **more)

    return asyncio.create_task(asked())


@pytest.fixture
def desk():
    made = Desk(most_waiting=5)
    yield made
    made.close()


def test_work_gives_its_result_and_its_own_error(desk):
    def fail():
        raise PromptError("nothing to look for")

    assert asyncio.run(desk.run(lambda: 42, Urgency.CLICK)) == 42
    with pytest.raises(PromptError, match="nothing to look for"):
        asyncio.run(desk.run(fail, Urgency.CLICK))


def test_all_work_is_done_by_one_thread(desk):
    async def several():
        jobs = [desk.run(threading.get_ident, Urgency.CLICK) for _ in range(5)]
        return set(await asyncio.gather(*jobs))

    assert len(asyncio.run(several())) == 1
    assert asyncio.run(several()) != {threading.get_ident()}


def test_the_urgent_go_first(desk):
    done: list[object] = []

    async def run():
        async with held_up(desk):
            names = ["AHEAD", "RESULT", "ENCODE", "HOVER", "CLICK"]
            tasks = [ask(desk, done, name, Urgency[name]) for name in names]
            await asyncio.sleep(MOMENT)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert done == ["CLICK", "HOVER", "ENCODE", "RESULT", "AHEAD"]


def test_a_restless_pointer_does_not_keep_a_picture_from_being_encoded():
    done: list[str] = []
    now = [0.0]
    desk = Desk(clock=lambda: now[0])

    async def run():
        async with held_up(desk):
            encode = ask(desk, done, "encode", Urgency.ENCODE)
            await asyncio.sleep(MOMENT)
            now[0] = 1.0
            hover = ask(desk, done, "hover", Urgency.HOVER)
            click = ask(desk, done, "click", Urgency.CLICK)
            await asyncio.sleep(MOMENT)
        await asyncio.gather(encode, hover, click)

    asyncio.run(run())
    desk.close()
    assert done == ["click", "encode", "hover"]


def test_of_hovers_over_a_picture_only_the_newest_is_answered_and_the_others_at_once(desk):
    done: list[object] = []

    async def run():
        async with held_up(desk):
            hovers = [
                ask(desk, done, number, Urgency.HOVER, newest_of="cat") for number in range(200)
            ]
            other = ask(desk, done, "dog", Urgency.HOVER, newest_of="dog")
            outcomes = await asyncio.gather(*hovers[:-1], return_exceptions=True)
        await asyncio.gather(hovers[-1], other)
        return outcomes

    outcomes = asyncio.run(run())
    assert done == [199, "dog"]
    assert {(type(one), one.status, one.code) for one in outcomes} == {
        (Refusal, 409, "newer_question")
    }


def test_what_nobody_waits_for_any_more_is_never_begun(desk):
    done: list[object] = []

    async def run():
        async with held_up(desk):
            task = ask(desk, done, "abandoned", Urgency.CLICK)
            await asyncio.sleep(MOMENT)
            before = desk.waiting
            task.cancel()
            await asyncio.sleep(MOMENT)
            return before, desk.waiting

    assert asyncio.run(run()) == (2, 1)
    assert asyncio.run(desk.run(lambda: done, Urgency.AHEAD)) == []


def test_a_full_queue_says_so_with_the_place_and_when_to_come_again(desk):
    done: list[object] = []

    async def run():
        async with held_up(desk):
            tasks = [ask(desk, done, number, Urgency.RESULT) for number in range(5)]
            await asyncio.sleep(MOMENT)
            with pytest.raises(Refusal, match="5 others are waiting") as refused:
                await desk.run(lambda: None, Urgency.CLICK)
        await asyncio.gather(*tasks)
        return refused.value

    refusal = asyncio.run(run())
    assert (refusal.status, refusal.code, refusal.place) == (429, "busy", 5)
    assert refusal.headers == {"Retry-After": "2"}
    assert done == [0, 1, 2, 3, 4]


def test_the_place_counts_what_goes_first(desk):
    async def run():
        done: list[object] = []
        async with held_up(desk):
            ahead = ask(desk, done, "ahead", Urgency.AHEAD)
            await asyncio.sleep(MOMENT)
            places = desk.place(Urgency.CLICK), desk.place(Urgency.AHEAD)
        await ahead
        return places, desk.place(Urgency.AHEAD)

    assert asyncio.run(run()) == ((1, 2), 0)


@pytest.mark.parametrize(
    ("error", "code", "noted"),
    [
        (RuntimeError("shapes differ in cat.png"), "model_failed", "a job failed: RuntimeError"),
        (MemoryError(), "out_of_memory", "a job failed: MemoryError"),
    ],
)
def test_a_model_that_fails_is_a_sentence_and_the_next_is_served(desk, caplog, error, code, noted):
    def fail():
        raise error

    with caplog.at_level(logging.INFO), pytest.raises(Refusal) as refused:
        asyncio.run(desk.run(fail, Urgency.CLICK))
    assert (refused.value.status, refused.value.code) == (503, code)
    assert "cat.png" not in refused.value.message
    assert [record.getMessage() for record in caplog.records] == [noted]
    assert asyncio.run(desk.run(lambda: "well", Urgency.CLICK)) == "well"


def test_lengthy_work_goes_one_by_one_beside_the_rest(desk):
    free = threading.Event()
    done: list[object] = []

    async def run():
        first = asyncio.create_task(desk.lengthy(lambda: done.append(free.wait(10))))
        second = asyncio.create_task(desk.lengthy(lambda: done.append("second")))
        await asyncio.sleep(MOMENT)
        place = desk.lengthy_place()
        quick = await desk.run(lambda: "beside", Urgency.CLICK)
        before = list(done)
        free.set()
        await asyncio.gather(first, second)
        return place, quick, before

    assert asyncio.run(run()) == (2, "beside", [])
    assert done == [True, "second"]


def test_a_closed_desk_refuses_what_waits_and_what_comes():
    desk = Desk()
    done: list[object] = []

    async def run():
        async with held_up(desk):
            waiting = ask(desk, done, "waiting", Urgency.CLICK)
            await asyncio.sleep(MOMENT)
            desk.close()
            return await asyncio.gather(waiting, return_exceptions=True)

    (outcome,) = asyncio.run(run())
    assert outcome.message == "the server is stopping"
    with pytest.raises(Refusal, match="the server is stopping"):
        asyncio.run(desk.run(lambda: None, Urgency.CLICK))
    assert done == []
