"""Models are loaded by name, by file, or from the package; whole, or with one sentence."""

import hashlib
import json
import os
from dataclasses import replace
from importlib.resources import files
from types import MappingProxyType

import pytest
import safetensors.torch
import torch

from anymask.errors import (
    ChecksumMismatch,
    ConfigError,
    KeysMismatch,
    WeightsError,
    WeightsNotFound,
)
from anymask.model.configs import mobile_sam
from anymask.model.sam import Sam
from anymask.weights.catalogue import PUBLISHED
from anymask.weights.load import load_model
from anymask.weights.save import save_model
from anymask.weights.transformers_layout import to_transformers
from tests.unit.model.seeded import (
    fill,
    numbers,
    quick_numbers,
    small_lite,
    small_tinyvit,
    small_vit,
    without_values,
)

NAME = "sam_vit_b"


@pytest.fixture
def checkpoint(tmp_path):
    """A .pth of a small plain ViT."""
    path = tmp_path / "small.pth"
    torch.save(small_vit().state_dict(), path)
    return path


@pytest.fixture
def published(monkeypatch, tmp_path, checkpoint):
    """Pretend that the small checkpoint is the published ViT-B; gives the place it must have."""
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    data = checkpoint.read_bytes()
    entry = replace(PUBLISHED[NAME], num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    catalogue = MappingProxyType({NAME: entry})
    monkeypatch.setattr("anymask.weights.catalogue.PUBLISHED", catalogue)
    monkeypatch.setattr("anymask.weights.load.PUBLISHED", catalogue)
    place = tmp_path / "cache" / "weights" / entry.file_name
    place.parent.mkdir(parents=True)
    return place


def own(tmp_path, **metadata: str):
    """A small model of our own format with some of its remarks changed."""
    path = tmp_path / "own.safetensors"
    save_model(small_vit(), path, recipe={}, card="")
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    remarks = json.loads(data[8:start])["__metadata__"] | metadata
    safetensors.torch.save_file(safetensors.torch.load(data), path, metadata=remarks)
    return path


# --- files ---


@pytest.mark.parametrize("as_text", [False, True])
def test_a_file_is_loaded_and_described(checkpoint, as_text):
    loaded = load_model(str(checkpoint) if as_text else checkpoint, device="cpu")
    assert loaded.name == "vit_32x2"
    assert loaded.sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert loaded.origin == "small.pth"
    assert loaded.device == torch.device("cpu")
    assert loaded.dtype == torch.float32
    assert dict(loaded.metadata) == {}
    assert loaded.notes == (
        "small.pth: unknown origin",
        "no published size: ViT of width 32 and depth 2",
    )
    reference = small_vit().state_dict()
    state = loaded.sam.state_dict()
    assert all(torch.equal(state[name], reference[name]) for name in reference)
    assert not loaded.sam.training
    assert not any(parameter.requires_grad for parameter in loaded.sam.parameters())


def test_a_home_folder_is_understood(checkpoint, monkeypatch):
    monkeypatch.setenv("HOME", str(checkpoint.parent))
    assert load_model("~/small.pth", device="cpu").name == "vit_32x2"


def test_what_was_asked_for_is_kept(checkpoint, monkeypatch):
    assert load_model(checkpoint, device="cpu").source == str(checkpoint)
    monkeypatch.chdir(checkpoint.parent)
    assert load_model("./small.pth", device="cpu").source == "./small.pth"
    assert load_model(device="cpu").source is None


def test_half_precision_is_noted(tmp_path):
    state = {name: tensor.bfloat16() for name, tensor in small_vit().state_dict().items()}
    torch.save(state, tmp_path / "x.pth")
    loaded = load_model(tmp_path / "x.pth", device="cpu")
    assert loaded.notes[0] == "converted from bfloat16 to float32"
    assert {tensor.dtype for tensor in loaded.sam.state_dict().values()} == {torch.float32}


def test_another_frame_is_set_and_noted(checkpoint):
    loaded = load_model(checkpoint, device="cpu", input_size=96)
    assert loaded.sam.config.input_size == 96
    assert loaded.notes[-1] == "frame of 96 instead of 64 pixels"
    assert loaded.sam.encode(numbers((1, 3, 96, 96), 1)).embedding.shape == (1, 32, 6, 6)
    assert load_model(checkpoint, device="cpu", input_size=64).notes[-1].startswith("no published")


@pytest.mark.parametrize(("size", "near"), [(100, 96), (0, 32), (-64, 32)])
def test_a_frame_that_cannot_be_is_refused(checkpoint, size, near):
    with pytest.raises(
        ConfigError, match=f"input_size must be a positive multiple of 32, got {size}; use {near}"
    ):
        load_model(checkpoint, device="cpu", input_size=size)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.pth", "nowhere.pth: no such file and no published model of that name; give a"),
        ("sam_vit_x", "sam_vit_x: no such file and no published .* did you mean sam_vit_"),
        ("vit_b", "did you mean sam_vit_b"),
        ("a\nb.pth", r"a\\nb.pth: no such file"),
        ("", r"\.: is no file; give a"),
    ],
)
def test_what_is_not_there_is_said(tmp_path, monkeypatch, source, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsNotFound, match=said) as caught:
        load_model(source, device="cpu")
    assert caught.value.exit_code == 2


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(WeightsNotFound, match=r": is no file; give a .pth or .safetensors file"):
        load_model(tmp_path, device="cpu")


