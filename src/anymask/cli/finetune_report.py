"""What a fine-tuning changed: for people on the screen, for programs in a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from anymask.cli.finetune_data import FinetuneData
from anymask.cli.finetune_flags import FinetuneFlags
from anymask.cli.screen import Screen
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    from anymask.evaluate.compare import Comparison
    from anymask.train.before_after import Measured, Verdict
    from anymask.train.finetune import Base


def change_record(
    flags: FinetuneFlags, base: "Base", data: FinetuneData, made: dict[str, Any], sha256: str
) -> dict[str, Any]:
    """Give what identifies a fine-tuning, in JSON's terms.

    Args:
        flags: The command's flags.
        base: The model that training began from.
        data: What was learnt from and asked about.
        made: The recipe inside the written model.
        sha256: Of the written model.
    """
    from datetime import UTC, datetime

    from anymask.receipt import versions_here

    return {
        "name": "finetune",
        "date": datetime.now(UTC).date().isoformat(),
        "device": made["hardware"],
        "versions": versions_here(),
        "base": {"name": shown_name(flags.base), "sha256": base.loaded.sha256},
        "model": {"name": shown_name(flags.out.name), "sha256": sha256},
        "part": flags.part,
        "blend": flags.blend,
        "steps": made["steps"],
        "picture_visits": made["picture_visits"],
        "minutes": made["minutes"],
        "processes": made["processes"],
        "data": {
            "fingerprint": data.training.fingerprint,
            "pictures": {group.name: len(group) for group in data.training.sets},
            "held_out": [f"{p.set_name}/{p.name}" for p in data.questions.held_out],
            "measured_on_training_pictures": data.is_self_measured,
        },
    }


def write_report(
    path: Path,
    record: dict[str, Any],
    verdict: "Verdict",
    before: "Measured",
    after: "Measured",
) -> None:
    """Write the record of a fine-tuning with everything measured.

    Args:
        path: The file.
        record: What identifies the fine-tuning.
        verdict: What changed.
        before: What the base answered.
        after: What the trained model answered.

    Raises:
        OutputError: If the file cannot be written.
    """
    from anymask.train.before_after import report

    content = record | report(verdict, before, after)
    write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())


def say_change(
    flags: FinetuneFlags, data: FinetuneData, verdict: "Verdict", screen: Screen
) -> None:
    """Print the figures before and after, and what a person must know of them.

    Args:
        flags: The command's flags.
        data: What was learnt from and asked about.
        verdict: What changed.
        screen: Where to print.
    """
    where = "the training pictures" if data.is_self_measured else "held-out pictures"
    for title, compared in ((where, verdict.held_out), ("general pictures", verdict.general)):
        screen.say(
            f"{title}: mean IoU of {compared['masks']} masks, {compared['pictures']} pictures"
        )
        _print_table(screen, compared)
    if data.is_self_measured:
        _warn(screen, "measured on what was learnt: this says nothing about other pictures")
    for sentence in (verdict.worse, verdict.forgotten):
        if sentence is not None:
            _warn(screen, sentence)
    names = ", ".join(map(shown_name, (flags.out, flags.report, flags.sheet)))
    screen.say(f"wrote {names}")


def _warn(screen: Screen, sentence: str) -> None:
    screen.err.print(Text.assemble(("warning: ", "bold yellow"), sentence))


def _print_table(screen: Screen, compared: "Comparison") -> None:
    table = Table(box=None, padding=(0, 1))
    for number, title in enumerate(compared["columns"]):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in compared["rows"]:
        table.add_row(*row)
    screen.out.print(table, soft_wrap=False)
