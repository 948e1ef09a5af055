"""What is left in the folder works, and nothing is left that does not."""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import ExifTags, Image

from anymask.api import Model
from anymask.errors import ConfigError, InputError, MissingExtra, OutputError
from anymask.image.photos import photo_path
from anymask.predict import onnx_export
from anymask.predict.care import CareOptions
from anymask.predict.onnx_check import Agreement, compare, questions, sit
from anymask.predict.onnx_export import (
    DECODER,
    ENCODER,
    OPSETS,
    RECORD,
    ExportSettings,
    export_onnx,
    refuse_export,
)
from anymask.predict.onnx_session import open_files, prompt_arrays
from tests.unit.predict import networks

FINE = Agreement(share=1.0, num_masks=24, encode_speedup=1.0, click_speedup=1.0)


@pytest.fixture(scope="module")
def loaded():
    """The default model's architecture: high-resolution features, drawn prompts, a scorer."""
    return networks.loaded(networks.small_lite())


@pytest.fixture(scope="module")
def exported(loaded, tmp_path_factory):
    """A whole export, with 8-bit weights beside it and another opset than usual."""
    folder = tmp_path_factory.mktemp("lite")
    settings = ExportSettings(opset=20, quantize_out=folder / "small" / "decoder.quint8.onnx")
    with pytest.MonkeyPatch.context() as patch:
        # A network that knows nothing is unsure everywhere: 8 bits turn more of its pixels.
        patch.setattr(onnx_export, "LEAST_QUANTIZED_AGREEMENT", 0.8)
        done = export_onnx(loaded, folder, settings)
    return folder, done


def written(monkeypatch) -> list[Path]:
    """Let exporting write a few bytes in no time; gives the files as they are written."""
    made: list[Path] = []

    def write(loaded, path, settings):
        path.write_bytes(b"graph")
        made.append(path)

    monkeypatch.setattr(onnx_export, "_write_encoder", write)
    monkeypatch.setattr(onnx_export, "_write_decoder", write)
    monkeypatch.setattr(onnx_export, "open_files", lambda *files: None)
    monkeypatch.setattr(onnx_export, "compare", lambda sitter, files: FINE)
    return made


def test_an_export_leaves_its_files_and_nothing_else(exported):
    folder, done = exported
    names = [path.relative_to(folder).as_posix() for path in done.files]
    assert names == [ENCODER, DECODER, "small/decoder.quint8.onnx", RECORD]
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(names)


def test_the_files_answer_as_torch_does(loaded, exported):
    folder, done = exported
    found = compare(sit(loaded), open_files(folder / ENCODER, folder / DECODER, 1))
    assert found.num_masks == done.agreement.num_masks == 24
    assert found.share == done.agreement.share >= 0.999
    assert 0.8 <= done.quantized.share < 1
    assert min(found.encode_speedup, found.click_speedup) > 0.01


def test_the_encoder_gives_the_features_of_torch(loaded, exported):
    folder, _ = exported
    sitter = sit(loaded)
    found = open_files(folder / ENCODER, folder / DECODER, 1).encode(sitter.pixels)
    expected = sitter.embedding.features
    assert list(found) == ["image_embeddings", "high_res_0", "high_res_1"]
    for ours, theirs in zip(found.values(), (expected.embedding, *expected.high_res), strict=True):
        assert ours.shape == theirs.shape
        difference = np.abs(ours - theirs.numpy()).max()
        assert difference < 1e-4 * np.abs(theirs.numpy()).max()


def test_the_record_says_what_a_runner_needs(loaded, exported):
    folder, _ = exported
    record = json.loads((folder / RECORD).read_text())
    config = loaded.sam.config
    assert record["input_size"] == config.input_size
    assert tuple(record["pixel_mean"]) == config.pixel_mean
    assert tuple(record["pixel_std"]) == config.pixel_std
    assert record["model_sha256"] == loaded.sha256
    assert record["settings"]["opset"] == 20
    for part in ("encoder", "decoder"):
        session = onnxruntime.InferenceSession(folder / record[part]["file"])
        assert [value.name for value in session.get_inputs()] == record[part]["inputs"]
        assert [value.name for value in session.get_outputs()] == record[part]["outputs"]
    assert record["compared_with_torch"]["share"] >= 0.999


def test_the_files_use_the_asked_operators_and_tell_nothing_of_this_machine(exported):
    folder, done = exported
    for path in done.files:
        assert str(Path(onnx_export.__file__).parent).encode() not in path.read_bytes()
    graph = onnx.load(folder / DECODER)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 20)]
    assert (folder / "small/decoder.quint8.onnx").stat().st_size < (
        0.6 * (folder / DECODER).stat().st_size
    )


