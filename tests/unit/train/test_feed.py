"""The same batches in the same order, whoever draws them."""

import itertools
import os
from dataclasses import dataclass, replace

import numpy as np
import pytest

from anymask.train.feed import Asked, Plan, batches
from anymask.train.processes import World
from anymask.train.settings import TrainSettings


@dataclass(frozen=True)
class Numbers:
    """A source of numbers; in another process it may die at a size."""

    deadly_size: int = 0

    def draw(self, size: int, rng: np.random.Generator) -> tuple[int, float, bool]:
        is_worker = os.environ.get("ANYMASK_TEST_MAIN") != str(os.getpid())
        if is_worker and size == self.deadly_size:
            os._exit(1)
        return size, float(rng.random()), is_worker


def plan_of(settings: TrainSettings, first: int = 0, world: World | None = None) -> Plan:
    return Plan(settings, first, lambda step: step / settings.steps, world or World())


def take(plan: Plan, count: int) -> list[Asked]:
    return list(itertools.islice(plan, count))


def test_two_processes_share_out_what_one_sees_in_two_parts(settings: TrainSettings) -> None:
    alone = take(plan_of(replace(settings, accumulate=2)), 8)
    first, second = (
        take(plan_of(settings, world=World(rank=rank, processes=2)), 4) for rank in (0, 1)
    )
    assert [asked for pair in zip(first, second, strict=True) for asked in pair] == alone
    assert [asked.number for asked in alone] == list(range(8))


def test_plan_goes_on_in_the_middle(settings: TrainSettings) -> None:
    assert take(plan_of(settings, first=2), 2) == take(plan_of(settings), 4)[2:]


def test_sizes_follow_the_phases(settings: TrainSettings) -> None:
    sizes = {asked.size for asked in take(plan_of(replace(settings, steps=100)), 50)}
    later = {asked.size for asked in take(plan_of(replace(settings, steps=100), first=51), 49)}
    assert (sizes, later) == ({64}, {64, 96})


@pytest.mark.slow
def test_batches_drawn_ahead_are_the_same(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYMASK_TEST_MAIN", str(os.getpid()))
    told: list[str] = []
    here, ahead = (
        list(
            itertools.islice(
                batches(Numbers(), replace(settings, workers=n), plan_of(settings), told.append),
                6,
            )
        )
        for n in (0, 2)
    )
    assert [[one[:2] for one in batch] for batch in ahead] == [
        [one[:2] for one in batch] for batch in here
    ]
    assert {one[2] for batch in ahead for one in batch} == {True}
    assert told == []


@pytest.mark.slow
def test_death_of_a_helper_is_told_and_the_rest_is_drawn_here(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYMASK_TEST_MAIN", str(os.getpid()))
    told: list[str] = []
    feed = batches(
        Numbers(deadly_size=96), replace(settings, workers=1), plan_of(settings), told.append
    )
    plan = take(plan_of(settings), 12)
    assert any(asked.size == 96 for asked in plan)
    found = list(itertools.islice(feed, 12))
    assert [batch[0][0] for batch in found] == [asked.size for asked in plan]
    assert told == [
        "one of 1 processes that prepare pictures died; going on without them "
        "(the memory may be full: lower --set workers)"
    ]
