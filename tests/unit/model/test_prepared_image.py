"""What is prepared once a picture changes no answer, and masks can be left out before drawing."""

import math
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from anymask.model.mask_decoder import MaskDecoder
from anymask.model.prepared_image import PreparedImage
from tests.unit.model.seeded import features_of, numbers, prompts_of, small_lite, small_vit

CLICKS = [[(10.0, 20.0)], [(40.0, 33.0)], [(55.0, 5.0)], [(1.0, 60.0)], [(30.0, 30.0)]]


@pytest.fixture(scope="module", params=["small_vit", "small_lite"])
def sam(request):
    return {"small_vit": small_vit, "small_lite": small_lite}[request.param]()


@pytest.fixture
def clicks():
    return prompts_of([[*click, (0.0, 0.0)] for click in CLICKS], [[1, -1]] * len(CLICKS))


@pytest.mark.parametrize("with_masks", [False, True])
@torch.no_grad()
def test_prepared_or_not_the_answers_are_the_same(sam, clicks, with_masks):
    features = features_of(sam)
    if with_masks:
        clicks = clicks._replace(mask_logits=4 * numbers((1, 5, 1, 16, 16), 9))
    plain = sam.decode(features, clicks)
    prepared = sam.decode(features, clicks, sam.prepare(features))
    ready = sam.decode(features, clicks, sam.prepare(features, sam.place(4, 4)))
    for answer in (prepared, ready):
        assert torch.equal(answer.low_res_logits, plain.low_res_logits)
        assert torch.equal(answer.iou, plain.iou)


@pytest.mark.parametrize("masks", [slice(0, 1), slice(1, None), slice(2, 3)])
@torch.no_grad()
def test_some_masks_are_those_of_all(sam, clicks, masks):
    features = features_of(sam)
    every, some = sam.decode(features, clicks), sam.decode(features, clicks, masks=masks)
    torch.testing.assert_close(some.low_res_logits, every.low_res_logits[:, :, masks])
    torch.testing.assert_close(some.iou, every.iou[:, :, masks])


@torch.no_grad()
def test_it_moves_whole(sam):
    prepared = sam.prepare(features_of(sam))
    moved = prepared.to("meta")
    assert isinstance(moved, PreparedImage)

    def leaves(value: Any) -> list[torch.Tensor]:
        if isinstance(value, torch.Tensor):
            return [value]
        parts = value if isinstance(value, tuple) else ()
        return [leaf for part in parts for leaf in leaves(part)]

    before, after = leaves(prepared), leaves(moved)
    assert len(before) >= 7
    assert [leaf.shape for leaf in after] == [leaf.shape for leaf in before]
    assert {leaf.device.type for leaf in after} == {"meta"}


# --- the gate ---


@torch.no_grad()
def test_kept_masks_are_those_of_all_and_in_order(sam, clicks):
    features = features_of(sam)
    every = sam.decode(features, clicks)
    best = every.iou[0, :, 1:].amax(1)
    bar = best.sort().values[1:3].mean()
    parts = list(
        sam.decode_kept(features, clicks, lambda iou: iou.amax(1) > bar, masks=slice(1, None))
    )
    numbers_kept = torch.cat([part.numbers for part in parts])
    assert numbers_kept.tolist() == (best > bar).nonzero()[:, 0].tolist()
    assert len(numbers_kept) == 3
    logits = torch.cat([part.low_res_logits for part in parts])
    torch.testing.assert_close(logits, every.low_res_logits[0, numbers_kept, 1:])
    iou = torch.cat([part.iou for part in parts])
    torch.testing.assert_close(iou, every.iou[0, numbers_kept, 1:])


