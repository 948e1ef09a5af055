"""Files are opened by content; what cannot be a checkpoint is refused in one sentence."""

import hashlib
import json
import os
import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from anymask.errors import WeightsError
from anymask.weights.read import container_of, read_checkpoint, sha256_of

TENSORS = {
    "image_encoder.a": torch.arange(6.0).reshape(2, 3),
    "mask_decoder.b": torch.tensor([-1.5]),
}


class Attack:
    """Leaves a mark when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def save_zip(thing, path):
    torch.save(thing, path)


def save_legacy(thing, path):
    torch.save(thing, path, _use_new_zipfile_serialization=False)


def save_safetensors(thing, path):
    safetensors.torch.save_file(thing, path, metadata={"format": "pt"})


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x.bin", "x"])
@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
def test_content_decides_and_not_the_suffix(tmp_path, save, name):
    save(TENSORS, tmp_path / name)
    content = read_checkpoint(tmp_path / name)
    assert set(content.tensors) == set(TENSORS)
    assert all(torch.equal(content.tensors[key], TENSORS[key]) for key in TENSORS)
    assert content.metadata == ({"format": "pt"} if save is save_safetensors else {})
    assert content.notes == ()


@pytest.mark.parametrize(
    ("save", "form"),
    [(save_zip, "zip"), (save_legacy, "pickle"), (save_safetensors, "safetensors")],
)
def test_the_form_is_seen(tmp_path, save, form):
    save(TENSORS, tmp_path / "x")
    assert container_of(tmp_path / "x") == form


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_arrives_as_float32(tmp_path, save, dtype):
    save({"mask_decoder.a": torch.tensor([0.5, 2.0], dtype=dtype)}, tmp_path / "x")
    content = read_checkpoint(tmp_path / "x")
    assert content.tensors["mask_decoder.a"].dtype == torch.float32
    assert content.tensors["mask_decoder.a"].tolist() == [0.5, 2.0]
    assert content.notes == (f"converted from {str(dtype)[6:]} to float32",)


@pytest.mark.parametrize("save", [save_zip, save_legacy])
def test_wrappers_are_opened(tmp_path, save):
    wrapped = {"module." + name: tensor for name, tensor in TENSORS.items()}
    save({"state_dict": wrapped, "epoch": 3, "args": {"lr": 1e-3}}, tmp_path / "x.pth")
    assert set(read_checkpoint(tmp_path / "x.pth").tensors) == set(TENSORS)


def test_tensors_outlive_a_change_of_the_file(tmp_path):
    path = tmp_path / "x.safetensors"
    save_safetensors(TENSORS, path)
    content = read_checkpoint(path)
    with path.open("r+b") as file:
        file.seek(-28, os.SEEK_END)
        file.write(bytes(28))
    assert content.tensors["image_encoder.a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("save", [save_zip, save_legacy])
@pytest.mark.parametrize(
    "wrap", [lambda evil: evil, lambda evil: {**TENSORS, "z": evil}, lambda evil: {"model": [evil]}]
)
def test_code_in_a_checkpoint_is_refused_and_never_run(tmp_path, save, wrap):
    mark, path = tmp_path / "mark", tmp_path / "x.pth"
    save(wrap(Attack(mark)), path)
    with pytest.raises(WeightsError, match=r"x.pth: contains code \(posix.system\), refused; save"):
        read_checkpoint(path)
    assert not mark.exists()


def test_another_pickle_protocol_is_told(tmp_path):
    torch.save(TENSORS, tmp_path / "x.pth", pickle_protocol=4)
    with pytest.raises(WeightsError, match=r"is a pickle of another form .*; save it again with"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("protocol", range(6))
def test_code_in_a_plain_pickle_is_refused_and_never_run(tmp_path, protocol):
    mark, path = tmp_path / "mark", tmp_path / "x.pth"
    path.write_bytes(pickle.dumps({"model": Attack(mark)}, protocol))
    with pytest.raises(WeightsError, match=r"contains code \(posix.system\), refused"):
        read_checkpoint(path)
    assert not mark.exists()


def test_names_of_code_are_shown_escaped(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"\x80\x02cposix\nsy\x1bstem\n.")
    with pytest.raises(WeightsError, match=r"contains code \(posix.sy\\x1bstem\), refused"):
        read_checkpoint(tmp_path / "x.pth")


def test_what_the_search_does_not_see_torch_refuses(tmp_path, monkeypatch):
    mark, path = tmp_path / "mark", tmp_path / "x.pth"
    save_zip({"model": Attack(mark)}, path)
    monkeypatch.setattr("anymask.weights.read.find_code", lambda file, num_pickles: None)
    with pytest.raises(
        WeightsError, match=r"x.pth: holds more than tensors, or is damaged; refuse"
    ):
        read_checkpoint(path)
    assert not mark.exists()


def test_a_program_of_torchscript_counts_as_code(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}))
        archive.writestr("x/code/__torch__.py", "print()")
    with pytest.raises(WeightsError, match=r"contains code \(a TorchScript program\), refused"):
        read_checkpoint(tmp_path / "x.pt")


def test_a_file_called_code_is_no_program(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "code.pth")  # its content is code/data.pkl
    assert read_checkpoint(tmp_path / "code.pth").tensors["a"].tolist() == [1.0]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_of_other_files_is_told_apart(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", compression) as archive:
        archive.writestr("sam\n.pth", b"1234")
    with pytest.raises(
        WeightsError, match=r"x.zip: is a zip archive of other files \(first sam\\n.pth\)"
    ):
        read_checkpoint(tmp_path / "x.zip")


def test_a_compressed_checkpoint_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(10_000))
    with pytest.raises(WeightsError, match="is a zip archive of other files"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_cut_safetensors_tell_both_sizes(tmp_path, cut):
    save_safetensors({"mask_decoder.a": torch.ones(500)}, tmp_path / "x.safetensors")
    data = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "y.pth").write_bytes(data[:-cut])
    with pytest.raises(
        WeightsError,
        match=rf"y.pth: is cut short: {len(data) - cut:,} of {len(data):,} bytes; download it",
    ):
        read_checkpoint(tmp_path / "y.pth")


def test_safetensors_cut_inside_the_header_tell_the_least_size(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header[:20])
    expected = rf"is cut short: 28 of at least {8 + len(header)} bytes"
    with pytest.raises(WeightsError, match=expected):
        read_checkpoint(tmp_path / "x")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_cut_zip_is_told(tmp_path, share):
    save_zip(TENSORS, tmp_path / "x.pth")
    data = (tmp_path / "x.pth").read_bytes()
    kept = int(share * len(data))
    (tmp_path / "x.pth").write_bytes(data[:kept])
    with pytest.raises(WeightsError, match=f"x.pth: is cut short after {kept:,} bytes; download"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_cut_published_file_tells_both_sizes(tmp_path):
    path = tmp_path / "sam_vit_b_01ec64.pth"
    save_zip({"mask_decoder.a": torch.ones(2000)}, path)
    path.write_bytes(path.read_bytes()[:8000])
    with pytest.raises(WeightsError, match=r"is cut short: 8,000 of 375,042,383 bytes; download"):
        read_checkpoint(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_cut_file_of_the_older_form_is_told(tmp_path, share):
    save_legacy({"mask_decoder.a": torch.ones(500)}, tmp_path / "x.pth")
    data = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "x.pth").write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError, match=r"x.pth: is damaged or cut short; download it again"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"is empty \(0 bytes\); download it again"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page, not a checkpoint; look at what"),
        (b"\xef\xbb\xbf\n <HTML>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS, .* git lfs"),
        (b"\x1f\x8b\x08\x00", "is a compressed archive, not a checkpoint; unpack it first"),
        (b"\x89PNG\r\n\x1a\n", "is a picture, not a checkpoint; give a .pth or .safetensors file"),
        (b'{"error": "not found"}', "is a text file, not a checkpoint"),
        (b"\x89HDF\r\n", "is an HDF5 file, not a checkpoint"),
        (bytes(257) + b"ustar" + bytes(250), "is a tar archive; .* can run code, refused"),
        (b"hello", "is not a checkpoint; give a .pth or .safetensors file"),
        (bytes(100), "is not a checkpoint"),
        (b"\x80\x02", "is not a checkpoint"),
        (pickle.dumps({"a": 1}, 2), "is damaged or cut short"),
        (
            pickle.dumps({"a": 1}, 4),
            "is a pickle of another form than torch's checkpoints, refused",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, data, said):
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(WeightsError, match=f"x.pth: {said}"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "header",
    [
        b"{not json!}",
        b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1]}}',
        b'{"a": 5}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": ["x", "y"]}}',
    ],
)
def test_damaged_headers_are_refused(tmp_path, header):
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(WeightsError, match=r"x: is damaged or cut short"):
        read_checkpoint(tmp_path / "x")


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
def test_nan_is_refused_with_the_tensor_named(tmp_path, save):
    save(TENSORS | {"mask_decoder.n": torch.tensor([1, float("nan")])}, tmp_path / "x.pth")
    with pytest.raises(
        WeightsError, match=r"x.pth: tensor 'mask_decoder.n' holds NaN or infinite values; take"
    ):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:invalid escape sequence")
@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
def test_damaged_files_never_bring_down_the_program(tmp_path, save):
    save({f"mask_decoder.{index}": torch.ones(3, 4) for index in range(20)}, tmp_path / "x.pth")
    data = (tmp_path / "x.pth").read_bytes()
    generator = torch.Generator().manual_seed(1)
    num_refused = 0
    for _ in range(60):
        damaged = bytearray(data)
        for place in torch.randint(len(data), (6,), generator=generator).tolist():
            damaged[place] ^= 0x15
        (tmp_path / "x.pth").write_bytes(damaged)
        try:
            read_checkpoint(tmp_path / "x.pth")
        except WeightsError:
            num_refused += 1
    assert num_refused > 20


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_a_small_file_that_unpacks_into_a_huge_tensor_is_refused(tmp_path, dtype):
    tensor = torch.zeros(1, dtype=dtype).expand(200_000, 200_000)
    torch.save({"image_encoder.a": tensor}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"unpacks from [\d,]+ to \d+,000,000,000 bytes"):
        read_checkpoint(tmp_path / "x.pth")


def test_tied_tensors_are_no_bomb(tmp_path):
    tied = torch.randn(50_000)
    torch.save({"image_encoder.a": tied, "mask_decoder.b": tied}, tmp_path / "x.pth")
    assert len(read_checkpoint(tmp_path / "x.pth").tensors) == 2


def test_a_zip_in_several_parts_is_damaged(tmp_path, monkeypatch):
    torch.save(TENSORS, tmp_path / "x.pth")

    def split(*_told):
        raise zipfile.BadZipFile("zipfiles that span multiple disks are not supported")

    monkeypatch.setattr(zipfile, "_EndRecData", split)
    with pytest.raises(WeightsError, match=r"x\.pth: is damaged or cut short; download it again"):
        read_checkpoint(tmp_path / "x.pth")
