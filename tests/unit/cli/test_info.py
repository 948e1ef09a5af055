import json
import re
import tomllib

import pytest

from anymask import __version__
from anymask.cli.info import EXTRAS
from anymask.weights.load import load_model
from anymask.weights.read import sha256_of


@pytest.fixture
def default_is_random(monkeypatch, model_file):
    """Let the seeded model stand where the default model stands."""
    monkeypatch.setattr(
        "anymask.weights.load.load_model", lambda device: load_model(model_file, device=device)
    )


def test_the_record_tells_versions_device_folders_model_and_extras(
    anymask, default_is_random, model_file, monkeypatch, tmp_path
):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    ran = anymask("info", "--json")
    record = json.loads(ran.out)
    assert ran.code == 0
    assert record["anymask"] == __version__
    assert record["versions"]["torch"]
    assert record["device"]["threads"] >= 1
    assert record["device"]["bfloat16_speedup"] > 0
    assert record["folders"]["checkpoints"] == str(tmp_path / "cache" / "weights")
    model = record["default_model"]
    assert (model["name"], model["input_size"]) == ("tiny", 64)
    assert model["sha256"] == sha256_of(model_file)
    assert model["recipe"] == {"name": "random", "steps": 1500, "minutes": 2.5}
    names = [extra["name"] for extra in record["extras"]]
    assert names == [
        *("serve", "show", "evaluate", "train", "supervision", "large"),
        *("tensorboard", "openvino", "onnx"),
    ]
    assert "speed" not in record


def test_people_get_a_table(anymask, default_is_random):
    ran = anymask("info")
    assert ran.code == 0
    assert ran.out.split()[:2] == ["anymask", __version__]
    assert "tiny: 6.5 M parameters" in ran.out
    assert "frame of 64 pixels" in ran.out
    assert "recipe: random, 1,500 steps, 2.5 minutes" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_a_missing_extra_names_the_command_that_adds_it(anymask, default_is_random, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ran = anymask("info")
    assert "missing; " in ran.out
    assert 'pip install "anymask[show]"' in " ".join(ran.out.split())


def test_an_installation_without_the_default_model_says_so(anymask, monkeypatch, tmp_path):
    monkeypatch.setattr("anymask.weights.load.files", lambda package: tmp_path)
    ran = anymask("info")
    assert (ran.code, "not in this installation" in ran.out) == (0, True)


def test_an_extra_is_missing_while_one_of_its_packages_is(anymask, default_is_random, monkeypatch):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "onnxscript" else name
    )
    record = json.loads(anymask("info", "--json").out)
    missing = [extra["name"] for extra in record["extras"] if not extra["is_installed"]]
    assert missing == ["onnx"]


def test_every_extra_for_people_is_told(repository):
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {name for name, _, _ in EXTRAS} == set(extras) - {"test", "dev"}
    for name, packages, _ in EXTRAS:
        sold_as = {p.replace("skimage", "scikit-image").replace("_", "-") for p in packages}
        assert sold_as == {re.split(r"[\[=>]", line)[0] for line in extras[name]}
