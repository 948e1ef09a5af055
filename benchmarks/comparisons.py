"""What is compared with the published package, which holds the same random weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from reference import Shape, loaded, pair, published_predictor
from scene import noise_logits, object_logits
from torch import Tensor

from anymask.image.frame import frame_for
from anymask.image.read import read_picture
from anymask.masks import rle
from anymask.masks.resize import full_resolution_mask
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prompt_encoder import FOREGROUND, PADDING, PromptBatch
from anymask.predict.decode import predict
from anymask.predict.encode import embed_batch
from anymask.segment_anything import SamModel, SamPredictor
from anymask.vocabulary import Prompt

PHOTO_HW = (1200, 1800)
CLICK = (500.0, 375.0)
PARTIAL_DEPTH = 3  # two windowed blocks and a global one: a quarter of ViT-B
MANY = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Calls that are compared.

    Attributes:
        calls: "published" and "anymask".
        one_prompt: For each, a small call of the same model.
        predictors: "published" and "anymask", where a predictor answers.
        answers: Takes from an answer the tensor that must be equal; None where there is none.
    """

    calls: Mapping[str, Callable[[], Any]]
    one_prompt: Mapping[str, Callable[[], object]]
    answers: Callable[[Any], Tensor] | None = None
    predictors: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row of the table.

    Attributes:
        key: Its name in the results file.
        title: Its name for people.
        make: Builds what is compared.
        rounds: Rounds, as a share of the number asked for; 0 to measure memory alone.
        is_large: Whether a smoke run leaves it out.
        measures_memory: Whether its peak memory is a figure of interest.
    """

    key: str
    title: str
    make: Callable[[], Made]
    rounds: float = 1.0
    is_large: bool = False
    measures_memory: bool = True


def encoders(shape: Shape, depth: int | None) -> Made:
    """Encode one 1024-pixel picture."""
    published, ours = pair(shape, depth)
    model, pixels = loaded(ours), one_picture()
    small = torch.zeros(1, 256, 64, 64)
    asked = clicks(np.array([CLICK]))
    return Made(
        calls={
            "published": lambda: published.image_encoder(pixels),
            "anymask": lambda: model.encode(pixels).embedding,
        },
        one_prompt={
            "published": lambda: published_answer(published, small, asked),
            "anymask": lambda: published_answer(published, small, asked),
        },
        answers=lambda embedding: embedding,
    )


def one_click(*, objects: bool) -> Made:
    """Answer one click with three masks of an 1800 × 1200 picture, scores and logits.

    Args:
        objects: Whether the masks are those of the seeded scene instead of the decoder's own,
            which is noise with random weights. The decoder does its work all the same.
    """
    published, ours = pair("vit_b", 1)
    predictors = {
        "published": published_predictor(published),
        "anymask": SamPredictor(SamModel(ours)),
    }
    for predictor in predictors.values():
        predictor.set_image(photo())
    if objects:
        scene = torch.from_numpy(np.concatenate([np.zeros((1, 256, 256)), object_logits()])).float()
        decode_published, decode_ours = published.mask_decoder.forward, ours.decode

        def published_scene(*given: Any, **named: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
            _, scores = decode_published(*given, **named)
            return scene[None, 1:], scores

        def our_scene(*given: Any, **named: Any) -> MaskPredictions:  # noqa: ANN401
            answer = decode_ours(*given, **named)
            return answer._replace(low_res_logits=scene[None, None, -answer.iou.shape[2] :])

        published.mask_decoder.forward = published_scene
        ours.decode = our_scene  # type: ignore[method-assign]
    ask = {
        name: partial(predictor.predict, np.array([CLICK]), np.array([1]))
        for name, predictor in predictors.items()
    }
    return Made(
        calls=ask,
        one_prompt=ask,
        answers=lambda answer: torch.from_numpy(answer[2]),
        predictors=predictors,
    )


def many_clicks(kept_of_five: int = 5) -> Made:
    """Answer 64 clicks with low-resolution logits and scores.

    Args:
        kept_of_five: Of how many of five clicks we draw the masks, once the scores are known; the
            published decoder draws all.
    """
    published, ours = pair("vit_b", 1)
    with torch.inference_mode():
        features = ours.encode(one_picture())
        prepared = ours.prepare(features)
    asked = clicks(scattered(MANY))

    def by_us(prompts: PromptBatch) -> tuple[Tensor, Tensor]:
        answer = ours.decode(features, prompts, prepared, masks=slice(1, 4))
        return answer.low_res_logits[0], answer.iou[0]

    def by_us_kept(prompts: PromptBatch) -> int:
        seen = 0

        def keep(iou: Tensor) -> Tensor:
            nonlocal seen
            seen += len(iou)
            return torch.arange(seen - len(iou), seen) % 5 < kept_of_five

        parts = ours.decode_kept(features, prompts, keep, prepared, masks=slice(1, 4))
        return sum(len(part.low_res_logits) for part in parts)

    by_them = partial(published_answer, published, features.embedding)
    one, is_whole = asked.part(slice(0, 1)), kept_of_five == 5
    return Made(
        calls={
            "published": lambda: by_them(asked),
            "anymask": lambda: by_us(asked) if is_whole else by_us_kept(asked),
        },
        one_prompt={"published": lambda: by_them(one), "anymask": lambda: by_us(one)},
        answers=(lambda answer: answer[0]) if is_whole else None,
    )


def many_full_size() -> Made:
    """Answer 64 clicks with three masks each of an 1800 × 1200 picture, all kept.

    The published way keeps them as planes of booleans; ours as run lengths.
    """
    published, ours = pair("vit_b", 1)
    model, predictor = loaded(ours), published_predictor(published)
    predictor.set_image(photo())
    (embedding,) = embed_batch(model, (read_picture(photo()),))
    points = scattered(MANY)
    frame = frame_for(PHOTO_HW, 1024)

    def by_them(number: int) -> object:
        xy = predictor.transform.apply_coords_torch(torch.from_numpy(points), PHOTO_HW)
        return predictor.predict_torch(xy[:number, None], torch.ones(number, 1))

    def by_us(number: int) -> object:
        prompts = [Prompt(points=((float(x), float(y)),), labels=(1,)) for x, y in points[:number]]
        return [
            [rle.encode(full_resolution_mask(logits, frame)) for logits in masks.low_res_logits]
            for masks in predict(model, embedding, prompts, multimask=True)
        ]

    return Made(
        calls={"published": lambda: by_them(MANY), "anymask": lambda: by_us(MANY)},
        one_prompt={"published": lambda: by_them(1), "anymask": lambda: by_us(1)},
    )


def three_masks(make_logits: Callable[[], NDArray[np.float32]]) -> Made:
    """Bring three masks to 1800 × 1200 pixels and cut them at zero."""
    published, _ = pair("vit_b", 1)
    logits = make_logits()
    planes, frame = torch.from_numpy(logits)[None], frame_for(PHOTO_HW, 1024)
    calls = {
        "published": lambda: published.postprocess_masks(planes, (683, 1024), PHOTO_HW)[0] > 0,
        "anymask": lambda: [full_resolution_mask(plane, frame) for plane in logits],
    }
    return Made(calls=calls, one_prompt=calls)


def one_picture() -> Tensor:
    """Give a picture as the encoder takes it, (1, 3, 1024, 1024)."""
    return torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0))


def photo() -> NDArray[np.uint8]:
    """Give a picture of colours that change smoothly, uint8 (1200, 1800, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, PHOTO_HW[::-1], interpolation=cv2.INTER_LINEAR))


