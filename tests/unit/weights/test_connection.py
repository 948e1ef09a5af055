"""Whether a server answers, and through which proxy it is asked."""

import errno
import socket

import pytest

from anymask.weights.connection import Attempt, proxy_of, refusal

pytestmark = pytest.mark.usefixtures("online")


def test_a_server_that_listens_is_no_failure():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/file"
        assert Attempt(url, 5.0).failure() is None


def test_a_proxy_is_asked_in_the_servers_place(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{server.getsockname()[1]}")
        assert Attempt("https://weights.example/file", 5.0).failure() is None


def test_a_proxy_that_is_down_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://me:secret@127.0.0.1:9")
    said = Attempt("https://weights.example/file", 5.0).failure()
    assert said == "the proxy 127.0.0.1:9 refuses the connection"


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://gate.example:3128"}, "gate.example:3128"),
        ({"https_proxy": "gate.example:3128"}, "gate.example:3128"),
        ({"http_proxy": "http://gate.example:3128"}, None),
        ({"https_proxy": "http://gate.example:3128", "no_proxy": "weights.example"}, None),
        ({"https_proxy": "http://gate.example:3128", "no_proxy": "*"}, None),
    ],
)
def test_the_environment_names_the_proxy(monkeypatch, variables, proxy):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_of("https://weights.example/file")
    assert (found and found.netloc) == proxy


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "the name a.example is not known here"),
        (ConnectionRefusedError(), "a.example refuses the connection"),
        (TimeoutError(), "a.example gives no connection within 2 s"),
        (
            OSError(errno.ENETUNREACH, "Network is unreachable"),
            "a.example cannot be reached (Network is unreachable)",
        ),
    ],
)
def test_what_is_in_the_way_is_said_in_words(error, said):
    assert refusal(error, "a.example", 2.0) == said


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://[::1", "the address of the proxy cannot be read"),
        ("http://a..b:3128", "the proxy a..b:3128 is no name of a server"),
    ],
)
def test_a_proxy_that_cannot_be_a_name_is_told_without_a_trace(monkeypatch, capfd, proxy, said):
    monkeypatch.setenv("https_proxy", proxy)
    assert Attempt("https://weights.example/file", 5.0).failure() == said
    assert capfd.readouterr().err == ""
