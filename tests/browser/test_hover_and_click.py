"""Hover & Click: what lies under the pointer, and what clicks make of it."""

import contextlib
import itertools
import random

from playwright.sync_api import Error, expect

# A pixel on the cat's face, and the photo's size.
FACE = (220, 160)
WIDTH, HEIGHT = 451, 300


def test_a_click_on_the_cat_gives_a_mask_under_the_pixel(visitor):
    visitor.open("chelsea")
    expect(visitor.get("reset")).to_be_disabled()
    expect(visitor.get("cutout")).to_be_disabled()
    visitor.click(*FACE)
    expect(visitor.get("reset")).to_be_enabled()
    mask = visitor.some_mask()
    assert mask["area"] > 0.02 * WIDTH * HEIGHT
    visitor.wait(lambda: visitor.covers(*FACE), bool)
    visitor.expect_objects(0)


def test_a_shift_click_takes_a_pixel_away_and_undo_brings_it_back(visitor):
    visitor.open("chelsea")
    visitor.click(*FACE)
    first = visitor.some_mask()
    x0, y0, x1, y1 = first["box"]
    places = itertools.product(
        range(int(x0) + 12, int(x1) - 12, 9), range(int(y0) + 12, int(y1) - 12, 9)
    )
    far = [(x, y) for x, y in places if abs(x - FACE[0]) + abs(y - FACE[1]) > 60]
    away = next(place for place, is_in in zip(far, visitor.covered(far), strict=True) if is_in)
    visitor.click(*away, key="Shift")
    second = visitor.changed(first)
    visitor.leave()
    visitor.mask_when(lambda mask: mask == second)
    visitor.wait(lambda: visitor.covers(*away), lambda is_in: not is_in)
    assert visitor.covers(*FACE)
    visitor.get("undo").click()
    visitor.mask_when(lambda mask: mask == first)
    visitor.get("undo").click()
    visitor.no_mask()
    expect(visitor.get("undo")).to_be_disabled()
    visitor.get("redo").click()
    visitor.get("redo").click()
    visitor.mask_when(lambda mask: mask == second)


def test_the_mask_shown_is_that_of_the_last_place_and_goes_with_the_pointer(visitor):
    visitor.open("chelsea")
    rolled = random.Random(0)
    places = [(rolled.randrange(10, 440), rolled.randrange(10, 290)) for _ in range(199)]
    visitor.sweep([*places, FACE])
    visitor.wait(lambda: visitor.mask() is not None and visitor.covers(*FACE), bool)
    visitor.page.wait_for_timeout(400)
    assert visitor.covers(*FACE)
    visitor.leave()
    visitor.no_mask()
    visitor.page.wait_for_timeout(400)
    assert visitor.mask() is None


class SlowFirst:
    """Lets the first answer lie until it is released; the others pass."""

    def __init__(self, visitor):
        self.asked = []
        self._held = []
        visitor.page.route("**/api/pictures/*/masks", self._hold)
        self._visitor = visitor

    def _hold(self, route):
        self.asked.append(route.request.post_data_json)
        if len(self.asked) == 1:
            self._held.append((route, route.fetch()))
        else:
            route.continue_()

    def wait(self):
        self._visitor.wait(lambda: len(self._held), bool)

    def release(self):
        ((route, answer),) = self._held
        # The page may have given the question up; then there is nobody to answer.
        with contextlib.suppress(Error):
            route.fulfill(response=answer)
        self._visitor.page.wait_for_timeout(500)


def test_a_slow_old_answer_never_replaces_that_to_a_click(visitor):
    visitor.open("chelsea")
    slow = SlowFirst(visitor)
    visitor.hover(20, 20)
    slow.wait()
    visitor.click(*FACE)
    seen = visitor.some_mask()
    slow.release()
    assert visitor.mask() == seen
    clicks = [one for one in slow.asked if one["purpose"] == "click"]
    assert clicks[0]["steps"][-1]["points"] == [list(FACE)]


