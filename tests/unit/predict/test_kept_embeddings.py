"""Embeddings from the cache answer as fresh ones do, and only where they are the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.api import Model
from anymask.errors import ConfigError, ImageError, OutputError, StateError
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.embedding_cache import open_cache
from anymask.predict.embedding_key import need_maker
from anymask.predict.kept_embeddings import as_if_kept, keep_picture
from anymask.weights.loaded import EncoderEngine
from tests.unit.cli.folders import names_in
from tests.unit.predict import networks

CLICK = [(20, 10)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of its own; the folder of its embeddings, which is not there yet."""
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embeddings"


@pytest.fixture(params=["small_vit", "small_lite"])
def counted(request):
    """A model as if from a file, and the sizes of the batches that it has encoded."""
    return counting(networks.loaded(getattr(networks, request.param)(), seed=1))


def counting(loaded):
    """The model with its encoder counted."""
    batches: list[int] = []

    def run(pixels):
        batches.append(len(pixels))
        return loaded.sam.encode(pixels)

    engine = EncoderEngine(name="torch", version="1", run=run)
    return Model(replace(loaded, encoder=engine)), batches


def answers(model: Model, embedding: ImageEmbedding) -> list[bytes]:
    """Everything a question gives, to the bit."""
    masks = model.predict(embedding, points=CLICK)
    arrays = (masks.low_res_logits, masks.scores, *(mask.array for mask in masks))
    return [np.ascontiguousarray(array).tobytes() for array in arrays]


# --- the same ---


def test_masks_from_the_cache_are_those_of_a_fresh_embedding_to_the_byte(counted):
    model, batches = counted
    pixels = networks.picture()
    fresh = model.embed(pixels)
    kept = model.embed(pixels, keep=True)
    assert batches == [1, 1]
    warm = model.embed(pixels)
    assert batches == [1, 1]
    assert (fresh.kept_as, kept.kept_as, warm.kept_as) == (None, None, "float32")
    assert answers(model, warm) == answers(model, fresh) == answers(model, kept)
    assert warm.prepared is not None
    np.testing.assert_array_equal(warm.picture.pixels, pixels)
    assert (warm.frame, warm.picture_sha256) == (fresh.frame, fresh.picture_sha256)


def test_the_name_is_of_the_picture_at_hand_and_not_of_the_one_that_was_kept(counted, tmp_path):
    model, _ = counted
    Image.fromarray(networks.picture()).save(tmp_path / "first.png")
    Image.fromarray(networks.picture()).save(tmp_path / "second.bmp")
    model.embed(tmp_path / "first.png", keep=True)
    warm = model.embed(tmp_path / "second.bmp")
    assert warm.kept_as == "float32"
    assert warm.picture_name == str(tmp_path / "second.bmp")
    assert warm.picture.format == "BMP"


def test_half_is_told_and_stays_close(counted, cache):
    model, batches = counted
    pixels = networks.picture()
    fresh = model.embed(pixels)
    maker = need_maker(model.loaded)
    kept = keep_picture(model.loaded, fresh.picture, open_cache(), maker, "float16")
    assert (kept.form, kept.was_there) == ("float16", False)
    warm = model.embed(pixels)
    assert (warm.kept_as, batches) == ("float16", [1, 1])
    rounded = fresh.features.embedding.half().float()
    assert torch.equal(warm.features.embedding, rounded)
    masks, expected = (model.predict(each, points=CLICK).best.array for each in (warm, fresh))
    assert (masks == expected).mean() > 0.99
    without_cache = as_if_kept(model.loaded, fresh, "float16")
    assert without_cache.kept_as == "float16"
    assert answers(model, without_cache) == answers(model, warm)
    assert answers(model, as_if_kept(model.loaded, fresh, "float32")) == answers(model, fresh)
    # Who keeps without --half means the exact one.
    assert model.embed(pixels, keep=True).kept_as is None
    assert model.embed(pixels).kept_as == "float32"
    assert len(names_in(cache)) == 1


def test_what_it_was_kept_as_travels_with_a_saved_embedding(counted, tmp_path):
    model, _ = counted
    model.embed(networks.picture(), keep=True)
    fresh = model.embed(networks.picture(), use_cache=False)
    warm = model.embed(networks.picture())
    loaded = ImageEmbedding.load(warm.save(tmp_path / "a.emb"))
    assert loaded.kept_as == "float32"
    assert ImageEmbedding.load(fresh.save(tmp_path / "b.emb")).kept_as is None
    assert answers(model, loaded) == answers(model, fresh)


# --- only what is asked ---


def test_embedding_alone_writes_nothing(counted, cache):
    model, _ = counted
    model.embed(networks.picture())
    model.embed_many([networks.picture()])
    assert not cache.parent.exists()


def test_without_a_cache_folder_not_even_the_pixels_are_hashed(counted, monkeypatch):
    model, batches = counted

    def forbidden(*_):
        pytest.fail("hashed for nothing")

    monkeypatch.setattr("anymask.predict.kept_embeddings.key_of", forbidden)
    monkeypatch.setattr("anymask.predict.kept_embeddings.maker_of", forbidden)
    model.embed(networks.picture())
    assert batches == [1]


