"""MobileSAM: a file read here answers as in the published package, from names to masks.

The oracle is the package mobilesam-mirror 1.0. Weights are drawn; those that are zero in a fresh
network are drawn too. Tolerances are those of the plain networks.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import anymask
from anymask.model.configs import mobile_sam
from anymask.model.sam import Sam
from anymask.model.tinyvit import TinyVitImageEncoder
from anymask.weights.unwrap import as_released
from tests.reference.test_network_parity import PATTERNS, assert_close, expand, shapes_of
from tests.reference.timm_standin import import_mobile_sam
from tests.unit.model.seeded import fill, numbers, quick_numbers, without_values

ENCODER = Path(__file__).with_name("published_tensors_mobile_sam.txt")
PHOTO, SIZE = "coffee.png", (501, 333)


@pytest.fixture(scope="module")
def package():
    return import_mobile_sam()


@pytest.fixture(scope="module")
def published(package):
    """The published network with drawn weights."""
    sam = package.sam_model_registry["vit_t"]()
    ours = Sam(mobile_sam())
    fill(ours, 3, quick_numbers)
    missing, unexpected = sam.load_state_dict(ours.state_dict(), strict=False)
    assert unexpected == []
    assert {name.rpartition(".")[0] for name in missing} == {
        "image_encoder.norm_head",
        "image_encoder.head",
    }
    return sam.eval()  # only now are the position biases taken over


@pytest.fixture(scope="module")
def checkpoint(published, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobile_sam.pt"
    torch.save(published.state_dict(), path)
    yield path
    path.unlink()


# --- names and shapes ---


def table_of(path: Path, start: str) -> dict[str, tuple[int, ...]]:
    table = {}
    for line in path.read_text().splitlines():
        if line.startswith(start):
            pattern, shape = line.split(" | ")
            sizes = () if shape == "-" else tuple(map(int, shape.split(",")))
            table.update(dict.fromkeys(expand(pattern), sizes))
    return table


def test_names_and_shapes_are_the_published_ones(package):
    theirs = package.sam_model_registry["vit_t"]()
    shapes = shapes_of(theirs)
    rest = table_of(PATTERNS, "prompt_encoder.") | table_of(PATTERNS, "mask_decoder.")
    assert shapes == table_of(ENCODER, "image_encoder.") | rest
    assert len(shapes) == 439
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 10_140_231
    used, _ = as_released(theirs.state_dict())
    ours = shapes_of(without_values(lambda: Sam(mobile_sam())))
    assert ours == {name: tuple(tensor.shape) for name, tensor in used.items()}
    assert len(shapes) - len(ours) == 27 + 4


# --- image encoder ---


def encode(theirs: Any, pixels: Tensor) -> Tensor:
    """What the published encoder's forward does, which is written for one size alone."""
    x = theirs.patch_embed(pixels)
    for layer in theirs.layers:
        x = layer(x)
    side = pixels.shape[-1] // 16
    return theirs.neck(x.view(len(x), side, side, -1).permute(0, 3, 1, 2))


@pytest.mark.parametrize("side", [224, 256])
@torch.no_grad()
def test_the_image_encoder_agrees_at_other_sides(package, published, side):
    """At 224 every window is filled, and at 256 none of the last in a row is."""
    theirs = package.modeling.TinyViT(
        img_size=side,
        embed_dims=[64, 128, 160, 320],
        depths=[2, 2, 6, 2],
        num_heads=[2, 4, 5, 10],
        window_sizes=[7, 7, 14, 7],
        drop_path_rate=0.0,
    )
    theirs.load_state_dict(published.image_encoder.state_dict(), strict=True)
    theirs.eval()
    config = mobile_sam().tinyvit
    assert config is not None
    ours = TinyVitImageEncoder(config, 256).eval()
    released, _ = as_released(published.state_dict())
    start = "image_encoder."
    ours.load_state_dict({k[len(start) :]: v for k, v in released.items() if k.startswith(start)})
    pixels = numbers((2, 3, side, side), 11)
    assert_close(ours(pixels).embedding, encode(theirs, pixels))


# --- picture to masks ---


@pytest.fixture(scope="module")
def photo(photos):
    with Image.open(photos / PHOTO) as picture:
        return np.asarray(picture.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def predictor(package, published, photo):
    predictor = package.SamPredictor(published)
    predictor.set_image(photo)
    return predictor


@pytest.fixture(scope="module")
def model(checkpoint):
    return anymask.load(checkpoint, device="cpu")


@pytest.fixture(scope="module")
def embedding(model, photo):
    return model.embed(photo)


def test_the_image_embedding_of_a_photo_agrees_at_full_size(predictor, embedding):
    assert_close(embedding.features.embedding, predictor.get_image_embedding())


@pytest.mark.parametrize(
    "prompt",
    [
        {"points": [(250.5, 160.25)], "labels": [1]},
        {"points": [(100, 300), (400.75, 20)], "labels": [1, 0]},
        {"box": (80, 60.5, 380, 290)},
        {"box": (80, 60.5, 380, 290), "points": [(200, 200)], "labels": [0]},
    ],
)
@pytest.mark.parametrize("multimask", [True, False])
def test_masks_of_a_photo_agree(model, embedding, predictor, prompt, multimask):
    found = model.predict(embedding, **prompt, multimask=multimask)
    points, labels, box = (prompt.get(key) for key in ("points", "labels", "box"))
    full, scores, low_res = predictor.predict(
        point_coords=None if points is None else np.array(points),
        point_labels=None if labels is None else np.array(labels),
        box=None if box is None else np.array(box),
        multimask_output=multimask,
    )
    assert_close(torch.from_numpy(found.low_res_logits), torch.from_numpy(low_res))
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-5)
    for mask, expected in zip(found, full, strict=True):
        assert (mask.array == expected).mean() >= 0.9999
        assert 0 < expected.mean() < 1
