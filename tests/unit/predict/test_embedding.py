"""An embedding is a value: saved and loaded it is the same, damaged it is refused."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from anymask.errors import InputError, OutputError, StateError
from anymask.image.options import ReadOptions
from anymask.image.picture import Picture
from anymask.predict.embedding import ImageEmbedding
from anymask.predict.embedding_file import pack, read_file
from tests.unit.predict import networks


@pytest.fixture(scope="module")
def with_alpha(vit):
    """The embedding of a picture that knows more about itself than its pixels."""
    alpha = np.full((40, 56), 255, np.uint8)
    alpha[:5] = 7
    return vit.embed(
        Picture(
            pixels=networks.picture(),
            alpha=alpha,
            notes=("named .jpg, is a PNG", "has é and\nlines"),
            name="käse\\n.png",
            sha256="ab" * 32,
            format="PNG",
            orientation=6,
            path="dir/käse\n.png",
            options=ReadOptions(page=2, bands=(3, 2, 1), value_range=(0.0, 0.5)),
            no_data=alpha == 7,
        )
    )


def assert_equal(one: ImageEmbedding, other: ImageEmbedding) -> None:
    features = (one.features.embedding, *one.features.high_res)
    others = (other.features.embedding, *other.features.high_res)
    assert len(features) == len(others)
    for first, second in zip(features, others, strict=True):
        assert first.dtype == second.dtype
        assert torch.equal(first, second)
    names = ("frame", "picture_name", "picture_sha256", "model_name", "model_sha256", "low_res_hw")
    for name in names:
        assert getattr(one, name) == getattr(other, name), name


def assert_same_picture(one: Picture, other: Picture) -> None:
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.alpha, other.alpha)
    np.testing.assert_array_equal(one.no_data, other.no_data)
    for name in ("notes", "name", "sha256", "format", "orientation", "path", "options"):
        assert getattr(one, name) == getattr(other, name), name


# --- there and back ---


def test_saved_and_loaded_it_is_the_same_and_answers_the_same(model, embedding, tmp_path):
    path = embedding.save(tmp_path / "truck.emb")
    assert path == tmp_path / "truck.emb"
    loaded = ImageEmbedding.load(path)
    assert_equal(loaded, embedding)
    assert_same_picture(loaded.upright(), embedding.upright())
    before = model.predict(embedding, points=[(20, 10)])
    after = model.predict(loaded, points=[(20, 10)])
    assert after.low_res_logits.tobytes() == before.low_res_logits.tobytes()
    assert after.scores.tobytes() == before.scores.tobytes()
    assert after.best.overlay().tobytes() == before.best.overlay().tobytes()


def test_all_that_is_known_about_the_picture_travels(with_alpha, tmp_path):
    loaded = ImageEmbedding.load(with_alpha.save(tmp_path / "a.emb"))
    assert_equal(loaded, with_alpha)
    assert_same_picture(loaded.upright(), with_alpha.upright())


def test_one_embedding_gives_one_file(embedding, tmp_path):
    first, second = (embedding.save(tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_saving_replaces_an_older_file(embedding, tmp_path):
    path = tmp_path / "a.emb"
    path.write_bytes(b"older")
    embedding.save(str(path))
    assert_equal(ImageEmbedding.load(str(path)), embedding)


def test_what_was_loaded_does_not_depend_on_the_file(embedding, tmp_path):
    path = embedding.save(tmp_path / "a.emb")
    loaded = ImageEmbedding.load(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert_equal(loaded, embedding)


def test_embeddings_can_be_copied_and_sent(model, embedding):
    sent = pickle.loads(pickle.dumps(embedding))  # noqa: S301 - as processes do
    for other in (copy.deepcopy(embedding), sent):
        assert_equal(other, embedding)
        masks = model.predict(other, points=[(20, 10)])
        same = model.predict(embedding, points=[(20, 10)])
        assert masks.low_res_logits.tobytes() == same.low_res_logits.tobytes()


def test_what_was_prepared_stays_behind_and_can_be_put_back(model, embedding, tmp_path):
    """It is larger than the embedding itself, and follows from it and the model."""
    assert embedding.prepared is not None
    loaded = ImageEmbedding.load(embedding.save(tmp_path / "a.emb"))
    sent = pickle.loads(pickle.dumps(embedding))  # noqa: S301 - as processes do
    assert (loaded.prepared, sent.prepared) == (None, None)
    again = model.prepare(loaded)
    assert_equal(again, embedding)
    assert again.prepared is not None
    same, other = embedding.prepared.skips, again.prepared.skips
    assert all(torch.equal(*pair) for pair in zip(same, other, strict=True))
    masks, expected = (model.predict(each, points=[(20, 10)]) for each in (again, embedding))
    assert masks.low_res_logits.tobytes() == expected.low_res_logits.tobytes()


# --- without its picture ---


def test_without_its_picture_it_is_smaller_and_still_answers(model, embedding, tmp_path):
    whole = embedding.save(tmp_path / "whole.emb").stat().st_size
    path = embedding.save(tmp_path / "bare.emb", picture=False)
    assert whole - path.stat().st_size >= 40 * 56 * 3
    bare = ImageEmbedding.load(path)
    assert_equal(bare, embedding)
    assert bare.picture is None
    masks = model.predict(bare, points=[(20, 10)])
    same = model.predict(embedding, points=[(20, 10)])
    assert masks.low_res_logits.tobytes() == same.low_res_logits.tobytes()


def test_without_its_picture_what_needs_pixels_asks_for_them(model, embedding, tmp_path):
    bare = ImageEmbedding.load(embedding.save(tmp_path / "a.emb", picture=False))
    masks = model.predict(bare, points=[(20, 10)])
    for ask in (masks.best.cutout, masks.best.overlay, masks.overlay):
        with pytest.raises(StateError, match="pass image="):
            ask()
    with pytest.raises(StateError) as error:
        bare.upright()
    assert str(error.value) == (
        "the embedding of array was saved without its picture; pass image= with the picture."
    )
    given = masks.best.overlay(image=networks.picture())
    assert isinstance(given, Image.Image)
    assert given.tobytes() == model.predict(embedding, points=[(20, 10)]).best.overlay().tobytes()
    assert embedding.upright() is embedding.picture


# --- damage ---


def test_one_changed_byte_anywhere_is_seen(with_alpha, tmp_path):
    path = with_alpha.save(tmp_path / "a.emb")
    good = path.read_bytes()
    random = np.random.default_rng(0)
    header = 8 + int.from_bytes(good[:8], "little")
    places = [*range(0, header, 7), *random.integers(header, len(good), 40)]
    for place in places:
        damaged = bytearray(good)
        damaged[place] ^= 1 << int(random.integers(0, 7))
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.emb: (is damaged|is not|cannot be read|has the)"):
            ImageEmbedding.load(path)
    path.write_bytes(good)
    assert_equal(ImageEmbedding.load(path), with_alpha)


def changed(path: Path, **entries: str) -> Path:
    """The same file with other entries in its header."""
    tensors = safetensors.torch.load(path.read_bytes())
    with safetensors.safe_open(path, framework="pt") as file:
        entry = json.loads(file.metadata()["anymask_embedding"]) | entries
    path.write_bytes(safetensors.torch.save(tensors, {"anymask_embedding": json.dumps(entry)}))
    return path


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda good: good[: len(good) // 2], "cannot be read as an embedding; make it again with"),
        (lambda good: b"", "cannot be read as an embedding; make it again with embed and save."),
        (lambda good: b"\x89PNG" * 99, "cannot be read as an embedding; make it again with embed"),
        (lambda good: good + b"x", "cannot be read as an embedding; make it again with embed"),
        (lambda good: safetensors.torch.save({"a": torch.zeros(1)}), "is not an embedding"),
        (lambda good: safetensors.torch.save({"a": torch.zeros(1)}, {"format": "anymask-1"}),
         "is not an embedding; make one with embed and save."),
        (lambda good: safetensors.torch.save({}, {"anymask_embedding": "{"}),
         "is damaged, its checksum does not match; make it again with embed."),
    ],
)  # fmt: skip
def test_what_is_no_whole_embedding_is_refused(embedding, tmp_path, make, sentence):
    path = tmp_path / "a.emb"
    path.write_bytes(make(embedding.save(path).read_bytes()))
    with pytest.raises(InputError) as error:
        ImageEmbedding.load(path)
    assert str(error.value).startswith(f"{path}: {sentence}")


def test_a_changed_record_is_seen(embedding, tmp_path):
    """Another model's digest in the header would let a foreign embedding through."""
    path = embedding.save(tmp_path / "a.emb")
    _, record = read_file(path)
    assert_equal(ImageEmbedding.load(changed(path)), embedding)
    changed(path, record=json.dumps(record | {"model_sha256": "f" * 64}, sort_keys=True))
    with pytest.raises(
        InputError, match=r"a\.emb: is damaged, its checksum does not match; make it"
    ):
        ImageEmbedding.load(path)


