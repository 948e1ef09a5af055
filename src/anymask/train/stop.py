"""Stopping when asked: the step under way ends, the run is saved, the program leaves.

The first Ctrl-C or SIGTERM asks; a second Ctrl-C leaves at once.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_SAVE = 60.0


@dataclass(slots=True)
class StopRequest:
    """Whether a run was asked to stop.

    Attributes:
        number: The signal that asked, or 0.
    """

    number: int = 0

    def leave(self) -> None:
        """End the program the way the signal would have, now that everything is saved.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
            SystemExit: After SIGTERM, with code 143.
        """
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number:
            raise SystemExit(128 + self.number)


@contextmanager
def stop_requests(parent: int | None = None) -> Iterator[StopRequest]:
    """Collect requests to stop while a run goes on.

    Args:
        parent: Process that must stay alive; when it has gone, that is a request too.
    """
    request = StopRequest()

    def ask(number: int, _frame: FrameType | None) -> None:
        if request.number == signal.SIGINT == number:
            raise KeyboardInterrupt
        request.number = number

    is_main = threading.current_thread() is threading.main_thread()
    signals = (signal.SIGINT, signal.SIGTERM) if is_main else ()
    before = {number: signal.signal(number, ask) for number in signals}
    over = threading.Event()
    if parent is not None:
        watcher = threading.Thread(target=_watch, args=(parent, request, over), daemon=True)
        watcher.start()
    try:
        yield request
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(parent: int, request: StopRequest, over: threading.Event) -> None:
    """Ask to stop when the parent has gone, and end the process if it does not."""
    while not over.wait(SECONDS_BETWEEN_LOOKS):
        if os.getppid() != parent:
            request.number = request.number or signal.SIGTERM
            deadline = time.monotonic() + SECONDS_TO_SAVE
            while not over.wait(SECONDS_BETWEEN_LOOKS):
                if time.monotonic() > deadline:
                    os._exit(128 + signal.SIGTERM)
            return
