"""axe finds nothing serious on the page, in either theme and with any tool open."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.visitor import Visitor

GRAVE = ("serious", "critical")


def findings(visitor: Visitor) -> list[str]:
    report = Axe().run(visitor.page).response
    return [
        f"{found['id']} ({found['impact']}): {node['target']} {node['failureSummary']}"
        for found in report["violations"]
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page, server, scheme):
    visitor = open_page(server, color_scheme=scheme, reduced_motion="reduce")
    visitor.open(None)
    found = findings(visitor)
    visitor.open("chelsea")
    visitor.click(220, 160)
    visitor.some_mask()
    visitor.press("Enter")
    visitor.expect_objects(1)
    for tool in ("hover", "box", "everything", "cutouts"):
        visitor.get(f"tool-{tool}").click()
        found += findings(visitor)
    visitor.get("help").click()
    found += findings(visitor)
    assert sorted(set(found)) == []


def test_the_page_has_landmarks_and_one_heading(visitor):
    visitor.open("chelsea")
    for role in ("banner", "main"):
        assert visitor.page.get_by_role(role).count() == 1, role
    assert visitor.page.locator("h1").count() == 1
    assert visitor.page.locator("html").get_attribute("lang")


def test_a_person_who_cannot_see_hears_the_result(visitor):
    visitor.open("chelsea")
    visitor.click(220, 160)
    visitor.some_mask()
    heard = visitor.wait(lambda: visitor.get("live").inner_text(), lambda text: "Mask" in text)
    assert "% of the picture" in heard
    assert "score" in heard
    assert visitor.get("live").get_attribute("aria-live") == "polite"


def test_reduced_motion_is_obeyed(open_page, server):
    visitor = open_page(server, reduced_motion="reduce").open("chelsea")
    visitor.click(220, 160)
    visitor.some_mask()
    visitor.get("cutout").first.click()
    moving = visitor.page.evaluate(
        "() => document.getAnimations().filter(a => a.playState === 'running').length"
    )
    assert moving == 0
