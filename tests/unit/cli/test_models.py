"""What `--model` may name, and what it gets when it may not."""

import functools
import os

import pytest
import safetensors.torch
import torch

from anymask.weights.catalogue import PUBLISHED
from tests.unit.cli.folders import names_in


@pytest.fixture
def ask(anymask, folder):
    """Segment the photo with a model and give exit code and messages."""

    def run(model):
        ran = anymask("segment", "cat.png", "--point", "45,30", "--model", model)
        return ran.code, ran.err

    return run


class _Attack:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch attacked",)


def test_a_model_file_is_used_and_said_to_be_of_unknown_origin(ask, model_file):
    code, err = ask(model_file)
    assert (code, "note: random.safetensors: unknown origin\n" in err) == (0, True)


def test_a_file_with_code_is_refused_and_not_run(ask, folder):
    torch.save({"model": _Attack()}, folder / "bad.pth")
    code, err = ask("bad.pth")
    assert code == 2
    assert "bad.pth: contains code (posix.system), refused" in err
    assert not (folder / "attacked").exists()


def test_a_file_cut_short_says_how_much_is_there(ask, folder, model_file):
    whole = model_file.read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-1000])
    code, err = ask("cut.safetensors")
    sizes = f"{len(whole) - 1000:,} of {len(whole):,} bytes"
    assert (code, f"error: cut.safetensors: is cut short: {sizes}" in err) == (2, True)


def test_weights_that_are_no_numbers_are_refused(ask, folder, model_file):
    tensors = safetensors.torch.load_file(model_file)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name].view(-1)[0] = torch.nan
    with safetensors.safe_open(model_file, "pt") as file:
        safetensors.torch.save_file(tensors, folder / "nan.safetensors", file.metadata())
    code, err = ask("nan.safetensors")
    assert (code, name in err) == (2, True)


def test_tensors_of_something_else_are_refused(ask, folder):
    torch.save({"state_dict": {"module.a": torch.zeros(3)}}, folder / "other.pth")
    code, err = ask("other.pth")
    assert (code, err.startswith("error: other.pth: ")) == (2, True)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.pth", "error: none.pth: no such file and no published model of that name\n"),
        ("sam_vit_k", "hint: did you mean sam_vit_"),
        (".", "error: .: is no file\n"),
    ],
)
def test_a_model_that_is_not_there(ask, name, sentence):
    code, err = ask(name)
    assert (code, sentence in err) == (2, True)


def test_a_published_model_that_is_not_at_hand_says_where_to_get_it(ask):
    """Nothing is fetched: name, address, hash and folder are told."""
    code, err = ask("sam_vit_b")
    published = PUBLISHED["sam_vit_b"]
    assert code == 2
    for told in (published.file_name, published.url, published.sha256, "anymask/weights"):
        assert told in err


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "error: device must be auto, cpu, cuda, cuda:<number> or mps, got 'gpu'"),
        ("cuda:99", "error: device cuda:99 "),
    ],
)
def test_a_device_that_is_not_there(anymask, model_file, device, sentence):
    words = ["segment", "cat.png", "--point", "45,30", "--model", model_file]
    ran = anymask(*words, "--device", device)
    assert (ran.code, sentence in ran.err) == (2, True)
    assert anymask(*words, "--device", "cpu").code == 0


def test_a_missing_model_stops_many_photos_before_the_first(anymask, folder):
    ran = anymask("segment", "cat.png", "gone.png", "--point", "4,5", "--model", "none.pth")
    assert ran.code == 2
    assert names_in(folder) == ["cat.png"]
    assert "photos are done" not in ran.err


def test_the_model_is_loaded_once_for_many_photos(segment, monkeypatch, loaded_once):
    calls = []

    @functools.wraps(loaded_once)
    def load(*words, **named):
        calls.append(words)
        return loaded_once(*words, **named)

    monkeypatch.setattr("anymask.api.load", load)
    segment("cat.png", "gone.png", "./cat.png", "--point", "4,5")
    assert len(calls) == 1
