"""Pictures become embeddings: the same alone and in company."""

import numpy as np
import pytest
import torch

from anymask.errors import ConfigError, ImageError, InputError
from anymask.image.frame import frame_for
from anymask.image.picture import Picture
from anymask.image.prepare import to_model_input
from anymask.predict.encode import embed_pictures
from tests.unit.predict import networks

SIZES = [(40, 56), (1, 1), (2, 3), (64, 64), (90, 31), (1, 5000), (200, 300)]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7, 100])
def test_many_are_embedded_as_one_by_one(model, batch_size):
    pictures = [networks.picture(h, w, seed=h) for h, w in SIZES]
    together = model.embed_many(pictures, batch_size=batch_size)
    assert len(together) == len(SIZES)
    for picture, embedding in zip(pictures, together, strict=True):
        alone = model.embed(picture)
        assert embedding.frame == alone.frame
        assert embedding.picture_sha256 == alone.picture_sha256
        np.testing.assert_array_equal(embedding.picture.pixels, picture)
        pairs = zip(
            (embedding.features.embedding, *embedding.features.high_res),
            (alone.features.embedding, *alone.features.high_res),
            strict=True,
        )
        for x, y in pairs:
            torch.testing.assert_close(x, y, rtol=0, atol=2e-5)


def test_the_encoder_sees_the_prepared_picture(vit):
    pixels = networks.picture(90, 31)
    embedding = vit.embed(pixels)
    config = vit.loaded.sam.config
    frame = frame_for((90, 31), 64)
    assert embedding.frame == frame
    prepared = to_model_input(pixels, frame, config.pixel_mean, config.pixel_std)
    with torch.no_grad():
        expected = vit.loaded.sam.image_encoder(torch.from_numpy(prepared)[None]).embedding
    assert torch.equal(embedding.features.embedding, expected)
    assert embedding.features.embedding.shape == (1, 256, 4, 4)
    assert embedding.low_res_hw == (16, 16)


def test_an_embedding_knows_its_picture_and_its_model(vit, photos):
    embedding = vit.embed(photos / "coffee.png")
    assert embedding.picture_name == str(photos / "coffee.png")
    assert len(embedding.picture_sha256) == 64
    assert (embedding.model_name, embedding.model_sha256) == ("small", "0" * 64)
    assert embedding.frame.original_hw == (400, 600)


def test_pictures_are_read_only_as_they_are_needed(vit):
    taken: list[int] = []

    def pictures():
        for number in range(6):
            taken.append(number)
            yield Picture(pixels=networks.picture(seed=number))

    embeddings = embed_pictures(vit.loaded, pictures(), batch_size=2)
    next(embeddings)
    assert taken == [0, 1]
    assert len(list(embeddings)) == 5


def test_each_embedding_owns_its_memory(model):
    """Keeping one must not keep its whole batch."""
    for embedding in model.embed_many([networks.picture(seed=i) for i in range(4)]):
        for tensor in (embedding.features.embedding, *embedding.features.high_res):
            assert tensor.untyped_storage().nbytes() == tensor.numel() * 4
            assert tensor.is_contiguous()


def test_features_can_be_trained_on_and_modes_stay(vit):
    with torch.enable_grad():
        embedding = vit.embed(networks.picture())
        assert torch.is_grad_enabled()
        features = embedding.features.embedding
        assert not features.requires_grad
        weight = torch.ones(1, requires_grad=True)
        (features * weight).sum().backward()
        assert weight.grad is not None
        assert weight.grad.item() == pytest.approx(features.sum().item(), rel=1e-3)


def test_the_callers_array_is_its_own(vit):
    pixels = networks.picture()
    before = pixels.copy()
    embedding = vit.embed(pixels)
    np.testing.assert_array_equal(pixels, before)
    pixels[:] = 0
    np.testing.assert_array_equal(embedding.picture.pixels, before)


def test_blue_first_arrays_are_turned(vit):
    pixels = networks.picture()
    straight = vit.embed(pixels).features.embedding
    turned = vit.embed(pixels[..., ::-1], channels="bgr").features.embedding
    (many,) = vit.embed_many([pixels[..., ::-1]], channels="bgr")
    assert torch.equal(straight, turned)
    assert torch.equal(straight, many.features.embedding)
    wrong = vit.embed(pixels[..., ::-1]).features.embedding
    assert (wrong - straight).abs().max() > 1e-3


def test_no_picture_has_no_embedding(vit):
    assert vit.embed_many([]) == []


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_at_least_one(vit, batch_size):
    with pytest.raises(ConfigError, match=f"^batch_size is {batch_size}; use 1 or more.$"):
        vit.embed_many([networks.picture()], batch_size=batch_size)


@pytest.mark.parametrize(
    ("single", "kind"),
    [("a.png", "str"), (b"bytes", "bytes"), (networks.picture(), "ndarray"),
     (torch.zeros(3, 8, 8), "Tensor")],
)  # fmt: skip
def test_a_single_picture_is_no_list_of_them(vit, single, kind):
    sentence = (
        f"^images must be a list of pictures, got one {kind}; pass \\[image\\], or use embed.$"
    )
    with pytest.raises(InputError, match=sentence):
        vit.embed_many(single)


def test_a_stack_of_pictures_is_a_list_of_them(vit):
    stack = np.stack([networks.picture(seed=i) for i in range(3)])
    for embedding, pixels in zip(vit.embed_many(stack), stack, strict=True):
        np.testing.assert_array_equal(embedding.picture.pixels, pixels)


def test_a_bad_picture_is_one_sentence_and_the_next_works(vit):
    with pytest.raises(ImageError, match=r"none\.png: no such file"):
        vit.embed("none.png")
    assert vit.embed(networks.picture()).frame.original_hw == (40, 56)


def test_a_callers_autocast_leaves_the_decoder_alone(model):
    """What the decoder works out stays float32, whatever runs around it."""
    picture = networks.picture()
    with torch.autocast("cpu", torch.bfloat16):
        embedding = model.embed(picture)
        masks = model.predict(embedding, points=[(20, 10)])
    assert embedding.features.embedding.dtype == torch.float32
    same = model.predict(embedding, points=[(20, 10)])
    assert masks.low_res_logits.tobytes() == same.low_res_logits.tobytes()
