"""The whole network: prompts together as alone, in any order, with gradients everywhere."""

from typing import Any

import pytest
import torch

from anymask.model import sam as sam_module
from anymask.model.configs import tiny
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import MaskPredictions
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam, choose_masks, places_inside, with_a_point
from tests.unit.model.seeded import (
    features_of,
    fill,
    numbers,
    prompts_of,
    small_lite,
    small_vit,
    small_vit_config,
)

# Many prompts at once and one by one may differ by this share of the largest logit.
TOGETHER = 1e-4


@pytest.fixture(scope="module", params=["small_vit", "small_lite"])
def sam(request):
    return {"small_vit": small_vit, "small_lite": small_lite}[request.param]()


def assert_same(one: MaskPredictions, other: MaskPredictions) -> None:
    assert one.low_res_logits.shape == other.low_res_logits.shape
    allowed = TOGETHER * float(other.low_res_logits.abs().max())
    torch.testing.assert_close(one.low_res_logits, other.low_res_logits, rtol=0, atol=allowed)
    torch.testing.assert_close(one.iou, other.iou, rtol=0, atol=TOGETHER)


def many_prompts(sam: Sam, num_pictures: int, num_prompts: int) -> PromptBatch:
    """Clicks and boxes with every optional field."""
    size, dim = sam.config.input_size, sam.config.embedding_dim
    grid, shape = size // 16, (num_pictures, num_prompts)
    kinds = torch.tensor([[1, 0, -1], [1, 2, 3], [0, 1, -1]])
    return PromptBatch(
        (numbers((*shape, 3, 2), 51) / 4 + 0.5) * size,
        kinds[torch.arange(num_prompts) % 3].expand(*shape, 3),
        5 * numbers((*shape, 1, 4 * grid, 4 * grid), 52),
        0.5 * numbers((*shape, 2, dim), 53),
        numbers((*shape, grid * grid), 54),
    )


@pytest.mark.parametrize("fields", [2, 3, 4, 5])
@torch.no_grad()
def test_many_prompts_answer_as_one_by_one(sam, fields):
    """With points alone, then with masks, extra tokens and a bias as well."""
    features = features_of(sam, 2)
    given: tuple[Any, ...] = many_prompts(sam, 2, 7)[:fields]
    prompts = PromptBatch(*given)
    together = sam.decode(features, prompts)
    alone = [sam.decode(features, prompts.part(slice(index, index + 1))) for index in range(7)]
    logits, iou = zip(*alone, strict=True)
    assert_same(together, MaskPredictions(torch.cat(logits, 1), torch.cat(iou, 1)))


@pytest.mark.parametrize("at_once", [1, 3, 100])
@torch.no_grad()
def test_any_number_at_once_gives_the_same(sam, monkeypatch, at_once):
    features, prompts = features_of(sam), many_prompts(sam, 1, 7)
    whole = sam.decode(features, prompts)
    grid = sam.config.input_size // 16
    sizes = []
    look = Sam._look

    def counted(self, features, prompts, prepared):
        sizes.append(prompts.labels.shape[1])
        return look(self, features, prompts, prepared)

    monkeypatch.setattr(Sam, "_look", counted)
    monkeypatch.setattr(sam_module, "CELLS_ON_CPU", at_once * grid * grid)
    assert_same(sam.decode(features, prompts), whole)
    assert sizes == {1: [1] * 7, 3: [3, 3, 1], 100: [7]}[at_once]


@torch.no_grad()
def test_pictures_in_a_batch_answer_as_alone(sam):
    features, prompts = features_of(sam, 3), many_prompts(sam, 3, 2)
    together = sam.decode(features, prompts)
    for index in range(3):
        part = slice(index, index + 1)
        one = ImageFeatures(
            features.embedding[part], tuple(maps[part] for maps in features.high_res)
        )
        given: list[Any] = [field[part] for field in prompts if field is not None]
        mine = PromptBatch(*given)
        expected = sam.decode(one, mine)
        assert_same(MaskPredictions(together.low_res_logits[part], together.iou[part]), expected)