def test_a_later_format_is_named(embedding, tmp_path):
    path = changed(embedding.save(tmp_path / "a.emb"), format="anymask-embedding-2")
    with pytest.raises(
        InputError, match=r"a\.emb: has the format anymask-embedding-2, this version"
    ):
        ImageEmbedding.load(path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.emb", "none.emb: no such file; name a file written by save."),
        (".", ": is no file; name a file written by save."),
        ("line\nbreak.emb", "line\\nbreak.emb: no such file; name a file written by save."),
    ],
)
def test_a_missing_file_is_said(tmp_path, name, sentence):
    with pytest.raises(InputError) as error:
        ImageEmbedding.load(tmp_path / name)
    assert str(error.value).endswith(sentence)
    assert "\n" not in str(error.value)


def test_where_nothing_can_be_written_is_said(embedding, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match=r"file/a\.emb: "):
        embedding.save(tmp_path / "file" / "a.emb")


def test_half_a_save_leaves_the_older_file_whole(embedding, tmp_path, monkeypatch):
    path = embedding.save(tmp_path / "a.emb")
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"no space left|full"):
        embedding.save(path, picture=False)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- a frozen value ---


def test_it_cannot_be_changed_and_shows_itself_in_a_line(embedding, with_alpha):
    with pytest.raises(FrozenInstanceError):
        embedding.picture = None
    with pytest.raises(FrozenInstanceError):
        del embedding.features
    assert repr(with_alpha) == "ImageEmbedding(käse\\n.png, 56×40, by small)"


