"""Peak memory added by one call, measured in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def peak_added_mb(call: Callable[[], object]) -> float:
    """Give how far a call raises this process's resident memory at its peak, in MB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = resident_mb("VmRSS")
    call()
    return resident_mb("VmHWM") - before


def resident_mb(figure: str) -> float:
    """Give one memory figure of this process: VmRSS now, VmHWM at its peak; in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{figure}:"))
    return int(line.split()[1]) / 1024


def in_own_process(variant: str) -> float:
    """Run one variant of `speed.py` in a fresh process and give its peak added memory, MB."""
    script = Path(__file__).with_name("measure_memory.py")
    done = subprocess.run(
        [sys.executable, str(script), variant], check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))
