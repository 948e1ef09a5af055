"""Who may ask at all, how much may be sent, and what every answer carries."""

import asyncio
import logging

import pytest

from anymask.serve.guard import is_loopback
from tests.unit.serve.asking import RawRequest, ask_raw, error_of

PATHS = ("/", "/static/js/main.js", "/api/server", "/health", "/openapi.json", "/nothing")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8765",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8766",
        "127.0.0.1.evil.example:8765",
        "localhost.:8765",
        "user@127.0.0.1:8765",
        "0.0.0.0:8765",
        "[::ffff:127.0.0.1]:8765",
        "",
    ],
)
def test_a_foreign_host_is_refused_before_any_route(page, path, host):
    error = error_of(ask_raw(page, "GET", path, [("Host", host)]), 403)
    assert error["code"] == "host_refused"
    assert error["message"].startswith("this server is not known as")
    assert error["hint"] == "start it with --allow-host and that name"


@pytest.mark.parametrize(
    "host", ["localhost:8765", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST:8765"]
)
def test_this_machine_is_known_by_its_three_names(page, host):
    assert ask_raw(page, "GET", "/health", [("Host", host)]).status_code == 200


def test_two_hosts_or_none_are_refused(page):
    two = [("Host", "127.0.0.1:8765"), ("Host", "evil.example")]
    assert error_of(ask_raw(page, "GET", "/health", two), 403)["code"] == "host_refused"


def test_names_can_be_allowed_with_any_port_or_one(open_page):
    page = open_page(allowed_hosts=("Box.lan", "proxy.example:9000"), host="192.168.1.7")
    hosts = {
        "box.lan": 200,
        "box.lan:8765": 200,
        "proxy.example:9000": 200,
        "proxy.example": 403,
        "proxy.example:8765": 403,
        "192.168.1.7:8765": 200,
        "192.168.1.8:8765": 403,
    }
    found = {host: ask_raw(page, "GET", "/health", [("Host", host)]).status_code for host in hosts}
    assert found == hosts


def test_on_port_80_names_come_without_one(open_page):
    page = open_page(port=80, address="http://localhost")
    assert page.get("/health").status_code == 200


OTHER_PAGES = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:8766"},
    {"Origin": "http://localhost:8765"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://[broken"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8765"},
]


@pytest.mark.parametrize("headers", OTHER_PAGES, ids=str)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/pictures"),
        ("DELETE", "/api/pictures"),
        ("GET", "/api/server"),
        ("POST", "/"),
        ("PUT", "/nothing"),
    ],
)
def test_what_another_page_asks_is_refused(page, method, path, headers):
    error = error_of(page.request(method, path, headers=headers), 403)
    assert error["code"] == "origin_refused"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8765"},
        {"Origin": "HTTP://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_the_page_itself_and_programs_may_ask(page, headers):
    assert page.delete("/api/pictures", headers=headers).status_code == 200


def test_a_link_on_another_page_may_lead_here(page):
    answer = page.get("/static/js/main.js", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200


def test_a_form_of_another_page_reaches_nothing(page):
    answer = page.post(
        "/api/pictures",
        headers={"Origin": "http://evil.example", "Content-Type": "text/plain"},
        content=b"x",
    )
    assert error_of(answer, 403)["code"] == "origin_refused"


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}])
def test_a_socket_of_the_web_is_refused(page, headers):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    host = [(b"host", b"127.0.0.1:8765")]
    scope = {"type": "websocket", "path": "/", "headers": host, "query_string": b""}
    page.portal.call(page.app, scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.fixture(scope="module")
def locked(open_page):
    return open_page(token="s3cret-token")


@pytest.mark.parametrize("path", ["/health", "/api/server", "/openapi.json", "/api/nothing"])
def test_absent_and_wrong_tokens_are_refused_alike(locked, path, caplog):
    with caplog.at_level(logging.DEBUG, logger="anymask"):
        answers = [
            locked.get(path, headers=headers)
            for headers in (
                {},
                {"X-Anymask-Token": ""},
                {"X-Anymask-Token": "s3cret-tokem"},
                {"X-Anymask-Token": "s3cret-token-and-more"},
                {"X-Anymask-Token": b"\xff"},
                {"Authorization": "Bearer s3cret-token"},
            )
        ]
    assert {error_of(answer, 401)["code"] for answer in answers} == {"token"}
    assert len({answer.content for answer in answers}) == 1
    assert "s3cret" not in caplog.text


def test_tokens_are_compared_in_constant_time(locked, monkeypatch):
    compared = []

    def noted(*given):
        compared.append(given)
        return False

    monkeypatch.setattr("hmac.compare_digest", noted)
    assert locked.get("/health", headers={"X-Anymask-Token": "x"}).status_code == 401
    assert compared == [(b"x", b"s3cret-token")]


def test_the_token_opens(locked):
    answer = locked.get("/api/server", headers={"X-Anymask-Token": "s3cret-token"})
    assert answer.status_code == 200
    assert "s3cret" not in answer.text


def test_the_page_that_asks_for_the_token_needs_none(locked):
    assert locked.get("/static/js/main.js").status_code == 200
    # The browser's own way of showing pictures cannot send a token, and everybody has these.
    assert locked.get("/api/gallery/coins/thumbnail").status_code == 200
    for path in ("/api/gallery/../server", "/static/../api/server"):
        assert ask_raw(locked, "GET", path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/static/js/main.js", {}, 200),
        ("GET", "/api/server", {}, 200),
        ("GET", "/nothing", {}, 404),
        ("PATCH", "/api/server", {}, 405),
        ("GET", "/", {"Host": "evil.example"}, 403),
        ("POST", "/api/pictures", {"Content-Length": "99999999999"}, 413),
        ("OPTIONS", "/api/server", {"Access-Control-Request-Method": "POST"}, 405),
    ],
)
def test_every_answer_carries_what_protects_the_page(page, method, path, headers, status):
    answer = ask_raw(page, method, path, headers.items())
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy == [
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    kept = "no-cache" if path.startswith("/static") else "no-store"
    assert answer.headers["cache-control"] == kept
    assert len(answer.headers["x-anymask-start"]) == 16
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_two_starts_are_told_apart(page, open_page):
    starts = {one.get("/health").headers["x-anymask-start"] for one in (page, open_page())}
    assert len(starts) == 2


@pytest.fixture(scope="module")
def narrow(open_page):
    return open_page(upload_bytes=1 << 20, json_bytes=1000)


@pytest.mark.parametrize(
    ("path", "num_bytes", "limit"),
    [
        ("/api/pictures", 1_048_577, "1 MB"),
        ("/api/pictures/x/mask-file", 1_048_577, "1 MB"),
        ("/api/pictures/x/masks", 1001, "1000 bytes"),
        ("/nothing", 1001, "1000 bytes"),
    ],
)
def test_a_body_that_says_it_is_too_long_is_not_read(narrow, path, num_bytes, limit):
    headers = [("Content-Length", str(num_bytes)), ("Content-Type", "image/png")]
    answer = ask_raw(narrow, "POST", path, headers, [b"x" * num_bytes])
    error = error_of(answer, 413)
    assert error["code"] == "too_large"
    assert error["message"] == f"the body is larger than {limit}"
    assert answer.headers["connection"] == "close"
    assert answer.chunks_read == 0


@pytest.mark.parametrize("length", [(), [("Content-Length", "10")]])
def test_a_body_that_lies_about_its_length_is_read_no_further(narrow, length):
    chunks = [b"x" * 2**16] * 1000
    answer = ask_raw(narrow, "POST", "/api/pictures", length, chunks)
    assert error_of(answer, 413)["code"] == "too_large"
    assert answer.chunks_read == 17


def test_json_is_counted_too(narrow):
    headers = [("Content-Type", "application/json")]
    answer = ask_raw(narrow, "POST", "/api/pictures/x/masks", headers, [b"[" * 600] * 9)
    assert error_of(answer, 413)["code"] == "too_large"
    assert answer.chunks_read == 2


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", "9" * 40, "1, 1", "+5"])
def test_a_length_that_is_no_number_is_refused(page, length):
    answer = ask_raw(page, "POST", "/api/pictures", [("Content-Length", length)], [b"x"])
    assert error_of(answer, 400)["message"] == "Content-Length is no number"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "zstd"])
