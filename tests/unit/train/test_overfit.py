"""One picture can be learnt by heart: data, prompts, losses and gradients fit together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.model.configs import tiny
from anymask.model.sam import Sam
from anymask.train.batch import collate
from anymask.train.initialise import initialise
from anymask.train.interaction import ConversationSettings, converse
from tests.scenes import write_shard

MOST_STEPS = 150


@pytest.mark.slow
def test_one_picture_is_learnt_by_heart(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Sam(tiny(128)).train()
    initialise(model, 0)
    model.image_encoder.backbone.requires_grad_(False)
    mixture = Mixture(read_shards([write_shard(tmp_path / "discs.tar", 1)]))
    whole = SampleSettings(
        prompts=3, zoom_share=0, whole_share=1, recolour=False, mirror=False, largest_share=1
    )
    sample = mixture.draw(128, whole, np.random.default_rng(0))
    batch = collate([sample], model)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=2e-3, weight_decay=0)
    settings, rng = ConversationSettings(most_rounds=1), np.random.default_rng(0)
    overlaps: list[float] = []
    for _ in range(MOST_STEPS):
        figures = converse(model, batch, rng, settings)
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        overlaps.append(figures["iou_single1"])
        if min(overlaps[-3:]) > 0.98:
            break
    assert overlaps[0] < 0.5  # nothing was known before
    assert min(overlaps[-3:]) > 0.98