def test_a_prompt_is_said_in_the_published_numbers(loaded):
    sitter = sit(loaded)
    features = {"image_embeddings": np.zeros((1, 256, 4, 4), np.float32)}
    click, _, box, both, many, refined = (
        prompt_arrays(prompt, sitter.embedding.frame, features) for prompt in questions(sitter)
    )
    # The photo is 600 × 400, the frame 64: a click in the middle, and no point.
    assert click["point_coords"].tolist() == [[[32, 21.5], [0, 0]]]
    assert click["point_labels"].tolist() == [[1, -1]]
    assert box["point_labels"].tolist() == [[2, 3]]
    assert both["point_labels"].tolist() == [[1, 2, 3]]
    assert many["point_labels"].shape == (1, 13)
    assert [*click["has_mask_input"], *refined["has_mask_input"]] == [0, 1]
    assert click["mask_input"].shape == refined["mask_input"].shape == (1, 1, 16, 16)
    assert np.any(refined["mask_input"])
    assert click["orig_im_size"].tolist() == [400, 600]


# --- the runner ---

ALONE = """
import runpy, sys
for name in ("anymask", "torch", "onnx"):
    sys.modules[name] = None
sys.argv = ["onnx_runner.py", *sys.argv[1:]]
runpy.run_path({runner!r}, run_name="__main__")
"""


@pytest.mark.parametrize("size_wh", [(90, 61), (120, 333)])
def test_the_runner_needs_neither_anymask_nor_torch(
    loaded, exported, repository, tmp_path, size_wh
):
    with Image.open(photo_path("chelsea")) as image:
        turned = image.resize(size_wh)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned.save(tmp_path / "cat.jpg", exif=exif, quality=95)
    runner = str(repository / "examples" / "onnx_runner.py")
    words = (exported[0], tmp_path / "cat.jpg", 20.5, 11)
    subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE.format(runner=runner), *map(str, words)],
        check=True,
    )
    with Image.open(tmp_path / "cat.jpg.mask.png") as image:
        found = np.asarray(image)
    model = Model(loaded)
    embedding = model.embed(tmp_path / "cat.jpg")
    plain: CareOptions = {"zoom": False, "connected": False}  # exported files ask once
    expected = model.predict(embedding, points=[(20.5, 11)], multimask=True, **plain).best.array
    assert found.shape == expected.shape == size_wh  # upright: width and height have changed places
    assert (found == expected).mean() >= 0.999
    assert 0.02 < expected.mean() < 0.98


def test_the_runner_is_short(repository):
    source = (repository / "examples" / "onnx_runner.py").read_text()
    kept_out = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    tree = ast.parse(source)
    told = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node)
    ]
    docstrings = {line for node in told for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {token.start[0] for token in tokens if token.string and token.type not in kept_out}
    assert 15 < len(lines - docstrings) <= 20
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"PIL", "numpy", "onnxruntime"}


# --- files of earlier exports ---


def test_weights_beside_a_file_are_moved_with_it(loaded, tmp_path, monkeypatch):
    written(monkeypatch)

    def write(loaded, path, settings):
        path.write_bytes(b"graph")
        path.with_name(f"{path.name}.data").write_bytes(b"weights")

    monkeypatch.setattr(onnx_export, "_write_encoder", write)
    done = export_onnx(loaded, tmp_path, ExportSettings())
    assert [path.name for path in done.files] == ["encoder.onnx.data", ENCODER, DECODER, RECORD]
    assert (tmp_path / "encoder.onnx.data").read_bytes() == b"weights"


def test_weights_of_an_earlier_export_do_not_stay_beside_a_new_file(loaded, tmp_path, monkeypatch):
    written(monkeypatch)
    for name in (ENCODER, "encoder.onnx.data"):
        (tmp_path / name).write_bytes(b"old")
    export_onnx(loaded, tmp_path, ExportSettings(), overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DECODER, ENCODER, RECORD]
    assert (tmp_path / ENCODER).read_bytes() == b"graph"


# --- what is refused ---


@pytest.mark.parametrize("opset", [0, 11, 17, OPSETS[-1] + 1])
def test_an_unknown_opset_is_said(tmp_path, opset):
    sentence = f"^opset {opset} is not one of 18 to 25; use 18, which most runtimes read.$"
    with pytest.raises(ConfigError, match=sentence):
        refuse_export(tmp_path, ExportSettings(opset=opset), overwrite=False)


