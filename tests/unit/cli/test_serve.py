import importlib.util
import json
import socket
import threading
import webbrowser

import pytest

from anymask.serve import listening


@pytest.fixture
def served(anymask, model_file, loaded_once, monkeypatch):
    """Run `anymask serve WORDS...` with a server that ends at once; give how it went and began."""
    seen = []

    def serve(model, settings, *, listening, on_ready):
        seen.append((model, settings, listening.getsockname()))
        fragment = f"#token={settings.token}" if settings.token else ""
        on_ready(f"http://127.0.0.1:{settings.port}/{fragment}")

    monkeypatch.setattr("anymask.serve.run.serve", serve)
    monkeypatch.setattr("anymask.api.load", loaded_once)
    monkeypatch.setattr(listening, "USUAL_PORT", 0)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)

    def run(*words):
        seen.clear()
        return anymask("serve", *words, "--model", model_file), seen

    return run


@pytest.fixture
def opened(monkeypatch):
    """The addresses that were opened in a browser."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    # A thread that is waited for makes the test certain.
    monkeypatch.setattr(threading.Thread, "start", lambda self: self.run())
    return addresses


def refusal(ran) -> tuple[str, str]:
    assert (ran.code, ran.out) == (2, "")
    first, second = ran.err.splitlines()
    return first.removeprefix("error: "), second.removeprefix("hint: ")


def test_it_is_for_this_computer_alone(served):
    ran, [(model, settings, address)] = served("--no-open")
    assert ran.code == 0
    assert address[0] == "127.0.0.1"
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", address[1], None)
    assert settings.is_insecure is False
    assert model.loaded.name == "tiny"
    assert ran.out == f"anymask is at http://127.0.0.1:{address[1]}/\n"
    assert "Pictures stay on this computer. Ctrl-C stops." in ran.err


def test_programs_get_one_line_of_json(served):
    ran, [(_, settings, _)] = served("--port", "0", "--no-open", "--json")
    assert ran.records == [
        {"url": f"http://127.0.0.1:{settings.port}/", "port": settings.port},
    ]


def test_limits_and_names_reach_the_server(served):
    words = ("--max-upload", "3", "--max-pixels", "5000", "--allow-host", "studio:80")
    _, [(_, settings, _)] = served("--no-open", *words)
    assert settings.upload_bytes == 3 * 1024 * 1024
    assert settings.max_pixels == 5000
    # Nothing else, so that the address listened on is known with its port alone.
    assert settings.allowed_hosts == ("studio:80",)


def test_the_usual_port_gives_way_and_it_is_said(served, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(listening, "USUAL_PORT", taken)
        ran, [(_, settings, _)] = served("--no-open")
    assert settings.port != taken
    assert f"note: port {taken} is taken, so port {settings.port} is used" in ran.err


def test_a_port_that_is_taken_ends_before_the_model_is_loaded(anymask, monkeypatch):
    monkeypatch.setattr("anymask.api.load", lambda *words, **named: pytest.fail("it was loaded"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ran = anymask("serve", "--port", taken, "--no-open")
    assert refusal(ran) == (
        f"port {taken} is taken by another program",
        "give --port 0 for a free one",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_other_computers_are_let_in_only_on_purpose(anymask, host):
    message, hint = refusal(anymask("serve", "--host", host))
    assert message == f"--host '{host}' lets other computers in"
    assert hint.startswith("add --token, so that only who has the printed address gets in")


def test_a_token_is_random_and_stands_in_the_address(served, monkeypatch):
    monkeypatch.setattr(listening, "names_here", lambda host: ("studio",))
    tokens = set()
    for _ in range(2):
        ran, [(_, settings, _)] = served("--host", "0.0.0.0", "--port", "0", "--token", "--no-open")
        assert len(settings.token) >= 22
        assert f"#token={settings.token}\n" in ran.out
        assert settings.token not in ran.err
        assert "note: Who has this address can use the page" in ran.err
        tokens.add(settings.token)
    assert len(tokens) == 2


def test_without_a_token_everyone_is_let_in_when_it_is_wished(served, monkeypatch):
    monkeypatch.setattr(listening, "names_here", lambda host: ("studio",))
    ran, [(_, settings, _)] = served("--host", "0.0.0.0", "--port", "0", "--insecure")
    assert (settings.token, settings.is_insecure) == (None, True)
    assert "note: Everyone on the network can use the page" in ran.err


def test_a_browser_is_opened_where_there_is_a_screen(served, opened, monkeypatch):
    served()
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    _, [(_, settings, _)] = served()
    assert opened == [f"http://127.0.0.1:{settings.port}/"]
    served("--no-open")
    assert len(opened) == 1


def test_a_missing_extra_is_one_sentence(anymask, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    assert refusal(anymask("serve")) == (
        "the web page needs fastapi and uvicorn, which are not installed",
        "run: pip install 'anymask[serve]'",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "70000"], "--port 70000: ports go from 0 to 65535"),
        (["--port", "http"], "--port: must be a whole number"),
        (["--max-upload", "0"], "--max-upload 0: must be 1 or more"),
        (["--host", "127.0.0.1.", "--token"], "--host '127.0.0.1.': this computer has no such"),
    ],
)
def test_wrong_use_is_one_sentence(anymask, words, message):
    assert refusal(anymask("serve", *words))[0].startswith(message)


def test_a_model_that_is_not_there_ends_it_and_frees_the_port(anymask):
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    ran = anymask("serve", "--port", free, "--model", "none.safetensors")
    assert ran.code == 2
    socket.create_server(("127.0.0.1", free)).close()


def test_the_json_line_is_json(served):
    ran, _ = served("--no-open", "--json")
    assert list(json.loads(ran.out)) == ["url", "port"]
