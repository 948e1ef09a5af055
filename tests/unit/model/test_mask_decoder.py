"""The mask decoder: upscaling, hypernetworks and extension points against plain convolutions."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from anymask.model import mask_decoder
from anymask.model.image_encoder import ImageFeatures
from anymask.model.mask_decoder import DecoderPrompts
from anymask.model.nested_cells import as_product, nest, unnest
from anymask.model.prepared_image import PreparedImage
from tests.unit.model.seeded import numbers, small_vit

GRID = 4
DIM = 32


@pytest.fixture(scope="module")
def sam():
    return small_vit()


@pytest.fixture(scope="module")
def decoder(sam):
    return sam.mask_decoder


@pytest.fixture(scope="module")
def image_pe(sam):
    return sam.prompt_encoder.pe_layer.grid(GRID, GRID)


def features(*, has_high_res: bool = False) -> ImageFeatures:
    high_res = (numbers((1, DIM // 4, 8, 8), 4), numbers((1, DIM // 8, 16, 16), 5))
    return ImageFeatures(numbers((1, DIM, GRID, GRID), 3), high_res if has_high_res else ())


def prompts(num_prompts: int = 2, **more) -> DecoderPrompts:
    tokens = numbers((1, num_prompts, 3, DIM), 1)
    return DecoderPrompts(tokens, 0.5 * numbers((1, 1, DIM, 1, 1), 2), **more)


def decode(decoder, seen: ImageFeatures, image_pe, given: DecoderPrompts):
    skips = tuple(nest(maps, level) for level, maps in enumerate(seen.high_res, 1))
    places = decoder.transformer.place(image_pe)
    return decoder(seen, given, PreparedImage(places, skips=skips))


def decode_plainly(decoder, seen: ImageFeatures, image_pe, given: DecoderPrompts, fine=0.0):
    """The figure with ordinary maps and transposed convolutions, one prompt at a time."""
    masks, scores = [], []
    assert given.dense is not None
    for tokens in given.tokens[0]:
        own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        image = (seen.embedding + given.dense[:, 0]).flatten(2).transpose(1, 2)[None]
        joined = torch.cat([own, tokens])[None, None]
        places = decoder.transformer.place(image_pe)
        out, image = decoder.transformer(joined, image, places, given.attention_bias)
        maps = image[0].transpose(1, 2).reshape(1, DIM, GRID, GRID)
        first, norm, _, second, _ = decoder.output_upscaling
        x = first(maps)
        if seen.high_res:
            x = x + seen.high_res[0]
        x = F.gelu(norm(x))
        if decoder.has_mixing:
            x = decoder.mixing(x)
        x = second(x)
        if seen.high_res:
            x = x + seen.high_res[1]
        x = F.gelu(x + fine)[0]
        weights = [mlp(out[0, 0, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
        masks.append(torch.stack([(w[:, None, None] * x).sum(0) for w in weights]))
        scores.append(decoder.iou_prediction_head(out[0, 0, 0]))
    return torch.stack(masks)[None], torch.stack(scores)[None]


@pytest.mark.parametrize("has_high_res", [False, True])
@torch.no_grad()
def test_it_is_its_figure(decoder, image_pe, has_high_res):
    seen, given = features(has_high_res=has_high_res), prompts()
    ours = decode(decoder, seen, image_pe, given)
    masks, scores = decode_plainly(decoder, seen, image_pe, given)
    assert ours.low_res_logits.shape == (1, 2, 4, 16, 16)
    torch.testing.assert_close(ours.low_res_logits, masks, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.iou, scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cells_at_once", [1024, 3])
@torch.no_grad()
def test_mixing_sees_neighbours_of_the_same_prompt_alone(image_pe, monkeypatch, cells_at_once):
    monkeypatch.setattr(mask_decoder, "CELLS_AT_ONCE", cells_at_once)
    decoder = small_vit(has_mixing=True).mask_decoder
    seen, given = features(has_high_res=True), prompts(3)
    ours = decode(decoder, seen, image_pe, given)
    masks, _ = decode_plainly(decoder, seen, image_pe, given)
    torch.testing.assert_close(ours.low_res_logits, masks, rtol=1e-4, atol=1e-4)
    decoder.has_mixing = False
    without = decode(decoder, seen, image_pe, given)
    assert (ours.low_res_logits - without.low_res_logits).abs().mean() > 0.1


@pytest.mark.parametrize("has_mixing", [False, True])
@torch.no_grad()
def test_nothing_is_drawn_for_no_prompts(image_pe, has_mixing):
    decoder = small_vit(has_mixing=has_mixing).mask_decoder
    prepared = PreparedImage(decoder.transformer.place(image_pe))
    looked = decoder.look(features(), prompts(3), prepared).part(torch.zeros(0, dtype=torch.int64))
    assert decoder.draw(looked, prepared, slice(0, 4)).low_res_logits.shape == (1, 0, 4, 16, 16)


@torch.no_grad()
def test_high_resolution_features_of_zero_are_none(decoder, image_pe):
    seen = features(has_high_res=True)
    zero = ImageFeatures(seen.embedding, tuple(map(torch.zeros_like, seen.high_res)))
    without = decode(decoder, features(), image_pe, prompts()).low_res_logits
    with_zero = decode(decoder, zero, image_pe, prompts()).low_res_logits
    with_some = decode(decoder, seen, image_pe, prompts()).low_res_logits
    torch.testing.assert_close(with_zero, without)
    assert (with_some - without).abs().mean() > 0.1


@torch.no_grad()
def test_fine_cells_are_added_to_the_finest_features(decoder, image_pe):
    maps = numbers((1, DIM // 8, 16, 16), 6)
    given = prompts(1, fine=nest(maps, 2)[:, None])
    ours = decode(decoder, features(), image_pe, given)
    masks, scores = decode_plainly(decoder, features(), image_pe, prompts(1), maps)
    torch.testing.assert_close(ours.low_res_logits, masks, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.iou, scores)


@torch.no_grad()
def test_a_bias_hides_part_of_the_picture_from_the_tokens(decoder, image_pe):
    """Whatever the hidden half holds, scores and the logits of the other half stay."""
    bias = torch.zeros(1, 2, GRID * GRID)
    bias[..., GRID * GRID // 2 :] = -1e9
    other = features().embedding.clone()
    other[:, :, GRID // 2 :] = 5 * numbers((1, DIM, GRID // 2, GRID), 9)
    answers = [
        [
            decode(decoder, ImageFeatures(seen), image_pe, prompts(attention_bias=b))
            for b in (bias, None)
        ]
        for seen in (features().embedding, other)
    ]
    (hidden, plain), (hidden_other, plain_other) = answers
    torch.testing.assert_close(hidden_other.iou, hidden.iou)
    top = (..., slice(0, 8), slice(None))
    torch.testing.assert_close(hidden_other.low_res_logits[top], hidden.low_res_logits[top])
    assert (plain_other.iou - plain.iou).abs().max() > 0.01
    assert (plain_other.low_res_logits[top] - plain.low_res_logits[top]).abs().max() > 0.1


@torch.no_grad()
def test_a_bias_of_zero_is_none_and_each_prompt_has_its_own(decoder, image_pe):
    without = decode(decoder, features(), image_pe, prompts())
    bias = torch.zeros(1, 2, GRID * GRID)
    zero = decode(decoder, features(), image_pe, prompts(attention_bias=bias))
    torch.testing.assert_close(zero.low_res_logits, without.low_res_logits)
    bias[:, 1, :3] = 4.0
    drawn = decode(decoder, features(), image_pe, prompts(attention_bias=bias))
    torch.testing.assert_close(drawn.low_res_logits[:, 0], without.low_res_logits[:, 0])
    assert (drawn.low_res_logits[:, 1] - without.low_res_logits[:, 1]).abs().max() > 0.1


@torch.no_grad()
def test_logits_grow_with_their_scale():
    one, half = small_vit(), small_vit(logit_scale=0.5)
    image_pe = one.prompt_encoder.pe_layer.grid(GRID, GRID)
    whole = decode(one.mask_decoder, features(), image_pe, prompts())
    scaled = decode(half.mask_decoder, features(), image_pe, prompts())
    torch.testing.assert_close(scaled.low_res_logits, 0.5 * whole.low_res_logits)
    torch.testing.assert_close(scaled.iou, whole.iou)


def test_a_transposed_convolution_is_torch_s():
    conv = nn.ConvTranspose2d(6, 3, 2, 2)
    maps = numbers((1, 6, 2, 3), 1)
    matrix, bias = as_product(conv)
    cells = F.linear(maps.flatten(2).transpose(1, 2), matrix, bias).unflatten(-1, (4, -1))
    assert cells.shape == (1, 6, 4, 3)
    torch.testing.assert_close(cells, nest(conv(maps), 1))


def test_nested_cells_hold_their_own_pixels():
    maps = torch.arange(8 * 12.0).reshape(1, 1, 8, 12)
    assert nest(maps, 1)[0, 7, :, 0].tolist() == [26, 27, 38, 39]
    fine = nest(maps, 2)
    assert fine.shape == (1, 6, 4, 4, 1)
    assert fine[0, 4, 2, :, 0].tolist() == [76, 77, 88, 89]


def test_unnesting_undoes_nesting():
    maps = numbers((2, 5, 12, 8), 1)
    cells = nest(maps, 2)[:, None]
    assert torch.equal(unnest(cells, (3, 2))[:, 0], maps)
