"""Small networks answer today what they answered when they were recorded."""

import json

import pytest
import torch

from tests.golden.record import RECORDED, all_answers

# Share of the root mean square: machines and thread counts round differently, nothing else may.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def today():
    return all_answers()


@pytest.mark.parametrize("network", ["small_vit", "small_lite", "small_tinyvit"])
@pytest.mark.parametrize("stage", ["embedding", "logits", "iou", "refined logits", "refined iou"])
def test_answers_are_as_recorded(today, network, stage):
    recorded = torch.tensor(json.loads(RECORDED.read_text())[network][stage])
    found = torch.tensor(today[network][stage])
    allowed = TOLERANCE * float(recorded.square().mean().sqrt())
    assert allowed > 0
    torch.testing.assert_close(found, recorded, rtol=0, atol=allowed)
