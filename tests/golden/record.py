"""Records what small networks answer: python -m tests.golden.record

Run it only when an answer is meant to change, and say why where the change is described.
"""

import json
from pathlib import Path

import torch

from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from tests.unit.model.seeded import features_of, numbers, small_lite, small_tinyvit, small_vit

RECORDED = Path(__file__).with_name("networks.json")
DIGITS = 6


@torch.no_grad()
def answers_of(sam: Sam) -> dict[str, list[float]]:
    """Give a few numbers of every stage: embedding, logits (every fifth pixel) and scores."""
    features = features_of(sam)
    points = torch.tensor([[[(12.0, 20.0), (0.0, 0.0)], [(8.0, 9.0), (50.0, 40.0)]]])
    labels = torch.tensor([[[1, -1], [2, 3]]])
    grid = sam.config.input_size // 16
    masks = 5 * numbers((1, 2, 1, 4 * grid, 4 * grid), 3)
    plain = sam.decode(features, PromptBatch(points, labels))
    refined = sam.decode(features, PromptBatch(points, labels, masks))
    return {
        "embedding": features.embedding.flatten()[::7].tolist(),
        "logits": plain.low_res_logits[..., ::5, ::5].flatten().tolist(),
        "iou": plain.iou.flatten().tolist(),
        "refined logits": refined.low_res_logits[..., ::5, ::5].flatten().tolist(),
        "refined iou": refined.iou.flatten().tolist(),
    }


def all_answers() -> dict[str, dict[str, list[float]]]:
    """Give the answers of every sort of network, all small."""
    return {
        "small_vit": answers_of(small_vit()),
        "small_lite": answers_of(small_lite()),
        "small_tinyvit": answers_of(small_tinyvit()),
    }


def main() -> None:
    rounded = {
        network: {stage: [round(x, DIGITS) for x in values] for stage, values in stages.items()}
        for network, stages in all_answers().items()
    }
    RECORDED.write_text(json.dumps(rounded, separators=(",", ":")).replace("},", "},\n") + "\n")


if __name__ == "__main__":
    main()
