"""Whoever listens hears of candidates as they are found, and may end the search."""

from dataclasses import replace

import numpy as np
import pytest

from anymask.everything.candidates import Floors
from anymask.everything.propose import propose
from anymask.everything.settings import EverythingSettings
from tests.unit.everything.answering import Disc, answering_model, embedded

SETTINGS = EverythingSettings(points_per_side=6, points_per_batch=7)
DISCS = (Disc(32, 32, 18), Disc(90, 60, 24), Disc(90, 60, 10, score=0.92))


def same(rows, others):
    """Whether rows are the same to the bit; the stability of nothing is no number."""
    return rows.tobytes() == others.tobytes()


@pytest.fixture
def loaded(monkeypatch):
    return answering_model(monkeypatch, *DISCS)


@pytest.mark.parametrize("mode", ["exact", "fast", "adaptive"])
@pytest.mark.parametrize("floors", [Floors(), None])
def test_what_is_told_is_what_is_found(loaded, mode, floors):
    heard, steps = [], []
    settings = replace(SETTINGS, mode=mode, crop_n_layers=1)
    found = propose(
        loaded,
        embedded(loaded),
        settings,
        floors=floors,
        on_found=lambda rows, codes: heard.append((rows, list(codes))),
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert same(np.concatenate([rows for rows, _ in heard]), found.rows)
    assert [code for _, codes in heard for code in codes] == list(found.codes)
    assert all(len(rows) == len(codes) > 0 for rows, codes in heard)
    assert len(heard) > 2
    assert steps[-1] == (5 * 36, 5 * 36)


def test_who_does_not_listen_changes_nothing(loaded):
    plain = propose(loaded, embedded(loaded), SETTINGS, floors=Floors())
    heard = propose(
        loaded,
        embedded(loaded),
        SETTINGS,
        floors=Floors(),
        on_found=lambda *_: None,
        should_stop=lambda: False,
    )
    assert same(plain.rows, heard.rows)
    assert list(plain.codes) == list(heard.codes)
    assert (plain.num_prompts, plain.left_out) == (heard.num_prompts, heard.left_out)


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_an_early_end_gives_what_was_found_so_far(loaded, batches):
    whole = propose(loaded, embedded(loaded), SETTINGS, floors=Floors())
    asked = []

    def should_stop():
        asked.append(True)
        return len(asked) == batches

    part = propose(loaded, embedded(loaded), SETTINGS, floors=Floors(), should_stop=should_stop)
    assert len(asked) == batches
    assert part.num_prompts == min(7 * batches, 36)
    assert len(part) == 3 * part.num_prompts
    assert same(part.rows, whole.rows[: len(part)])
    assert list(part.codes) == list(whole.codes)[: len(part)]
