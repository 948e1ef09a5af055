"""Our own format: everything inside, the same bytes each time, whole or not at all."""

import json
from dataclasses import replace

import pytest
import safetensors
import safetensors.torch
import torch

from anymask.configuration import from_mapping
from anymask.errors import InputError, OutputError, WeightsError
from anymask.model.configs import SamConfig
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from tests.unit.model.seeded import small_lite, small_vit

RECIPE = {"steps": 10, "sets": ["a", "b"], "rate": 1e-4}


@pytest.mark.parametrize("make", [small_vit, small_lite])
def test_what_was_saved_comes_back(tmp_path, make):
    sam, path = make(), tmp_path / "m.safetensors"
    save_model(sam, path, recipe=RECIPE, card="# A model\nüber", half=False)
    loaded = load_model(path, device="cpu")
    assert loaded.sam.config == sam.config
    assert loaded.name == sam.config.name
    assert loaded.metadata["card"] == "# A model\nüber"
    assert json.loads(loaded.metadata["recipe"]) == RECIPE
    assert set(loaded.metadata) == {"card", "recipe"}
    before, after = sam.state_dict(), loaded.sam.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_half_rounds_matrices_and_leaves_vectors_and_statistics(tmp_path):
    sam = small_lite()
    save_model(sam, tmp_path / "m", recipe={}, card="")
    with safetensors.safe_open(tmp_path / "m", framework="pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, tensor in sam.state_dict().items():
        is_matrix = tensor.dim() > 1 and "gaussian" not in name
        assert stored[name].dtype == (torch.float16 if is_matrix else torch.float32), name
        assert torch.equal(stored[name], tensor.half() if is_matrix else tensor), name
    assert all(
        tensor.dtype == torch.float32
        for tensor in load_model(tmp_path / "m", device="cpu").sam.state_dict().values()
    )


def test_the_file_is_plain_safetensors_with_its_settings(tmp_path):
    sam, path = small_vit(), tmp_path / "m.safetensors"
    save_model(sam, path, recipe=RECIPE, card="x")
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "anymask-1"
    assert from_mapping(SamConfig, json.loads(metadata["config"])) == sam.config
    assert set(safetensors.torch.load_file(path)) == set(sam.state_dict())
    header_bytes = int.from_bytes(path.read_bytes()[:8], "little")
    assert header_bytes % 8 == 0


def test_the_same_model_gives_the_same_bytes(tmp_path):
    names = [tmp_path / f"{index}.safetensors" for index in range(4)]
    for name in names:
        save_model(small_vit(), name, recipe=RECIPE, card="x")
    assert len({name.read_bytes() for name in names}) == 1
    save_model(small_vit(), names[0], recipe=dict(reversed(RECIPE.items())), card="x")
    assert names[0].read_bytes() == names[1].read_bytes()


def test_saving_leaves_the_model_as_it_was(tmp_path):
    sam = small_vit().train()
    before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
    save_model(sam, tmp_path / "m", recipe={}, card="")
    assert sam.training
    assert all(parameter.requires_grad for parameter in sam.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in sam.state_dict().items())
    assert {tensor.dtype for tensor in sam.state_dict().values()} == {torch.float32}


def test_a_frame_unlike_the_position_table_is_kept(tmp_path):
    sam = small_vit()
    sam.config = replace(sam.config, input_size=96)
    save_model(sam, tmp_path / "m", recipe={}, card="")
    loaded = load_model(tmp_path / "m", device="cpu")
    assert loaded.sam.config.input_size == 96
    assert loaded.sam.image_encoder.pos_embed.shape == (1, 4, 4, 32)


@pytest.mark.parametrize("recipe", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}])
def test_a_recipe_that_is_no_json_is_refused(tmp_path, recipe):
    with pytest.raises(InputError, match=r"the recipe cannot be written as JSON: .*; use finite"):
        save_model(small_vit(), tmp_path / "m", recipe=recipe, card="")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "half", "said"),
    [
        (1e6, True, "'mask_decoder.mask_tokens.weight' is not finite as float16; save with half="),
        (float("nan"), True, "is not finite as float16"),
        (float("inf"), False, "is not finite as float32; take an earlier state"),
    ],
)
def test_values_that_would_not_come_back_are_refused(tmp_path, value, half, said):
    sam, path = small_vit(), tmp_path / "m"
    path.write_bytes(b"old")
    with torch.no_grad():
        sam.mask_decoder.mask_tokens.weight[0, 0] = value
    with pytest.raises(WeightsError, match=said):
        save_model(sam, path, recipe={}, card="", half=half)
    assert path.read_bytes() == b"old"


def test_large_values_are_saved_in_full(tmp_path):
    sam = small_vit()
    with torch.no_grad():
        sam.mask_decoder.mask_tokens.weight[0, 0] = 1e6
    save_model(sam, tmp_path / "m", recipe={}, card="", half=False)
    loaded = load_model(tmp_path / "m", device="cpu")
    assert loaded.sam.mask_decoder.mask_tokens.weight[0, 0] == 1e6


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder: is a folder"):
        save_model(small_vit(), tmp_path / "folder", recipe={}, card="")
    assert list((tmp_path / "folder").iterdir()) == []
