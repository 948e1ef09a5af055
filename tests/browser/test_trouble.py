"""What goes wrong is a sentence with a way out, and the work stays."""

import signal

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.serving import serving
from tests.browser.visitor import PATIENCE_MS


@pytest.fixture
def own_server(tmp_path):
    """A server that the test may kill."""
    with serving(tmp_path / "home") as running:
        yield running


def test_the_server_dies_mid_click_and_comes_back(open_page, own_server, watch):
    watch.expect(r"Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|status of 4")
    visitor = open_page(own_server).open("chelsea")
    visitor.click(220, 160)
    first = visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    own_server.stop(signal.SIGKILL)
    visitor.click(60, 250)
    visitor.page.wait_for_timeout(300)
    own_server.start_again()
    second = visitor.mask_when(lambda mask: mask is not None and mask["area"] != first["area"])
    assert second is not None
    visitor.expect_objects(1)
    visitor.press("Enter")
    visitor.expect_objects(2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("notes.png", b"these are only words, no picture at all", id="no-picture"),
        pytest.param("empty.png", b"", id="empty"),
    ],
)
def test_a_file_that_is_no_picture_is_a_sentence(visitor, watch, tmp_path, name, content):
    watch.expect(r"status of 4(00|15|22)")
    path = tmp_path / name
    path.write_bytes(content)
    visitor.open(None).upload(path, wait=False)
    expect(visitor.get("alert")).to_be_visible(timeout=PATIENCE_MS)
    sentence = visitor.get("alert").inner_text()
    assert len(sentence) > 15
    assert not any(word in sentence for word in ("Traceback", "Error:", "undefined", "[object"))


def test_a_picture_cut_short_is_a_sentence(visitor, watch, tmp_path):
    watch.expect(r"status of 4(00|15|22)")
    whole = tmp_path / "whole.png"
    Image.effect_noise((300, 200), 90).save(whole)
    path = tmp_path / "short.png"
    path.write_bytes(whole.read_bytes()[:20_000])
    visitor.open(None).upload(path, wait=False)
    expect(visitor.get("alert")).to_be_visible(timeout=PATIENCE_MS)


def test_a_click_made_while_the_picture_is_read_is_answered_later(visitor):
    visitor.open(None)
    answers = []
    visitor.page.route("**/api/pictures?*", lambda route: answers.append(route))
    visitor.page.goto(f"{visitor.server.origin}/?image={visitor.server.gallery_id('chelsea')}")
    expect(visitor.get("stage")).to_have_attribute("data-state", "encoding")
    visitor.wait(lambda: len(answers), bool)
    visitor.click(220, 160)
    expect(visitor.get("queued")).to_be_visible()
    for route in answers:
        route.continue_()
    visitor.ready()
    visitor.some_mask()
    visitor.leave()
    visitor.wait(lambda: visitor.covers(220, 160), bool)


def test_a_token_is_asked_for_and_the_address_carries_it(open_page, tmp_path, watch):
    watch.expect(r"status of 401")
    with serving(tmp_path / "home", "--token") as guarded:
        assert "#token=" in guarded.url
        visitor = open_page(guarded)
        visitor.page.goto(guarded.url)
        expect(visitor.get("upload")).to_be_visible()
        expect(visitor.page).to_have_url(f"{guarded.origin}/")
        visitor.page.wait_for_timeout(500)
        assert watch.troubles == []
        stranger = open_page(guarded)
        stranger.page.goto(f"{guarded.origin}/")
        expect(stranger.get("token")).to_be_visible()
        stranger.get("token").fill(guarded.url.partition("#token=")[2])
        stranger.press("Enter")
        expect(stranger.get("token")).to_be_hidden()
        stranger.get("gallery").click()
        stranger.get("gallery-sheet").get_by_test_id("gallery-chelsea").click()
        stranger.ready()
