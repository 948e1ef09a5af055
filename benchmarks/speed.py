"""What is measured: encoder, click and many prompts against the published package; our default."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from reference import pair, published_predictor
from timing import Timing, interleaved

import anymask
from anymask.image.frame import frame_for
from anymask.image.photos import photo_path
from anymask.masks.resize import full_resolution_mask
from anymask.model.image_encoder import ImageFeatures
from anymask.model.prompt_encoder import FOREGROUND, PADDING, PromptBatch
from anymask.model.sam import choose_masks

PHOTO_HW = (1200, 1800)
ENCODER_DEPTH = 3  # two windowed blocks and a global one: a quarter of ViT-B


def encoder_variants() -> dict[str, Callable[[], object]]:
    """Encode one 1024-pixel picture."""
    published, ours = pair(ENCODER_DEPTH)
    pixels = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0))
    return {
        "published": lambda: published.image_encoder(pixels),
        "anymask": lambda: ours.encode(pixels),
    }


def click_variants() -> dict[str, Callable[[], object]]:
    """Answer one click with three masks of an 1800 × 1200 picture, thresholded."""
    published, ours = pair(1)
    predictor, features = prepared(published)
    point, label = np.array([[500.0, 375.0]]), np.array([1])
    frame = frame_for(PHOTO_HW, 1024)

    def click() -> list[object]:
        answer = choose_masks(ours.decode(features, batch(point * 1024 / 1800)), multimask=True)
        return [full_resolution_mask(low, frame) for low in answer.low_res_logits[0, 0].numpy()]

    return {"published": lambda: predictor.predict(point, label), "anymask": click}


def many_variants(prompts: int = 64) -> dict[str, Callable[[], object]]:
    """Answer 64 clicks with low-resolution logits and scores."""
    published, ours = pair(1)
    _, features = prepared(published)
    points = np.random.default_rng(0).uniform(0, 683, (prompts, 2))
    asked = batch(points)

    def reference() -> object:
        sparse, dense = published.prompt_encoder(
            points=(asked.points[0, :, :1], asked.labels[0, :, :1]), boxes=None, masks=None
        )
        return published.mask_decoder(
            image_embeddings=features.embedding,
            image_pe=published.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )

    return {"published": reference, "anymask": lambda: ours.decode(features, asked)}


def prepared(published: Any) -> tuple[Any, ImageFeatures]:  # noqa: ANN401 - an untyped package
    """Give a published predictor holding a random embedding of an 1800 × 1200 picture."""
    predictor = published_predictor(published)
    generator = torch.Generator().manual_seed(1)
    predictor.features = torch.randn(1, 256, 64, 64, generator=generator)
    predictor.original_size, predictor.input_size = PHOTO_HW, (683, 1024)
    predictor.is_image_set = True
    return predictor, ImageFeatures(predictor.features)


def batch(points: np.ndarray) -> PromptBatch:
    """Give one click a prompt, each with its padding point."""
    clicks = torch.from_numpy(points).float()[:, None]
    xy = torch.cat([clicks, torch.zeros_like(clicks)], 1)[None]
    labels = torch.tensor([FOREGROUND, PADDING]).expand(1, len(points), 2)
    return PromptBatch(xy, labels)


def default_model_times(threads: int, rounds: int) -> dict[str, float]:
    """Time the default model on a bundled photo: encode and click, in milliseconds."""
    torch.set_num_threads(threads)
    model = anymask.load()
    photo = photo_path("astronaut.png").read_bytes()
    embedding = model.embed(photo)
    times = interleaved(
        {
            "encode": lambda: model.embed(photo),
            "click": lambda: model.predict(embedding, points=[(220, 120)]).arrays,
        },
        rounds,
    )
    return {name: 1000 * timing.seconds for name, timing in times.items()}


VARIANTS: tuple[tuple[str, Callable[[], dict[str, Callable[[], object]]]], ...] = (
    ("ViT-B encoder, 3 of 12 blocks", encoder_variants),
    ("one click, three masks at 1800 × 1200", click_variants),
    ("64 clicks, low-resolution logits", many_variants),
)


def measure(rounds: int) -> dict[str, dict[str, Timing]]:
    """Time every variant on one thread."""
    torch.set_num_threads(1)
    return {title: interleaved(make(), rounds) for title, make in VARIANTS}
