"""Work out the figures and tables of evaluations again from their rows; nothing is measured.

    python scripts/tabulate_evaluation.py benchmarks/results/default_model.json

For files that an earlier version wrote, or after the tables have changed.
"""

import argparse
import json
from pathlib import Path

from anymask.evaluate.record import worked_out_again
from anymask.masks.atomic import write_bytes


def main() -> None:
    """Write every file anew."""
    parser = argparse.ArgumentParser(description="Work out an evaluation's tables from its rows.")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    for path in parser.parse_args().files:
        record = worked_out_again(json.loads(path.read_text(encoding="utf-8")))
        write_bytes(path, (json.dumps(record, indent=1) + "\n").encode())
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