@torch.no_grad()
def test_points_in_another_order_give_the_same_masks():
    sam = small_vit()
    features = features_of(sam)
    points, labels = [(10.0, 20.0), (40.0, 33.0), (55.0, 5.0), (0.0, 0.0)], [1, 0, 1, -1]
    order = [2, 1, 0, 3]
    straight = sam.decode(features, prompts_of([points], [labels]))
    mixed = sam.decode(
        features, prompts_of([[points[i] for i in order]], [[labels[i] for i in order]])
    )
    assert_same(mixed, straight)


@torch.no_grad()
def test_points_in_another_order_give_the_same_masks_of_the_default_architecture():
    """Its scorer looks at the first positive click; the masks do not depend on the order."""
    sam = small_lite()
    features = features_of(sam)
    points, labels = [(10.0, 20.0), (40.0, 33.0), (55.0, 5.0), (0.0, 0.0)], [1, 0, 1, -1]
    straight = sam.decode(features, prompts_of([points], [labels]))
    behind = sam.decode(features, prompts_of([[points[i] for i in (1, 0, 2, 3)]], [[0, 1, 1, -1]]))
    assert_same(behind, straight)


@torch.no_grad()
def test_an_extra_token_equal_to_a_point_is_that_point():
    sam = small_vit()
    features, first, second = features_of(sam), (12.0, 20.0), (44.0, 51.0)
    both = sam.decode(features, prompts_of([[first, second]], [[1, 0]]))
    token = sam.prompt_encoder.sparse(prompts_of([[second]], [[0]]), 64)
    one = prompts_of([[first]], [[1]])
    assert_same(sam.decode(features, one._replace(extra_tokens=token)), both)
    alone = sam.decode(features, one)
    assert (alone.low_res_logits - both.low_res_logits).abs().max() > 0.05


@torch.no_grad()
def test_a_mask_alone_is_a_prompt(sam):
    """No token is there for it; the default architecture draws it, without any click."""
    features, grid = features_of(sam), sam.config.input_size // 16
    masks = 6 * numbers((1, 2, 1, 4 * grid, 4 * grid), 8)
    none = PromptBatch(torch.zeros(1, 2, 0, 2), torch.zeros(1, 2, 0, dtype=torch.long), masks)
    answers = sam.decode(features, none)
    assert answers.low_res_logits.shape == (1, 2, 4, 4 * grid, 4 * grid)
    assert (answers.low_res_logits[:, 0] - answers.low_res_logits[:, 1]).abs().max() > 0.05
    other = sam.decode(features, none._replace(mask_logits=masks.flip(1)))
    assert_same(MaskPredictions(other.low_res_logits.flip(1), other.iou.flip(1)), answers)


@torch.no_grad()
def test_encoding_and_decoding_in_one_call(sam):
    size = sam.config.input_size
    pixels, prompts = numbers((1, 3, size, size), 7), many_prompts(sam, 1, 2)
    assert_same(sam(pixels, prompts), sam.decode(features_of(sam), prompts))


# --- gradients ---


def loss_of(sam: Sam, size: int) -> torch.Tensor:
    """Every kind of label and token, with a mask prompt and without."""
    grid, dim = size // 16, sam.config.embedding_dim
    points = (numbers((2, 2, 5, 2), 61) / 4 + 0.5) * size
    labels = torch.tensor([1, 0, 2, 3, -1]).expand(2, 2, 5)
    masks = 4 * numbers((2, 2, 1, 4 * grid, 4 * grid), 62)
    extra = numbers((2, 2, 1, dim), 63)
    features = sam.encode(numbers((2, 3, size, size), 64))
    loss = torch.zeros(())
    for prompts in (PromptBatch(points, labels), PromptBatch(points, labels, masks, extra)):
        answers = sam.decode(features, prompts)
        weights = numbers(tuple(answers.low_res_logits.shape), 65)
        loss = loss + (answers.low_res_logits * weights).mean()
        loss = loss + (answers.iou * numbers(tuple(answers.iou.shape), 66)).mean()
    return loss


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (small_vit, 64),
        (small_vit, 96),
        (small_lite, 64),
        (lambda: Sam(tiny(128)), 128),
    ],
    ids=["plain ViT", "plain ViT, other frame", "small default", "default"],
)
def test_gradients_reach_every_parameter(make, size):
    sam = make()
    fill(sam)
    sam.train()
    loss_of(sam, size).backward()
    silent = []
    for name, parameter in sam.named_parameters():
        gradient = parameter.grad
        assert gradient is not None, name
        assert bool(gradient.isfinite().all()), name
        # A bias of keys moves all scores of a query alike: softmax takes it away again.
        if not name.endswith("k_proj.bias") and not gradient.any():
            silent.append(name)
    assert silent == []


