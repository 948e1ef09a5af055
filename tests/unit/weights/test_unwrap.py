"""What training programs put around tensors comes off, and nothing else."""

import pytest
import torch

from anymask.errors import WeightsError
from anymask.weights.transformers_layout import to_transformers
from anymask.weights.unwrap import as_float32, as_released, unwrap
from tests.unit.model.seeded import small_tinyvit, small_vit

A, B = torch.tensor([1.0]), torch.tensor([2.0])
PLAIN = {"mask_decoder.a": A, "prompt_encoder.b": B}


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in PLAIN.items()}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        {"model": PLAIN},
        {"state_dict": PLAIN, "epoch": 3, "optimizer": {"lr": 0.1}},
        {"model": {"state_dict": PLAIN}, "step": torch.tensor(5)},
        prefixed("module."),
        prefixed("model."),
        prefixed("module.model."),
        prefixed("model.module."),
        {"state_dict": prefixed("module.")},
        PLAIN | {"pixel_mean": B, "pixel_std": B},
        {"model": prefixed("module.") | {"module.pixel_mean": B}},
    ],
)
def test_wrappers_come_off(content):
    assert unwrap(content, "x.pth") == PLAIN


def test_a_prefix_of_some_names_alone_stays():
    content = {"model.a": A, "head.b": B}
    assert unwrap(content, "x.pth") == content


def test_a_wrapper_that_holds_itself_ends():
    content: dict = {}
    content["model"] = content
    with pytest.raises(WeightsError, match=r"x.pth: entry 'model' is no tensor but dict"):
        unwrap(content, "x.pth")


@pytest.mark.parametrize("content", [{}, {"model": {}}, [A], A, None, "text", 3])
def test_nothing_by_name_is_refused(content):
    with pytest.raises(WeightsError, match=r"x.pth: holds no tensors by name"):
        unwrap(content, "x.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN | {"epoch": 3}, "entry 'epoch' is no tensor but int"),
        (PLAIN | {7: A}, "entry 7 has a name that is no text"),
        (PLAIN | {"a\nb": "x"}, r"entry 'a\\\\nb' is no tensor but str"),
    ],
)
def test_other_things_among_tensors_are_named(content, said):
    with pytest.raises(WeightsError, match=said):
        unwrap(content, "x.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype):
    tensors, notes = as_float32({"a": torch.tensor([0.5, -3.0], dtype=dtype), "b": B}, "x")
    assert tensors["a"].dtype == torch.float32
    assert tensors["a"].tolist() == [0.5, -3.0]
    assert tensors["b"] is B
    assert notes == (f"converted from {str(dtype)[6:]} to float32",)


def test_float32_and_whole_numbers_stay_as_they_are():
    counts = torch.tensor([3])
    assert as_float32({"a": A, "n": counts, "e": torch.empty(0)}, "x")[0]["n"] is counts
    assert as_float32({"a": A}, "x")[1] == ()


@pytest.mark.parametrize(
    "values",
    [[1.0, float("nan")], [float("inf"), 1.0], [0.0, -float("inf")], [float("nan")] * 3],
)
def test_values_that_are_not_finite_are_refused(values):
    tensors = {"a": A, "b.weight": torch.tensor(values)}
    with pytest.raises(WeightsError, match=r"x: tensor 'b.weight' holds NaN or infinite values"):
        as_float32(tensors, "x")


def test_a_float64_too_large_for_float32_is_refused():
    with pytest.raises(WeightsError, match="tensor 'a' holds NaN or infinite"):
        as_float32({"a": torch.tensor([1e300], dtype=torch.float64)}, "x")


# --- names of the release ---


def test_what_mobile_sam_does_not_use_is_left_out():
    state = small_tinyvit().state_dict()
    unused = {
        "image_encoder.norm_head.weight": A,
        "image_encoder.norm_head.bias": A,
        "image_encoder.head.weight": A,
        "image_encoder.head.bias": A,
        "image_encoder.layers.0.blocks.0.conv1.bn.num_batches_tracked": torch.tensor(7),
        "image_encoder.patch_embed.seq.0.bn.num_batches_tracked": torch.tensor(7),
    }
    tensors, notes = as_released(unused | state)
    assert list(tensors) == list(state)
    assert notes == ()


def test_other_networks_keep_a_classifier_for_the_network_to_refuse():
    state = small_vit().state_dict() | {"image_encoder.head.weight": A}
    assert as_released(state) == (state, ())
    inside = small_tinyvit().state_dict() | {"mask_decoder.head.weight": A}
    assert as_released(inside)[0].keys() == inside.keys()


def test_names_of_transformers_become_those_of_the_release():
    state = small_vit().state_dict()
    tensors, notes = as_released(to_transformers(state))
    assert list(tensors) == list(state)
    assert notes == ("read from the layout of transformers",)


def test_a_number_format_that_torch_cannot_convert_is_told():
    four_bits = torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    with pytest.raises(WeightsError, match="'a' is in float4_e2m1fn_x2, which torch cannot"):
        as_float32({"a": four_bits}, "x.pth")
