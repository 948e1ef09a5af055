import io
import json
import os
import subprocess
import sys
import tarfile

import pytest

from anymask.train.checkpoint import latest_checkpoint
from anymask.weights.load import load_model
from tests.scenes import write_shard

SMALL = (
    "--set",
    "size=64",
    "--set",
    "batch=1",
    "--set",
    "sample.prompts=2",
    "--set",
    "log_every=1",
)
SHORT = ("--set", "steps=2", "--set", "check_every=0", *SMALL)


@pytest.fixture
def data(folder):
    """Twenty pictures of three discs; one of them is held back by its name."""
    (folder / "data").mkdir()
    write_shard(folder / "data" / "discs.tar", 20)
    return folder / "data"


@pytest.fixture
def train(anymask, data):
    """Run `anymask train default` on the discs."""

    def run(*words):
        return anymask("train", "default", "--data", "data", "--out", "run", *words)

    return run


def test_a_dry_run_says_everything_and_starts_nothing(train, folder):
    ran = train("--dry-run", "--seed", 7, "--minutes", 5, "--processes", 2, *SMALL)
    record = json.loads(ran.out)
    assert ran.code == 0
    assert (record["recipe"], record["processes"], record["out"]) == ("default", 2, "run")
    assert (record["pictures"], record["held_back"]) == ({"discs": 19}, 1)
    assert (record["settings"]["seed"], record["settings"]["minutes"]) == (7, 5.0)
    assert record["parameters_that_learn"] > 6_000_000
    assert 0.5 < record["memory_gb"]["needed"] < 5
    assert (folder / "run" / "batch.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "run").glob("step-*")) == []


@pytest.mark.slow
def test_a_run_is_trained_refused_twice_and_gone_on_with(train, folder, anymask):
    ran = train(*SHORT)
    assert (ran.code, ran.out) == (0, "trained; the model is run/model.safetensors\n")
    assert load_model("run/model.safetensors").sam.config.input_size == 384
    again = train(*SHORT)
    assert (again.code, again.err) == (
        2,
        "error: --out run: holds a run\n"
        "hint: add --resume to go on with it, or choose another folder\n",
    )
    other = train("--resume", *SHORT, "--set", "batch=2")
    assert other.code == 2
    assert "begun otherwise in 1 points (batch: 1 → 2)" in other.err
    longer = train("--resume", "--override", *SHORT, "--set", "steps=3")
    assert longer.code == 0
    assert "note: going on at step 2\n" in longer.err
    checkpoint = latest_checkpoint(folder / "run")
    assert checkpoint is not None
    assert checkpoint.step == 3
    done = anymask("train", "export", "--run", "run", "-o", "m.safetensors", "--input-size", 96)
    assert done.out.startswith("wrote m.safetensors: 3 steps, 3 picture visits")
    assert load_model("m.safetensors").sam.config.input_size == 96


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "none"], "error: none: no such file or folder\nhint: check the path"),
        (["--processes", "0"], "error: --processes must be 1 or more and --max-restarts 0 or more"),
        (["--minutes", "0"], "error: --minutes must be above 0, got 0\nhint: use 105"),
        (["--minutes", "nan"], "error: --minutes must be above 0, got nan\n"),
        (["--out", "cat.png"], "error: --out cat.png: is a file\nhint: name a folder"),
        (["--model", "vit_b"], "error: --model is not for the recipe default\n"),
        (["--set", "optimizer.rate=0"], "error: optimizer.rate must be above 0, got 0\n"),
        (["--set", "steps=0", "--set", "minutes=0"], "error: the run has no length\n"),
        (["--set", "set_weights.dics=2"], "error: a weight is given for the data set 'dics'"),
        (["--start", "none.safetensors"], "error: --start none.safetensors: is no file\n"),
        (["--device", "tpu"], "error: device"),
    ],
)
def test_wrong_use_starts_nothing(train, folder, words, sentence):
    ran = train(*words)
    assert ran.code == 2
    assert sentence in ran.err
    assert list((folder / "run").glob("step-*")) == []


def test_pictures_to_measure_on_must_not_be_learnt_from(train, folder):
    ran = train("--validation", "data/discs.tar", *SHORT)
    assert ran.code == 2
    assert "20 pairs of training and evaluation pictures are the same, the first five: " in ran.err
    assert "add --allow-overlap" in ran.err


def test_bad_samples_are_listed_before_the_first_step(train, folder, data):
    with tarfile.open(data / "discs.tar", "a") as shard:
        for name, text in (("bad.jpg", b"GIF"), ("bad.json", b"{")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            shard.addfile(member, io.BytesIO(text))
    ran = train(*SHORT)
    assert ran.code == 2
    assert "1 of 21 samples is bad" in ran.err
    assert "add --skip-bad" in ran.err
    (row,) = (folder / "run" / "failures.jsonl").read_text().splitlines()
    assert (json.loads(row)["code"], "bad.json" in json.loads(row)["input"]) == ("bad-json", True)
    assert train("--skip-bad", "--dry-run", *SHORT).code == 0


@pytest.mark.parametrize(("recipe", "words"), [("sa1b_from_scratch", []), ("mae_pretrain", [])])
def test_recipes_may_be_called_by_their_functions_names(anymask, data, recipe, words):
    ran = anymask("train", recipe, "--data", "none", "--out", "run", *words)
    assert (ran.code, "none" in ran.err) == (2, True)


@pytest.mark.slow
def test_torchrun_trains_in_several_processes(data, folder):
    program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    words = ["-m", "anymask", "train", "default", "--data", "data", "--out", "run", *SHORT]
    ran = subprocess.run(
        [*program, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "trained; the model is run/model.safetensors\n"
    checkpoint = latest_checkpoint(folder / "run")
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.pictures, checkpoint.processes) == (2, 4, 2)
