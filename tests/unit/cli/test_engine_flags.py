"""--engine and --precision: what is chosen is printed once, and written in every record."""

import json

import pytest
import torch

from anymask.predict.openvino_encoder import import_openvino


@pytest.fixture
def default_is_random(monkeypatch, model_file):
    """Let the seeded model stand where the default model stands."""
    from anymask.weights.load import load_model

    monkeypatch.setattr(
        "anymask.api.load_model", lambda source, **more: load_model(model_file, **more)
    )


def test_an_engine_is_told_once_and_stands_in_the_records(anymask, folder, model_file, monkeypatch):
    monkeypatch.setenv("ANYMASK_CACHE", str(folder / "cache"))
    ran = anymask(
        *("segment", "cat.png", "--point", "45,30", "--model", model_file),
        *("--engine", "openvino", "--json", "-o", "out"),
    )
    assert ran.code == 0, ran.err
    version = import_openvino().__version__.partition("-")[0]
    assert ran.err.count(f"note: image encoder: OpenVINO {version}, float32, ") == 1
    expected = {
        "name": "openvino",
        "version": version,
        "precision": "float32",
        "threads": torch.get_num_threads(),
    }
    receipt = json.loads((folder / "out" / "cat.png.receipt.json").read_bytes())
    (record,) = ran.records
    assert receipt["engine"] == record["engine"] == expected
    assert any(note.startswith("image encoder: OpenVINO") for note in receipt["notes"])


def test_without_a_choice_nothing_is_told_and_torch_is_recorded(anymask, model_file):
    ran = anymask("segment", "cat.png", "--point", "45,30", "--model", model_file, "--json")
    (record,) = ran.records
    assert "image encoder" not in ran.err
    assert (record["engine"]["name"], record["engine"]["precision"]) == ("torch", "float32")
    assert "encoder_dtype" not in record["settings"]


def test_notes_of_an_engine_are_told_for_the_default_model_too(anymask, default_is_random):
    ran = anymask("segment", "cat.png", "--point", "45,30", "--precision", "bfloat16", "--json")
    assert ran.code == 0, ran.err
    assert "note: image encoder: torch " in ran.err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--engine", "openvno"), "error: engine 'openvno' is unknown\nhint: did you mean openv"),
        (("--precision", "half"), "error: precision 'half' is unknown\nhint: use auto, float32"),
        (("--engine", "onnxruntime", "--precision", "bfloat16"), "error: engine onnxruntime com"),
    ],
)
def test_a_wrong_choice_is_refused(anymask, flags, sentence):
    ran = anymask("segment", "cat.png", "--point", "45,30", *flags)
    assert (ran.code, ran.err.startswith(sentence)) == (2, True), ran.err


def test_an_evaluation_refuses_a_wrong_engine_before_it_reads_anything(anymask, folder):
    ran = anymask("evaluate", "--data", folder / "nowhere", "--engine", "opnvino")
    assert ran.code == 2
    assert "engine 'opnvino' is unknown" in ran.err
