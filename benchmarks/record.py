"""What every results file says about where its numbers come from."""

import json
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import anymask

PACKAGES = ("torch", "segment-anything", "openvino", "onnxruntime", "pycocotools")
RESULTS = Path(__file__).parent / "results"


def write_record(name: str, command: str, device: str, **content: Any) -> Path:  # noqa: ANN401
    """Write a results file and give its path.

    Args:
        name: Of the file.
        command: What measured it.
        device: What it was measured on, for people.
        content: Everything else, with `tables`.
    """
    record = {
        "name": name,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "device": device,
        "versions": versions(),
        **content,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def versions() -> dict[str, str]:
    """Give the versions of what computes; packages that are not installed are left out."""
    found = {"anymask": anymask.__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> str:
    """Give the commit that was measured, or "unknown" outside a checkout."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def processor() -> str:
    """Give the processor's name and what its number formats are, for ratios differ by both."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    found = {key.strip(): value.strip() for key, value in told.items()}
    formats = [
        name
        for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        if name in found.get("flags", "").split()
    ]
    return ", ".join([found.get("model name", platform.machine()), *formats[-2:]])
