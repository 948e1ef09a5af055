"""The mask lies on the pixel that was clicked, however the picture is shaped and shown."""

import pytest
from PIL import Image, ImageDraw

from tests.browser.visitor import Visitor


@pytest.fixture
def disc(tmp_path):
    """Write a picture of a size, with a light disc at a place of the upright picture."""

    def write(size, centre, radius, orientation=1):
        width, height = size
        picture = Image.new("RGB", size, (40, 60, 40))
        pen = ImageDraw.Draw(picture)
        x, y = centre
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(240, 220, 200))
        exif = Image.Exif()
        if orientation == 6:
            picture = picture.transpose(Image.Transpose.ROTATE_90)
            exif[0x0112] = 6
        path = tmp_path / f"disc-{width}-{height}-{orientation}.jpg"
        picture.save(path, quality=95, exif=exif)
        return path

    return write


def covers_around(visitor: Visitor, x: int, y: int) -> bool:
    """Wait until the mask is drawn on a pixel, or right beside it."""
    return visitor.wait(lambda: is_near(visitor, x, y), bool)


def is_near(visitor: Visitor, x: int, y: int) -> bool:
    return any(visitor.covered([(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]))


@pytest.mark.parametrize(
    ("size", "centre", "radius", "orientation"),
    [
        pytest.param((300, 900), (90, 700), 70, 1, id="portrait"),
        pytest.param((1800, 300), (1500, 120), 80, 1, id="panorama"),
        pytest.param((640, 400), (500, 130), 80, 6, id="exif-6"),
    ],
)
def test_the_mask_is_where_the_click_was(visitor, disc, size, centre, radius, orientation):
    visitor.open(None).upload(disc(size, centre, radius, orientation))
    visitor.click(*centre)
    mask = visitor.some_mask()
    visitor.leave()
    assert covers_around(visitor, *centre)
    x0, y0, x1, y1 = mask["box"]
    assert x0 <= centre[0] < x1
    assert y0 <= centre[1] < y1
    assert (x1 <= size[0], y1 <= size[1]) == (True, True)


def test_the_mask_is_where_the_click_was_when_zoomed_in(visitor):
    visitor.open("chelsea")
    before = visitor.view()["scale"]
    where = visitor.at(180, 120)
    visitor.page.mouse.move(*where)
    for _ in range(40):
        visitor.page.mouse.wheel(0, -120)
        visitor.page.wait_for_timeout(30)
        if visitor.view()["scale"] >= 3 * before:
            break
    zoomed = visitor.at(180, 120)
    assert visitor.view()["scale"] >= 3 * before
    # The pixel under the pointer stays under it.
    assert max(abs(zoomed[0] - where[0]), abs(zoomed[1] - where[1])) <= 2 * visitor.view()["scale"]
    visitor.click(180, 120)
    mask = visitor.some_mask()
    assert covers_around(visitor, 180, 120)
    assert mask["box"][2] <= 451
    visitor.press("f")
    visitor.wait(lambda: visitor.view()["scale"], lambda scale: abs(scale - before) < 0.01)
    visitor.leave()
    assert covers_around(visitor, 180, 120)


def test_the_mask_is_where_the_click_was_on_a_dense_screen(open_page, server):
    visitor = open_page(server, device_scale_factor=1.5).open("chelsea")
    visitor.click(220, 160)
    visitor.some_mask()
    visitor.leave()
    assert covers_around(visitor, 220, 160)
    dense = visitor.get("mask-canvas").evaluate("e => e.width / e.getBoundingClientRect().width")
    assert abs(dense - 1.5) < 0.02


def test_a_drag_with_space_held_moves_the_picture(visitor):
    visitor.open("chelsea")
    before = visitor.view()
    start = visitor.at(200, 150)
    visitor.page.mouse.move(*start)
    visitor.page.keyboard.down("Space")
    visitor.page.mouse.down()
    visitor.page.mouse.move(start[0] + 60, start[1] + 30, steps=4)
    visitor.page.mouse.up()
    visitor.page.keyboard.up("Space")
    after = visitor.view()
    assert after["x"] - before["x"] == pytest.approx(60, abs=2)
    assert after["y"] - before["y"] == pytest.approx(30, abs=2)
    visitor.leave()
    visitor.no_mask()
