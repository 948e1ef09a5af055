"""The program as a person has it: words in, streams and exit code out."""

import functools
import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.api import load
from anymask.cli.main import main
from anymask.image.photos import photo_path
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.weights.save import save_model


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command went."""

    code: object
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """What was printed for programs."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A seeded model of the default architecture; it knows nothing, and is quick."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    recipe = {"name": "random", "steps": 1500, "minutes": 2.5}
    save_model(Sam(tiny(64)).eval(), path, recipe=recipe, card="knows nothing")
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder; it holds one photo, 90 wide and 60 high."""
    with Image.open(photo_path("chelsea")) as image:
        image.convert("RGB").resize((90, 60)).save(tmp_path / "cat.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def anymask(monkeypatch, capsys, folder):
    """Run `anymask WORDS...` in the current folder."""

    def run(*words: object, stdin: bytes | None = None) -> Ran:
        monkeypatch.setattr(sys, "argv", ["anymask", *map(str, words)])
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            code: object = main()
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)

    return run


@pytest.fixture(scope="session")
def loaded_once():
    """`anymask.load` that keeps what it loaded: most tests are not about loading."""
    return functools.cache(load)


@pytest.fixture
def segment(anymask, model_file, loaded_once, monkeypatch):
    """Run `anymask segment WORDS...` with the seeded model."""
    monkeypatch.setattr("anymask.api.load", loaded_once)

    def run(*words: object, stdin: bytes | None = None) -> Ran:
        return anymask("segment", *words, "--model", model_file, stdin=stdin)

    return run


@pytest.fixture
def everything(anymask, model_file, loaded_once, monkeypatch):
    """Run `anymask everything WORDS...` with the seeded model and a small grid, all masks in."""
    monkeypatch.setattr("anymask.api.load", loaded_once)
    grid = ("--points-per-side", 4, "--stability-score-offset", 0.01)
    loose = ("--pred-iou-thresh", 0, "--stability-score-thresh", 0, "--box-nms-thresh", 1)

    def run(*words: object, stdin: bytes | None = None) -> Ran:
        return anymask("everything", *grid, *loose, *words, "--model", model_file, stdin=stdin)

    return run


@pytest.fixture
def noise() -> np.ndarray:
    """A picture of 48 rows and 64 columns that no decoder finds flat, uint8, (48, 64, 3)."""
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
