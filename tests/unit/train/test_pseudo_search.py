"""Every picture is asked about once, whatever happens meanwhile."""

import os
import signal

import pytest
import torch

from anymask.errors import ImageError
from anymask.train import pseudo_search
from anymask.train.pseudo_masks import PseudoSettings
from anymask.train.pseudo_records import read_record
from anymask.train.pseudo_search import Asked, asked_about, search
from tests.unit.train.self_scenes import find_discs, prepared_scenes, seeded_model

CPU = torch.device("cpu")


@pytest.fixture
def discs(tmp_path):
    return prepared_scenes(tmp_path, 3)


@pytest.fixture
def model(tmp_path):
    return seeded_model(tmp_path / "seeded.safetensors")


@pytest.fixture
def asked_names(monkeypatch):
    """Names of the pictures that a finder of all discs was asked about."""
    names: list[str] = []

    def find(loaded, picture, settings):
        names.append(picture.name)
        return find_discs(loaded, picture, settings)

    monkeypatch.setattr(pseudo_search, "find_pseudo_masks", find)
    return names


def test_sets_take_turns_and_some_pictures_are_passed_over(discs, tmp_path):
    (tmp_path / "more").mkdir()
    others = prepared_scenes(tmp_path / "more", 2, name="others")
    passed_over = {"discs/discs_001", "others/others_000"}
    asked = asked_about([discs, others], passed_over)
    assert asked.rows == ((0, 0), (1, 1), (0, 2))
    assert asked_about([discs, others], passed_over, most_pictures=2).rows == ((0, 0), (1, 1))
    assert asked_about([], set()).rows == ()


def test_what_was_found_is_not_asked_again(discs, model, tmp_path, asked_names):
    told: list[tuple[int, int]] = []
    settings, records = PseudoSettings(), tmp_path / "records"
    two = asked_about([discs], set(), most_pictures=2)
    search(model, CPU, two, records, settings)
    everything = asked_about([discs], set())
    search(model, CPU, everything, records, settings, on_progress=lambda *some: told.append(some))
    assert asked_names == ["discs_000", "discs_001", "discs_002"]
    assert told[-1] == (3, 3)
    for picture in discs:
        record = read_record(records, picture)
        assert record is not None
        assert [mask.score for mask in record.choice.masks] == [0.92]


@pytest.mark.parametrize(
    ("number", "left"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_stop_keeps_what_was_found(discs, model, tmp_path, monkeypatch, number, left):
    def find(loaded, picture, settings):
        os.kill(os.getpid(), number)
        return find_discs(loaded, picture, settings)

    monkeypatch.setattr(pseudo_search, "find_pseudo_masks", find)
    with pytest.raises(left):
        search(model, CPU, asked_about([discs], set()), tmp_path / "records", PseudoSettings())
    found = [read_record(tmp_path / "records", picture) is not None for picture in discs]
    assert found == [True, False, False]


def test_a_picture_that_fails_does_not_stop_the_others(discs, model, tmp_path, monkeypatch):
    def find(loaded, picture, settings):
        if picture.name == "discs_000":
            raise ImageError("is cut short", hint="copy it again")
        return find_discs(loaded, picture, settings)

    monkeypatch.setattr(pseudo_search, "find_pseudo_masks", find)
    search(model, CPU, asked_about([discs], set()), tmp_path / "records", PseudoSettings())
    records = [read_record(tmp_path / "records", picture) for picture in discs]
    assert [record.failed for record in records if record] == ["is cut short", None, None]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(discs, model, tmp_path):
    settings = PseudoSettings(
        least_score=0, least_stability=0, points_per_side=4, largest_share=1, most_sides=4
    )
    asked = Asked(sets=(discs,), rows=((0, 0), (0, 1), (0, 2)))
    for processes in (1, 2):
        search(model, CPU, asked, tmp_path / str(processes), settings, processes=processes)
    files = {
        folder: {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*.json")}
        for folder in "12"
    }
    assert len(files["1"]) == 3
    assert files["1"] == files["2"]
