"""`anymask finetune`: fit a trained model to one's own pictures, and say what that changed."""

import json
import os
import platform
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anymask.cli.finetune_data import FinetuneData, finetune_data
from anymask.cli.finetune_flags import FinetuneFlags, check_finetune_flags
from anymask.cli.finetune_report import change_record, say_change, write_report
from anymask.cli.flags import with_flags
from anymask.cli.models import fetch_before
from anymask.cli.screen import Screen, make_screen
from anymask.cli.train_data import DataChoice, longest_kept_px
from anymask.cli.train_run import run_and_tell, tried_out
from anymask.masks.atomic import shown_name, write_bytes

if TYPE_CHECKING:
    import torch

    from anymask.train.before_after import Measured
    from anymask.train.finetune import Base
    from anymask.train.recipes import Recipe

RUN_FILES = ("step-*.pt", "log.jsonl", "failures-steps.jsonl", "before.json")


def _finetune(flags: FinetuneFlags) -> int:
    """Fit a trained model to your own pictures.

    Holds a third of the pictures out, trains on the others, and prints what the model could do
    before and after: on the held-out pictures, and on general photos, so that you see whether it
    forgot anything. A run that was stopped goes on with --resume.

    [bold]Example[/bold]
      anymask finetune --data my_coco.json --out my.safetensors
      anymask segment photo.jpg --point 320,240 --model my.safetensors
    """
    check_finetune_flags(flags)
    from anymask.train.processes import tiny_numbers_are_zero

    with tiny_numbers_are_zero():
        return _finetune_checked(flags)


def _finetune_checked(flags: FinetuneFlags) -> int:
    from anymask.train.before_after import measured_before
    from anymask.train.finetune import load_base
    from anymask.weights.device import choose_device

    screen = make_screen()
    device = choose_device(flags.device)
    fetch_before(screen, flags.base)
    with screen.working("loading the base"):
        base = load_base(flags.base, flags.device)
    recipe = chosen_recipe(flags, base)
    data = finetune_data(_data_choice(flags, recipe), flags.guard or (), screen)
    if not _rehearsed(flags, recipe, data, device, screen):
        return 0
    if flags.overwrite and not flags.resume:
        _remove_run(flags.run_folder)
    pictures = len(data.questions.held_out) + len(data.questions.general)
    with screen.bar(pictures, "measuring the base") as advance:
        before = measured_before(base.loaded, data.questions, flags.run_folder, advance)
    train = partial(_train, flags, recipe, data, device)
    run_and_tell(train, flags.run_folder, screen)
    _write_and_compare(flags, base, data, before, screen)
    return 0


def chosen_recipe(flags: FinetuneFlags, base: "Base") -> "Recipe":
    """Give the recipe with the settings of the command line.

    Args:
        flags: The command's flags.
        base: The model that training begins from.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """
    from anymask.cli.train_settings import typed, with_changes
    from anymask.train.recipes import finetune

    recipe = finetune(base.path, base.loaded.sam.config, flags.part)  # type: ignore[arg-type]
    changes = typed(flags.settings, flags.minutes, flags.seed)
    return replace(recipe, settings=with_changes(recipe.settings, changes))


def _data_choice(flags: FinetuneFlags, recipe: "Recipe") -> DataChoice:
    return DataChoice(
        train=flags.data,
        validation=flags.validation or (),
        cache=flags.cache or flags.run_folder / "data",
        folder=flags.run_folder,
        longest_px=longest_kept_px(recipe.settings.largest_size),
        measured=recipe.settings.check_masks,
        skip_bad=flags.skip_bad,
        allow_overlap=flags.allow_overlap,
    )


def _rehearsed(
    flags: FinetuneFlags,
    recipe: "Recipe",
    data: FinetuneData,
    device: "torch.device",
    screen: Screen,
) -> bool:
    """Try the run out; on a dry run, say everything. Gives whether the run is to begin."""
    from anymask.train.kept_features import kept_bytes
    from anymask.train.launch import about_run, check_resume, draw_batch

    about = about_run(recipe, data.training, flags.processes)
    begins_anew = flags.overwrite and not flags.resume
    if not begins_anew:
        step = check_resume(flags.run_folder, about, override=flags.override)
        if flags.resume:
            screen.note(f"going on at step {step}" if step else "nothing to go on with")
    rehearsal = tried_out(recipe, data.training, flags.processes, device, screen)
    if not flags.dry_run:
        return True
    write_bytes(flags.batch_picture, draw_batch(recipe, data.training))
    needed = flags.processes * rehearsal.bytes_needed(recipe.settings.batch)
    free = rehearsal.free_bytes
    learnt_from = sum(len(group) for group in data.training.sets)
    record = {
        "recipe": recipe.name,
        "base": about.settings["start"],
        "part": flags.part,
        "out": shown_name(flags.out),
        "run": shown_name(flags.run_folder),
        "device": str(device),
        "processes": flags.processes,
        "pictures": {group.name: len(group) for group in data.training.sets},
        "held_out": [picture.name for picture in data.questions.held_out],
        "general": len(data.questions.general),
        "parameters_that_learn": rehearsal.learning,
        "memory_gb": {
            "needed": round(needed / 1e9, 2),
            "free": None if free is None else round(free / 1e9, 2),
        },
        "features_kept_gb": round(kept_bytes(recipe, learnt_from) / 1e9, 2),
        "batch_picture": shown_name(flags.batch_picture),
        "settings": about.settings,
    }
    screen.write(json.dumps(record, indent=2))
    return False


def _remove_run(folder: Path) -> None:
    for pattern in RUN_FILES:
        for path in folder.glob(pattern):
            with suppress(FileNotFoundError):
                path.unlink()


def _train(
    flags: FinetuneFlags, recipe: "Recipe", data: FinetuneData, device: "torch.device"
) -> None:
    from anymask.train.launch import run_recipe

    run_recipe(
        recipe,
        data.training,
        flags.run_folder,
        processes=flags.processes,
        device=device,
        override=flags.override,
    )


def _write_and_compare(
    flags: FinetuneFlags, base: "Base", data: FinetuneData, before: "Measured", screen: Screen
) -> None:
    from PIL import Image

    from anymask.masks.png import png_bytes
    from anymask.train.before_after import before_after_sheet, judge, measure
    from anymask.train.finetune import write_model
    from anymask.weights.load import load_model

    hardware = f"{os.cpu_count()} cores, {platform.machine()}, {base.loaded.device}"
    made = write_model(flags.run_folder, base, flags.out, hardware, blend=flags.blend)
    trained = load_model(flags.out, device=flags.device)
    pictures = len(data.questions.held_out) + len(data.questions.general)
    with screen.bar(pictures, "measuring the result") as advance:
        after = measure(trained, data.questions, advance)
    verdict = judge(before, after)
    record = change_record(flags, base, data, made, trained.sha256)
    write_report(flags.report, record, verdict, before, after)
    drawn = before_after_sheet(base.loaded, trained, data.questions.held_out)
    write_bytes(flags.sheet, png_bytes(Image.fromarray(drawn)))
    say_change(flags, data, verdict, screen)


finetune = with_flags(_finetune)