def scattered(number: int) -> NDArray[np.float64]:
    """Give points all over the photo, (number, 2)."""
    return np.random.default_rng(0).uniform(0, PHOTO_HW[::-1], (number, 2))


def clicks(points: NDArray[np.float64]) -> PromptBatch:
    """Give one click of the photo a prompt, in the model's frame, each with its padding point."""
    inside = torch.from_numpy(points * 1024 / PHOTO_HW[1]).float()[:, None]
    xy = torch.cat([inside, torch.zeros_like(inside)], 1)[None]
    labels = torch.tensor([FOREGROUND, PADDING]).expand(1, len(points), 2)
    return PromptBatch(xy, labels)


def published_answer(
    published: Any,  # noqa: ANN401 - an untyped package
    embedding: Tensor,
    asked: PromptBatch,
) -> tuple[Tensor, Tensor]:
    """Decode with the published model: logits (P, 3, h, w) and scores (P, 3)."""
    sparse, dense = published.prompt_encoder(
        points=(asked.points[0, :, :1], asked.labels[0, :, :1]), boxes=None, masks=None
    )
    logits, scores = published.mask_decoder(
        image_embeddings=embedding,
        image_pe=published.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )
    return logits, scores


def largest_difference(made: Made) -> float | None:
    """Give the largest difference between both answers, as a share of the largest value."""
    if made.answers is None:
        return None
    with torch.inference_mode():
        theirs, mine = (made.answers(made.calls[name]()) for name in ("published", "anymask"))
    return float((theirs.reshape(-1) - mine.reshape(-1)).abs().max() / theirs.abs().max())


COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        key="encoder",
        title="ViT-B encoder, 3 of 12 blocks",
        make=partial(encoders, "vit_b", PARTIAL_DEPTH),
    ),
    Comparison(
        key="encoder_whole",
        title="ViT-B encoder, whole",
        make=partial(encoders, "vit_b", None),
        measures_memory=False,
        rounds=0.4,
        is_large=True,
    ),
    Comparison(
        key="encoder_vit_h",
        title="ViT-H encoder, 3 of 32 blocks",
        make=partial(encoders, "vit_h", PARTIAL_DEPTH),
        measures_memory=False,
        is_large=True,
    ),
    Comparison(
        key="click",
        title="one click, three masks at 1800 × 1200",
        make=partial(one_click, objects=True),
        rounds=3,
        measures_memory=False,
    ),
    Comparison(
        key="click_noise",
        title="one click, masks of noise at 1800 × 1200",
        make=partial(one_click, objects=False),
        rounds=3,
        measures_memory=False,
    ),
    Comparison(key="many", title="64 clicks, low-resolution logits", make=many_clicks),
    Comparison(
        key="many_kept",
        title="64 clicks, two of five worth drawing",
        make=partial(many_clicks, kept_of_five=2),
        rounds=0.6,
        is_large=True,
        measures_memory=False,
    ),
    Comparison(
        key="many_full_size",
        title="64 clicks, 192 masks at 1800 × 1200, noise",
        make=many_full_size,
        rounds=0,
        is_large=True,
    ),
    Comparison(
        key="masks",
        title="three masks to 1800 × 1200",
        make=partial(three_masks, object_logits),
        rounds=3,
        measures_memory=False,
    ),
    Comparison(
        key="masks_noise",
        title="three masks to 1800 × 1200, noise",
        make=partial(three_masks, noise_logits),
        rounds=3,
        measures_memory=False,
    ),
)
