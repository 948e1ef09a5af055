"""Masks say how they were made, and what they say makes them again."""

import shlex
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import anymask
from anymask.cli.main import main
from anymask.errors import StateError
from anymask.image.options import ReadOptions
from anymask.image.photos import photo_path
from anymask.masks.code import command_lines as command_lines_of
from anymask.masks.code import file_written, python_lines
from anymask.masks.logits_file import load_logits
from anymask.masks.mask import Masks
from anymask.masks.origin import MaskFile
from anymask.masks.png import load_mask, save_png
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.predict.kept_embeddings import as_if_kept
from anymask.weights.save import save_model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "a b's.safetensors"
    save_model(Sam(tiny(64)).eval(), path, recipe={"name": "random"}, card="knows nothing")
    return path


@pytest.fixture(scope="module")
def model(weights):
    return anymask.load(weights)


@pytest.fixture
def embedding(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return model.embed(photo_path("rocket"))


def made_again(code: str) -> Masks:
    """Run the Python of a code and give what it leaves in `masks`."""
    names: dict[str, object] = {}
    exec(code, names)
    masks = names["masks"]
    assert isinstance(masks, Masks)
    return masks


def command_lines(code: str) -> list[list[str]]:
    _, _, lines = code.partition("# The same on the command line:\n")
    return [shlex.split(line.removeprefix("# ")) for line in lines.splitlines()]


def run(words: list[str], monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 0


def questions(model, embedding):
    """One of each kind of question."""
    first = model.predict(embedding, points=[(300, 200)])
    yield first
    yield model.predict(embedding, points=[(300, 200.25), (20, 30)], labels=[1, 0])
    yield model.predict(embedding, box=(200, 100, 400, 300), multimask=True)
    yield model.predict(embedding, points=[(0.5, 0.5)], normalized=True, multimask=False)
    worst = int(np.argmin(first.scores))
    second = model.predict(embedding, points=[(300, 200), (310, 210)], mask=first[worst])
    yield second
    yield model.predict(embedding, points=[(290, 190)], mask=second)
    yield model.predict(embedding, mask=first)


def test_the_python_gives_the_same_masks(model, embedding):
    for masks in questions(model, embedding):
        again = made_again(masks.code())
        assert np.array_equal(again.low_res_logits, masks.low_res_logits), masks.code()
        assert np.array_equal(again.scores, masks.scores)


def test_the_command_lines_give_the_same_mask(model, embedding, tmp_path, monkeypatch):
    for number, masks in enumerate(questions(model, embedding)):
        *earlier, last = command_lines(masks.code())
        for words in earlier:
            run([*words, "--overwrite"], monkeypatch)
        out = tmp_path / f"{number}"
        run([*last, "--format", "logits", "-o", str(out)], monkeypatch)
        written = sorted(out.glob("*.npy"))
        ordered = sorted(masks, key=lambda mask: -mask.score)
        assert len(written) == (3 if "--all-masks" in last else 1)
        for path, mask in zip(written, ordered, strict=False):
            assert np.array_equal(load_logits(path), mask.low_res_logits), shlex.join(last)


def test_how_the_picture_was_read_is_told(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    embedding = model.embed(
        photo_path("camera"), options=ReadOptions(max_pixels=300_000, allow_truncated=True)
    )
    code = model.predict(embedding, points=[(9, 9)]).code()
    assert "options=ReadOptions(allow_truncated=True, max_pixels=300000)" in code
    (words,) = command_lines(code)
    assert words[-3:] == ["--allow-truncated", "--max-pixels", "300000"]
    assert len(made_again(code)) == 3


def test_what_only_the_caller_has_is_left_open(model):
    pixels = np.zeros((40, 60, 3), np.uint8)
    rough = np.zeros((40, 60), bool)
    rough[10:20, 10:30] = True
    masks = model.predict(model.embed(pixels), points=[(15, 15)], mask=rough)
    lines = masks.code().splitlines()
    assert lines[3].startswith("picture = ...  # array, 60×40, sha256 ")
    assert lines[4] == "embedding = model.embed(picture)"
    assert lines[5] == "rough = ...  # the mask that was given, bool of shape (40, 60)"
    assert lines[6].endswith("points=[(15, 15)], labels=[1], mask=rough)")
    assert command_lines(masks.code())[0][:3] == ["anymask", "segment", "PICTURE"]


def test_an_answer_about_another_picture_is_no_chain(model, embedding):
    other = model.embed(photo_path("rocket").read_bytes())
    masks = model.predict(embedding, points=[(9, 9)], mask=model.predict(other, points=[(8, 8)]))
    assert "rough = ...  # an earlier answer to another picture or model, score" in masks.code()


def test_a_frame_of_another_size_is_told(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = anymask.load(weights, input_size=96)
    code = model.predict(model.embed(photo_path("rocket")), points=[(300, 200)]).code()
    assert "input_size=96" in code
    assert made_again(code).low_res_logits.shape == (3, 24, 24)
    assert command_lines(code)[0][-2:] == ["--input-size", "96"]


def test_masks_from_elsewhere_know_no_code():
    with pytest.raises(StateError, match="do not know how they were made; take them from model"):
        Masks().code()


def test_a_kept_embedding_in_half_precision_is_told(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fresh = model.embed(photo_path("rocket"))
    half = as_if_kept(model.loaded, fresh, "float16")
    masks = model.predict(half, points=[(300, 200)])
    again = made_again(masks.code())
    assert np.array_equal(again.low_res_logits, masks.low_res_logits)
    (words,) = command_lines(masks.code())
    assert words[-3:-2] == ["--half"]
    run([*words, "--format", "logits", "-o", "m.npy"], monkeypatch)
    assert np.array_equal(load_logits("m.npy"), masks.best.low_res_logits)


def test_a_name_of_several_lines_stays_one_remark(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "it's\nraise SystemExit\n#.png"
    shutil.copy(photo_path("coffee"), name)
    code = model.predict(model.embed(name), points=[(300, 200)]).code()
    assert code.splitlines()[-1] == (
        r"# anymask segment $'it\047s\012raise SystemExit\012#.png' --point=300,200 "
        f"--model {shlex.quote(str(model.loaded.source))}"
    )
    assert made_again(code).low_res_logits.shape == (3, 16, 16)


@pytest.mark.parametrize("name", ["rough.png", "-rough mask.png"])
def test_a_rough_mask_in_a_file_is_named(model, embedding, tmp_path, monkeypatch, name):
    rough = np.zeros(embedding.frame.original_hw, bool)
    rough[100:200, 200:300] = True
    save_png(rough, name)
    first = model.predict(embedding, points=[(250, 150)], mask=rough)
    second = model.predict(embedding, points=[(250, 150), (20, 20)], labels=[1, 0], mask=first[0])
    origin = second[0].origin
    named = replace(origin, mask=replace(origin.mask, mask=MaskFile(name=name)))
    again = made_again("\n".join(python_lines(named)))
    assert np.array_equal(again.low_res_logits, second.low_res_logits)
    *earlier, last = command_lines_of(named, file="mask.png")
    for line in (*earlier, last):
        run(shlex.split(line), monkeypatch)
    assert np.array_equal(load_mask(file_written(named, "mask.png")), second[0].array)


def test_pictures_of_odd_names_can_be_refined_too(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "<what?> *.png"
    shutil.copy(photo_path("coffee"), name)
    embedding = model.embed(name)
    first = model.predict(embedding, points=[(300, 200)])
    worst = int(np.argmin(first.scores))
    second = model.predict(embedding, points=[(300, 200), (310, 210)], mask=first[worst])
    for line in command_lines_of(second[0].origin, file="mask.png"):
        run(shlex.split(line), monkeypatch)
    assert np.array_equal(load_mask("mask.png"), second[0].array)