def test_a_compressed_body_is_refused(page, coding):
    answer = ask_raw(page, "POST", "/api/pictures", [("Content-Encoding", coding)], [b"x"])
    assert error_of(answer, 415)["message"] == "the body is compressed"
    assert answer.chunks_read == 0


@pytest.mark.parametrize(
    ("path", "kind", "told"),
    [
        ("/api/pictures", "multipart/form-data; boundary=x", "multipart/form-data"),
        ("/api/pictures", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("/api/pictures", "Application/JSON", "application/json"),
        ("/api/pictures/x/masks", "text/plain", "text/plain"),
        ("/api/pictures/x/masks", "", "nothing"),
        ("/api/pictures/x/masks", "image/png", "image/png"),
    ],
)
def test_a_body_of_another_kind_is_refused(page, path, kind, told):
    headers = [("Content-Type", kind)] if kind else []
    error = error_of(ask_raw(page, "POST", path, headers, [b"{}"]), 415)
    assert error["code"] == "wrong_type"
    assert error["message"].startswith(f"the body is sent as {told}, not as ")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("192.168.1.7", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        ("laptop", False),
    ],
)
def test_this_machine_is_told_from_others(address, expected):
    assert is_loopback(address) is expected


def test_an_address_without_end_is_refused(page):
    answer = ask_raw(page, "GET", "/health?" + "a" * 8200)
    assert error_of(answer, 414)["message"] == "the address is too long"
    assert ask_raw(page, "GET", "/health?" + "a" * 8000).status_code == 200


