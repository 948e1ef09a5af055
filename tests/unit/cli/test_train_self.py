"""`anymask train self`: from pictures to a model that learnt from itself, in one command."""

import json

import pytest
import torch

from anymask.data.shards import read_shards
from anymask.model.sam import Sam
from anymask.train import pseudo_search, self_training
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from tests.scenes import write_shard
from tests.unit.train.conftest import small_config
from tests.unit.train.self_scenes import find_discs, without_third

QUICK = ("--set", "size=64", "--set", "steps=1", "--set", "check_every=0", "--device", "cpu")


@pytest.fixture
def base(folder):
    """A model that knows nothing."""
    torch.manual_seed(0)
    path = folder / "base.safetensors"
    save_model(Sam(small_config()).eval(), path, recipe={}, card="knows nothing")
    return path


@pytest.fixture
def train_self(anymask, folder, base, monkeypatch):
    """Run `anymask train self` on twenty scenes, with a finder of all discs."""
    (folder / "data").mkdir()
    (folder / "whole").mkdir()
    without_third(write_shard(folder / "whole/discs.tar", 20), folder / "data/discs.tar")
    monkeypatch.setattr(pseudo_search, "find_pseudo_masks", find_discs)
    one = tuple(read_shards([folder / "whole/discs.tar"]))[:1]
    monkeypatch.setattr(self_training, "guard_pictures", lambda: one)

    def run(*words):
        given = ("--data", "data", "--out", "out", "--base", base)
        return anymask("train", "self", *given, *QUICK, *words)

    return run


def test_annotated_sets_are_written_and_told(train_self, folder):
    ran = train_self("--only-annotate")
    assert ran.code == 0
    assert ran.out.splitlines()[1].split() == ["discs", "20", "19", "40", "19"]
    assert "19 masks of things nobody labelled, on 19 pictures\n" in ran.out
    assert ran.out.endswith("wrote out/report.json, out/found.png\n")
    marks = [picture.pseudo for picture in read_shards([folder / "out/annotated/discs.tar"])]
    assert marks.count((False, False, True)) == 19
    assert marks[17] is None
    record = json.loads((folder / "out/report.json").read_text())
    assert record["sets"] == {"discs": {"pictures": 20, "asked": 19, "labelled": 40, "pseudo": 19}}
    assert record["left_out"] == {"labelled": 38}
    assert record["pseudo"]["least_score"] == 0.7


def test_a_second_call_needs_to_be_meant(train_self):
    assert train_self("--only-annotate", "--pictures", 2).code == 0
    again = train_self("--only-annotate")
    assert (again.code, again.err) == (
        2,
        "error: --out out: holds a self-training\n"
        "hint: add --resume to go on with it, or choose another folder\n",
    )
    assert "19 masks" in train_self("--only-annotate", "--resume").out


@pytest.mark.slow
def test_the_whole_command_trains_and_compares(train_self, folder):
    ran = train_self()
    assert ran.code == 0
    assert "held-back pictures: mean IoU of 2 masks, 1 pictures\n" in ran.out
    assert "one click" in ran.out
    assert ran.out.endswith("wrote out/report.json, out/found.png, out/model.safetensors\n")
    record = json.loads((folder / "out/report.json").read_text())
    assert record["held_out"]["figures"]["click"]["low"] is None
    assert len(record["model"]["sha256"]) == 64
    assert load_model(folder / "out/model.safetensors").sam.config.name == "small"


def test_a_dry_run_says_what_it_would_cost_and_writes_nothing_but_prepared_pictures(
    train_self, folder
):
    ran = train_self("--dry-run", "--pseudo", "points_per_side=2", "--pictures", 5)
    record = json.loads(ran.out)
    assert (record["annotated"], record["held_back"], record["alike"]) == (5, 1, 0)
    assert record["pseudo"]["points_per_side"] == 2
    assert record["settings"]["sample"]["pseudo_share"] == 0.5
    assert record["first_picture"]["seconds"] >= 0
    assert not (folder / "out/annotated").exists()
    assert not (folder / "out/records").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--pseudo", "least_score"), "--pseudo must be key=value, got 'least_score'"),
        (("--pseudo", "least_scor=0.5"), "least_scor"),
        (("--pseudo", "least_score=7"), "least_score must be in [0, 1], got 7"),
        (("--pictures", "0"), "--pictures must be 1 or more, got 0"),
        (("--processes", "0"), "--processes must be 1 or more, got 0"),
        (("--minutes", "0"), "--minutes must be above 0, got 0"),
        (("--out", "data/inside"), "--out data/inside: lies inside the data data"),
        (("--out", "cat.png"), "--out cat.png: is a file"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(train_self, words, sentence):
    ran = train_self(*words)
    assert ran.code == 2
    assert sentence in ran.err
