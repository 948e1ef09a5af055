"""Low-rank changes: first nothing, then learning, at the end an ordinary checkpoint."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from anymask.errors import ConfigError
from anymask.model.sam import Sam
from anymask.train.low_rank import (
    LowRankSettings,
    add_low_rank,
    is_low_rank,
    low_rank_layers,
    merge_low_rank,
)
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from tests.unit.model.seeded import fill, numbers, small_lite, small_vit

SETTINGS = LowRankSettings(rank=2, alpha=6)


@pytest.fixture(params=[small_vit, small_lite])
def make(request: pytest.FixtureRequest):
    return request.param


def embed(sam: Sam) -> torch.Tensor:
    return sam.encode(numbers((1, 3, 64, 64), 1)).embedding


def stir(module: nn.Module, size: float = 0.3) -> None:
    """Give what learns other values, as training would."""
    with torch.no_grad():
        for index, parameter in enumerate(p for p in module.parameters() if p.requires_grad):
            parameter.copy_(size * numbers(tuple(parameter.shape), index))


def test_first_answers_are_those_of_the_model_as_it_was(make) -> None:
    sam = make()
    before = embed(sam).detach()
    names = add_low_rank(sam.image_encoder, SETTINGS, seed=0)
    assert len(names) == (4 if sam.config.vit else 39)
    assert torch.equal(embed(sam), before)


def test_only_the_change_learns_and_every_layer_of_it(make) -> None:
    sam = make()
    names = add_low_rank(sam.image_encoder, SETTINGS, seed=0)
    learning = [n for n, p in sam.image_encoder.named_parameters() if p.requires_grad]
    assert len(learning) == 2 * len(names)
    assert all(is_low_rank(f"image_encoder.{name}") for name in learning)
    stir(sam.image_encoder)
    features = sam.encode(numbers((1, 3, 64, 64), 1))
    maps = (features.embedding, *features.high_res)
    torch.autograd.backward(maps, [numbers(tuple(x.shape), 3) for x in maps])
    for name, parameter in sam.image_encoder.named_parameters():
        assert (parameter.grad is not None) == is_low_rank(name), name
        if parameter.grad is not None:
            assert parameter.grad.abs().max() > 0, name


def test_merged_model_answers_alike_and_loads_as_an_ordinary_one(make, tmp_path: Path) -> None:
    sam, plain = make(), make()
    names = add_low_rank(sam.image_encoder, SETTINGS, seed=0)
    stir(sam.image_encoder)
    before = embed(sam).detach()
    assert not torch.allclose(before, embed(plain), atol=1e-2)
    copied = copy.deepcopy(sam)
    assert merge_low_rank(copied) == [f"image_encoder.{name}" for name in names]
    assert low_rank_layers(copied) == []
    assert list(copied.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(embed(copied), before, rtol=1e-4, atol=1e-5)
    save_model(copied, tmp_path / "model.safetensors", recipe={}, card="", half=False)
    loaded = load_model(tmp_path / "model.safetensors").sam
    torch.testing.assert_close(embed(loaded), before, rtol=1e-4, atol=1e-5)
    # The copy was merged, the model in training was not.
    assert len(low_rank_layers(sam)) == len(names)
    assert torch.equal(embed(sam), before)


def test_change_is_the_papers_product() -> None:
    linear = nn.Linear(6, 4)
    layer, plain = nn.Sequential(linear), linear.weight.detach().clone()
    add_low_rank(layer, LowRankSettings(rank=2, alpha=6, pattern="0"), seed=0)
    stir(layer)
    down, up = (p[0] for n, p in layer.named_parameters() if is_low_rank(n))
    assert (tuple(down.shape), tuple(up.shape)) == ((2, 6), (4, 2))
    torch.testing.assert_close(linear.weight, plain + 3 * up @ down)


def test_queries_and_values_alone_leave_keys_as_they_are() -> None:
    sam, plain = small_vit(), small_vit()
    add_low_rank(sam.image_encoder, LowRankSettings(rank=2, fused="qv"), seed=0)
    stir(sam.image_encoder)
    merge_low_rank(sam)
    name = "image_encoder.blocks.1.attn.qkv.weight"
    moved = (sam.state_dict()[name] - plain.state_dict()[name]).abs().amax(1)
    assert moved[32:64].max() == 0
    assert moved[:32].min() > 0
    assert moved[64:].min() > 0


def test_state_in_training_is_saved_and_taken_up_again(make) -> None:
    sam, again = make(), make()
    add_low_rank(sam.image_encoder, SETTINGS, seed=0)
    stir(sam.image_encoder)
    add_low_rank(again.image_encoder, SETTINGS, seed=1)
    again.load_state_dict(sam.state_dict(), strict=True)
    assert torch.equal(embed(again), embed(sam))


def test_first_values_come_from_the_seed_alone() -> None:
    states = []
    for seed in (3, 3, 4):
        sam = small_vit()
        add_low_rank(sam.image_encoder, SETTINGS, seed)
        states.append({n: t for n, t in sam.state_dict().items() if n.endswith("down")})
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not any(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_mixed_precision_learns_in_full(make) -> None:
    sam = make()
    add_low_rank(sam.image_encoder, SETTINGS, seed=0)
    stir(sam.image_encoder, 0.1)  # much larger, and the network itself magnifies any rounding
    full = embed(sam).detach()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = embed(sam)
        layer = sam.image_encoder.get_submodule(low_rank_layers(sam.image_encoder)[0])
        weight = torch.as_tensor(layer.weight)
    assert (mixed.float() - full).abs().mean() < 0.02 * full.abs().mean()
    mixed.float().square().mean().backward()
    grads = [p.grad for p in sam.image_encoder.parameters() if p.requires_grad]
    assert {grad.dtype for grad in grads if grad is not None} == {torch.float32}
    assert torch.equal(weight, torch.as_tensor(layer.weight))


def test_narrow_matrix_gets_the_rank_it_can_have() -> None:
    layer = nn.Sequential(nn.Conv2d(3, 5, 1))
    fill(layer)
    add_low_rank(layer, LowRankSettings(rank=64, pattern="0"), seed=0)
    assert [tuple(p.shape) for p in layer.parameters() if p.requires_grad] == [(1, 3, 3), (1, 5, 3)]


def test_a_second_change_is_refused() -> None:
    sam = small_vit()
    add_low_rank(sam.image_encoder, SETTINGS, seed=0)
    with pytest.raises(ConfigError, match="has low-rank changes already; merge them"):
        add_low_rank(sam.image_encoder, SETTINGS, seed=0)


def test_pattern_that_meets_nothing_changes_nothing() -> None:
    sam = small_lite()
    with pytest.raises(ConfigError, match=r"pattern 'depthwise\$' meets no linear layer"):
        add_low_rank(sam.image_encoder, LowRankSettings(pattern="depthwise$"), seed=0)
    assert all(p.requires_grad for p in sam.image_encoder.parameters())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"alpha": 0.0}, "alpha must be a finite number above 0, got 0.0"),
        ({"alpha": float("nan")}, "alpha must be a finite number above 0, got nan"),
        ({"fused": "k"}, "fused must be qkv or qv, got 'k'"),
        ({"pattern": "("}, r"pattern '\(' is no regular expression"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        LowRankSettings(**changes)
