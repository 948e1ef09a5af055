"""Measure the default model's object proposals and write `results/proposals.json`.

The same as `anymask evaluate --task proposals --set coco128`, but what is measured already is kept
in a file: a minute a picture is long, and a run that was cut off goes on where it was.
"""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, commit
from rich.console import Console
from rich.progress import track

import anymask
from anymask.data.shards import read_shards
from anymask.evaluate.proposal_report import proposal_record
from anymask.evaluate.proposals import Recalled
from anymask.evaluate.selection import choose_questions
from anymask.evaluate.tasks.proposals import ProposalRow, ask

ALL = 1_000_000


def main() -> None:
    """Measure what is missing and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="coco128.tar or another archive")
    parser.add_argument("--keep", type=Path, required=True, help="file of what is measured already")
    parser.add_argument("--pictures", type=int, default=ALL, help="pictures of the archive")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(stderr=True)
    loaded = anymask.load(device="cpu").loaded
    rows = read_rows(flags.keep)
    done = {row.picture for row in rows}
    questions = choose_questions(read_shards([flags.data]), flags.pictures, ALL, seed=0)
    ((name, group),) = questions.items()
    waiting = [question for question in group if question.picture.name not in done]
    for question in track(waiting, "finding objects", console=console):
        new = ask(loaded, name, question)
        with flags.keep.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(asdict(row))}\n" for row in new)
        rows += new
    asked = {question.picture.name for question in group}
    command = f"python benchmarks/proposals.py --data eval/{flags.data.name}"
    command += f" --pictures {len(group)}"
    record = proposal_record(
        loaded,
        sorted((row for row in rows if row.picture in asked), key=lambda row: row.picture),
        command,
        day=datetime.now(UTC).date(),
        commit=commit(),
    )
    path = RESULTS / "proposals.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"wrote {path}")


def read_rows(path: Path) -> list[ProposalRow]:
    """Give the rows of a file; none if there is no file. A line that was cut off is left out."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [row_of(json.loads(line)) for line in whole.splitlines()]


def row_of(told: dict[str, Any]) -> ProposalRow:
    """Give a row as it was before it was written."""
    found = {
        size: {int(number): tuple(counts) for number, counts in by_number.items()}
        for size, by_number in told["recalled"]["found"].items()
    }
    recalled = Recalled(objects=told["recalled"]["objects"], found=found)
    return ProposalRow(**{**told, "recalled": recalled})


if __name__ == "__main__":
    main()
