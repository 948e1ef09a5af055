import asyncio
import socket

import pytest

from anymask.errors import ConfigError
from anymask.serve import listening
from anymask.serve.listening import is_local, listen, names_here, url_of


@pytest.fixture
def taken():
    """A port on which somebody listens already."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_what_only_this_computer_reaches(host, expected):
    assert is_local(host) is expected


def test_answers_are_sent_at_once_and_not_gathered():
    told = []

    async def meet(reader, writer):
        option = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
        told.append(writer.get_extra_info("socket").getsockopt(*option))
        writer.close()

    async def visit():
        async with await asyncio.start_server(meet, sock=opened):
            reader, writer = await asyncio.open_connection(*opened.getsockname()[:2])
            await reader.read()
            writer.close()

    with listen("127.0.0.1", 0) as opened:
        asyncio.run(visit())
    assert len(told) == 1
    assert told[0] != 0


def test_a_free_port_is_taken_and_answers_at_once():
    with listen("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        assert port > 0
        # Nobody accepts yet, and who comes waits all the same.
        socket.create_connection(("127.0.0.1", port), timeout=2).close()


def test_a_port_that_was_asked_for_and_is_taken_is_refused(taken):
    sentence = rf"^port {taken} is taken by another program; give --port 0 for a free one\.$"
    with pytest.raises(ConfigError, match=sentence):
        listen("127.0.0.1", taken)


def test_the_usual_port_gives_way_to_a_free_one(taken, monkeypatch):
    monkeypatch.setattr(listening, "USUAL_PORT", taken)
    with listen("127.0.0.1", None) as opened:
        assert opened.getsockname()[1] not in (0, taken)


def test_two_servers_never_share_a_port():
    with listen("127.0.0.1", 0) as one, pytest.raises(ConfigError, match="is taken"):
        listen("127.0.0.1", one.getsockname()[1])


def test_a_port_without_the_right_to_it_is_refused(monkeypatch):
    def refuse(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConfigError, match=r"^port 80 needs rights that this user has not; give"):
        listen("127.0.0.1", 80)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(ConfigError, match=rf"^--port {port}: ports go from 0 to 65535; give"):
        listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a b\n", "x" * 300])
def test_a_host_that_is_not_ours_is_refused(host):
    with pytest.raises(ConfigError, match=r"^--host '.*': this computer has no such address; give"):
        listen(host, 0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765/"),
        ("localhost", "http://localhost:8765/"),
        ("::1", "http://[::1]:8765/"),
    ],
)
def test_the_address_of_the_page(host, expected):
    assert url_of(host, 8765) == expected


def test_all_networks_have_this_computers_names(monkeypatch):
    # A datagram socket that is connected sends nothing, and the tests' guard cannot know.
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: None)
    monkeypatch.setattr(socket, "gethostname", lambda: "studio")
    assert names_here("0.0.0.0") == ("0.0.0.0", "studio")
    assert names_here("192.168.1.5") == ("192.168.1.5",)


def test_a_computer_without_a_network_has_its_name(monkeypatch):
    def refuse(self, address):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "gethostname", lambda: "studio")
    assert names_here("0.0.0.0") == ("studio",)
    assert url_of("0.0.0.0", 80) == "http://studio:80/"
