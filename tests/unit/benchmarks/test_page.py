from page import places, row, table


def test_a_row_tells_median_late_and_worst():
    values = [float(value) for value in range(100, 0, -1)]
    assert row("hover", values, "ms") == ["hover", "50 ms", "96 ms", "100 ms"]
    assert row("size", [1.25], "kB", 1) == ["size", "1.2 kB", "1.2 kB", "1.2 kB"]
    assert row("nothing", [], "ms") == ["nothing", None, None, None]


def test_the_table_has_every_question_once():
    found = {
        "hover_ms": [40.0],
        "click_ms": [50.0],
        "answer_bytes": [2500],
        "previews_a_second": 24.6,
        "longest_task_ms": 12.0,
        "encode_12_megapixels_s": [1.5],
        "redraw_ms": [9.0],
        "frame_ms": [1.25],
        "masks_redrawn": 512,
    }
    drawn = table(found)
    assert {len(one) for one in drawn["rows"]} == {len(drawn["columns"])}
    assert [one[0] for one in drawn["rows"]] == [
        "hover to visible mask",
        "click to visible mask",
        "previews a second under a fast pointer",
        "longest task on the main thread meanwhile",
        "an answer as it travels",
        "512 masks filtered by a slider and redrawn",
        "a frame's drawing while 512 masks are moved about",
        "a 12-megapixel photo, chosen to ready",
    ]
    assert drawn["rows"][2][1] == "25"
    assert drawn["rows"][4][1] == "2.5 kB"


def test_the_places_are_the_same_each_time_and_on_the_photo():
    assert places(50) == places(50)
    assert all(20 <= x < 580 and 20 <= y < 380 for x, y in places(50))
