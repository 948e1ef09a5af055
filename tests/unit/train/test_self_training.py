"""A model annotates, learns from people and itself, and is compared with what it was."""

import json
from dataclasses import replace

import numpy as np
import pytest

from anymask.data.prepare import prepare_data
from anymask.data.samples import SampleSettings
from anymask.errors import ConfigError
from anymask.train import pseudo_search, self_training
from anymask.train.finetune import load_base
from anymask.train.pseudo_masks import PseudoSettings
from anymask.train.recipes import default_model
from anymask.train.schedule import SizePhase
from anymask.train.self_training import (
    annotate,
    held_back_questions,
    learnable,
    self_training_data,
)
from anymask.train.settings import TrainSettings
from anymask.weights.load import load_model
from tests.unit.data.layouts_of_discs import shard_layout
from tests.unit.train.self_scenes import (
    HELD_BACK,
    find_discs,
    prepared_scenes,
    seeded_model,
    third_disc,
)

SETTINGS = PseudoSettings()


@pytest.fixture
def discs(tmp_path):
    return prepared_scenes(tmp_path)


@pytest.fixture
def base(tmp_path):
    return load_base(str(seeded_model(tmp_path / "seeded.safetensors")), "cpu")


@pytest.fixture
def asked_names(monkeypatch):
    """Names of the pictures that a finder of all discs was asked about."""
    names: list[str] = []

    def find(loaded, picture, settings):
        names.append(picture.name)
        return find_discs(loaded, picture, settings)

    monkeypatch.setattr(pseudo_search, "find_pseudo_masks", find)
    return names


@pytest.fixture
def recipe(base):
    settings = TrainSettings(
        steps=2,
        phases=(SizePhase(until=1.0, sizes=(64,)),),
        batch=1,
        sample=SampleSettings(prompts=2),
        check_every=0,
        log_every=1,
    )
    return replace(default_model(base.path), architecture=base.loaded.sam.config, settings=settings)


def test_a_tenth_is_held_back_by_name(discs):
    data = self_training_data([discs])
    assert data.held_back == {f"discs/{HELD_BACK}"}
    assert [len(part) for part in data.measured] == [1]
    assert data.measured[0][0].name == HELD_BACK


def test_pictures_that_look_like_a_held_back_one_are_known(discs, tmp_path):
    copies = tmp_path / "copies.tar"
    copies.write_bytes((tmp_path / "discs.tar").read_bytes())
    others = prepare_data(
        [copies],
        tmp_path / "prepared",
        failures=tmp_path / "failures.jsonl",
        read=lambda path: (shard_layout(path),),
    ).sets
    within = self_training_data([discs]).alike
    beyond = self_training_data(others, [discs]).alike
    assert f"discs/{HELD_BACK}" not in within
    assert {f"copies/{name}" for name in discs.names} <= beyond


def test_with_validation_pictures_nothing_else_is_held_back(discs, tmp_path):
    (tmp_path / "v").mkdir()
    validation = prepared_scenes(tmp_path / "v", 2, name="others")
    data = self_training_data([discs], [validation])
    assert (data.held_back, data.measured) == (frozenset(), (validation,))


def test_held_back_pictures_are_neither_annotated_nor_learnt_from(
    discs, base, asked_names, recipe, tmp_path
):
    data = replace(self_training_data([discs]), alike=frozenset({"discs/discs_003"}))
    annotated = annotate(base, data, tmp_path / "out", SETTINGS)
    assert sorted(asked_names) == [
        name for name in discs.names if name not in (HELD_BACK, "discs_003")
    ]
    training = learnable(annotated, data, recipe, tmp_path / "out")
    learnt = {p.name: p for part in training.sets for p in (part[i] for i in range(len(part)))}
    assert set(learnt) == set(discs.names) - {HELD_BACK}
    assert learnt["discs_003"].pseudo is None
    assert learnt["discs_005"].pseudo == (False, False, True)
    np.testing.assert_array_equal(learnt["discs_005"].mask(2), third_disc("discs_005"))
    assert [picture.name for picture in training.held_back] == [HELD_BACK]
    assert training.held_back[0].pseudo is None
    assert (tmp_path / "out" / "found.png").read_bytes().startswith(b"\x89PNG")


def test_only_so_many_pictures_are_annotated_and_the_others_are_still_there(
    discs, base, asked_names, tmp_path
):
    data = self_training_data([discs])
    annotated = annotate(base, data, tmp_path / "out", SETTINGS, most_pictures=3)
    assert asked_names == ["discs_000", "discs_001", "discs_002"]
    counts = annotated.counts["discs"]
    assert (counts.pictures, counts.asked, counts.labelled, counts.pseudo) == (20, 3, 40, 3)
    fewer = annotate(base, data, tmp_path / "out", SETTINGS, most_pictures=1)
    assert fewer.counts["discs"].pseudo == 1


def test_masks_to_ask_about_are_drawn_from_held_back_pictures_only(discs):
    questions = held_back_questions(self_training_data([discs]))
    assert [(p.name, len(p.runs)) for p in questions.held_out] == [(HELD_BACK, 2)]
    assert len(questions.general) == 6


def test_nothing_to_measure_on_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no picture with masks is held back to measure on"):
        held_back_questions(self_training_data([prepared_scenes(tmp_path, 4)]))


def test_the_whole_loop_annotates_trains_and_compares(
    discs, base, recipe, asked_names, tmp_path, monkeypatch
):
    monkeypatch.setattr(self_training, "guard_pictures", lambda: tuple(discs)[:1])
    told: list[tuple[str, int, int | None]] = []
    data, out = self_training_data([discs]), tmp_path / "out"

    def run():
        return self_training.self_training(
            base, recipe, data, out, SETTINGS, on_progress=lambda *some: told.append(some)
        )

    trained = run()
    assert trained.annotated.counts["discs"].pseudo == 19
    assert trained.verdict.held_out["masks"] == 2
    assert [row["picture"] for row in trained.after.held_out] == [HELD_BACK] * 2
    assert trained.before.held_out != trained.after.held_out
    assert {what for what, _, _ in told} == {"measuring before", "finding masks", "measuring after"}
    assert told[-1] == ("measuring after", 2, 2)
    loaded = load_model(trained.model)
    made = json.loads(loaded.metadata["recipe"])
    assert (made["steps"], made["after"]) == (2, {"name": "seeded"})
    asked_names.clear()
    again = run()
    assert asked_names == []
    assert again.verdict == trained.verdict
    lines = (out / "run" / "log.jsonl").read_text().splitlines()
    assert max(json.loads(line)["step"] for line in lines) == 2
