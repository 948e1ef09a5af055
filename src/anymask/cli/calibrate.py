"""`anymask train calibrate`: scores that mean what they say."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.evaluate import chosen_pictures, commit_here, print_table
from anymask.cli.flags import with_flags
from anymask.cli.screen import make_screen
from anymask.errors import ConfigError
from anymask.masks.atomic import shown_name, write_bytes

# What is too long for a weights file.
_NOT_IN_FILE = ("reliability", "kinds", "tables")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateFlags:
    """What `anymask train calibrate` takes; each field is a flag."""

    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of tar archives in the SA-1B layout.")
    ]
    model: Annotated[Path, typer.Option(metavar="FILE", help="Weights of a finished run.")]
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="File to write, .safetensors."),
    ]
    pictures: Annotated[int, typer.Option(metavar="N", help="Most pictures a set.")] = 40
    masks: Annotated[int, typer.Option(metavar="N", help="Most masks a picture.")] = 4
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draw.")] = 0
    validation: Annotated[
        bool,
        typer.Option(
            "--validation/--no-validation",
            help="Only pictures that training holds back, by name; or all, if none was learnt "
            "from.",
        ),
    ] = True
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file with what was gained.")
    ] = None


def _calibrate(flags: CalibrateFlags) -> int:
    """Fit the scores of a finished model to the IoU that its masks have.

    Asks about held-back pictures in every way, and writes the model with maps from predicted to
    true IoU inside. What it prints is cross-validated.

    [bold]Example[/bold]
      anymask train calibrate --data data/train --model model.safetensors --out better.safetensors
    """
    _check(flags)
    from datetime import UTC, datetime

    from anymask.api import load
    from anymask.evaluate.record import run_record
    from anymask.evaluate.selection import choose_questions
    from anymask.evaluate.tasks.scores import ask_for_scores
    from anymask.train.calibrate import calibrate, calibration_record
    from anymask.train.calibrated_model import with_raw_scores, write_model

    screen = make_screen()
    with screen.working("reading the data"):
        pictures = chosen_pictures(flags.data, None, only_validation=flags.validation)
        questions = choose_questions(pictures, flags.pictures, flags.masks, flags.seed)
        loaded = with_raw_scores(load(str(flags.model)).loaded)
    with screen.bar(sum(len(group) for group in questions.values())) as advance:
        answers = ask_for_scores(loaded, questions, flags.seed, advance)
    with screen.working("fitting the maps"):
        found = calibrate(answers, flags.seed)
        record = calibration_record(answers, found)
        command = f"anymask train calibrate --data {flags.data.name} --pictures {flags.pictures} "
        command += f"--masks {flags.masks} --seed {flags.seed}"
        kept = {name: value for name, value in record.items() if name not in _NOT_IN_FILE}
        write_model(loaded, found.calibration, flags.out, kept | {"command": command})
    print_table(screen, record["tables"]["score_calibration"])
    click = record["click"]
    screen.say(f"one click, best guess: IoU {click['before']:.3f} → {click['after']:.3f}")
    screen.say(f"wrote {shown_name(flags.out)}")
    if flags.report is not None:
        day = datetime.now(UTC).date()
        run = run_record(loaded, "score_calibration", command, day=day, commit=commit_here())
        write_bytes(flags.report, (json.dumps(run | record, indent=1) + "\n").encode())
        screen.say(f"wrote {shown_name(flags.report)}")
    return 0


def _check(flags: CalibrateFlags) -> None:
    if flags.out.suffix != ".safetensors":
        raise ConfigError(
            f"--out {shown_name(flags.out)}: is not a .safetensors file", hint="use that suffix"
        )
    if flags.pictures < 1 or flags.masks < 1:
        raise ConfigError("--pictures and --masks must be 1 or more", hint="use 40 and 4")


calibrate_run = with_flags(_calibrate)
