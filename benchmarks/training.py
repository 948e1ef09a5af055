"""Measure training: pictures a second at some sizes, and what 20 kills cost.

Writes `results/training.json`. Needs annotated pictures: the folder that ANYMASK_DATA names, with
tar shards in `train/`.
"""

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from record import commit
from rich.console import Console

from anymask.train.checkpoint import latest_checkpoint

RESULTS = Path(__file__).parent / "results" / "training.json"
SIZES = (192, 256, 320)
SHARDS = ("coco_mini.tar", "ecssd.tar", "kitchen.tar")
WARM_UP_STEPS = 4
STEPS = 20
KILLS = 20
KILLED_STEPS = 400
SAVE_EVERY = 10
# As the Makefile trains: one thread a process, and freed memory kept.
ALLOCATOR = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "MALLOC_TOP_PAD_": "100000000",
}


def main() -> None:
    """Measure everything and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kills-only", action="store_true", help="keep the speeds of the last measurement"
    )
    arguments = parser.parse_args()
    shards = Path(os.environ["ANYMASK_DATA"]) / "train"
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train").mkdir()
        for shard in SHARDS:
            (folder / "train" / shard).symlink_to(shards / shard)
        if arguments.kills_only:
            speed_rows = json.loads(RESULTS.read_text())["tables"]["training_speed"]["rows"]
        else:
            speed_rows = rows([speed(folder, kind, size, console) for kind, size in places()])
        kills = killed(folder, arguments.kills, arguments.seed, console)
    record = {
        "name": "training",
        "command": "make bench-training",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "device": f"{platform.machine()} CPU, {os.cpu_count()} cores, one thread a process",
        "versions": {name: version(name) for name in ("torch", "numpy", "opencv-python-headless")},
        "kills": kills,
        "tables": {
            "training_speed": {
                "columns": ["pictures a second", *(f"{size} px" for size in SIZES)],
                "rows": speed_rows,
            },
            "training_kills": {
                "columns": [
                    "kills",
                    "resumed",
                    "most steps done again",
                    "steps done again, in all",
                    "checkpoint every",
                    "largest difference to an unbroken run",
                ],
                "rows": [
                    [
                        str(kills["kills"]),
                        str(kills["resumed"]),
                        str(kills["most_steps_again"]),
                        str(kills["steps_again"]),
                        f"{SAVE_EVERY} steps",
                        f"{kills['largest_difference']:g}",
                    ]
                ],
            },
        },
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    console.print(f"wrote {RESULTS}")


def places() -> list[tuple[str, int]]:
    """Give what to measure: processes or a GPU, and a size."""
    kinds = ["1", "2", *(["cuda"] if torch.cuda.is_available() else [])]
    return [(kind, size) for size in SIZES for kind in kinds]


def rows(speeds: list[tuple[str, int, float]]) -> list[list[str]]:
    """Give one row a kind of machine."""
    titles = {"1": "one process", "2": "two processes", "cuda": "one GPU, bf16"}
    found = {(kind, size): value for kind, size, value in speeds}
    kinds = [kind for kind in titles if (kind, SIZES[0]) in found]
    return [[titles[kind], *(f"{found[kind, size]:.1f}" for size in SIZES)] for kind in kinds]


def speed(folder: Path, kind: str, size: int, console: Console) -> tuple[str, int, float]:
    """Train for some steps and give pictures a second after the first few."""
    run = folder / f"speed-{kind}-{size}"
    words = ["--set", f"steps={STEPS}", "--set", f"size={size}", "--set", "log_every=1"]
    words += ["--set", "save_every=10000", "--set", "check_every=0"]
    if kind == "cuda":
        words += ["--device", "cuda", "--set", "precision=bf16", "--set", "batch=64"]
        words += ["--set", "workers=8"]
    else:
        words += ["--processes", kind, "--device", "cpu"]
    with console.status(f"training: {kind} at {size} pixels"):
        done = start(folder, run, words).wait()
    if done != 0:
        raise SystemExit(f"training ended with {done}")
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    first, last = lines[WARM_UP_STEPS - 1], lines[-1]
    return kind, size, (last["pictures"] - first["pictures"]) / (last["seconds"] - first["seconds"])


def killed(folder: Path, kills: int, seed: int, console: Console) -> dict[str, Any]:
    """Kill a run at random moments, resume it each time, and compare it with an unbroken one."""
    words = ["--set", f"steps={KILLED_STEPS}", "--set", "size=64", "--set", "batch=1"]
    words += ["--set", "sample.prompts=2", "--set", f"save_every={SAVE_EVERY}"]
    words += ["--set", "log_every=1", "--set", "check_every=0", "--device", "cpu"]
    with console.status("training unbroken"):
        if start(folder, folder / "whole", words).wait() != 0:
            raise SystemExit("the unbroken run failed")
    chance, broken = random.Random(seed), folder / "broken"
    resumed, lost, reached = 0, [], []
    for number in range(kills):
        with console.status(f"kill {number + 1} of {kills}"):
            inode = log_inode(broken)
            program = start(folder, broken, [*words, "--resume"])
            if number % 5 == 4:  # while the program starts and tries itself out
                time.sleep(chance.uniform(0, 5))
            else:
                wait_for_a_step(broken, inode, program)
                time.sleep(chance.uniform(0, 5))
            seen = last_step(broken)
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        resumed += program.returncode == -signal.SIGKILL
        lost.append(max(0, seen - step_of(broken)))
        reached.append(step_of(broken))
    if start(folder, broken, [*words, "--resume"]).wait() != 0:
        raise SystemExit("the last resume failed")
    whole, again = latest_checkpoint(folder / "whole"), latest_checkpoint(broken)
    if whole is None or again is None or whole.step != again.step:
        raise SystemExit("the runs did not come to the same end")
    difference = max(
        float((whole.model[name].float() - again.model[name].float()).abs().max())
        for name in whole.model
    )
    steps = [json.loads(line)["step"] for line in (broken / "log.jsonl").read_text().splitlines()]
    if steps != list(range(1, KILLED_STEPS + 1)):
        raise SystemExit("the log of the broken run lacks or repeats steps")
    return {
        "kills": kills,
        "resumed": resumed,
        "most_steps_again": max(lost),
        "steps_again": sum(lost),
        "checkpoints_after_each_kill": reached,
        "largest_difference": difference,
    }


def start(folder: Path, run: Path, words: list[str]) -> "subprocess.Popen[bytes]":
    """Start a training on the command line, in a session of its own."""
    command = [sys.executable, "-m", "anymask", "train", "default", "--data", str(folder / "train")]
    return subprocess.Popen(
        [*command, "--out", str(run), "--cache", str(folder / "cache"), *words],
        env={**os.environ, **ALLOCATOR},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def step_of(run: Path) -> int:
    """Give the step of a run's last checkpoint, by its name."""
    return max((int(path.stem.removeprefix("step-")) for path in run.glob("step-*.pt")), default=0)


def last_step(run: Path) -> int:
    """Give the last step in a run's log; half a line does not count."""
    if not (run / "log.jsonl").exists():
        return 0
    lines = (run / "log.jsonl").read_text().splitlines()
    return max((json.loads(line)["step"] for line in lines if line.endswith("}")), default=0)


def log_inode(run: Path) -> int:
    """Give the number of a run's log file: a run that goes on writes a new one first."""
    return (run / "log.jsonl").stat().st_ino if (run / "log.jsonl").exists() else 0


def wait_for_a_step(run: Path, inode: int, program: "subprocess.Popen[bytes]") -> None:
    """Wait until a run has gone on from its checkpoint."""
    while program.poll() is None:
        if log_inode(run) != inode and last_step(run) > step_of(run):
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
