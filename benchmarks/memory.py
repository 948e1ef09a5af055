"""Peak memory added by one call, measured in a process of its own."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def peak_added_mb(call: Callable[[], object]) -> float:
    """Give how far a call raises the process's high-water mark, in MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def in_own_process(variant: str) -> float:
    """Run one variant of `speed.py` in a fresh process and give its peak added memory, MB."""
    script = Path(__file__).with_name("measure_memory.py")
    done = subprocess.run(
        [sys.executable, str(script), variant], check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))