@torch.no_grad()
def test_the_published_head_judges_before_drawing(clicks, monkeypatch):
    sam, drawn = small_vit(), []
    draw = MaskDecoder.draw

    def counted(self, looked, prepared, masks):
        drawn.append(looked.tokens.shape[1])
        return draw(self, looked, prepared, masks)

    monkeypatch.setattr(MaskDecoder, "draw", counted)
    is_third = torch.arange(5) == 2
    (part,) = sam.decode_kept(features_of(sam), clicks, lambda iou: is_third)
    assert (drawn, part.numbers.tolist()) == ([1], [2])
    (none,) = sam.decode_kept(features_of(sam), clicks, lambda iou: torch.arange(5) > 5)
    assert none.low_res_logits.shape == (0, 4, 16, 16)


# --- memory ---


class Largest(TorchDispatchMode):
    """Remembers the most numbers any tensor made meanwhile holds."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                stored = tensor.untyped_storage().nbytes() // tensor.element_size()
                self.numbers = max(self.numbers, min(stored, tensor.numel()))
        return made


@torch.no_grad()
def test_nothing_grows_with_the_prompts_but_the_answer():
    """At 64 × 64 cells two prompts are decoded at once, whatever is asked."""
    sam = small_vit(input_size=1024)
    features = features_of(sam)
    prepared = sam.prepare(features)
    points, labels = [[(500.0, 400.0), (0.0, 0.0)]] * 10, [[1, -1]] * 10
    with Largest() as largest:
        answer = sam.decode(features, prompts_of(points, labels), prepared, slice(1, None))
    assert answer.low_res_logits.shape == (1, 10, 3, 256, 256)
    assert largest.numbers == math.prod(answer.low_res_logits.shape)


# --- what is prepared is never believed when it is stale ---


def assert_decoded_anew(sam, features, clicks, prepared) -> None:
    found, expected = sam.decode(features, clicks, prepared), sam.decode(features, clicks)
    assert torch.equal(found.low_res_logits, expected.low_res_logits)
    assert torch.equal(found.iou, expected.iou)


@pytest.mark.parametrize("make", [small_vit, small_lite])
@torch.no_grad()
def test_prepared_for_other_features_it_is_made_anew(make, clicks):
    sam = make()
    features, prepared = features_of(sam), sam.prepare(features_of(sam))
    assert_decoded_anew(sam, features, clicks, prepared)
    own = sam.prepare(features)
    features.embedding.mul_(-1)
    assert_decoded_anew(sam, features, clicks, own)


@pytest.mark.parametrize("make", [small_vit, small_lite])
@torch.no_grad()
def test_prepared_by_earlier_weights_it_is_made_anew(make, clicks):
    sam = make()
    features = features_of(sam)
    places = sam.place(4, 4)
    prepared = sam.prepare(features, places)
    sam.mask_decoder.transformer.layers[0].cross_attn_token_to_image.k_proj.weight.mul_(-1)
    assert_decoded_anew(sam, features, clicks, prepared)
    assert_decoded_anew(sam, features, clicks, sam.prepare(features, places))


@pytest.mark.parametrize("make", [small_vit, small_lite])
def test_gradients_reach_the_weights_of_what_was_prepared_without(make, clicks):
    sam = make()
    sam.requires_grad_()
    features = features_of(sam)
    features = type(features)(
        features.embedding.detach(), tuple(maps.detach() for maps in features.high_res)
    )
    with torch.no_grad():
        without = sam.prepare(features)
    look = sam.mask_decoder.transformer.layers[0].cross_attn_token_to_image
    gradients = []
    for prepared in (None, sam.prepare(features), without):
        sam.zero_grad()
        sam.decode(features, clicks, prepared).low_res_logits.square().mean().backward()
        gradients.append(look.k_proj.weight.grad.clone())
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


@torch.no_grad()
def test_no_prompts_have_no_answers(sam):
    none = prompts_of([[(1.0, 1.0)]], [[1]]).part(slice(0, 0))
    features = features_of(sam)
    answer = sam.decode(features, none, masks=slice(1, None))
    assert answer.low_res_logits.shape == (1, 0, 3, 16, 16)
    assert answer.iou.shape == (1, 0, 3)
    assert list(sam.decode_kept(features, none, lambda iou: iou[:, 0] > 0)) == []
