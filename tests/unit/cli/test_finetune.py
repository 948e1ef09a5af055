"""`anymask finetune`: one command from annotated pictures to a model and what it is worth."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import anymask as anymask_package
from anymask.evaluate.compare import compare
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.before_after import measure
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from tests.scenes import write_shard

QUICK = ("--set", "steps=1", "--set", "sample.prompts=1", "--device", "cpu")


@pytest.fixture
def shard(folder):
    """Six scenes of three discs."""
    return write_shard(folder / "discs.tar")


@pytest.fixture
def guard(folder):
    """Two more scenes, quicker than photos."""
    return write_shard(folder / "general.tar", 2)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A seeded model with a small frame: everything here is measured with it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "seeded.safetensors"
    save_model(Sam(tiny(64)).eval(), path, recipe={}, card="seeded")
    return path


@pytest.fixture
def finetune(anymask, shard, guard, model_file, request, monkeypatch):
    """Run `anymask finetune WORDS...` on the scenes; only one test has its sheet drawn."""
    if "sheet" not in request.node.name:
        monkeypatch.setattr(
            "anymask.train.before_after.before_after_sheet",
            lambda *_: np.zeros((2, 3, 3), np.uint8),
        )

    def run(*words, data=shard):
        given = ["--data", data, "--guard", guard, "--base", model_file, "--out", "my.safetensors"]
        return anymask("finetune", *given, "--allow-overlap", *QUICK, *words)

    return run


def test_the_result_is_a_model_a_table_a_report_and_a_sheet(finetune, folder, anymask):
    ran = finetune()
    assert ran.code == 0, ran.err
    assert "held-out pictures: mean IoU of 6 masks, 2 pictures" in ran.out
    assert "general pictures: mean IoU of 6 masks, 2 pictures" in ran.out
    record = json.loads((folder / "my.report.json").read_text())
    assert len(record["data"]["held_out"]) == 2
    assert record["data"]["pictures"] == {"discs": 4}
    assert (record["steps"], record["part"]) == (1, "all")
    paired = compare(**record["rows"]["held_out"])
    assert paired["rows"] == record["held_out"]["rows"]
    for row in paired["rows"]:
        assert " ".join(row[:4]) in " ".join(ran.out.split())
    loaded = load_model(folder / "my.safetensors", device="cpu")
    assert loaded.sha256 == record["model"]["sha256"]
    with Image.open(folder / "my.before-after.png") as sheet:
        assert sheet.width > sheet.height
    asked = anymask("segment", "cat.png", "--point", "40,30", "--model", "my.safetensors")
    assert asked.code == 0, asked.err
    model = anymask_package.load(folder / "my.safetensors")
    masks = model.predict(model.embed("cat.png"), points=[(40, 30)], labels=[1])
    assert masks.best.array.shape == (60, 90)


def test_the_file_says_where_it_is_from(finetune, folder, model_file):
    assert finetune("--part", "decoder_and_lora").code == 0
    recipe = json.loads(load_model(folder / "my.safetensors", device="cpu").metadata["recipe"])
    base = load_model(model_file, device="cpu")
    assert recipe["recipe"] == "finetune"
    assert recipe["settings"]["start"] == f"{model_file.name} {base.sha256[:12]}"
    assert recipe["settings"]["frozen"] == "encoder"
    assert recipe["settings"]["low_rank"]["rank"] == 8
    record = json.loads((folder / "my.report.json").read_text())
    assert recipe["data"] == record["data"]["fingerprint"]


def test_learning_the_decoder_leaves_the_encoder_as_it_was(finetune, folder, model_file):
    assert finetune("--part", "decoder").code == 0
    before = load_model(model_file, device="cpu").sam.state_dict()
    after = load_model(folder / "my.safetensors", device="cpu").sam.state_dict()
    changed = {name.split(".")[0] for name in before if not before[name].equal(after[name])}
    assert "mask_decoder" in changed
    assert "image_encoder" not in changed


def test_a_finished_run_is_written_again_and_not_begun_again_unasked(finetune, folder, model_file):
    assert finetune("--run", "run").code == 0
    first = (folder / "my.safetensors").read_bytes()
    again = finetune("--run", "run")
    assert again.code == 2
    assert again.err.startswith("error: --run run: holds a run\nhint: add --resume to go on")
    anew = finetune("--run", "other")
    assert anew.code == 2
    assert anew.err.startswith("error: my.safetensors: exists already\nhint: choose another --out")
    changed = finetune("--run", "run", "--resume", "--set", "batch=1")
    assert changed.code == 2
    assert "the run was begun otherwise in 1 points (batch: 4 → 1)" in changed.err
    resumed = finetune("--run", "run", "--resume")
    assert (resumed.code, "going on at step 1" in resumed.err) == (0, True)
    assert (folder / "my.safetensors").read_bytes() == first
    blended = finetune("--run", "run", "--resume", "--blend", "1e-6")
    assert blended.code == 0, blended.err
    now, base = (load_model(f, device="cpu").sam for f in ("my.safetensors", model_file))
    for name, weight in base.state_dict().items():
        torch.testing.assert_close(now.state_dict()[name], weight, rtol=1e-3, atol=1e-5)


def test_an_old_run_is_begun_again_when_asked(finetune, folder):
    assert finetune().code == 0
    ran = finetune("--overwrite", "--seed", 5)
    assert ran.code == 0, ran.err
    recipe = json.loads(load_model("my.safetensors", device="cpu").metadata["recipe"])
    assert (recipe["settings"]["seed"], recipe["steps"]) == (5, 1)


def test_one_picture_is_learnt_and_measured_and_this_is_said(finetune, folder):
    one = write_shard(folder / "one.tar", 1)
    ran = finetune(data=one)
    assert ran.code == 0, ran.err
    assert "there is one picture, so the model is measured on what it learns from" in ran.err
    assert "the training pictures: mean IoU of 3 masks, 1 pictures" in ran.out
    assert "measured on what was learnt" in ran.err
    record = json.loads((folder / "my.report.json").read_text())
    assert record["data"]["measured_on_training_pictures"] is True


def test_validation_is_what_is_measured_on(finetune, folder):
    other = write_shard(folder / "other.tar", 1)
    ran = finetune("--validation", other)
    assert ran.code == 0, ran.err
    record = json.loads((folder / "my.report.json").read_text())
    assert record["data"]["held_out"] == ["other/other_000"]
    assert record["data"]["pictures"] == {"discs": 6}


def test_a_picture_on_both_sides_is_refused(anymask, shard, folder, model_file):
    words = ["--data", shard, "--validation", write_shard(folder / "other.tar", 1)]
    ran = anymask("finetune", *words, "--base", model_file, "--out", "my.safetensors", *QUICK)
    assert ran.code == 2
    assert "discs/discs_000 = other/other_000" in ran.err
    assert not (folder / "my.safetensors").exists()


def test_a_dry_run_says_everything_and_trains_nothing(finetune, folder):
    ran = finetune("--dry-run")
    assert ran.code == 0, ran.err
    record = json.loads(ran.out)
    assert (record["part"], len(record["held_out"]), record["general"]) == ("all", 2, 2)
    assert record["settings"]["steps"] == 1
    assert record["memory_gb"]["needed"] > 0.4
    assert (folder / "my.batch.png").is_file()
    assert not list((folder / "my.run").glob("step-*.pt"))
    assert not (folder / "my.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "0"], "error: --minutes must be above 0, got 0\nhint: use 5"),
        (["--minutes", "nan"], "error: --minutes must be above 0, got nan"),
        (["--processes", "0"], "error: --processes must be 1 or more, got 0"),
        (["--part", "encoder"], "error: --part must be decoder, decoder_and_lora or all, got "),
        (["--blend", "0"], "error: --blend must be above 0 and at most 1, got 0"),
        (["--out", "my.pt"], "error: --out my.pt: is not a .safetensors file"),
        (["--run", "cat.png"], "error: --run cat.png: is a file\nhint: name a folder"),
        (["--base", "cat.png"], "error: cat.png: "),
        (["--base", "none.pth"], "error: none.pth: no such file and no published model"),
        (["--set", "optimizer.rate=0"], "error: optimizer.rate must be above 0, got 0"),
        (["--set", "rate=1"], "error: "),
        (["--validation", "nowhere"], "error: nowhere: no such file or folder"),
    ],
)
def test_wrong_use_starts_nothing(finetune, folder, words, sentence):
    ran = finetune(*words)
    told = [line for line in ran.err.splitlines(keepends=True) if not line.startswith("note: ")]
    assert (ran.code, "".join(told).startswith(sentence)) == (2, True), ran.err
    assert not (folder / "my.run" / "before.json").exists()
    assert not (folder / "my.safetensors").exists()


def test_data_without_masks_are_refused(finetune, folder):
    (folder / "empty").mkdir()
    ran = finetune(data=folder / "empty")
    assert ran.code == 2
    assert "empty: is empty" in ran.err


def test_harm_is_said_and_the_model_is_still_written(finetune, folder, monkeypatch):
    def perfect(base, questions, run, on_picture):
        asked = measure(base, questions)
        for row in (*asked.held_out, *asked.general):
            row.update(dict.fromkeys(("click", "oracle", "clicks_3", "box"), 1.0))
        return asked

    monkeypatch.setattr("anymask.train.before_after.measured_before", perfect)
    ran = finetune()
    assert ran.code == 0
    assert "warning: the trained model is worse on the held-out pictures than the base" in ran.err
    assert "warning: zero-shot ability on general pictures fell from 1.000 to" in ran.err
    assert (folder / "my.safetensors").is_file()
    record = json.loads((folder / "my.report.json").read_text())
    assert record["general"]["warning"].startswith("zero-shot ability")
