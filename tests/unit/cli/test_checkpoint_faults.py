"""Checkpoints of every kind: one sentence and exit code 2, or masks; then the next good one."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import safetensors.torch
import torch

from anymask.weights.catalogue import PUBLISHED
from anymask.weights.transformers_layout import to_transformers
from tests.unit.model.seeded import small_tinyvit, small_vit

NAN, ENTRY = "mask_decoder.iou_token.weight", "image_encoder.blocks.0.attn.qkv"


class Harm:
    """Makes a file, were it unpickled by a careless program."""

    def __reduce__(self):
        return (open, ("harm", "w"))


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return dict(small_vit().state_dict())


def with_code(state, path):
    torch.save(state | {"extra": Harm()}, path)


def cut_zip(state, path):
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-500])


def cut_safetensors(state, path):
    safetensors.torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[:50_000])


def without_an_end(state, path):
    torch.save({"model": {k: v for k, v in state.items() if ".norm3." not in k}}, path)


def with_low_rank(state, path):
    more = {f"module.{ENTRY}.lora_{which}.weight": torch.zeros(4, 4) for which in "AB"}
    torch.save({f"module.{name}": tensor for name, tensor in state.items()} | more, path)


def with_nan(state, path):
    torch.save(state | {NAN: state[NAN] * float("nan")}, path)


def with_infinity_in_half(state, path):
    torch.save({k: (v * 1e6 if k == NAN else v).half() for k, v in state.items()}, path)


def sam_2(state, path):
    names = [f"image_encoder.trunk.blocks.{index}.norm1.weight" for index in range(16)]
    tensors = {name: torch.zeros(1) for name in names}
    table = {"image_encoder.trunk.pos_embed": torch.zeros(1, 96, 7, 7)}
    torch.save({"model": tensors | table}, path)


def sam_hq(state, path):
    torch.save(state | {"mask_decoder.hf_token.weight": torch.zeros(1, 32)}, path)


def sam_hq_of_transformers(state, path):
    there = {name: tensor.clone() for name, tensor in to_transformers(state).items()}
    there["mask_decoder.hq_token.weight"] = torch.zeros(1, 32)
    safetensors.torch.save_file(there, path)


def web_page(state, path):
    path.write_text("<!doctype html><title>Sign in</title>")


REFUSED = {
    "code.pth": (with_code, r"contains code \((_?io|builtins)\.open\), refused"),
    "cut.pth": (cut_zip, r"is cut short after [\d,]+ bytes"),
    "cut.safetensors": (cut_safetensors, r"is cut short: 50,000 of [\d,]+ bytes"),
    "less.pth": (without_an_end, r".*depth 2: 4 missing \(mask_decoder.tr.*norm3.weight, "),
    "lora.pth": (with_low_rank, rf".*depth 2: 2 unexpected \({ENTRY}.lora_A.weight, "),
    "nan.pth": (with_nan, f"tensor '{NAN}' holds NaN or infinite values"),
    "half.pth": (with_infinity_in_half, f"tensor '{NAN}' holds NaN or infinite values"),
    "sam2.pt": (sam_2, r"is a SAM 2 \(small\), which this version does not run"),
    "hq.pth": (sam_hq, "is a SAM-HQ, which this version does not run"),
    "hq.safetensors": (sam_hq_of_transformers, "is a SAM-HQ, which this version does not run"),
    "page.pth": (web_page, "is a web page, not a checkpoint"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_checkpoint_that_cannot_be_used(anymask, folder, state, name):
    make, sentence = REFUSED[name]
    make(state, folder / name)
    torch.save(state, folder / "good.pth")
    ran = anymask("segment", "cat.png", "--point", "4,5", "--model", name)
    message, hint = ran.err.splitlines()
    assert (ran.code, ran.out) == (2, "")
    assert re.match(f"error: {name}: {sentence}", message)
    assert hint.startswith("hint: ")
    assert not Path("harm").exists()
    assert anymask("segment", "cat.png", "--point", "4,5", "--model", "good.pth").code == 0
    assert Path("cat.png.mask.png").is_file()


def in_wrappers(state, path):
    inside = {f"module.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": inside, "epoch": 3, "optimizer": {"lr": 0.1}}, path)


def of_transformers(state, path):
    there = {name: tensor.clone() for name, tensor in to_transformers(state).items()}
    safetensors.torch.save_file(there, path, metadata={"format": "pt"})


def in_half(state, path):
    torch.save({name: tensor.half() for name, tensor in state.items()}, path)


def in_bfloat16(state, path):
    torch.save({name: tensor.bfloat16() for name, tensor in state.items()}, path)


def in_double(state, path):
    torch.save({name: tensor.double() for name, tensor in state.items()}, path)


def tinyvit(state, path):
    sam = small_tinyvit()
    more = {"image_encoder.head.weight": torch.zeros(1000, 24)}
    torch.save(dict(sam.state_dict()) | more, path)


USED = {
    "wrapped.pth": (in_wrappers, ""),
    "model.safetensors": (of_transformers, "read from the layout of transformers"),
    "half.pth": (in_half, "converted from float16 to float32"),
    "brain.pth": (in_bfloat16, "converted from bfloat16 to float32"),
    "double.pth": (in_double, "converted from float64 to float32"),
    "mobile.pt": (tinyvit, "no published size: TinyViT of widths 8, 12, 16, 24"),
}


@pytest.mark.parametrize("name", USED)
def test_a_checkpoint_of_another_form_is_used(anymask, folder, state, name):
    make, note = USED[name]
    make(state, folder / name)
    ran = anymask("segment", "cat.png", "--point", "45,30", "--model", name)
    assert ran.code == 0
    assert ran.out.startswith("cat.png")
    assert note in ran.err
    assert f"{name}: unknown origin" in ran.err
    assert Path("cat.png.mask.png").is_file()


def test_a_known_name_with_other_bytes_is_refused_and_its_path_is_not(
    anymask, folder, state, monkeypatch
):
    torch.save(state, folder / "good.pth")
    data = (folder / "good.pth").read_bytes()
    sha256 = hashlib.sha256(b"the real one").hexdigest()
    entry = replace(PUBLISHED["sam_vit_b"], num_bytes=len(data), sha256=sha256)
    monkeypatch.setattr("anymask.weights.load.PUBLISHED", MappingProxyType({"sam_vit_b": entry}))
    monkeypatch.setenv("ANYMASK_CACHE", str(folder))
    path = folder / "weights" / entry.file_name
    path.parent.mkdir()
    path.write_bytes(data)
    ran = anymask("segment", "cat.png", "--point", "4,5", "--model", "sam_vit_b")
    assert ran.code == 2
    found = hashlib.sha256(data).hexdigest()
    assert f"has sha256 {found}, published is {sha256}\n" in ran.err
    by_path = anymask("segment", "cat.png", "--point", "4,5", "--model", path)
    assert by_path.code == 0
    assert f"{entry.file_name}: not the published file" in by_path.err
