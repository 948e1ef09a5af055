"""One evaluation as a JSON record that says how it came to be."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from anymask.evaluate.report import rounded, summary, table
from anymask.evaluate.run import Row
from anymask.predict.engines import stamp_engine
from anymask.receipt import versions_here
from anymask.weights.loaded import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What was asked.

    Attributes:
        data: Name of the data folder.
        per_set: Most pictures a set.
        per_picture: Most masks a picture.
        seed: Seed of the draw.
        commit: State of the code, or "unknown".
    """

    data: str
    per_set: int
    per_picture: int
    seed: int
    commit: str = "unknown"


def evaluation_record(
    loaded: LoadedModel, protocol: Protocol, rows: Sequence[Row], day: date
) -> dict[str, Any]:
    """Give everything worth keeping of an evaluation, in JSON's terms.

    Args:
        loaded: The model.
        protocol: What was asked.
        rows: What was answered.
        day: Day of the measurement.

    Returns:
        The model, the protocol, means with intervals, tables for the documentation, and all rows.
    """
    recipe = json.loads(loaded.metadata.get("recipe", "{}"))
    command = (
        f"anymask evaluate --data {protocol.data} --pictures {protocol.per_set} "
        f"--masks {protocol.per_picture} --seed {protocol.seed}"
    )
    return {
        **run_record(loaded, "default_model", command, day=day, commit=protocol.commit),
        **summary(rows),
        "tables": {"default_model": table(rows), "training": training_table(recipe)},
        "rows": rounded(rows),
    }


def run_record(
    loaded: LoadedModel, name: str, command: str, *, day: date, commit: str
) -> dict[str, Any]:
    """Say what was run, where and with which model, in JSON's terms.

    Args:
        loaded: The model.
        name: Of the record.
        command: What measured it.
        day: Day of the measurement.
        commit: State of the code, or "unknown".
    """
    return {
        "name": name,
        "command": command,
        "date": day.isoformat(),
        "commit": commit,
        "device": f"{platform.machine()} {loaded.device}",
        "engine": asdict(stamp_engine(loaded)),
        "versions": versions_here(),
        "model": {
            "name": loaded.name,
            "sha256": loaded.sha256,
            "input_size": loaded.sam.config.input_size,
            "parameters": sum(p.numel() for p in loaded.sam.parameters()),
        },
    }


def training_table(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures of a model's training runs, first to last, as columns and rows of text."""
    shown = {
        "minutes": "minutes of training",
        "steps": "steps",
        "picture_visits": "picture visits",
        "hardware": "hardware",
    }
    runs: list[Mapping[str, Any]] = []
    run: Mapping[str, Any] | None = recipe
    while run:
        runs.insert(0, run)
        run = run.get("after")
    rows = [
        [title, *(str(run.get(key, "–")) for run in runs)]
        for key, title in shown.items()
        if any(key in run for run in runs)
    ]
    return {"columns": ["", *(f"run {n}" for n in range(1, len(runs) + 1))], "rows": rows}
