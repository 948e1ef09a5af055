"""A comparison sees what differs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from anymask.predict import onnx_check
from anymask.predict.decode import predict
from anymask.predict.onnx_check import Sitter, compare, masks_of, questions, shares_of, sit, speedup
from tests.unit.predict import networks


@dataclass(frozen=True)
class Answers:
    """Files that answer with torch's own masks, some of them changed."""

    sitter: Sitter
    first: int = 0
    stop: int = 4
    flipped_rows: int = 0

    def encode(self, pixels):
        return {}

    def decode(self, features, prompt, frame):
        (single,) = predict(self.sitter.loaded, self.sitter.embedding, [prompt], multimask=False)[0]
        masks = np.stack([single.array, *masks_of(self.sitter, prompt)])
        masks[-1, : self.flipped_rows] ^= True
        return {"masks": np.where(masks, 1.0, -1.0)[None, self.first : self.stop]}


def answering(sitter: Sitter, **changes: int) -> Any:
    return Answers(sitter, **changes)


@pytest.fixture(scope="module")
def sitter():
    return sit(networks.loaded(networks.small_vit()))


def test_the_same_masks_agree_on_every_pixel(sitter):
    found = compare(sitter, answering(sitter))
    assert (found.share, found.num_masks) == (1.0, 24)


def test_the_worst_mask_counts(sitter):
    found = compare(sitter, answering(sitter, flipped_rows=4))
    assert found.share == pytest.approx(1 - 4 / 400)


def test_a_decoder_that_chooses_must_give_one_of_the_four(sitter):
    for number in range(4):
        found = compare(sitter, answering(sitter, first=number, stop=number + 1))
        assert (found.share, found.num_masks) == (1.0, 6)
    click = next(questions(sitter))
    other = answering(sitter, first=3, flipped_rows=200)
    (share,) = shares_of(sitter, other, {}, click)
    assert share < 0.9


def test_questions_are_of_every_kind(sitter):
    asked = list(questions(sitter))
    assert [len(prompt.points) for prompt in asked] == [1, 2, 0, 1, 12, 2]
    assert [prompt.box is not None for prompt in asked] == [False, False, True, True, False, False]
    assert [prompt.mask is not None for prompt in asked] == [False] * 5 + [True]


@pytest.fixture
def clock(monkeypatch):
    """A clock by which a call takes as long as it says; gives the calls in their order."""
    turns: list[str] = []

    def seconds(call):
        name, took = call()
        turns.append(name)
        return took

    monkeypatch.setattr(onnx_check, "_seconds", seconds)
    return turns


def test_a_speedup_is_the_median_of_the_usual_time_over_the_other(clock):
    usual = iter([9e-6, 4e-6, 8e-6, 6e-6] + [6e-6] * 10_000)
    ratio = speedup(lambda: ("usual", next(usual)), lambda: ("other", 2e-6))
    assert ratio == pytest.approx(3)
    assert clock[:4] == ["usual", "other", "usual", "other"]
    assert clock.count("usual") == clock.count("other") > 3


def test_long_calls_are_made_once(clock):
    assert speedup(lambda: ("usual", 300.0), lambda: ("other", 100.0)) == 3
    assert clock == ["usual", "other"]
