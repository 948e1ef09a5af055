"""The page as a program: from the first line it prints to the signal that ends it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import torch

from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.weights.save import save_model


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A seeded model that is quick and knows nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_model(Sam(tiny(64)).eval(), path, recipe={"name": "random"}, card="knows nothing")
    return path


@pytest.fixture
def start(model_file):
    """Start `anymask serve` and give the process and what it said first."""
    running = []
    model = ("--model", str(model_file), "--device", "cpu")

    def run(*words: str):
        process = subprocess.Popen(
            [sys.executable, "-m", "anymask", "serve", "--no-open", "--json", *words, *model],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        return process, json.loads(line)

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(url: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_answers_when_it_says_so_and_a_signal_ends_it(start, number, code):
    process, told = start("--port", "0")
    assert told["url"] == f"http://127.0.0.1:{told['port']}/"
    status, headers, body = get(told["url"])
    assert (status, b"<html" in body.lower()) == (200, True)
    assert "server" not in {name.lower() for name in headers}
    # A browser keeps its connection open; that must not hold up the end.
    with socket.create_connection(("127.0.0.1", told["port"])) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        seconds = time.monotonic() - began
    assert process.returncode == code
    assert seconds < 5
    assert out == ""
    assert "Traceback" not in err
    assert "GET" not in err


def test_it_is_reached_at_a_port_of_ones_own_and_only_once(start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    process, told = start("--port", str(port))
    assert told["port"] == port
    second = subprocess.run(
        [sys.executable, "-m", "anymask", "serve", "--no-open", "--port", str(port)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 2
    assert f"error: port {port} is taken by another program" in second.stderr
    assert process.poll() is None


def test_a_token_guards_the_api_and_never_reaches_the_log(start):
    process, told = start("--port", "0", "--token")
    page, _, token = told["url"].partition("#token=")
    assert len(token) >= 22
    status, _, body = get(f"{page}api/server")
    assert (status, json.loads(body)["error"]["code"]) == (401, "token")
    request = urllib.request.Request(f"{page}api/server", headers={"X-Anymask-Token": token})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert token not in err
