"""Recipes give what their papers say, and build the model they speak of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.data.mixing import HeldSet
from anymask.data.shards import read_shards
from anymask.errors import ConfigError, KeysMismatch
from anymask.model.configs import (
    LiteConfig,
    MaskedAutoencoderConfig,
    SamConfig,
    VitConfig,
    tiny,
    vit_b,
)
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam
from anymask.train.build import build_model, build_task
from anymask.train.low_rank import LowRankSettings, low_rank_layers
from anymask.train.pretrained import save_pretrained
from anymask.train.recipes import (
    Recipe,
    default_model,
    finetune,
    mae_pretrain,
    sa1b_from_scratch,
)
from anymask.train.settings import TrainSettings
from anymask.weights.save import save_model
from tests.scenes import write_shard
from tests.unit.train.conftest import small_config


@pytest.mark.parametrize(
    ("size", "rate", "layer_decay", "drop_path", "steps", "width"),
    [
        ("vit_b", 8e-4, 0.6, 0.6, 180_000, 768),
        ("vit_l", 4e-4, 0.8, 0.4, 180_000, 1024),
        ("vit_h", 8e-4, 0.8, 0.4, 90_000, 1280),
    ],
)
def test_from_scratch_is_as_published(
    size: str, rate: float, layer_decay: float, drop_path: float, steps: int, width: int
) -> None:
    recipe = sa1b_from_scratch(size)  # type: ignore[arg-type]
    settings, how = recipe.settings, recipe.settings.optimizer
    assert (how.rate, how.layer_decay, how.weight_decay) == (rate, layer_decay, 0.1)
    assert (settings.drop_path, settings.steps, how.warmup_steps) == (drop_path, steps, 250)
    assert [round(90_000 * m) for m in how.milestones] == [60_000, 86_666]
    assert settings.conversation.kind == "published"
    assert (settings.sample.prompts, settings.sample.recolour) == (64, False)
    assert isinstance(recipe.architecture, SamConfig)
    assert recipe.architecture.vit is not None
    assert recipe.architecture.vit.width == width


def test_unknown_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no encoder 'vit_g'; use vit_b, vit_l or vit_h"):
        sa1b_from_scratch("vit_g")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="there is no encoder 'tiny'"):
        mae_pretrain("tiny")  # type: ignore[arg-type]


def test_pretraining_sees_small_crops_of_the_vit(tmp_path: Path) -> None:
    recipe = mae_pretrain("vit_b")
    assert isinstance(recipe.architecture, MaskedAutoencoderConfig)
    assert recipe.architecture.vit.width == 768
    assert recipe.settings.phases[0].sizes == (224,) == (recipe.architecture.input_size,)


def test_finishing_run_is_slower_and_larger() -> None:
    first, second = default_model().settings, default_model(Path("first.safetensors")).settings
    assert second.optimizer.rate == first.optimizer.rate / 5
    assert min(size for phase in second.phases for size in phase.sizes) == 256
    assert (second.steps, second.conversation.box_share) == (900, 0.5)
    assert max(size for phase in second.phases for size in phase.sizes) == 512


def small(recipe: Recipe, **changes: object) -> Recipe:
    settings = replace(recipe.settings, workers=0, drop_path=0.0, recompute=False)
    return replace(recipe, architecture=small_config(), settings=settings, **changes)  # type: ignore[arg-type]


def test_finishing_run_starts_from_the_given_weights(tmp_path: Path, model: Sam) -> None:
    path = tmp_path / "start.safetensors"
    save_model(model, path, recipe={}, card="", half=False)
    recipe = replace(default_model(path), architecture=tiny(64))
    built = build_model(recipe)
    for name, tensor in built.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name])
    assert all(parameter.requires_grad for parameter in built.parameters())


def test_older_weights_without_fusion_and_mixing_give_the_same_answers(tmp_path: Path) -> None:
    plain, fused = (
        replace(tiny(64), lite=LiteConfig(num_skip_blocks=blocks), has_mixing=blocks > 0)
        for blocks in (0, 2)
    )
    torch.manual_seed(0)
    older = Sam(plain).eval()
    save_model(older, tmp_path / "older.safetensors", recipe={}, card="", half=False)
    recipe = default_model(tmp_path / "older.safetensors")
    built = build_model(replace(recipe, architecture=fused))
    assert isinstance(built, Sam)
    pixels = torch.rand(1, 3, 64, 64)
    click = PromptBatch(torch.full((1, 1, 1, 2), 30.0), torch.ones(1, 1, 1, dtype=torch.int64))
    with torch.no_grad():
        ours, before = built.eval()(pixels, click), older(pixels, click)
    torch.testing.assert_close(ours, before)
    assert len(built.state_dict()) > len(older.state_dict())
    save_model(built, tmp_path / "newer.safetensors", recipe={}, card="", half=False)
    recipe = replace(default_model(tmp_path / "newer.safetensors"), architecture=plain)
    with pytest.raises(KeysMismatch, match=r"newer.safetensors: its parts are not those of"):
        build_model(recipe)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        published = {name: tuple(t.shape) for name, t in Sam(vit_b(64)).state_dict().items()}
    torch.save({n: torch.zeros(shape) for n, shape in published.items()}, tmp_path / "b.pth")
    with pytest.raises(KeysMismatch, match="is a ViT-B"):
        build_model(default_model(tmp_path / "b.pth"))


@pytest.mark.parametrize(
    ("part", "learns", "stands_still"),
    [
        ("decoder", "mask_decoder.", "image_encoder."),
        ("all", "image_encoder.", None),
    ],
)
def test_finetuning_moves_the_part_it_names(
    part: str, learns: str, stands_still: str | None, tmp_path: Path, model: Sam
) -> None:
    path = tmp_path / "start.safetensors"
    save_model(model, path, recipe={}, card="", half=False)
    built = build_model(finetune(path, tiny(64), part))  # type: ignore[arg-type]
    learning = [name for name, p in built.named_parameters() if p.requires_grad]
    assert any(name.startswith(learns) for name in learning)
    assert stands_still is None or not any(name.startswith(stands_still) for name in learning)


def test_finetuning_with_low_rank_changes_begins_with_the_same_answers(
    tmp_path: Path, model: Sam
) -> None:
    path = tmp_path / "start.safetensors"
    save_model(model, path, recipe={}, card="", half=False)
    built = build_model(finetune(path, tiny(64), "decoder_and_lora"))
    assert isinstance(built, Sam)
    assert low_rank_layers(built.image_encoder)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(built.encode(pixels).embedding, model.encode(pixels).embedding)


def test_from_scratch_starts_with_a_pretrained_encoder(tmp_path: Path) -> None:
    vit = small_config().vit
    assert vit is not None
    config = MaskedAutoencoderConfig(
        vit=vit, input_size=64, decoder_width=16, decoder_depth=1, decoder_heads=2
    )
    autoencoder = build_model(replace(mae_pretrain(), architecture=config))
    assert isinstance(autoencoder, MaskedAutoencoder)
    assert float(autoencoder.mask_token.detach().abs().sum()) > 0
    save_pretrained(autoencoder, tmp_path / "mae.safetensors", {})
    recipe = small(sa1b_from_scratch("vit_b"), start=tmp_path / "mae.safetensors")
    built = build_model(recipe)
    assert isinstance(built, Sam)
    for name, tensor in autoencoder.state_dict().items():
        if name.startswith("blocks.") and "rel_pos" not in name:
            assert torch.equal(built.image_encoder.state_dict()[name], tensor)


def test_setting_for_vits_is_refused_elsewhere() -> None:
    recipe = default_model()
    recipe = replace(recipe, settings=replace(recipe.settings, drop_path=0.1))
    with pytest.raises(ConfigError, match="drop_path and recompute are for ViT encoders; leave"):
        build_model(recipe)


def test_unknown_set_in_weights_is_refused(tmp_path: Path) -> None:
    pictures = tuple(read_shards([write_shard(tmp_path / "discs.tar")]))
    settings = TrainSettings(set_weights={"disks": 2.0})
    recipe = small(replace(default_model(), settings=settings))
    with pytest.raises(ConfigError, match="data set 'disks', which is not there; did you mean 'd"):
        build_task(recipe, (HeldSet("discs", pictures),), (), torch.device("cpu"))


@pytest.mark.parametrize("fused", ["qkv", "qv"])
def test_one_published_step_of_a_small_vit_moves_everything_that_learns(
    fused: str, tmp_path: Path
) -> None:
    pictures = tuple(read_shards([write_shard(tmp_path / "discs.tar")]))
    recipe = small(sa1b_from_scratch("vit_b"))
    sample = replace(recipe.settings.sample, prompts=3)
    recipe = replace(
        recipe,
        settings=replace(recipe.settings, sample=sample, drop_path=0.2, recompute=True),
        low_rank=LowRankSettings(rank=2, fused=fused),  # type: ignore[arg-type]
        frozen="encoder",
    )
    task = build_task(recipe, (HeldSet("discs", pictures),), (), torch.device("cpu"))
    drawn = [task.source.draw(64, np.random.default_rng(0))]
    figures = task.learn(drawn, np.random.default_rng(0), 1.0)
    assert figures["loss"] > 0
    assert {f"loss{n}" for n in range(1, 12)} <= figures.keys()
    still = [n for n, p in task.model.named_parameters() if p.requires_grad and p.grad is None]
    assert still == [] or all("point_embeddings" in n or "not_a_point" in n for n in still)


def test_depth_and_width_come_from_one_place() -> None:
    config = sa1b_from_scratch("vit_l").architecture
    assert isinstance(config, SamConfig)
    assert config.vit == VitConfig(
        width=1024, depth=24, num_heads=16, global_blocks=(5, 11, 17, 23)
    )
