"""Fine-tune the default model on 40 pictures of blood cells, score it on 20 others, write results.

The pictures are those of the evaluation set `wbc`, in the order of their names. This is the one use
of evaluation pictures in training: a demonstration whose result is never shipped.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from record import commit
from rich.console import Console

RESULTS = Path(__file__).parent / "results" / "finetune.json"
TRAINED_ON = 40
PARTS = ("decoder", "decoder_and_lora", "all")
BLENDS = (1.0, 0.5)  # beside the command's own, 0.7
FIGURES = {"click": "one click", "oracle": "best of 3", "clicks_3": "three clicks", "box": "box"}


def main() -> None:
    """Run everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="wbc.tar")
    parser.add_argument("--minutes", type=float, default=5.0, help="length of each training")
    parser.add_argument("--processes", type=int, default=2, help="processes of each training")
    parser.add_argument("--keep", type=Path, help="folder for models and sheets")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = flags.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        divide(flags.data, folder)
        how = ("--minutes", str(flags.minutes), "--processes", str(flags.processes))
        reports = {part: run(folder, part, part, *how) for part in PARTS}
        reports |= {
            f"all, --blend {blend:g}": run(
                folder, f"all-{blend:g}", "all", *how, "--resume", "--blend", str(blend)
            )
            for blend in BLENDS
        }
    RESULTS.write_text(json.dumps(record(reports, flags.minutes, flags.processes), indent=1) + "\n")
    Console(stderr=True).print(f"wrote {RESULTS}")


def divide(archive: Path, folder: Path) -> None:
    """Write the first pictures by name into learn.tar and the others into ask.tar."""
    with tarfile.open(archive) as source:
        members = sorted(source.getmembers(), key=lambda member: member.name)
        stems = sorted({member.name.rpartition(".")[0] for member in members})
        learnt = set(stems[:TRAINED_ON])
        with (
            tarfile.open(folder / "learn.tar", "w") as learn,
            tarfile.open(folder / "ask.tar", "w") as ask,
        ):
            for member in members:
                target = learn if member.name.rpartition(".")[0] in learnt else ask
                target.addfile(member, source.extractfile(member))


def run(folder: Path, name: str, part: str, *words: str) -> dict[str, Any]:
    """Run `anymask finetune` and give its report."""
    data = ("--data", "learn.tar", "--validation", "ask.tar", "--cache", "prepared")
    out = ("--out", f"{name}.safetensors", "--run", f"{part}.run", "--part", part)
    command = [sys.executable, "-m", "anymask", "finetune", *data, *out, *words]
    subprocess.run(command, check=True, cwd=folder)
    report: dict[str, Any] = json.loads((folder / f"{name}.report.json").read_text())
    return report


def record(reports: dict[str, dict[str, Any]], minutes: float, processes: int) -> dict[str, Any]:
    """Give the results file's content."""
    whole = reports["all"]
    return {
        "name": "finetune",
        "command": "python benchmarks/finetune.py --data eval/wbc.tar "
        f"--minutes {minutes:g} --processes {processes}",
        "date": whole["date"],
        "commit": commit(),
        "device": whole["device"],
        "versions": whole["versions"],
        "reports": {
            name: {key: value for key, value in report.items() if key != "rows"}
            for name, report in reports.items()
        },
        "tables": {
            "finetune": before_and_after(whole["held_out"]),
            "finetune_general": before_and_after(whole["general"]),
            "finetune_parts": by_choice(reports),
        },
    }


def before_and_after(compared: dict[str, Any]) -> dict[str, Any]:
    """Give the table of one set of pictures."""
    first = f"{compared['pictures']} pictures, {compared['masks']} masks"
    return {"columns": [first, *compared["columns"][1:]], "rows": compared["rows"]}


def by_choice(reports: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give the table that sets the parts side by side."""
    titles = [*FIGURES.values(), "mean of the four"]
    columns = ["what learnt", "steps", *titles, "general pictures, mean of the four"]
    before = [means(reports["all"][kind], "before") for kind in ("held_out", "general")]
    rows = [["nothing: the base", None, *before[0], before[1][-1]]]
    for name, report in reports.items():
        after = [means(report[kind], "after") for kind in ("held_out", "general")]
        rows.append([name, report["steps"], *after[0], after[1][-1]])
    return {"columns": columns, "rows": rows}


def means(compared: dict[str, Any], side: str) -> list[float]:
    """Give the figures of one side, and their mean."""
    values = [compared["figures"][figure][side] for figure in FIGURES]
    return [round(value, 4) for value in (*values, sum(values) / len(values))]


if __name__ == "__main__":
    main()
