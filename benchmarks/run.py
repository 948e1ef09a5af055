"""Measure speed and memory and write `results/speed.json`."""

import argparse
import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from memory import in_own_process
from rich.console import Console
from speed import VARIANTS, default_model_times, measure

RESULTS = Path(__file__).parent / "results" / "speed.json"


def main() -> None:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds a measurement")
    rounds = parser.parse_args().rounds
    console = Console(stderr=True)
    with console.status("timing against the published package"):
        timings = measure(rounds)
    rows = []
    for title, _ in VARIANTS:
        with console.status(f"memory: {title}"):
            published, ours = (in_own_process(f"{title}|{who}") for who in ("published", "anymask"))
        theirs, mine = timings[title]["published"], timings[title]["anymask"]
        low, high = mine.spread
        rows.append(
            [
                title,
                f"{1000 * theirs.seconds:.0f} ms",
                f"{1000 * mine.seconds:.0f} ms",
                f"{mine.ratio:.2f}× ({low:.2f}–{high:.2f})",
                f"{published:.0f} MB",
                f"{ours:.0f} MB",
            ]
        )
    default = {threads: default_model_times(threads, rounds) for threads in (1, 2)}
    record = {
        "name": "speed",
        "command": f"make bench (rounds={rounds})",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "device": f"{platform.machine()} CPU, one thread where not stated",
        "versions": {name: version(name) for name in ("torch", "anymask", "segment-anything")},
        "default_model_ms": default,
        "tables": {
            "speed": {
                "columns": [
                    "same random weights",
                    "published",
                    "anymask",
                    "times faster (range)",
                    "published adds",
                    "anymask adds",
                ],
                "rows": rows,
            },
            "default_speed": {
                "columns": ["default model, 512 × 512 photo", "encode", "click, three masks"],
                "rows": [
                    [
                        f"{threads} thread{'s' if threads > 1 else ''}",
                        f"{times['encode']:.0f} ms",
                        f"{times['click']:.0f} ms",
                    ]
                    for threads, times in default.items()
                ],
            },
        },
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    console.print(f"wrote {RESULTS}")


def commit() -> str:
    """Give the commit that was measured, or "unknown" outside a checkout."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
