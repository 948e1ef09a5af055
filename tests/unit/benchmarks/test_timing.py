"""The arithmetic of what is measured, with clocks that stand still or tick as told."""

from functools import partial

import pytest
from part_times import REST, PartTimes, in_shares, median_parts
from timing import interleaved, summary


class Clock:
    """A clock that calls move on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, *seconds):
        """Give a call that takes these seconds in turn."""
        left = list(seconds)

        def call():
            self.now += left.pop(0)

        return call


def test_ratios_are_those_of_pairs():
    timing = summary([10.0, 40.0, 12.0], [5.0, 10.0, 4.0])
    assert timing.seconds == 5.0
    assert timing.ratio == 3.0  # of 2, 4 and 3; the medians themselves give 2.4
    assert timing.spread == (2.0, 4.0)
    assert timing.rounds == 3


def test_variants_take_turns_and_the_first_call_does_not_count():
    clock, order = Clock(), []
    takes = {"slow": clock.takes(99, 6, 8, 10), "fast": clock.takes(99, 2, 2, 2)}

    def noted(name):
        order.append(name)
        takes[name]()

    timings = interleaved({name: partial(noted, name) for name in takes}, rounds=3, clock=clock)
    assert order == ["slow", "fast", "slow", "fast", "fast", "slow", "slow", "fast"]
    assert timings["slow"].seconds == 8
    assert timings["slow"].ratio == 1
    assert timings["fast"].seconds == 2
    assert timings["fast"].ratio == 4
    assert timings["fast"].spread == (3, 5)


class Machine:
    """Something with parts, one inside the other."""

    def __init__(self, clock):
        self.clock = clock

    def outer(self):
        self.clock.now += 1
        self.inner()
        self.clock.now += 1
        self.inner()

    def inner(self):
        self.clock.now += 3

    def run(self):
        self.clock.now += 2
        self.outer()


def test_time_inside_a_part_counts_for_the_innermost_one():
    machine = Machine(clock := Clock())
    parts = PartTimes(clock=clock)
    parts.watch("outer", machine, "outer")
    parts.watch("inner", machine, "inner")
    found = median_parts(machine.run, parts, rounds=3)
    assert found == {"inner": 6, "outer": 2, REST: 2}
    assert list(found)[-1] == REST
    assert in_shares(found) == {"inner": 0.6, "outer": 0.2, REST: 0.2}


def test_a_part_that_fails_leaves_the_others_right(monkeypatch):
    machine = Machine(clock := Clock())
    monkeypatch.setattr(machine, "inner", clock.takes(5))
    parts = PartTimes(clock=clock)
    parts.watch("outer", machine, "outer")
    parts.watch("inner", machine, "inner")
    with pytest.raises(IndexError, match="pop from empty list"):
        parts.count(REST, machine.outer)
    assert parts.seconds == {"inner": 5, "outer": 2, REST: 0}
