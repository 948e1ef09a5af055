"""The decoder for elsewhere gives calibrated scores, as the network does."""

from dataclasses import replace

import pytest
import torch

from anymask.model.prompt_encoder import PromptBatch
from anymask.model.score_calibration import ScoreCalibration
from anymask.predict.onnx_decoder import DecoderOptions, PromptTensors, export_decoder
from tests.unit.predict.networks import SIDE, seeded_sam, small_lite


@pytest.fixture(scope="module")
def sam():
    """A network whose maps differ in every kind and mask."""
    network = seeded_sam(replace(small_lite(), logit_scale=30.0))
    calibration = ScoreCalibration(4, 16)
    calibration.raw.copy_(4 * calibration.raw - 2)
    steps = torch.rand(calibration.true.shape, generator=torch.Generator().manual_seed(0))
    calibration.true.copy_(steps.cumsum(-1) / 16)
    network.mask_decoder.mask_scorer.calibration = calibration
    return network


@pytest.fixture(scope="module")
def program(sam):
    return export_decoder(sam, DecoderOptions()).module()


@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize(
    "labels", [[1, -1], [1, 0, -1], [1, 0, 1, -1], [1, 0, 1, 1, -1], [1] * 7, [2, 3], [1, 0, 2, 3]]
)
@torch.no_grad()
def test_scores_are_those_of_the_network(sam, program, labels, has_mask):
    generator = torch.Generator().manual_seed(1)
    features = sam.encode(torch.rand(1, 3, SIDE, SIDE, generator=generator))
    points = SIDE * torch.rand(1, len(labels), 2, generator=generator)
    mask = 4 * torch.randn(1, 1, SIDE // 4, SIDE // 4, generator=generator)
    given = PromptTensors(
        points,
        torch.tensor([labels], dtype=torch.float32),
        mask,
        torch.tensor([float(has_mask)]),
        torch.tensor([float(SIDE), float(SIDE)]),
    )
    _, scores, _ = program(features.embedding, features.high_res, given)
    logits = mask[None] if has_mask else None
    batch = PromptBatch(points[None], torch.tensor([[labels]]), logits)
    right = sam.decode(features, batch).iou[0]
    torch.testing.assert_close(scores, right, atol=1e-4, rtol=0)
    sam.mask_decoder.mask_scorer.calibration, kept = None, sam.mask_decoder.mask_scorer.calibration
    raw = sam.decode(features, batch).iou[0]
    sam.mask_decoder.mask_scorer.calibration = kept
    assert (raw - right).abs().max() > 0.01