def test_a_folder_of_transformers_is_told_its_file(tmp_path):
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(WeightsNotFound, match=r": is no file; give .*/model.safetensors\.$"):
        load_model(tmp_path, device="cpu")


def test_a_file_that_may_not_be_read_is_said(checkpoint, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("anymask.weights.load.container_of", refuse)
    with pytest.raises(WeightsError, match=r"cannot be read \(Permission denied\); check its perm"):
        load_model(checkpoint, device="cpu")


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WeightsNotFound, match="pipe: is no file"):
        load_model(tmp_path / "pipe", device="cpu")


def test_an_unknown_device_is_said_before_anything_is_read(checkpoint):
    with pytest.raises(ConfigError, match="device must be auto"):
        load_model(checkpoint, device="gpu")


def test_nothing_is_half_loaded(tmp_path):
    state = small_vit().state_dict()
    del state["mask_decoder.iou_token.weight"]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(
        KeysMismatch, match=r"depth 2: 1 missing \(mask_decoder.iou_token.weight\); give"
    ):
        load_model(tmp_path / "x.pth", device="cpu")


# --- architectures ---


def test_the_architecture_asked_for_must_be_the_one_there(checkpoint, tmp_path):
    with pytest.raises(
        KeysMismatch, match=r"small.pth: is a ViT of width 32 and depth 2, not a ViT-H; ask for"
    ) as caught:
        load_model(checkpoint, device="cpu", architecture="vit_h")
    assert caught.value.exit_code == 2
    path = own(tmp_path)
    with pytest.raises(KeysMismatch, match=r"not a default model \(tiny\); ask for small_vit, or"):
        load_model(path, device="cpu", architecture="tiny")


def test_the_right_architecture_may_be_asked_for(tmp_path):
    save_model(small_lite(name="tiny"), tmp_path / "x.safetensors", recipe={}, card="")
    assert load_model(tmp_path / "x.safetensors", device="cpu", architecture="tiny").name == "tiny"


def test_an_unknown_architecture_is_said(checkpoint):
    with pytest.raises(ConfigError, match="architecture 'vit_B' is unknown; did you mean vit_b"):
        load_model(checkpoint, device="cpu", architecture="vit_B")
    with pytest.raises(ConfigError, match="'resnet' is unknown; use one of tiny, vit_b, vit_l"):
        load_model(checkpoint, device="cpu", architecture="resnet")


# --- other layouts and networks ---


def tinyvit_file(tmp_path, **more: torch.Tensor):
    """A small MobileSAM as it is published, with what its training left behind."""
    state = small_tinyvit().state_dict()
    norms = [name.removesuffix("weight") for name in state if name.endswith("bn.weight")]
    counts = {f"{norm}num_batches_tracked": torch.tensor(5) for norm in norms}
    torch.save(state | counts | more, tmp_path / "mobile.pt")
    return tmp_path / "mobile.pt"


@pytest.mark.parametrize("has_classifier", [True, False])
@torch.no_grad()
def test_a_tinyvit_is_loaded_saved_and_loaded_again(tmp_path, has_classifier):
    names = ("norm_head.weight", "norm_head.bias", "head.weight", "head.bias")
    head = {f"image_encoder.{name}": torch.ones(24) for name in names if has_classifier}
    loaded = load_model(tinyvit_file(tmp_path, **head), device="cpu", input_size=64)
    assert loaded.name == "tinyvit_24x5"
    assert loaded.notes[-2:] == (
        "no published size: TinyViT of widths 8, 12, 16, 24",
        "frame of 64 instead of 1024 pixels",
    )
    expected = small_tinyvit()
    pixels = numbers((1, 3, 64, 64), 1)
    assert torch.equal(loaded.sam.encode(pixels).embedding, expected.encode(pixels).embedding)
    save_model(loaded.sam, tmp_path / "own.safetensors", recipe={}, card="", half=False)
    again = load_model(tmp_path / "own.safetensors", device="cpu")
    assert again.sam.config == loaded.sam.config
    assert again.sam.config.input_size == 64
    assert torch.equal(again.sam.encode(pixels).embedding, expected.encode(pixels).embedding)


