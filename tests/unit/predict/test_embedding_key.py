"""A key tells apart whatever changes an embedding, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anymask.errors import StateError
from anymask.image.picture import Picture
from anymask.predict.embedding_key import key_of, maker_of, need_maker
from anymask.weights.loaded import EncoderEngine
from tests.unit.predict import networks


@pytest.fixture
def loaded():
    """A network of its own for each test, as if from a file."""
    return networks.loaded(networks.small_vit(), seed=1)


def picture(seed: int = 0, **told) -> Picture:
    return Picture(pixels=networks.picture(seed=seed), **told)


def engine(name: str = "torch", version: str = "2.0", threads: int | None = 1) -> EncoderEngine:
    return EncoderEngine(
        name=name,
        version=version,
        run=networks.seeded_sam(networks.small_vit()).encode,
        threads=threads,
    )


def test_one_model_loaded_twice_is_one_maker(loaded):
    again = networks.loaded(networks.small_vit(), seed=1)
    maker = maker_of(loaded)
    assert maker == maker_of(again) == need_maker(again)
    assert len(bytes.fromhex(maker)) == 32


def test_only_the_pixels_of_a_picture_count(loaded):
    maker = need_maker(loaded)
    told = picture(name="b.jpg", sha256="ff" * 32, format="JPEG", orientation=6, notes=("odd",))
    assert key_of(maker, told) == key_of(maker, picture())
    turned = np.asfortranarray(networks.picture())
    assert key_of(maker, Picture(pixels=turned)) == key_of(maker, picture())


def test_other_pixels_and_other_shapes_of_the_same_bytes_are_others(loaded):
    maker = need_maker(loaded)
    changed = networks.picture()
    changed[-1, -1, -1] ^= 1
    pixels = networks.picture()
    others = [changed, pixels.reshape(56, 40, 3), pixels[:-1]]
    keys = {key_of(maker, Picture(pixels=array)) for array in (pixels, *others)}
    assert len(keys) == 4


def test_whatever_has_a_part_in_the_numbers_makes_another_maker(loaded, monkeypatch):
    wider = replace(loaded.sam.config, input_size=128)
    sam = networks.seeded_sam(networks.small_vit(), 1)
    sam.config = wider
    makers = [
        maker_of(loaded),
        maker_of(replace(loaded, sha256="2" * 64)),
        maker_of(replace(loaded, sam=sam)),
        maker_of(replace(loaded, dtype=torch.bfloat16)),
        maker_of(replace(loaded, encoder=engine("openvino"))),
        maker_of(replace(loaded, encoder=engine("openvino", version="2.1"))),
        maker_of(replace(loaded, encoder=engine("openvino", threads=2))),
    ]
    for name, value in (
        ("torch.__version__", "9.9"),
        ("PIL.__version__", "9.9"),
        ("anymask.__version__", "9.9"),
        ("platform.machine", lambda: "abacus"),
        ("torch.get_float32_matmul_precision", lambda: "medium"),
        ("torch.get_num_threads", lambda: 77),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, value)
            makers.append(maker_of(loaded))
    assert None not in makers
    assert len(set(makers)) == len(makers)


@pytest.mark.parametrize("part", ["weight", "running_mean"])
def test_weights_changed_after_loading_are_other_weights(part):
    """Their file's hash is still the old one."""
    loaded = networks.loaded(networks.small_lite(), seed=1)
    before = maker_of(loaded)
    tensors = loaded.sam.image_encoder.state_dict()
    name = next(name for name in reversed(tensors) if name.endswith(part))
    with torch.no_grad():
        tensors[name].mul_(1.01).add_(0.01)
    assert maker_of(loaded) != before


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("memory", "the model is from no file"),
        ("training", "the model is being trained"),
        ("autocast", "autocast is on"),
    ],
)
def test_what_cannot_be_told_apart_has_no_key(loaded, harm, reason):
    if harm == "memory":
        loaded = replace(loaded, sha256="0" * 64)
    if harm == "training":
        loaded.sam.image_encoder.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=harm == "autocast"):
        assert maker_of(loaded) is None
        with pytest.raises(StateError, match=f"cannot be kept: {reason}; load the model from a f"):
            need_maker(loaded)
    loaded.sam.image_encoder.eval()
    assert maker_of(replace(loaded, sha256="1" * 64)) is not None


def test_a_few_values_changed_in_place_make_another_maker(loaded):
    """One row of a table: none of its values need be among those that are looked at."""
    maker = maker_of(loaded)
    largest = max(loaded.sam.image_encoder.parameters(), key=torch.numel)
    with torch.no_grad():
        largest.view(-1)[1] += 1
    assert maker_of(loaded) != maker