@pytest.mark.parametrize("package", ["onnxruntime", "onnx", "onnxscript"])
def test_a_missing_package_names_the_extra(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    sentence = rf'^exporting to ONNX needs the package {package}; run pip install "anymask\[onnx\]"'
    with pytest.raises(MissingExtra, match=sentence):
        refuse_export(tmp_path, ExportSettings(), overwrite=False)


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match=r"out: is a file, not a folder; name a folder.$"):
        refuse_export(tmp_path / "out", ExportSettings(), overwrite=True)


@pytest.mark.parametrize("name", [ENCODER, DECODER, RECORD, "q.onnx"])
def test_an_existing_file_stays_unless_it_may_be_replaced(tmp_path, name):
    (tmp_path / name).write_text("mine")
    settings = ExportSettings(quantize_out=tmp_path / "q.onnx")
    sentence = f"{re.escape(name)}: exists already; allow overwriting, or choose another folder.$"
    with pytest.raises(InputError, match=sentence):
        refuse_export(tmp_path, settings, overwrite=False)
    refuse_export(tmp_path, settings, overwrite=True)
    assert (tmp_path / name).read_text() == "mine"


def test_several_existing_files_are_counted(tmp_path):
    for name in (ENCODER, DECODER, RECORD):
        (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=r"encoder.onnx: exists already, and so do 2 more;"):
        refuse_export(tmp_path, ExportSettings(), overwrite=False)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("q.ort", r"q\.ort: is not an \.onnx file; end its name in \.onnx\.$"),
        ("sub/../decoder.onnx", r"decoder\.onnx: is the name of another file of this export; name"),
    ],
)
def test_a_name_that_the_quantized_decoder_cannot_have_is_said(tmp_path, name, sentence):
    with pytest.raises(InputError, match=sentence):
        refuse_export(tmp_path, ExportSettings(quantize_out=tmp_path / name), overwrite=True)


def test_a_model_on_another_device_is_refused(loaded, tmp_path):
    elsewhere = replace(loaded, device=torch.device("cuda"))
    with pytest.raises(ConfigError, match=r"^a model on cuda with the engine torch cannot be exp"):
        export_onnx(elsewhere, tmp_path / "out", ExportSettings())
    assert not (tmp_path / "out").exists()


def test_files_that_answer_otherwise_are_not_left(loaded, tmp_path, monkeypatch):
    made = written(monkeypatch)
    monkeypatch.setattr(onnx_export, "compare", lambda *_: replace(FINE, share=0.9984))
    sentence = (
        r"^decoder\.onnx agrees with torch on 99\.84 % of a mask's pixels, asked are 99\.9 %; "
        "report it with what anymask info prints; nothing was left in the folder.$"
    )
    with pytest.raises(OutputError, match=sentence):
        export_onnx(loaded, tmp_path / "out", ExportSettings())
    assert len(made) == 2
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(onnx_export, "compare", lambda *_: replace(FINE, share=0.999))
    assert len(export_onnx(loaded, tmp_path / "out", ExportSettings()).files) == 3


def test_earlier_files_stay_when_new_ones_answer_otherwise(loaded, tmp_path, monkeypatch):
    written(monkeypatch)
    (tmp_path / ENCODER).write_bytes(b"old")
    monkeypatch.setattr(onnx_export, "compare", lambda *_: replace(FINE, share=float("nan")))
    with pytest.raises(OutputError, match="agrees with torch on nan %"):
        export_onnx(loaded, tmp_path, ExportSettings(), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [ENCODER]
    assert (tmp_path / ENCODER).read_bytes() == b"old"


def test_a_file_that_the_runtime_cannot_open_is_not_left(loaded, tmp_path, monkeypatch):
    written(monkeypatch)
    monkeypatch.setattr(onnx_export, "open_files", open_files)
    with pytest.raises(OutputError, match=r"^ONNX Runtime cannot run what was exported: .*; use a"):
        export_onnx(loaded, tmp_path / "out", ExportSettings())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), PermissionError(13, "no")]
)
def test_a_disk_that_refuses_is_said_and_nothing_stays(loaded, tmp_path, monkeypatch, error):
    written(monkeypatch)

    def refuse(loaded, path, settings):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(onnx_export, "_write_decoder", refuse)
    sentence = rf"out: cannot be written \({error.strerror}\); choose a folder you can write to"
    with pytest.raises(OutputError, match=sentence):
        export_onnx(loaded, tmp_path / "out", ExportSettings())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(loaded, tmp_path, monkeypatch):
    written(monkeypatch)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/out: cannot be written \(Not a directory\);"):
        export_onnx(loaded, tmp_path / "file" / "out", ExportSettings())