def test_mobile_sam_in_full_is_known_by_its_name(tmp_path):
    sam = without_values(lambda: Sam(mobile_sam())).to_empty(device="cpu")
    fill(sam, draw=quick_numbers)
    torch.save(sam.state_dict(), tmp_path / "mobile_sam.pt")
    loaded = load_model(tmp_path / "mobile_sam.pt", device="cpu", architecture="mobile_sam")
    assert (loaded.name, loaded.sam.config) == ("mobile_sam", mobile_sam())
    with pytest.raises(KeysMismatch, match="is a MobileSAM, not a ViT-B; ask for mobile_sam"):
        load_model(tmp_path / "mobile_sam.pt", device="cpu", architecture="vit_b")


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_the_layout_of_transformers_is_read(tmp_path, suffix):
    sam, path = small_vit(), tmp_path / f"model.{suffix}"
    there = {name: tensor.clone() for name, tensor in to_transformers(sam.state_dict()).items()}
    if suffix == "bin":
        torch.save(there, path)
    else:
        safetensors.torch.save_file(there, path, metadata={"format": "pt"})
    loaded = load_model(path, device="cpu")
    assert loaded.name == "vit_32x2"
    assert loaded.notes[0] == "read from the layout of transformers"
    state = sam.state_dict()
    assert all(torch.equal(x, state[name]) for name, x in loaded.sam.state_dict().items())


def test_a_layout_of_transformers_with_a_tensor_too_few_or_too_many_is_refused(tmp_path):
    there = to_transformers(small_vit().state_dict())
    there["mask_decoder.lora"] = there.pop("mask_decoder.iou_token.weight")
    torch.save(there, tmp_path / "x.bin")
    with pytest.raises(
        KeysMismatch,
        match=r"1 missing \(mask_decoder.iou_token.weight\); 1 unexpected \(mask_decoder.lora\);",
    ):
        load_model(tmp_path / "x.bin", device="cpu")


# --- published files ---


def test_a_published_name_is_found_in_the_cache(published, checkpoint):
    checkpoint.rename(published)
    loaded = load_model(NAME, device="cpu")
    assert loaded.origin == "sam_vit_b_01ec64.pth, as published"
    assert "unknown origin" not in " ".join(loaded.notes)


def test_a_published_file_is_known_by_its_bytes_under_any_name(published, checkpoint):
    loaded = load_model(checkpoint, device="cpu")
    assert loaded.origin == "small.pth, as published"
    assert "unknown origin" not in " ".join(loaded.notes)


def test_a_published_file_that_is_not_there_is_fetched(published, checkpoint, monkeypatch):
    def fetch(wanted):
        assert wanted.name == NAME
        checkpoint.rename(published)
        return published

    monkeypatch.setattr("anymask.weights.load.fetch", fetch)
    assert load_model(NAME, device="cpu").origin == "sam_vit_b_01ec64.pth, as published"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_file_that_cannot_be_fetched_is_told(monkeypatch, tmp_path, name):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("ANYMASK_OFFLINE", "1")
    with pytest.raises(WeightsNotFound) as caught:
        load_model(name, device="cpu")
    told = str(caught.value)
    facts = (PUBLISHED[name].file_name, PUBLISHED[name].url, PUBLISHED[name].sha256)
    assert all(fact in told for fact in (*facts, f"{tmp_path}/c/weights"))


def test_other_bytes_under_a_published_name_are_refused(published):
    torch.save(small_vit(seed=5).state_dict(), published)
    found = hashlib.sha256(published.read_bytes()).hexdigest()
    expected = hashlib.sha256((published.parents[2] / "small.pth").read_bytes()).hexdigest()
    with pytest.raises(
        ChecksumMismatch, match=f"{published.name}: has sha256 {found}, published is {expected}; "
    ) as caught:
        load_model(NAME, device="cpu")
    assert caught.value.exit_code == 2
    by_path = load_model(published, device="cpu")
    assert by_path.notes[0] == "sam_vit_b_01ec64.pth: not the published file"
    assert by_path.origin == "sam_vit_b_01ec64.pth"


def test_a_cut_download_is_told_with_both_sizes(published, checkpoint):
    data = checkpoint.read_bytes()
    published.write_bytes(data[:5000])
    with pytest.raises(
        WeightsError, match=f"{published.name}: is cut short: 5,000 of {len(data):,} bytes; downl"
    ):
        load_model(NAME, device="cpu")


