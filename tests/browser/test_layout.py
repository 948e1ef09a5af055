"""Nothing overlaps and nothing is cut, at four widths, light and dark."""

import itertools

import pytest

from tests.browser.visitor import Visitor

SIZES = {320: 640, 768: 1024, 1280: 800, 2560: 1440}

# Leaves with something to read or press, and the boxes they paint.
MEASURE = """(root) => {
  const shown = (part) => part.checkVisibility({ opacityProperty: true, visibilityProperty: true })
  const parts = []
  for (const part of document.querySelectorAll(root + ' *')) {
    if (part.closest('svg') && part.tagName.toLowerCase() !== 'svg') continue
    if (!shown(part) || part.closest('.unseen, [inert]')) continue
    const isLeaf = part.matches('button, a, input, select, textarea, canvas, img, output') ||
      (!part.closest('button, a, select') &&
        [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''))
    if (!isLeaf || part.tagName === 'OPTION') continue
    const box = part.getBoundingClientRect()
    if (box.width < 2 || box.height < 2) continue
    const style = getComputedStyle(part)
    if (style.clipPath !== 'none' && box.width <= 2) continue
    parts.push({
      name: part.dataset.testid || part.getAttribute('aria-label') ||
        part.textContent.trim().slice(0, 30) || part.tagName,
      box: [box.left, box.top, box.right, box.bottom],
      isCut: part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0 &&
        !/(auto|scroll)/.test(style.overflowX) && !part.matches('input, canvas, img'),
      isField: part.matches('input'),
      isInStrip: part.closest('#strip') !== null,
    })
  }
  return parts
}"""
NESTED = """(root) => {
  const inside = []
  for (const part of document.querySelectorAll(root + ' [data-testid]')) {
    for (const other of part.querySelectorAll('[data-testid]')) {
      inside.push([part.dataset.testid, other.dataset.testid])
    }
  }
  return inside
}"""


def problems(visitor: Visitor, root: str, width: int) -> list[str]:
    """What overlaps, sticks out of the window, or is wider than its place."""
    parts = visitor.page.evaluate(MEASURE, root)
    assert parts or root == "#tray", f"{root} is empty"
    nested = {tuple(pair) for pair in visitor.page.evaluate(NESTED, root)}
    found = [f"{root}: {part['name']!r} is cut" for part in parts if part["isCut"]]
    for part in parts:
        left, _, right, _ = part["box"]
        if (left < -1 or right > width + 1) and not part["isInStrip"]:
            found.append(f"{root}: {part['name']!r} leaves the window: {part['box']}")
    for one, other in itertools.combinations(parts, 2):
        pair = (one["name"], other["name"])
        if pair in nested or pair[::-1] in nested or holds(one, other) or holds(other, one):
            continue
        if overlap(one["box"], other["box"]) > 2:
            found.append(f"{root}: {pair[0]!r} overlaps {pair[1]!r}")
    return found


def holds(outer: dict, inner: dict) -> bool:
    """Whether one is drawn within the other: a label around its field."""
    a, b = outer["box"], inner["box"]
    return inner["isField"] and a[0] <= b[0] and a[1] <= b[1] and a[2] >= b[2] and a[3] >= b[3]


def overlap(a: list[float], b: list[float]) -> float:
    """By how many pixels two boxes lie over each other, the smaller way."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return min(across, down)


def regions_overlapping(visitor: Visitor) -> list[str]:
    """Header, stage and status never lie over each other."""
    boxes = {
        name: visitor.page.locator(f"#{name}").bounding_box()
        for name in ("header", "stage", "status")
    }
    shown = {name: box for name, box in boxes.items() if box and box["height"] > 0}
    corners = {
        name: [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
        for name, box in shown.items()
    }
    return [
        f"#{one} overlaps #{other}"
        for one, other in itertools.combinations(corners, 2)
        if overlap(corners[one], corners[other]) > 1
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
def test_nothing_overlaps_and_nothing_is_cut(open_page, server, tmp_path, width, scheme):
    visitor = open_page(
        server,
        viewport={"width": width, "height": SIZES[width]},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    found = []
    visitor.open(None)
    visitor.page.screenshot(path=tmp_path / f"{width}-{scheme}-empty.png")
    found += [f"empty: {problem}" for problem in problems(visitor, "#header", width)]
    visitor.open("chelsea")
    visitor.click(220, 160)
    visitor.some_mask()
    visitor.press("Enter")
    for tool in ("hover", "box", "everything", "cutouts"):
        visitor.get(f"tool-{tool}").click()
        visitor.page.wait_for_timeout(60)
        visitor.page.screenshot(path=tmp_path / f"{width}-{scheme}-{tool}.png")
        for root in ("#header", "#card", "#tray", "#status"):
            found += [f"{tool}: {problem}" for problem in problems(visitor, root, width)]
        found += [f"{tool}: {problem}" for problem in regions_overlapping(visitor)]
    wide = visitor.page.evaluate("() => document.documentElement.scrollWidth")
    assert found == []
    assert wide <= width


def test_the_check_sees_what_overlaps_is_cut_or_sticks_out(visitor):
    visitor.open("chelsea")
    assert problems(visitor, "#card", 1280) == []
    for style, told in (
        ("[data-testid=undo] { margin-left: -60px }", "'reset' overlaps 'undo'"),
        ("[data-testid=cutout] { width: 40px !important; white-space: nowrap }", "is cut"),
        ("[data-testid=gallery] { position: fixed; left: -30px }", "leaves the window"),
    ):
        spoiled = visitor.page.evaluate_handle(
            "(style) => { const sheet = new CSSStyleSheet(); sheet.replaceSync(style);"
            " document.adoptedStyleSheets = [sheet]; return sheet }",
            style,
        )
        assert any(told in problem for problem in problems(visitor, "#card", 1280)), style
        spoiled.dispose()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system(open_page, server, scheme):
    visitor = open_page(server, color_scheme=scheme).open(None)
    ground = visitor.page.evaluate(
        "() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)"
    )
    assert (sum(ground[:3]) / 3 > 128) == (scheme == "light")
