"""The tables of README and docs show what the results files hold, and nothing typed by hand."""

import json
import re

import pytest

from scripts.fill_numbers import (
    RESULTS,
    NumbersError,
    Table,
    draw_cell,
    fill,
    pages,
    read_tables,
    stale_pages,
)
from tests.docs.pages import REPOSITORY

RESULTS_FILE = {
    "name": "speed",
    "command": "make bench",
    "date": "2026-11-22",
    "commit": "0123456789abcdef",
    "device": "cpu, 2 threads",
    "versions": {"torch": "2.13.0"},
    "tables": {"speed": {"columns": ["what", "s"], "rows": [["encode", 0.27], ["a|b", None]]}},
}

DRAWN = """\
<!-- numbers:speed -->

| what | s |
| --- | ---: |
| encode | 0.270 |
| a\\|b | – |

*`make bench` · cpu, 2 threads · torch 2.13.0 · 2026-11-22 · commit 0123456789 · \
[a.json](benchmarks/results/a.json)*

<!-- /numbers -->
"""


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(RESULTS_FILE))
    return read_tables(tmp_path)


def test_pages_show_what_was_measured():
    stale = stale_pages(pages(REPOSITORY), read_tables(RESULTS))
    assert [str(page.relative_to(REPOSITORY)) for page in stale] == []


def test_the_readme_has_tables_and_types_none_by_hand():
    text = (REPOSITORY / "README.md").read_text()
    assert "<!-- numbers:" in text
    typed = re.sub(r"<!-- numbers:.*?<!-- /numbers -->", "", text, flags=re.DOTALL)
    rows = [line for line in typed.splitlines() if re.match(r"\|.*\|\s*0?\.\d{2,}", line)]
    assert rows == []


def test_every_results_file_says_where_it_comes_from():
    for path in RESULTS.glob("*.json"):
        entries = json.loads(path.read_text())
        missing = {"name", "command", "date", "commit", "device", "versions"} - set(entries)
        assert missing == set(), path.name


def test_a_place_is_filled_and_filling_again_changes_nothing(tables):
    empty = "<!-- numbers:speed -->\n<!-- /numbers -->\n"
    filled = fill(empty, tables, place="x.md", link="benchmarks/results")
    assert filled == DRAWN
    assert fill(filled, tables, place="x.md", link="benchmarks/results") == DRAWN


def test_what_stands_around_a_place_is_kept(tables):
    text = f"before\n{DRAWN}between\n{DRAWN}after\n"
    assert fill(text, tables, place="x.md", link="benchmarks/results") == text


def test_a_number_changed_by_hand_is_seen(tables):
    changed = DRAWN.replace("0.270", "0.200")
    assert fill(changed, tables, place="x.md", link="benchmarks/results") == DRAWN


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, "–"),
        (3, "3"),
        (0.5, "0.500"),
        (-0.25, "-0.250"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (1234.6, "1235"),
        ("≤ .3", "≤ .3"),
    ],
)
def test_a_cell_is_drawn(cell, expected):
    assert draw_cell(cell) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "<!-- numbers:sped -->\n<!-- /numbers -->",
            r"^x\.md: no results file has a table 'sped'$",
        ),
        ("<!-- numbers:speed -->\n", r"^x\.md: a numbers mark has no end mark$"),
    ],
)
def test_a_wrong_place_is_named(tables: dict[str, Table], text, sentence):
    with pytest.raises(NumbersError, match=sentence):
        fill(text, tables, place="x.md", link="")


def test_a_table_in_two_files_is_refused(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(RESULTS_FILE))
    with pytest.raises(NumbersError, match=r"^b\.json: another results file has a table 'speed'"):
        read_tables(tmp_path)


def test_a_row_of_another_width_is_refused(tmp_path):
    wrong = {"columns": ["a"], "rows": [[1, 2]]}
    (tmp_path / "a.json").write_text(json.dumps({**RESULTS_FILE, "tables": {"t": wrong}}))
    with pytest.raises(NumbersError, match=r"^a\.json: a row has 2 cells, the head 1$"):
        read_tables(tmp_path)
