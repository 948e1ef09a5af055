"""Peak memory, with allocations of a known size."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

PROGRAM = """
import json, sys
sys.path.insert(0, {folder!r})
from memory import peak_added_mb
kept = []
def allocate(megabytes):
    block = bytearray(megabytes << 20)
    block[::4096] = bytes(len(block[::4096]))  # a page is there once it was written
    return block
warm = lambda: kept.append(allocate(100))
print(json.dumps(peak_added_mb(lambda: len(allocate(200)), warm)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_known_allocation_is_measured_and_what_came_before_is_not():
    program = PROGRAM.format(folder=str(REPOSITORY / "benchmarks"))
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert float(done.stdout) == pytest.approx(200, rel=0.1)