def test_the_cache_can_be_passed_by(counted, cache):
    model, batches = counted
    model.embed(networks.picture(), keep=True)
    assert model.embed(networks.picture(), use_cache=False).kept_as is None
    (path,) = cache.iterdir()
    path.write_bytes(b"damaged, and nobody looks")
    assert model.embed(networks.picture(), use_cache=False, keep=True).notes == ()
    assert batches == [1, 1, 1]
    assert model.embed(networks.picture()).kept_as == "float32"


# --- many ---


def test_of_many_only_the_missing_are_encoded_together(counted):
    model, batches = counted
    pictures = [networks.picture(30 + seed, 50, seed=seed) for seed in range(6)]
    for number in (1, 4):
        model.embed(pictures[number], keep=True)
    alone = [answers(model, model.embed(picture, use_cache=False)) for picture in pictures]
    del batches[:]
    embeddings = model.embed_many(pictures, batch_size=4)
    assert batches == [3, 1]
    assert [one.kept_as for one in embeddings] == [None, "float32", None, None, "float32", None]
    for picture, embedding in zip(pictures, embeddings, strict=True):
        np.testing.assert_array_equal(embedding.picture.pixels, picture)
    for number in (1, 4):
        assert answers(model, embeddings[number]) == alone[number]


def test_many_that_are_kept_are_encoded_alone(counted, cache):
    """Then each is what embedding it alone gives."""
    model, batches = counted
    pictures = [networks.picture(seed=seed) for seed in range(3)]
    alone = [answers(model, model.embed(picture)) for picture in pictures]
    del batches[:]
    kept = model.embed_many([*pictures, pictures[0]], keep=True)
    assert batches == [1, 1, 1]
    assert len(names_in(cache)) == 3
    assert [one.kept_as for one in kept] == [None, None, None, "float32"]
    warm = model.embed_many(pictures)
    assert [answers(model, each) for each in (*kept[:3], *warm)] == alone * 2
    assert model.embed_many([], keep=True) == []


# --- never another's ---


def test_other_weights_frames_and_engines_never_hit(cache):
    loaded = networks.loaded(networks.small_vit(), seed=1)
    model, _ = counting(loaded)
    model.embed(networks.picture(), keep=True)
    other_frame = networks.loaded(networks.small_vit(128), seed=1)
    other_weights = networks.loaded(networks.small_vit(), seed=2)
    engine = replace(model.loaded.encoder, version="2")
    others = [
        Model(other_frame),
        Model(other_weights),
        Model(replace(model.loaded, encoder=engine)),
        Model(replace(loaded, dtype=torch.bfloat16)),
        Model(networks.loaded(networks.small_lite(), seed=1)),
    ]
    assert [other.embed(networks.picture()).kept_as for other in others] == [None] * 5
    assert model.embed(networks.picture()).kept_as == "float32"
    assert model.embed(networks.picture(seed=1)).kept_as is None


def test_weights_trained_further_do_not_hit_what_they_were(counted):
    model, _ = counted
    model.embed(networks.picture(), keep=True)
    with torch.no_grad():
        for parameter in model.loaded.sam.image_encoder.parameters():
            parameter.mul_(1.001)
    assert model.embed(networks.picture()).kept_as is None


def test_a_model_from_no_file_keeps_nothing(vit, cache):
    cache.mkdir(parents=True)
    assert vit.embed(networks.picture()).kept_as is None
    with pytest.raises(StateError, match=r"cannot be kept: the model is from no file; load the mo"):
        vit.embed(networks.picture(), keep=True)
    assert names_in(cache) == []
    assert vit.embed(networks.picture()).frame.original_hw == (40, 56)


# --- harm ---


def test_a_damaged_entry_is_made_anew_with_a_note(counted, cache):
    model, batches = counted
    fresh = model.embed(networks.picture(), keep=True)
    (path,) = cache.iterdir()
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)
    again = model.embed(networks.picture())
    assert (again.kept_as, batches) == (None, [1, 1])
    assert again.notes == ("a kept embedding was damaged; it is made anew",)
    assert answers(model, again) == answers(model, fresh)
    assert model.embed(networks.picture(), keep=True).notes == ()
    assert model.embed(networks.picture()).kept_as == "float32"


def test_keeping_where_nothing_can_be_written_is_said(counted, cache):
    model, _ = counted
    cache.parent.write_text("a file")
    with pytest.raises(OutputError, match=r"a file stands where a folder should be; free some sp"):
        model.embed(networks.picture(), keep=True)
    assert model.embed(networks.picture()).kept_as is None
    cache.parent.unlink()
    model.embed(networks.picture(), keep=True)
    assert model.embed(networks.picture()).kept_as == "float32"


def test_a_limit_below_one_embedding_is_said(counted, monkeypatch):
    model, _ = counted
    monkeypatch.setenv("ANYMASK_EMBEDDINGS_GB", "0")
    with pytest.raises(ConfigError, match=r"the cache holds 0\.0 MB; set ANYMASK_EMBEDDINGS_GB to"):
        model.embed(networks.picture(), keep=True)
    monkeypatch.delenv("ANYMASK_EMBEDDINGS_GB")
    assert model.embed(networks.picture(), keep=True).frame.original_hw == (40, 56)


def test_a_picture_that_cannot_be_read_keeps_those_before_it(counted, cache):
    model, _ = counted
    with pytest.raises(ImageError, match=r"none\.png: no such file"):
        model.embed_many([networks.picture(), "none.png"], keep=True)
    assert len(names_in(cache)) == 1
    assert model.embed(networks.picture()).kept_as == "float32"
