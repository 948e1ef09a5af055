"""Add a trial of the search for a better default model to its log.

    anymask evaluate --data DIR --validation --plain --pictures 4 --no-classical --model W \
        --out E.json
    python scripts/record_trial.py --run W --evaluation E.json --name "…" --note "…" \
        --versus "an earlier trial" --versus-evaluation EARLIER.json --kept

Recipe, minutes and picture visits come from the weights file or from the run's folder, figures from
the evaluation. That asks plainly, as those of the first trials did: figures with the usual care do
not compare with theirs. A trial that failed has no evaluation, and is recorded all the same. `make
numbers` then draws the table of docs/explanation/default-model-log.md.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anymask.data.splits import is_validation
from anymask.errors import AnymaskError, DataError, InputError
from anymask.evaluate.report import interval, means_by_set
from anymask.evaluate.run import Row
from anymask.masks.atomic import shown_name
from anymask.train.checkpoint import latest_checkpoint
from anymask.train.export import recipe_record
from anymask.train.trial_record import FIGURES, Trial, Validation, Versus, append_trial
from anymask.weights.load import load_model

TRIALS = Path(__file__).parents[1] / "benchmarks" / "results" / "default_model_trials.jsonl"
FRESH = "backbone from ImageNet, the rest fresh"


def main() -> int:
    """Append one line, or say why not."""
    arguments = read_arguments()
    try:
        trial = trial_of(arguments)
        append_trial(arguments.trials, trial)
    except AnymaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.trials}: {trial.name}")
    return 0


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Add a trial to the log of the default model.")
    parser.add_argument("--run", type=Path, required=True, help="weights file, or a run's folder")
    parser.add_argument(
        "--evaluation", type=Path, help="what anymask evaluate --validation --plain wrote"
    )
    parser.add_argument("--name", required=True)
    parser.add_argument("--note", required=True, help="what was tried and what came of it")
    parser.add_argument("--versus", help="name of an earlier trial")
    parser.add_argument("--versus-evaluation", type=Path, help="its evaluation, of the same masks")
    parser.add_argument("--start", help="what the weights began from; default: what the run says")
    parser.add_argument("--data", help="what it was trained on; default: the run's fingerprint")
    parser.add_argument("--trials", type=Path, default=TRIALS)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--kept", dest="kept", action="store_true", default=None)
    kept.add_argument("--dropped", dest="kept", action="store_false")
    arguments = parser.parse_args(words)
    if (arguments.versus is None) != (arguments.versus_evaluation is None):
        parser.error("--versus and --versus-evaluation belong together")
    return arguments


def trial_of(arguments: argparse.Namespace) -> Trial:
    """Give the trial that a command line tells of.

    Raises:
        AnymaskError: If run or evaluation cannot be used, or are not of the same weights.
    """
    recipe, weights = recipe_of(arguments.run)
    evaluation = read_evaluation(arguments.evaluation) if arguments.evaluation else None
    if evaluation is not None and weights not in (None, evaluation["model"]["sha256"]):
        raise InputError(
            f"{shown_name(arguments.evaluation)}: is of other weights than "
            f"{shown_name(arguments.run)}",
            hint="evaluate that file with anymask evaluate --validation --plain --model",
        )
    versus = None
    if evaluation is not None and arguments.versus is not None:
        other = read_evaluation(arguments.versus_evaluation)
        versus = Versus(
            name=arguments.versus, differences=differences(other["rows"], evaluation["rows"])
        )
    runs = list(runs_of(recipe))
    settings = recipe.get("settings", {})
    return Trial(
        name=arguments.name,
        date=evaluation["date"] if evaluation else datetime.now(UTC).date().isoformat(),
        recipe=str(recipe.get("recipe", "unknown")),
        start=arguments.start or start_of(runs[-1]),
        data=arguments.data or str(recipe.get("data", "not recorded")),
        steps=sum(run["steps"] for run in runs),
        pictures=sum(run["picture_visits"] for run in runs),
        minutes=round(sum(run["minutes"] for run in runs), 1),
        hardware=str(recipe.get("hardware", "not recorded")),
        seed=int(settings.get("seed", 0)),
        note=arguments.note,
        settings=settings,
        weights=evaluation["model"]["sha256"] if evaluation else weights,
        val=validation_of(evaluation) if evaluation else None,
        versus=versus,
        kept=arguments.kept,
    )


def recipe_of(run: Path) -> tuple[Mapping[str, Any], str | None]:
    """Give the recipe of a weights file or of a run's folder, and the file's SHA-256 if any."""
    checkpoint = latest_checkpoint(run) if run.is_dir() else None
    if checkpoint is not None:
        hardware = f"{os.cpu_count()} cores, {platform.machine()}"
        return recipe_record(checkpoint, hardware), None
    loaded = load_model(run / "model.safetensors" if run.is_dir() else run, device="cpu")
    recipe = json.loads(loaded.metadata.get("recipe", "{}"))
    if "picture_visits" not in recipe:
        raise DataError(
            f"{shown_name(run)}: does not say how it was trained",
            hint="give a file that anymask train export wrote",
        )
    return recipe, loaded.sha256


def runs_of(recipe: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give a run and those it goes on from, the last one first."""
    run: Mapping[str, Any] | None = recipe
    while run:
        yield run
        run = run.get("after")


