"""One evaluation as a JSON record that says how it came to be."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from anymask.errors import DataError
from anymask.evaluate.report import rounded, sets_table, summary, table
from anymask.evaluate.run import Row
from anymask.evaluate.sizes import size_figures, size_table
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
        is_validation: Whether only pictures were asked about that training holds back.
        is_plain: Whether every prompt was asked once, without the care that is usual.
    """

    data: str
    per_set: int
    per_picture: int
    seed: int
    commit: str = "unknown"
    is_validation: bool = False
    is_plain: bool = False


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
        The model, the protocol, the care ("usual" or "plain"; records that do not say were asked
        plainly), means with intervals over all sets, of each set and of each size
        of objects, tables for the documentation, and all rows.
    """
    recipe = json.loads(loaded.metadata.get("recipe", "{}"))
    command = (
        f"anymask evaluate --data {protocol.data} --pictures {protocol.per_set} "
        f"--masks {protocol.per_picture} --seed {protocol.seed}"
    )
    if protocol.is_validation:
        command += " --validation"
    if protocol.is_plain:
        command += " --plain"
    kept = rounded(rows)  # the tables can be made again from the file, to the last digit
    return {
        **run_record(loaded, "default_model", command, day=day, commit=protocol.commit),
        "care": "plain" if protocol.is_plain else "usual",
        **figures_of(kept, training_table(recipe)),
        **summary(rows),
        "rows": kept,
    }


def figures_of(rows: Sequence[Row], training: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is worked out from the rows of an evaluation, in JSON's terms.

    Args:
        rows: What was answered, one row a mask.
        training: The table of the model's training runs.

    Returns:
        Means and intervals over all sets and of each set, figures of each size, and tables.
    """
    return {
        **summary(rows),
        "sizes": size_figures(rows),
        "tables": {
            "default_model": table(rows),
            "default_model_sets": sets_table(rows),
            "default_model_sizes": size_table(rows),
            "training": training,
        },
    }


def worked_out_again(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a record of an evaluation with its tables worked out anew from its rows.

    Args:
        record: What `evaluation_record` gave, of this version or an earlier one.

    Returns:
        The same measurement: who, when, rows and means stand as they were, for the means were made
        from rows that were not yet rounded.

    Raises:
        DataError: If it is no record of an evaluation.
    """
    rows, tables = record.get("rows"), record.get("tables")
    if not (isinstance(rows, list) and rows and isinstance(tables, dict)):
        raise DataError(
            "this is no record of an evaluation: it has no rows",
            hint="give a file that anymask evaluate --out wrote",
        )
    made = figures_of(rows, tables.get("training", {}))
    kept = {key: value for key, value in record.items() if key not in {*made, "rows"}}
    means = {key: record[key] for key in ("means", "intervals_95") if key in record}
    return {**kept, **made, **means, "rows": rows}


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
