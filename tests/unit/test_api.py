"""`anymask.load` and the model people hold, from a file to a mask."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import anymask
from anymask import ImageEmbedding, Prompt
from anymask.errors import ConfigError, WeightsNotFound
from anymask.image.options import ReadOptions
from anymask.predict.engines import encoder_dtype
from anymask.weights.save import save_model
from tests.unit.predict import networks


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A small model of the default architecture, saved."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    sam = networks.seeded_sam(networks.small_lite())
    save_model(sam, path, recipe={"steps": 1}, card="For tests.", half=False)
    return path


@pytest.fixture(scope="module")
def model(file):
    """The small model, loaded."""
    return anymask.load(file, device="cpu")


# --- load ---


def test_what_is_loaded_answers_as_what_was_saved(model):
    saved = networks.model(networks.small_lite())
    points, labels = [(20, 10), (40, 30)], [1, 0]
    one, other = (
        m.predict(m.embed(networks.picture()), points=points, labels=labels) for m in (model, saved)
    )
    assert one.low_res_logits.tobytes() == other.low_res_logits.tobytes()
    assert one.scores.tobytes() == other.scores.tobytes()


def test_a_model_says_what_it_is(model, file):
    assert repr(model) == "Model(tiny, small.safetensors, 64 px, cpu)"
    assert model.loaded.dtype == torch.float32
    assert model.loaded.metadata["card"] == "For tests."
    assert repr(anymask.load(str(file), device="cpu", input_size=96)).endswith("96 px, cpu)")


def test_another_frame_is_used_everywhere(file):
    model = anymask.load(file, device="cpu", input_size=96)
    embedding = model.embed(networks.picture())
    assert embedding.frame.input_size == 96
    assert embedding.low_res_hw == (24, 24)
    assert model.predict(embedding, points=[(20, 10)]).best.array.shape == (40, 56)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_said(file, device):
    with pytest.raises(
        ConfigError, match=f"^device {device} (needs a torch built|is not avail|does)"
    ):
        anymask.load(file, device=device)
    assert anymask.load(file, device="cpu").loaded.device.type == "cpu"


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has MPS")
def test_a_mac_that_is_not_there_is_said(file):
    with pytest.raises(
        ConfigError, match=r"^device mps is not available on this machine; use auto"
    ):
        anymask.load(file, device="mps")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"device": "gpu"},
            "^device must be auto, cpu, cuda, cuda:<number> or mps, got 'gpu'; use",
        ),
        (
            {"precision": "float16"},
            "^precision 'float16' is unknown; use auto, float32 or bfloat16.$",
        ),
        ({"architecture": "vit_x"}, "^architecture 'vit_x' is unknown; did you mean vit_"),
    ],
)
def test_an_unknown_setting_is_said_before_anything_is_read(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        anymask.load("nowhere.safetensors", **given)


def test_a_missing_file_is_said():
    with pytest.raises(WeightsNotFound, match=r"^nowhere\.pth: no such file"):
        anymask.load("nowhere.pth", device="cpu")


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
def test_precision_is_of_the_encoder_alone(file, precision):
    model = anymask.load(file, device="cpu", precision=precision)
    assert model.loaded.dtype == torch.float32
    assert {p.dtype for p in model.loaded.sam.parameters()} == {torch.float32}
    embedding = model.embed(networks.picture())
    assert embedding.features.embedding.dtype == torch.float32
    assert model.predict(embedding, points=[(20, 10)]).low_res_logits.dtype == np.float32


@pytest.mark.parametrize(
    ("precision", "device", "has_bfloat16", "expected"),
    [
        ("auto", "cuda", True, torch.bfloat16),
        ("auto", "cuda", False, torch.float32),
        ("auto", "cpu", True, torch.float32),
        ("auto", "mps", True, torch.float32),
        ("float32", "cuda", True, torch.float32),
        ("bfloat16", "cpu", False, torch.bfloat16),
    ],
)
def test_the_number_format_is_chosen_where_it_is_safe(
    monkeypatch, precision, device, has_bfloat16, expected
):
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: has_bfloat16)
    assert encoder_dtype(precision, torch.device(device)) == expected


# --- embed and predict ---


def test_every_form_of_a_picture_is_embedded_alike(model, tmp_path):
    pixels = networks.picture()
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    forms = [
        pixels,
        str(path),
        path,
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        Image.fromarray(pixels),
        torch.from_numpy(pixels).permute(2, 0, 1),
    ]
    expected = model.embed(pixels).features.embedding
    for form in forms:
        embedding = model.embed(form)
        assert torch.equal(embedding.features.embedding, expected)
        np.testing.assert_array_equal(embedding.picture.pixels, pixels)


def test_options_reach_the_reader(model):
    pixels = networks.picture()
    turned = model.embed(pixels, options=ReadOptions(bands=(3, 2, 1)))
    (many,) = model.embed_many([pixels], options=ReadOptions(bands=(3, 2, 1)))
    for embedding in (turned, many):
        np.testing.assert_array_equal(embedding.picture.pixels, pixels[..., ::-1])


def test_from_a_photo_to_files(model, photos, tmp_path):
    embedding = model.embed(photos / "coffee.png")
    masks = model.predict(embedding, points=[(300, 200)])
    assert len(masks) == 3
    assert masks.best.array.shape == (400, 600)
    masks.best.save(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as written:
        np.testing.assert_array_equal(np.asarray(written) > 0, masks.best.array)
    assert masks.best.overlay().size == (600, 400)
    assert masks.best.cutout().mode == "RGBA"
    refined = model.predict(embedding, points=[(300, 200), (10, 10)], labels=[1, 0], mask=masks)
    assert len(refined) == 1
    boxes = [Prompt(box=(10, 10, 200, 300)), Prompt(points=((300, 200),), labels=(1,))]
    assert [len(answer) for answer in model.predict_many(embedding, boxes)] == [1, 3]
    loaded = anymask.ImageEmbedding.load(embedding.save(tmp_path / "coffee.emb"))
    again = model.predict(loaded, points=[(300, 200)])
    assert again.low_res_logits.tobytes() == masks.low_res_logits.tobytes()


def test_what_was_noticed_about_the_picture_stays_with_it(model):
    embedding = model.embed(networks.picture(1, 5000))
    assert any("details are lost" in note for note in embedding.upright().notes)


def test_progress_is_told(model):
    embedding = model.embed(networks.picture())
    seen = []
    model.predict_many(
        embedding,
        [Prompt(box=(1, 1, 9, 9))] * 100,
        zoom=False,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(64, 100), (100, 100)]


def test_no_data_is_never_inside_a_mask(tmp_path):
    values = np.random.default_rng(0).random((48, 64), dtype=np.float32)
    values[10:30, 20:50] = np.nan
    path = tmp_path / "a.tif"
    Image.fromarray(values).save(path)
    model = anymask.load()
    embedding = model.embed(path)
    embedding.save(tmp_path / "a.emb")
    for known in (embedding, ImageEmbedding.load(tmp_path / "a.emb")):
        assert known.upright().notes == ("600 pixels hold no data (NaN)",)
        masks = model.predict(known, box=(5, 2, 60, 45), multimask=True)
        for mask in masks:
            assert not mask.array[10:30, 20:50].any()
            assert mask.area == mask.array.sum()
            assert mask.array.sum() > 0