def test_gradients_agree_with_finite_differences():
    """A step along a drawn direction changes the loss as the gradient says."""
    sam = Sam(small_vit_config())
    fill(sam)
    sam.double()
    prompts = prompts_of([[(10.0, 20.0), (0.0, 0.0)]], [[1, -1]])
    prompts = prompts._replace(points=prompts.points.double())
    pixels = numbers((1, 3, 64, 64), 7).double()

    def loss() -> torch.Tensor:
        answers = sam(pixels, prompts)
        return answers.low_res_logits.square().mean() + answers.iou.square().mean()

    loss().backward()
    slope, steps = 0.0, []
    for index, parameter in enumerate(sam.parameters()):
        step = numbers(tuple(parameter.shape), 70 + index).double()
        steps.append((parameter, step))
        if parameter.grad is not None:  # the layers for mask prompts are idle here
            slope += float((parameter.grad * step).sum())
    values = []
    with torch.no_grad():
        for length in (1e-6, -2e-6):
            for parameter, step in steps:
                parameter.add_(step, alpha=length)
            values.append(float(loss()))
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(slope, rel=1e-4)


# --- small functions ---


@pytest.mark.parametrize(
    ("points", "labels", "place"),
    [
        ([(9.5, 19.5), (30, 30)], [1, 1], (10 / 64, 20 / 64)),
        ([(30, 30), (9.5, 19.5)], [0, 1], (10 / 64, 20 / 64)),
        ([(8, 16), (24, 48)], [2, 3], (16.5 / 64, 32.5 / 64)),
        ([(1, 2), (8, 16), (24, 48)], [1, 2, 3], (1.5 / 64, 2.5 / 64)),
        ([(1, 2), (8, 16), (24, 48)], [0, 2, 3], (16.5 / 64, 32.5 / 64)),
    ],
)
def test_a_place_inside_is_a_positive_click_or_the_middle_of_the_box(points, labels, place):
    found = places_inside(prompts_of([points], [labels]), 64)
    assert found.shape == (1, 1, 2)
    torch.testing.assert_close(found[0, 0], torch.tensor(place))


def test_prompts_without_points_get_a_padding_point():
    none = PromptBatch(torch.zeros(2, 3, 0, 2), torch.zeros(2, 3, 0, dtype=torch.long))
    padded = with_a_point(none)
    assert padded.labels.tolist() == [[[-1]] * 3] * 2
    assert padded.points.shape == (2, 3, 1, 2)
    some = prompts_of([[(1.0, 2.0)]], [[1]])
    assert with_a_point(some) is some


def test_the_three_guesses_or_the_single_mask_are_kept():
    answers = MaskPredictions(numbers((1, 2, 4, 3, 3), 1), numbers((1, 2, 4), 2))
    three, one = choose_masks(answers, multimask=True), choose_masks(answers, multimask=False)
    assert torch.equal(three.low_res_logits, answers.low_res_logits[:, :, 1:])
    assert torch.equal(three.iou, answers.iou[:, :, 1:])
    assert torch.equal(one.low_res_logits, answers.low_res_logits[:, :, :1])
    assert torch.equal(one.iou, answers.iou[:, :, :1])
