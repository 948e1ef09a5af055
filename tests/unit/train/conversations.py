"""Batches and models small enough for a conversation in milliseconds."""

import cv2
import numpy as np
import torch

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings
from anymask.model.configs import SamConfig, VitConfig, tiny
from anymask.model.sam import Sam
from anymask.train.batch import TrainingBatch, collate
from tests.scenes import scene


def pictures(number: int) -> list[AnnotatedPicture]:
    """Give annotated pictures with three discs each, as PNG."""
    made = []
    for index in range(number):
        pixels, masks = scene(index)
        encoded = cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()
        runs = []
        for mask in masks:
            flat = np.concatenate([[False], mask.T.ravel(), [False]])
            edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
            runs.append(np.diff(np.concatenate([[0], edges, [mask.size]])))
        made.append(
            AnnotatedPicture(
                set_name="discs",
                name=f"discs_{index:03d}",
                encoded=encoded,
                size_hw=pixels.shape[:2],
                runs=tuple(runs),
            )
        )
    return made


def small_batch(model: Sam, masks: int = 2, size: int = 64) -> TrainingBatch:
    """Give two pictures with some masks each."""
    rng, mixture = np.random.default_rng(0), Mixture(pictures(6))
    samples = [mixture.draw(size, SampleSettings(prompts=masks), rng) for _ in range(2)]
    return collate(samples, model)


def small_model() -> Sam:
    """Give the default architecture for small frames, with seeded values."""
    torch.manual_seed(0)
    return Sam(tiny(64)).train()


def small_vit() -> Sam:
    """Give a plain ViT with the published IoU head, with seeded values."""
    torch.manual_seed(0)
    vit = VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,), window=2)
    config = SamConfig(
        name="small_vit", vit=vit, input_size=64, embedding_dim=32, decoder_mlp_width=32
    )
    return Sam(config).train()


def gradients(model: Sam) -> dict[str, torch.Tensor]:
    """Take a model's gradients away from it."""
    taken = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return taken