def test_moving_it_keeps_everything_else(embedding):
    there = embedding.to("meta")
    assert there.features.embedding.device.type == "meta"
    assert all(x.device.type == "meta" for x in there.features.high_res)
    assert embedding.features.embedding.device.type == "cpu"
    assert there.picture is embedding.picture
    assert replace(there, features=embedding.features).frame == embedding.frame


def test_the_file_is_readable_by_others(embedding, tmp_path):
    """A plain safetensors file: names and shapes are what the format says."""
    tensors = safetensors.torch.load(embedding.save(tmp_path / "a.emb").read_bytes())
    assert tensors["pixels"].shape == (40, 56, 3)
    assert torch.equal(tensors["embedding"], embedding.features.embedding)
    names = {"embedding", "pixels", *(f"high_res.{i}" for i in range(len(tensors) - 2))}
    assert set(tensors) == names


def test_packing_is_undone_by_reading(tmp_path):
    tensors = {"b": torch.arange(6.0).view(2, 3).T, "a": torch.zeros(0, 2)}
    (tmp_path / "x").write_bytes(pack(tensors, {"n": [1, None, "é"]}))
    found, record = read_file(tmp_path / "x")
    assert {name: t.tolist() for name, t in found.items()} == {
        "b": [[0, 3], [1, 4], [2, 5]],
        "a": [],
    }
    assert record == {"n": [1, None, "é"]}
