"""Box: a drag in any direction is a box, and a box is a mask."""

import itertools

from playwright.sync_api import expect

# Around the cup of coffee.png, whose size is 600 × 400.
CUP = (85, 15, 500, 395)
CORNERS = ((85, 15, 500, 395), (500, 395, 85, 15), (85, 395, 500, 15), (500, 15, 85, 395))


def covered(visitor) -> list[bool]:
    """Whether the mask covers each spot of a grid over the picture."""
    visitor.leave()
    return visitor.covered(list(itertools.product(range(10, 600, 20), range(10, 400, 20))))


def test_four_ways_to_drag_a_box_give_one_mask(visitor):
    visitor.open("coffee")
    visitor.get("tool-box").click()
    found = []
    for x0, y0, x1, y1 in CORNERS:
        visitor.drag((x0, y0), (x1, y1))
        mask = visitor.some_mask()
        found.append((mask["area"], covered(visitor)))
        visitor.get("reset").click()
        visitor.no_mask()
    areas = [area for area, _ in found]
    assert max(areas) - min(areas) <= 0.01 * min(areas)
    first = found[0][1]
    for _, cells in found[1:]:
        both = sum(a and b for a, b in zip(first, cells, strict=True))
        either = sum(a or b for a, b in zip(first, cells, strict=True))
        assert both >= 0.99 * either > 0


def test_a_box_past_the_edge_is_cut_to_the_picture(visitor):
    visitor.open("coffee")
    sent = []
    visitor.page.on(
        "request",
        lambda request: (
            sent.append(request.post_data_json) if request.url.endswith("/masks") else None
        ),
    )
    visitor.get("tool-box").click()
    visitor.drag((400, 200), (640, 430))
    visitor.some_mask()
    x0, y0, x1, y1 = sent[-1]["steps"][-1]["box"]
    assert (abs(x0 - 400) <= 1, abs(y0 - 200) <= 1) == (True, True)
    assert (x1, y1) == (600, 400)


def test_escape_while_dragging_leaves_no_trace(visitor):
    visitor.open("coffee")
    visitor.get("tool-box").click()
    visitor.page.mouse.move(*visitor.at(100, 50))
    visitor.page.mouse.down()
    visitor.page.mouse.move(*visitor.at(400, 300), steps=4)
    visitor.press("Escape")
    visitor.page.mouse.up()
    visitor.leave()
    visitor.page.wait_for_timeout(300)
    assert visitor.mask() is None
    expect(visitor.get("undo")).to_be_disabled()


def test_a_click_refines_the_box(visitor):
    visitor.open("coffee")
    visitor.get("tool-box").click()
    visitor.drag(CUP[:2], CUP[2:])
    first = visitor.some_mask()
    visitor.click(300, 160, key="Shift")
    second = visitor.changed(first)
    visitor.leave()
    assert second["area"] != first["area"]
    visitor.get("undo").click()
    visitor.mask_when(lambda mask: mask == first)
