"""`anymask finetune`: one command from annotated pictures to a model and what it is worth."""

import json

import numpy as np
import pytest
from PIL import Image

import anymask as anymask_package
from anymask.data.splits import hold_out
from anymask.evaluate.compare import compare
from anymask.weights.load import load_model
from tests.scenes import write_shard

QUICK = ("--set", "steps=3", "--set", "size=64", "--set", "sample.prompts=1", "--device", "cpu")


@pytest.fixture
def shard(folder):
    """Six scenes of three discs."""
    return write_shard(folder / "discs.tar")


@pytest.fixture
def guard(folder):
    """Two more scenes, quicker than photos."""
    return write_shard(folder / "general.tar", 2)


@pytest.fixture
def finetune(anymask, shard, guard, model_file):
    """Run `anymask finetune WORDS...` on the scenes."""

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
    assert (record["steps"], record["part"]) == (3, "all")
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
    masks = anymask_package.load(folder / "my.safetensors").predict("cat.png", points=[(40, 30)])
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


def test_a_finished_run_is_only_written_again(finetune, folder):
    assert finetune().code == 0
    first = (folder / "my.safetensors").read_bytes()
    (folder / "my.safetensors").unlink()
    ran = finetune("--resume")
    assert (ran.code, "going on at step 3" in ran.err) == (0, True)
    assert (folder / "my.safetensors").read_bytes() == first


def test_an_old_run_is_not_overwritten_unasked(finetune, folder):
    assert finetune("--run", "run").code == 0
    again = finetune("--run", "run")
    assert again.code == 2
    assert again.err.startswith("error: --run run: holds a run\nhint: add --resume to go on with it")
    anew = finetune("--run", "other")
    assert anew.code == 2
    assert anew.err.startswith("error: my.safetensors: exists already\nhint: choose another --out")
    replaced = finetune("--run", "run", "--overwrite", "--seed", 5)
    assert replaced.code == 0, replaced.err
    assert json.loads((folder / "run" / "log.jsonl").read_text().splitlines()[-1])["step"] <= 3


def test_a_changed_setting_is_no_resuming(finetune):
    assert finetune().code == 0
    ran = finetune("--resume", "--set", "batch=1")
    assert ran.code == 2
    assert "the run was begun otherwise in 1 points (batch: 2 → 1)" in ran.err


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
    assert record["settings"]["steps"] == 3
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


def test_the_trained_model_is_told_worse_when_it_is(finetune):
    ran = finetune("--set", "optimizer.rate=10", "--set", "optimizer.warmup_steps=1")
    assert ran.code == 0
    assert ("the trained model is worse on the held-out pictures" in ran.err) or ran.out


class Looks:
    """A set of pictures that are known only by what they look like."""

    def __init__(self, name, words, masks=None):
        self.name, self.names = name, tuple(f"{name}{n}" for n in range(len(words)))
        self.fingerprints = np.array([(n + 1, w, w) for n, w in enumerate(words)], np.uint64)
        self.index = np.zeros(len(words), [("masks", "i4")])
        self.index["masks"] = masks if masks is not None else 1

    def name_of(self, index):
        return self.names[index]

    def __len__(self):
        return len(self.names)
