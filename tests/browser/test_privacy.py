"""Names are text wherever they are shown, and nothing leaves this computer."""

import pytest
from PIL import Image
from playwright.sync_api import expect

NAME = "<img src=x onerror=alert(1)>.png"


@pytest.fixture
def named_like_code(tmp_path):
    """A picture whose name would run if a page took it for code."""
    path = tmp_path / NAME
    picture = Image.new("RGB", (320, 240), (30, 60, 90))
    picture.paste((230, 210, 190), (80, 60, 240, 180))
    picture.save(path)
    return path


def test_a_name_like_code_is_shown_as_text(visitor, named_like_code, tmp_path):
    alarms = []

    def hear(dialog):
        alarms.append(dialog.message)
        dialog.dismiss()

    visitor.page.on("dialog", hear)
    visitor.open(None).upload(named_like_code)
    expect(visitor.get("status")).to_contain_text("<img src=x onerror=alert(1)>")
    visitor.click(160, 120)
    visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    visitor.get("object-name").first.click()
    visitor.press("l")
    visitor.page.keyboard.type("<b onclick=alert(2)>cup</b>")
    visitor.press("Enter")
    expect(visitor.get("objects")).to_contain_text("<b onclick=alert(2)>cup</b>")
    saved = visitor.export("html")
    assert not set('<>:"/\\|?*') & set(saved.suggested_filename)
    path = tmp_path / "result.html"
    saved.save_as(path)
    offline = visitor.page.context.new_page()
    offline.on("dialog", hear)
    offline.goto(path.as_uri())
    expect(offline.locator("body")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(offline.locator("img[src=x]")).to_have_count(0)
    expect(visitor.page.locator("img[src=x]")).to_have_count(0)
    assert alarms == []


def test_the_page_keeps_no_cookies_and_says_where_pictures_stay(visitor):
    visitor.open(None)
    expect(visitor.page.get_by_text("Pictures stay on this computer").first).to_be_visible()
    visitor.open("chelsea")
    assert visitor.page.context.cookies() == []
