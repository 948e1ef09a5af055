"""Fill the tables of README and docs from the results files.

A page marks the place of a table by its name:

    <!-- numbers:NAME -->
    <!-- /numbers -->

and a file of benchmarks/results holds the table (see scripts/README.md for its form); a file of
trials, NAME_trials.jsonl, is a table of that name with a row for each. Run without
arguments, this writes the pages; with --check it only says which are out of date.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from anymask.errors import AnymaskError
from anymask.train.trial_record import read_trials, trial_table

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"
PLACE = re.compile(r"(<!-- numbers:([\w-]+) -->\n).*?(<!-- /numbers -->)", re.DOTALL)
NOT_MEASURED = "–"

Cell = str | float | int | None


class NumbersError(Exception):
    """A page or a results file cannot be used; the sentence says which and why."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table and where its numbers come from."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    source: str


def read_tables(folder: Path) -> dict[str, Table]:
    """Give every table of the results files in a folder, by name."""
    tables: dict[str, Table] = {}
    for path in sorted(folder.glob("*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        for name, table in results.get("tables", {}).items():
            if name in tables:
                raise NumbersError(f"{path.name}: another results file has a table {name!r} too")
            tables[name] = read_table(table, source=source_line(results, path), place=path.name)
    for path in sorted(folder.glob("*_trials.jsonl")):
        tables[path.stem] = read_trial_table(path)
    return tables


def read_trial_table(path: Path) -> Table:
    """Give the table of a file of trials, one a line."""
    try:
        table = trial_table(read_trials(path))
    except AnymaskError as error:
        raise NumbersError(str(error)) from error
    source = f"*a line each by `scripts/record_trial.py` · [{path.name}]*"
    return read_table(table, source=source, place=path.name)


def read_table(table: dict[str, list], *, source: str, place: str) -> Table:
    """Give one table of a results file; refuse it where a row has another width than the head."""
    columns = tuple(table["columns"])
    for row in table["rows"]:
        if len(row) != len(columns):
            raise NumbersError(f"{place}: a row has {len(row)} cells, the head {len(columns)}")
    return Table(columns=columns, rows=tuple(map(tuple, table["rows"])), source=source)


def source_line(results: dict, path: Path) -> str:
    """Say in one line where a file's numbers come from."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [f"`{results['command']}`", results["device"], versions, results["date"]]
    parts.append(f"commit {results['commit'][:10]}")
    return f"*{' · '.join(filter(None, parts))} · [{path.name}]*"


def draw_table(table: Table, *, link: str) -> str:
    """Write a table in Markdown: numbers to the right, its source beneath."""
    sides = [
        "---:" if _is_number_column([row[index] for row in table.rows]) else "---"
        for index in range(len(table.columns))
    ]
    lines = [table.columns, sides, *([draw_cell(cell) for cell in row] for row in table.rows)]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    source = re.sub(r"\[([^\]]+)\]\*$", rf"[\1]({link}/\1)*", table.source)
    return f"\n{drawn}\n\n{source}\n\n"


def draw_cell(cell: Cell) -> str:
    """Write one cell: fractions with three digits, text and whole numbers as they stand."""
    if cell is None:
        return NOT_MEASURED
    if isinstance(cell, float):
        digits = ".3f" if abs(cell) < 1 else "#.3g" if abs(cell) < 99.95 else ".0f"
        return format(cell, digits)
    return str(cell).replace("|", "\\|")


def _is_number_column(cells: list[Cell]) -> bool:
    return all(cell is None or re.match(r"[-+−]?[\d.]", str(cell)) for cell in cells)


def fill(text: str, tables: dict[str, Table], *, place: str, link: str) -> str:
    """Give a page's text with every marked table drawn anew.

    Args:
        text: The page.
        tables: What the results files hold.
        place: The page's name, for error sentences.
        link: The results folder as the page reaches it.
    """

    def drawn(match: re.Match[str]) -> str:
        name = match.group(2)
        if name not in tables:
            raise NumbersError(f"{place}: no results file has a table {name!r}")
        return match.group(1) + draw_table(tables[name], link=link) + match.group(3)

    if text.count("<!-- numbers:") != len(PLACE.findall(text)):
        raise NumbersError(f"{place}: a numbers mark has no end mark")
    return PLACE.sub(drawn, text)


def pages(repository: Path) -> list[Path]:
    """The pages that may hold tables."""
    card = repository / "src" / "anymask" / "weights" / "DEFAULT_MODEL.md"
    return [repository / "README.md", card, *sorted((repository / "docs").rglob("*.md"))]


def stale_pages(paths: Iterable[Path], tables: dict[str, Table]) -> dict[Path, str]:
    """Give the pages that do not show what the results files hold, with their right text."""
    stale = {}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        up = "../" * (len(path.relative_to(REPOSITORY).parts) - 1)
        place = path.relative_to(REPOSITORY).as_posix()
        right = fill(text, tables, place=place, link=f"{up}benchmarks/results")
        if right != text:
            stale[path] = right
    return stale


def main() -> int:
    """Fill the pages, or say which are stale."""
    parser = argparse.ArgumentParser(description="Fill the tables of README and docs.")
    parser.add_argument("--check", action="store_true", help="write nothing, name stale pages")
    is_check = parser.parse_args().check
    try:
        stale = stale_pages(pages(REPOSITORY), read_tables(RESULTS))
    except NumbersError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path, text in stale.items():
        print(f"{path.relative_to(REPOSITORY)}: {'is out of date' if is_check else 'filled'}")
        if not is_check:
            path.write_text(text, encoding="utf-8")
    if stale and is_check:
        print("hint: make numbers", file=sys.stderr)
    return 1 if stale and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