def start_of(run: Mapping[str, Any]) -> str:
    """Say what the first of a model's runs began from."""
    start = run.get("settings", {}).get("start")
    return Path(start).name if start else FRESH


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read an evaluation.

    Raises:
        InputError: If it asked about pictures which training may have seen, or asked with care.
    """
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    seen = [row["picture"] for row in record["rows"] if not is_validation(f"{row['picture']}.jpg")]
    if seen:
        raise InputError(
            f"{shown_name(path)}: {len(seen)} of {len(record['rows'])} masks are not on held-back "
            "pictures",
            hint="evaluate with --validation; choices are made there alone",
        )
    # Records that do not say are of versions that only asked plainly.
    if record.get("care", "plain") != "plain":
        raise InputError(
            f"{shown_name(path)}: was asked with the usual care, and the log's trials were not",
            hint="evaluate with --validation --plain",
        )
    return record


def validation_of(evaluation: Mapping[str, Any]) -> Validation:
    """Give the figures of an evaluation."""
    means, rows = evaluation["means"]["mean"], evaluation["rows"]
    return Validation(
        **{figure: means[figure] for figure in FIGURES},
        masks=len(rows),
        pictures=len({(row["set"], row["picture"]) for row in rows}),
        input_size=evaluation["model"]["input_size"],
        intervals_95={figure: tuple(evaluation["intervals_95"][figure]) for figure in FIGURES},
    )


def differences(
    before: Sequence[Row], after: Sequence[Row]
) -> dict[str, tuple[float, float, float]]:
    """Give how much better the second is, by figure, with its 95 % interval.

    Each mask is compared with itself; means are over sets, as everywhere in the log.

    Raises:
        InputError: If the two were not asked about the same masks.
    """
    by_mask = {(row["set"], row["picture"], row["mask"]): row for row in before}
    keys = [(row["set"], row["picture"], row["mask"]) for row in after]
    if set(keys) != set(by_mask) or len(keys) != len(before):
        raise InputError(
            f"the two evaluations are not of the same masks ({len(before)} and {len(after)})",
            hint="evaluate both with the same data, --pictures, --masks and --seed",
        )
    rows: list[Row] = []
    for row, key in zip(after, keys, strict=True):
        changed = {f: float(row[f]) - float(by_mask[key][f]) for f in (*FIGURES, "score")}
        rows.append({"set": row["set"], "picture": row["picture"], **changed})
    means = means_by_set(rows)["mean"]
    found = {}
    for figure in FIGURES:
        low, high = interval(rows, figure)
        found[figure] = (round(means[figure], 4), round(low, 4), round(high, 4))
    return found


if __name__ == "__main__":
    sys.exit(main())
