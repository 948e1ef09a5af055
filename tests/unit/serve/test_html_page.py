"""The HTML file of a result stands alone, asks for nothing, and shows names as text."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from anymask.image.picture import Picture
from anymask.masks import rle
from anymask.serve import html_page
from anymask.serve.html_page import export_html
from anymask.serve.sent_objects import SentObject
from tests.unit.serve.test_exporting import CORNER, EVIL, HEIGHT, RING, WIDTH

PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
PICTURE = Picture(pixels=PIXELS)
NAME = f'{EVIL}"; </title><script>alert(2)</script>.png'
OBJECTS = (
    SentObject(name=EVIL, rle=rle.encode(CORNER), score=0.5, colour=(213, 94, 0)),
    SentObject(name="</script><script>alert(3)//", rle=rle.encode(RING), colour=(0, 114, 189)),
    SentObject(name="nothing", rle=rle.encode(CORNER & RING), colour=(1, 2, 3)),
)


class Page(HTMLParser):
    """Elements, attributes and text of a page as a browser takes it apart."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self._inside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._inside.append(tag)

    def handle_data(self, data):
        self.texts.append((self._inside[-1] if self._inside else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def exported():
    return export_html(PICTURE, NAME, OBJECTS)


@pytest.fixture(scope="module")
def page(exported):
    return Page(exported.content.decode())


def test_names_are_text_and_nothing_else(page):
    known = {"html", "head", "meta", "title", "link", "style", "body", "h1", "figure", "svg"}
    known |= {"image", "path", "figcaption", "ul", "li", "img", "rect", "a", "script"}
    assert {tag for tag, _ in page.elements} == known
    assert len(page.all("script")) == 1
    handlers = [name for _, attributes in page.elements for name in attributes if name[:2] == "on"]
    assert handlers == []
    assert ("h1", NAME) in page.texts
    told = [one["data-told"] for one in page.all("li")]
    assert told[0].startswith(f"{EVIL}, 2.0 % of the picture, score 0.50")
    assert told[1].startswith("</script><script>alert(3)//, ")


def test_nothing_is_asked_for(page):
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "srcset", "poster")
    ]
    assert len(addresses) == 1 + 1 + 2
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"@import|url\(", html_page._STYLE)
    assert not re.search(r"fetch|XMLHttp|import|innerHTML|eval", html_page._SCRIPT)


def test_the_policy_allows_the_one_script_and_style(exported, page):
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") is not None]
    text = exported.content.decode()
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    assert all("style" not in attributes for _, attributes in page.elements)


def picture_in(address):
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_picture_and_cut_outs_are_the_pictures_own_pixels(exported, page):
    (image,) = page.all("image")
    assert np.array_equal(picture_in(image["href"]), PIXELS)
    cuts = [picture_in(one["src"]) for one in page.all("img")]
    assert len(cuts) == 2
    opaque = cuts[0][:, :, 3] == 255
    assert np.array_equal(cuts[0][:, :, :3][opaque], PIXELS[:10, :13][opaque])
    assert exported.notes == ("The page holds 2 of 3 cut-outs, the largest ones.",)
    assert not any(set(one["download"]) & set('<>"/\\:') for one in page.all("a"))


def test_outlines_are_those_of_the_masks(page):
    shapes = page.all("path")
    # The ring is larger and lies below; what is empty has no outline.
    assert [shape["data-n"] for shape in shapes] == ["2", "1", "3"]
    assert shapes[1]["d"] == "M12,0 12,9 0,9 0,0z"
    assert shapes[1]["fill"] == "rgb(213,94,0)"
    assert shapes[0]["d"].count("M") == 2
    assert shapes[2]["d"] == ""


def test_large_pictures_travel_as_jpeg_and_say_so(monkeypatch):
    monkeypatch.setattr(html_page, "_LOSSLESS_PIXELS", 100)
    exported = export_html(PICTURE, "a.png", OBJECTS[:2])
    (image,) = Page(exported.content.decode()).all("image")
    assert image["href"].startswith("data:image/jpeg;base64,")
    assert exported.notes == ("The picture in the page is a JPEG; the cut-outs are exact.",)
    assert exported.name == "a.html"


def test_cut_outs_beyond_the_room_are_left_out(monkeypatch):
    monkeypatch.setattr(html_page, "_MOST_CUT_PIXELS", 200)
    exported = export_html(PICTURE, "a.png", OBJECTS[:2])
    assert len(Page(exported.content.decode()).all("img")) == 1
    assert exported.notes == ("The page holds 1 of 2 cut-outs, the largest ones.",)
