"""Who is served next: the model answers one question at a time, the urgent ones first."""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from typing import Any, Final, TypeVar

from anymask.errors import AnymaskError
from anymask.serve.answers import Refusal, busy, note_trouble, refusal_of

T = TypeVar("T")

_MOST_WAITING: Final = 64


class Urgency(IntEnum):
    """Why something is asked; what is named first goes before the others."""

    CLICK = 0
    HOVER = 1
    ENCODE = 2
    RESULT = 3
    AHEAD = 4


# How long each kind lets later ones of the kinds above go first, seconds; so a pointer that never
# rests cannot keep a picture from being encoded. Clicks are few, and always go first.
_PATIENCE: Final = (0.0, 0.0, 0.5, 1.0, 5.0)


@dataclass(slots=True, eq=False)
class _Job:
    """One piece of work that waits or runs."""

    work: Callable[[], Any]
    urgency: int
    newest_of: Hashable | None
    since: float
    future: Future[Any] = field(default_factory=Future)

    @property
    def due(self) -> tuple[bool, float, int]:
        """What it is ordered by: clicks first, then who has waited beyond its patience longest."""
        return self.urgency != Urgency.CLICK, self.since + _PATIENCE[self.urgency], self.urgency


class _Lane:
    """A thread that works off jobs one by one; it is born with the first of them."""

    def __init__(self, name: str, most_waiting: int) -> None:
        self._name = name
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._is_busy = False
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def put(self, job: _Job) -> None:
        """Queue a job; an older one that waits for the same newest answer is refused."""
        outdated: list[_Job] = []
        with self._changed:
            if self._is_closed:
                raise _closing()
            if job.newest_of is not None:
                outdated = [one for one in self._waiting if one.newest_of == job.newest_of]
                self._waiting = [one for one in self._waiting if one not in outdated]
            if len(self._waiting) >= self._most_waiting:
                raise busy(len(self._waiting))
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()
        for one in outdated:
            if one.future.set_running_or_notify_cancel():
                one.future.set_exception(_newer())

    def drop(self, job: _Job) -> None:
        """Forget a job that nobody waits for any more, if it has not begun."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)

    def num_before(self, urgency: int) -> int:
        """How many jobs a new one would wait for."""
        with self._changed:
            ahead = sum(one.urgency <= urgency for one in self._waiting)
            return ahead + self._is_busy

    def close(self) -> None:
        """Refuse what waits and let the thread end after its job."""
        with self._changed:
            self._is_closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify()
        for one in waiting:
            if one.future.set_running_or_notify_cancel():
                one.future.set_exception(_closing())

    def _run(self) -> None:
        while (job := self._next()) is not None:
            tell = _work_off(job) if job.future.set_running_or_notify_cancel() else None
            with self._changed:
                self._is_busy = False
            if tell is not None:
                tell()
            del job, tell  # what they hold must not live on while the lane waits

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._waiting:
                if self._is_closed:
                    return None
                self._changed.wait()
            job = min(self._waiting, key=lambda one: one.due)
            self._waiting.remove(job)
            self._is_busy = True
            return job


class Desk:
    """Takes work off the event loop: one thread for the model, one for what takes long.

    Args:
        most_waiting: How many jobs may wait in each; further ones are refused as busy.
        clock: Gives seconds since any moment.
    """

    def __init__(
        self, most_waiting: int = _MOST_WAITING, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._quick = _Lane("anymask-desk", most_waiting)
        self._lengthy = _Lane("anymask-lengthy", most_waiting)

    async def run(
        self, work: Callable[[], T], urgency: Urgency, *, newest_of: Hashable | None = None
    ) -> T:
        """Have something worked out; given up while it waits, it is never begun.

        Args:
            work: What to do.
            urgency: Why.
            newest_of: Of jobs with the same name only the newest may wait; the others are refused.

        Returns:
            What `work` gave.

        Raises:
            Refusal: If a newer job took its place, too many wait, or the work failed for a reason
                that is no error of ours.
        """
        result: T = await _done(self._quick, _Job(work, urgency, newest_of, self._clock()))
        return result

    async def lengthy(self, work: Callable[[], T]) -> T:
        """Have something worked out that takes many seconds, one after the other, beside the rest.

        Args:
            work: What to do; it must look by itself whether it is still wanted.

        Returns:
            What `work` gave.

        Raises:
            Refusal: As `run`.
        """
        result: T = await _done(self._lengthy, _Job(work, Urgency.RESULT, None, self._clock()))
        return result

    def place(self, urgency: Urgency) -> int:
        """Say how many jobs a new one would wait for."""
        return self._quick.num_before(urgency)

    def lengthy_place(self) -> int:
        """Say how many lengthy jobs a new one would wait for."""
        return self._lengthy.num_before(Urgency.AHEAD)

    @property
    def waiting(self) -> int:
        """How many jobs wait or run."""
        return self._quick.num_before(Urgency.AHEAD) + self._lengthy.num_before(Urgency.AHEAD)

    def close(self) -> None:
        """End the threads once what they do is done; what waits is refused."""
        self._quick.close()
        self._lengthy.close()


async def _done(lane: _Lane, job: _Job) -> Any:  # noqa: ANN401 - whatever the work gives
    lane.put(job)
    try:
        return await asyncio.wrap_future(job.future)
    except asyncio.CancelledError:
        lane.drop(job)
        raise


def _work_off(job: _Job) -> Callable[[], None]:
    """Do a job, and give what tells its result or failure to who waits for it."""
    try:
        return partial(job.future.set_result, job.work())
    except (AnymaskError, Refusal) as error:
        return partial(job.future.set_exception, error)
    except Exception as error:  # noqa: BLE001 - the door of the worker: the next job must be served
        note_trouble("a job failed", error)
        # Nothing of the error itself, whose frames would hold the picture.
        return partial(job.future.set_exception, refusal_of(error))


def _newer() -> Refusal:
    return Refusal(409, "newer_question", "a newer question took its place", hint="wait for that")


def _closing() -> Refusal:
    return Refusal(503, "model_failed", "the server is stopping", hint="start it again")