def test_a_web_page_under_a_published_name_is_told(published):
    published.write_bytes(b"<html>not here</html>")
    with pytest.raises(WeightsError, match="is a web page, not a checkpoint"):
        load_model(NAME, device="cpu")


# --- our own format ---


def test_a_later_format_is_refused(tmp_path):
    path = own(tmp_path, format="anymask-2")
    with pytest.raises(
        WeightsError, match="has the format anymask-2, this version reads anymask-1"
    ):
        load_model(path, device="cpu")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{not json", "they are not whole"),
        ("[]", "setting 'config' must be a table of settings"),
        ('{"name": "x", "vitt": null}', "unknown setting 'config.vitt'"),
        ('{"name": "x"}', "architecture x needs exactly one image encoder"),
        (
            '{"name": "x", "vit": {"width": 8, "depth": 1, "num_heads": 0, "global_blocks": []}}',
            "they are not whole",
        ),
    ],
)
def test_settings_that_cannot_be_read_are_told(tmp_path, config, said):
    path = own(tmp_path, config=config)
    with pytest.raises(WeightsError, match=f"own.safetensors: its settings cannot be read: {said}"):
        load_model(path, device="cpu")


def test_remarks_of_other_programs_are_left_out(tmp_path):
    path = tmp_path / "x.safetensors"
    remarks = {"format": "pt", "card": "of somebody else"}
    safetensors.torch.save_file(small_vit().state_dict(), path, metadata=remarks)
    loaded = load_model(path, device="cpu")
    assert dict(loaded.metadata) == {}
    assert loaded.name == "vit_32x2"


# --- the default model ---


def test_the_default_model_comes_with_the_package(monkeypatch, tmp_path):
    (tmp_path / "weights").mkdir()
    save_model(small_lite(name="tiny"), own(tmp_path), recipe={"a": 1}, card="card")
    own_file = tmp_path / "own.safetensors"
    own_file.rename(tmp_path / "weights" / "default.safetensors")
    monkeypatch.setattr("anymask.weights.load.files", lambda package: tmp_path)
    loaded = load_model(device="cpu")
    assert loaded.origin == "embedded default"
    assert loaded.name == "tiny"
    assert loaded.notes == ()


def test_an_installation_without_the_default_model_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("anymask.weights.load.files", lambda package: tmp_path)
    with pytest.raises(
        WeightsNotFound, match=r"the default model is not in this installation .*; install anymask"
    ):
        load_model(device="cpu")


def test_the_real_default_model_loads_where_it_is():
    if not (files("anymask") / "weights" / "default.safetensors").is_file():
        pytest.skip("default.safetensors is not in the package")
    loaded = load_model(device="cpu")
    assert loaded.name == "tiny"
    assert "Data" in loaded.metadata["card"] or "data" in loaded.metadata["card"]
    assert json.loads(loaded.metadata["recipe"])


# --- what only somebody who means harm would write ---


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decoder_depth": 10**9}, "1,000,000,000 blocks for"),
        ({"lite": {"variant": "lite0", "num_global_blocks": 10**9}}, "1,000,000,000 blocks for"),
        ({"decoder_mlp_width": 2**70}, "describe no network"),
        ({"input_size": 32 * 10**8}, "frame of 3,200,000,000 pixels"),
        ({"name": "\x1b[31m"}, r"name \\x1b\[31m, frame of"),
    ],
)
def test_settings_that_would_never_end_are_refused_at_once(tmp_path, change, said):
    path = tmp_path / "x.safetensors"
    save_model(small_lite(), path, recipe={}, card="")
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    config = json.loads(metadata["config"]) | change
    metadata["config"] = json.dumps(config)
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, metadata)
    with pytest.raises(WeightsError, match=said):
        load_model(path, device="cpu")


def test_a_frame_no_memory_holds_is_refused_at_once(checkpoint):
    with pytest.raises(ConfigError, match="input_size must be at most 16,384, got 1,000,000,000"):
        load_model(checkpoint, device="cpu", input_size=10**9)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("~nobody-of-that-name/x.pth", "~nobody-of-that-name/x.pth: no such file and no published"),
        ("x" * 300, "x: cannot be looked for .File name too long.; check the path"),
    ],
)
def test_a_path_that_cannot_be_is_told(source, said):
    with pytest.raises(WeightsNotFound, match=said):
        load_model(source, device="cpu")


def test_the_default_model_has_a_name_too():
    assert load_model("default", device="cpu").sha256 == load_model(device="cpu").sha256
