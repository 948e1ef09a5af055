"""Peak memory added by one call, measured in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def peak_added_mb(call: Callable[[], object], warm: Callable[[], object] | None = None) -> float:
    """Give how far a call raises this process's resident memory at its peak, in MB (Linux).

    Args:
        call: What is measured.
        warm: Done first and not counted: what libraries set up once stays out of the figure.
    """
    if warm is not None:
        warm()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = resident_mb("VmRSS")
    call()
    return resident_mb("VmHWM") - before


def resident_mb(figure: str) -> float:
    """Give one memory figure of this process: VmRSS now, VmHWM at its peak; in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{figure}:"))
    return int(line.split()[1]) / 1024


def in_own_process(title: str, variant: str) -> float:
    """Measure one variant of a comparison in a fresh process; give its peak added memory, MB."""
    script = Path(__file__).with_name("measure_memory.py")
    done = subprocess.run(
        [sys.executable, str(script), title, variant], check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))