def test_after_a_slow_answer_the_newest_place_is_asked_and_shown(visitor):
    visitor.open("chelsea")
    slow = SlowFirst(visitor)
    visitor.hover(20, 20)
    slow.wait()
    visitor.sweep([(60, 40), (90, 80), (150, 120), FACE])
    slow.release()
    visitor.wait(lambda: slow.asked[-1]["steps"][-1]["points"], lambda last: last == [list(FACE)])
    visitor.wait(lambda: visitor.covers(*FACE), bool)
    numbers = [one["request"] for one in slow.asked]
    assert numbers == sorted(set(numbers))


def test_a_slow_answer_is_not_drawn_when_the_pointer_has_left(visitor):
    visitor.open("chelsea")
    slow = SlowFirst(visitor)
    visitor.hover(*FACE)
    slow.wait()
    visitor.leave()
    slow.release()
    assert visitor.mask() is None


def test_a_minus_first_sends_nothing_and_says_what_to_do(visitor):
    visitor.open("chelsea")
    visitor.hover(*FACE)
    visitor.some_mask()
    clicks = []
    visitor.page.on(
        "request",
        lambda request: (
            clicks.append(request.url)
            if request.method == "POST" and '"click"' in (request.post_data or "")
            else None
        ),
    )
    visitor.get("remove").click()
    expect(visitor.get("remove")).to_have_attribute("aria-pressed", "true")
    visitor.click(*FACE)
    expect(visitor.page.get_by_text("Start with a + click on the object.").first).to_be_visible()
    assert clicks == []
    expect(visitor.get("undo")).to_be_disabled()


def test_the_right_button_removes_and_opens_no_menu(visitor):
    visitor.open("chelsea")
    visitor.page.evaluate(
        "() => addEventListener('contextmenu', e => { window.menu = e.defaultPrevented })"
    )
    visitor.click(*FACE)
    first = visitor.some_mask()
    visitor.click(300, 40, button="right")
    visitor.wait(visitor.get("undo").is_enabled, bool)
    assert visitor.page.evaluate("() => window.menu") is True
    visitor.get("undo").click()
    visitor.mask_when(lambda mask: mask == first)


def test_three_candidates_are_offered_largest_first_and_chosen_by_key(visitor):
    visitor.open("astronaut")
    visitor.get("multimask").click()
    expect(visitor.get("multimask")).to_have_attribute("aria-pressed", "true")
    visitor.click(240, 300)
    visitor.expect_candidates(3)
    areas = []
    for number in "123":
        visitor.press(number)
        visitor.page.wait_for_timeout(150)
        areas.append(visitor.some_mask()["area"])
    assert areas == sorted(areas, reverse=True)
    visitor.get("candidate-0").click()
    visitor.mask_when(lambda mask: mask is not None and mask["area"] == areas[0])


def test_reset_can_be_undone_and_keep_starts_the_next_object(visitor):
    visitor.open("chelsea")
    visitor.click(*FACE)
    first = visitor.some_mask()
    visitor.get("reset").click()
    visitor.leave()
    visitor.no_mask()
    visitor.get("undo").click()
    visitor.mask_when(lambda mask: mask == first)
    visitor.get("keep").click()
    visitor.expect_objects(1)
    visitor.click(60, 250)
    visitor.wait(visitor.get("keep").is_enabled, bool)
    visitor.press("Enter")
    visitor.expect_objects(2)
    visitor.get("undo").click()
    visitor.expect_objects(1)


def test_the_brush_mends_the_mask_and_it_is_one_step_to_undo(visitor):
    visitor.open("chelsea")
    visitor.click(*FACE)
    first = visitor.some_mask()
    x0, y0, x1, y1 = map(int, first["box"])
    visitor.get("brush-erase").click()
    visitor.drag((FACE[0] - 15, FACE[1]), (FACE[0] + 15, FACE[1]))
    visitor.leave()
    visitor.mask_when(
        lambda mask: mask is not None and mask["area"] is not None and mask["area"] < first["area"]
    )
    visitor.wait(lambda: visitor.covers(*FACE), lambda is_in: not is_in)
    visitor.get("undo").click()
    visitor.mask_when(lambda mask: mask is not None and mask["area"] == first["area"])
    assert (x0, y0, x1, y1) == tuple(map(int, visitor.some_mask()["box"]))