@pytest.mark.parametrize("path", ["/api/pictures", "/api/pictures/x/masks"])
def test_a_body_that_comes_too_slowly_is_not_waited_for(open_page, monkeypatch, path):
    monkeypatch.setattr("anymask.serve.guard._BODY_SECONDS", 0.2)
    page = open_page()
    asked = RawRequest(page, "POST", path, [("Content-Type", "application/json")], [b"{", b"}"])
    if path == "/api/pictures":
        asked.scope["headers"] = asked.scope["headers"][1:]

    async def receive():
        if len(asked.waiting) == 1:
            await asyncio.sleep(30)
        return await RawRequest._receive(asked)

    monkeypatch.setattr(asked, "_receive", receive)
    answer = page.portal.call(asked.run)
    assert error_of(answer, 408)["message"] == "the body comes too slowly"
    assert answer.headers["connection"] == "close"


def test_a_body_that_keeps_coming_has_the_time_it_needs(open_page, monkeypatch):
    monkeypatch.setattr("anymask.serve.guard._BODY_SECONDS", 0.2)
    page = open_page()
    asked = RawRequest(page, "POST", "/api/pictures", (), [b"x" * 2**14] * 5)

    async def receive():
        await asyncio.sleep(0.1)
        return await RawRequest._receive(asked)

    monkeypatch.setattr(asked, "_receive", receive)
    assert error_of(page.portal.call(asked.run), 415)["code"] == "not_a_picture"


def test_few_files_come_in_at_a_time_and_places_come_back(open_page, monkeypatch):
    page = open_page()

    async def run():
        held = [RawRequest(page, "POST", "/api/pictures", (), [b"x", b"y"]) for _ in range(8)]
        go_on = asyncio.Event()

        def held_up(asked):
            async def receive():
                if len(asked.waiting) == 1:
                    await go_on.wait()
                return await RawRequest._receive(asked)

            return receive

        for asked in held:
            monkeypatch.setattr(asked, "_receive", held_up(asked))
        tasks = [asyncio.create_task(asked.run()) for asked in held]
        await asyncio.sleep(0.05)
        refused = await RawRequest(page, "POST", "/api/pictures", (), [b"x"]).run()
        others = await RawRequest(page, "GET", "/health").run()
        go_on.set()
        answers = await asyncio.gather(*tasks)
        last = await RawRequest(page, "POST", "/api/pictures", (), [b"x"]).run()
        return refused, others, answers, last

    refused, others, answers, last = page.portal.call(run)
    error = error_of(refused, 429)
    assert (error["code"], error["place"], refused.headers["retry-after"]) == ("busy", 8, "2")
    assert others.status_code == 200
    assert {answer.status_code for answer in [*answers, last]} == {415}
