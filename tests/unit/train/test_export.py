"""A run becomes a file that everything else takes."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.configuration import to_mapping
from anymask.data.mixing import HeldSet
from anymask.data.shards import read_shards
from anymask.errors import StateError
from anymask.model.configs import MaskedAutoencoderConfig, tiny
from anymask.model.sam import Sam
from anymask.train.build import build_model
from anymask.train.checkpoint import latest_checkpoint
from anymask.train.export import averaged_model, export_model
from anymask.train.launch import TrainingData, run_recipe
from anymask.train.low_rank import LowRankSettings
from anymask.train.pretrained import start_from_pretrained
from anymask.train.recipes import default_model, finetune, mae_pretrain
from anymask.train.settings import TrainSettings
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from tests.scenes import write_shard
from tests.unit.train.conftest import small_config


@pytest.fixture
def data(tmp_path: Path) -> TrainingData:
    pictures = tuple(read_shards([write_shard(tmp_path / "discs.tar")]))
    return TrainingData(sets=(HeldSet("discs", pictures),), held_back=pictures[:1], fingerprint="d")


@pytest.fixture
def start(model: Sam, tmp_path: Path) -> Path:
    path = tmp_path / "start.safetensors"
    save_model(model, path, recipe={"name": "random"}, card="", half=False)
    return path


def test_exported_model_is_the_running_average_with_its_story(
    start: Path, data: TrainingData, settings: TrainSettings, tmp_path: Path
) -> None:
    settings = replace(settings, steps=2, check_every=2, check_masks=2)
    recipe = replace(default_model(start), architecture=tiny(64), settings=settings)
    run_recipe(recipe, data, tmp_path / "run")
    path = tmp_path / "model.safetensors"
    record = export_model(tmp_path / "run", path, "2 cores", input_size=96, after=start)
    assert (record["steps"], record["picture_visits"], record["data"]) == (2, 4, "d")
    assert record["settings"]["start"].startswith("start.safetensors ")
    assert record["after"] == {"name": "random"}
    loaded = load_model(path)
    assert loaded.sam.config.input_size == 96
    assert "Model card" in loaded.metadata["card"]
    assert json.loads(loaded.metadata["recipe"]) == record
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    for name, tensor in checkpoint.average.items():
        torch.testing.assert_close(loaded.sam.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
    assert [path.name for path in (tmp_path / "run" / "sheets").iterdir()] == ["step-00000002.png"]
    figures = [
        json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    ]
    assert figures[-1]["check"].keys() == {"click", "oracle", "clicks_3", "clicks_8", "box"}


def test_low_rank_changes_are_merged_into_ordinary_weights(
    start: Path, data: TrainingData, settings: TrainSettings, tmp_path: Path
) -> None:
    recipe = finetune(start, tiny(64), "decoder_and_lora")
    recipe = replace(recipe, settings=replace(settings, steps=2))
    run_recipe(recipe, data, tmp_path / "run")
    export_model(tmp_path / "run", tmp_path / "model.safetensors", "2 cores")
    loaded = load_model(tmp_path / "model.safetensors", device="cpu")
    assert loaded.sam.state_dict().keys() == Sam(tiny(64)).state_dict().keys()
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    unmerged = build_model(recipe)
    assert isinstance(unmerged, Sam)
    unmerged.load_state_dict(checkpoint.average)
    pixels = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 64, 64))).float()
    with torch.no_grad():
        expected = unmerged.eval().encode(pixels).embedding
        merged = averaged_model(checkpoint).encode(pixels).embedding
    torch.testing.assert_close(merged, expected, rtol=1e-4, atol=1e-4)
    assert not torch.equal(
        checkpoint.average["mask_decoder.iou_token.weight"],
        load_model(start).sam.state_dict()["mask_decoder.iou_token.weight"],
    )


def test_pretraining_becomes_a_start(
    data: TrainingData, settings: TrainSettings, tmp_path: Path
) -> None:
    vit = small_config().vit
    assert vit is not None
    config = MaskedAutoencoderConfig(
        vit=vit, input_size=64, decoder_width=16, decoder_depth=1, decoder_heads=2
    )
    settings = replace(settings, phases=settings.phases[:1], steps=2, check_every=1)
    recipe = replace(mae_pretrain(), architecture=config, settings=settings)
    run_recipe(recipe, data, tmp_path / "run")
    export_model(tmp_path / "run", tmp_path / "mae.safetensors", "2 cores")
    sam = Sam(small_config())
    start_from_pretrained(sam, tmp_path / "mae.safetensors")
    checkpoint = latest_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    name = "blocks.0.attn.qkv.weight"
    assert torch.equal(sam.image_encoder.state_dict()[name], checkpoint.average[name])
    assert (tmp_path / "run" / "sheets" / "step-00000002.png").exists()


def test_export_before_any_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="holds no checkpoint; run anymask train default first"):
        export_model(tmp_path, tmp_path / "model.safetensors", "2 cores")


def test_low_rank_settings_are_part_of_the_run() -> None:
    assert to_mapping(LowRankSettings()) == asdict(LowRankSettings())
