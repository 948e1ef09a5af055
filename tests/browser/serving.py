"""A real `anymask serve`, started as a person starts it, and a Chromium to look at it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but this computer has an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def chromium_path() -> str | None:
    """The browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


class Serving:
    """A server in a process of its own, which can be killed and started again at its port."""

    def __init__(self, home: Path, *words: str) -> None:
        self._home = home
        self._words = words
        self.url = ""
        self.port = 0
        self.process = self._start(0)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _start(self, port: int) -> subprocess.Popen[str]:
        home = {"HOME": str(self._home), "XDG_CACHE_HOME": str(self._home / ".cache")}
        paths = {"PYTHONPATH": str(REPOSITORY / "src")}
        # Tests run on all processors at once: more threads would only wait for each other.
        quiet = {"ANYMASK_OFFLINE": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        log = self._home / "server.log"
        flags = (f"--port={port}", "--no-open", "--json", *self._words)
        with log.open("a") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "anymask", "serve", *flags],
                env={**os.environ, **home, **paths, **quiet},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
        if not line:
            process.wait()
            raise RuntimeError(log.read_text())
        told = json.loads(line)
        self.url, self.port = told["url"], told["port"]
        return process

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop the server and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def start_again(self) -> None:
        """Start it anew at the same address."""
        self.process = self._start(self.port)

    def get(self, path: str) -> dict:
        """Ask it for something, beside the page."""
        with urllib.request.urlopen(f"{self.origin}{path}", timeout=10) as answer:
            return json.load(answer)

    def gallery_id(self, name: str) -> str:
        """Give the id of a bundled photo, by the beginning of its name."""
        rows = self.get("/api/server")["gallery"]
        return next(row["id"] for row in rows if row["name"].lower().startswith(name))

    def wait_for_gone_pictures(self) -> None:
        """Wait until no picture is being worked on."""
        until = time.monotonic() + 10
        while self.get("/health")["waiting"] and time.monotonic() < until:
            time.sleep(0.05)


@contextmanager
def serving(home: Path, *words: str) -> Iterator[Serving]:
    """Serve the page until the block ends."""
    home.mkdir(exist_ok=True, parents=True)
    server = Serving(home, *words)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
