"""How long each part of a call takes: the clock is read around named methods."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

REST = "everything else"


@dataclass(slots=True, kw_only=True)
class PartTimes:
    """Seconds by part; what a part calls that is a part itself counts for that one alone.

    Attributes:
        clock: Gives seconds.
        seconds: Of each part since it was set to nothing.
    """

    clock: Callable[[], float] = time.process_time
    seconds: dict[str, float] = field(default_factory=dict)
    _inside: list[float] = field(default_factory=list)

    def watch(self, part: str, owner: Any, method: str = "forward") -> None:  # noqa: ANN401
        """Count an object's or a file's function for a part from now on."""
        plain = getattr(owner, method)

        def timed(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            return self.count(part, lambda: plain(*given, **named))

        setattr(owner, method, timed)

    def count(self, part: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Call something and add its time to a part."""
        self._inside.append(0.0)
        began = self.clock()
        try:
            return call()
        finally:
            took = self.clock() - began
            own = took - self._inside.pop()
            self.seconds[part] = self.seconds.get(part, 0.0) + own
            if self._inside:
                self._inside[-1] += took


def median_parts(
    call: Callable[[], object], parts: PartTimes, rounds: int, warm_up: int = 1
) -> dict[str, float]:
    """Give the median seconds of each part of a call, and of the rest of it.

    Args:
        call: What is taken apart.
        parts: Watches its parts.
        rounds: How often it is called.
        warm_up: Calls before.
    """
    found: list[dict[str, float]] = []
    with torch.inference_mode():
        for number in range(warm_up + rounds):
            parts.seconds.clear()
            parts.count(REST, call)
            if number >= warm_up:
                found.append(dict(parts.seconds))
    names = [*(name for name in found[0] if name != REST), REST]
    return {name: statistics.median(one.get(name, 0.0) for one in found) for name in names}


def in_shares(parts: dict[str, float]) -> dict[str, float]:
    """Give what share of the whole each part takes."""
    whole = sum(parts.values())
    return {name: seconds / whole for name, seconds in parts.items()}
