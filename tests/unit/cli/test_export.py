"""`anymask export onnx`: flags reach the export, and what went wrong is a sentence."""

import json
import sys

import pytest

from anymask.cli import export as command
from anymask.predict import onnx_export
from anymask.predict.onnx_check import Agreement

FOUND = Agreement(share=0.9999958, num_masks=24, encode_speedup=1.834, click_speedup=0.87)


@pytest.fixture
def quick(monkeypatch):
    """Let the graphs be a few bytes; gives what they were asked to be."""
    asked = []

    def write(loaded, path, settings):
        asked.append((path.name, loaded.sam.config.input_size, settings))
        path.write_bytes(b"graph")

    monkeypatch.setattr(onnx_export, "_write_encoder", write)
    monkeypatch.setattr(onnx_export, "_write_decoder", write)
    monkeypatch.setattr(onnx_export, "quantize", quantize)
    monkeypatch.setattr(onnx_export, "open_files", lambda *files: None)
    monkeypatch.setattr(onnx_export, "compare", lambda sitter, files: FOUND)
    return asked


def quantize(decoder, path):
    path.parent.mkdir()
    path.write_bytes(b"few bits")


def test_a_model_is_exported_and_the_agreement_told(anymask, quick, model_file, folder):
    ran = anymask("export", "onnx", model_file, "-o", "out/web")
    assert ran.code == 0
    assert [(name, size) for name, size, _ in quick] == [("encoder.onnx", 64), ("decoder.onnx", 64)]
    assert sorted(path.name for path in (folder / "out/web").iterdir()) == [
        "decoder.onnx",
        "encoder.onnx",
        "model.json",
    ]
    assert "wrote out/web/encoder.onnx (0.0 kB)\n" in ran.out
    assert (
        "encoder and decoder: 24 masks of a photo, each as in torch on at least 99.999 % of its "
        "pixels; a click is 0.87 times as fast as in torch here, the encoder 1.83 times\n"
    ) in ran.out
    record = json.loads((folder / "out/web/model.json").read_text())
    assert (record["model"], record["input_size"]) == ("tiny", 64)


def test_every_flag_reaches_the_export(anymask, quick, model_file, folder):
    names = ("return-single-mask", "use-stability-score", "return-extra-metrics")
    words = [f"--{name}" for name in (*names, "gelu-approximate", "overwrite")]
    (folder / "q.onnx").write_bytes(b"old")
    ran = anymask(
        "export", "onnx", model_file, "-o", "out", "--opset", 21, "--quantize-out", "q.onnx", *words
    )
    assert ran.code == 0
    settings = quick[0][2]
    assert (settings.opset, settings.gelu_approximate) == (21, True)
    assert settings.decoder.return_single_mask
    assert settings.decoder.use_stability_score
    assert settings.decoder.return_extra_metrics
    assert (folder / "q.onnx").read_bytes() == b"few bits"
    assert "wrote q.onnx (0.0 kB)\n" in ran.out
    assert "quantized decoder: 24 masks of a photo" in ran.out


def test_the_default_model_is_exported_where_none_is_named(anymask, quick, model_file, monkeypatch):
    from anymask.api import load

    asked = []

    def remember(source, **settings):
        asked.append((source, settings))
        return load(model_file, **settings)

    monkeypatch.setattr("anymask.api.load", remember)
    assert anymask("export", "onnx", "-o", "out").code == 0
    assert asked == [(None, {"device": "cpu", "precision": "float32"})]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--opset", "12"), "error: opset 12 is not one of 18 to 25\nhint: use 18, which most run"),
        (("--opset", "new"), "error: --opset: must be a whole number\n"),
        (("-o", "cat.png"), "error: cat.png: is a file, not a folder\nhint: name a folder\n"),
        (("--quantize-out", "q.bin"), "error: q.bin: is not an .onnx file\n"),
        (("nowhere.pth",), "error: nowhere.pth: no such file and no published model of that name"),
    ],
)
def test_wrong_use_is_a_sentence_and_leaves_nothing(anymask, quick, folder, words, sentence):
    ran = anymask("export", "onnx", "-o", "out", *words)
    assert ran.code == 2
    assert ran.err.startswith(sentence)
    assert [path.name for path in folder.iterdir()] == ["cat.png"]
    assert quick == []


def test_no_folder_is_a_sentence(anymask):
    ran = anymask("export", "onnx")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: missing option '--output' / '-o'")


def test_existing_files_stay_without_overwrite(anymask, quick, model_file, folder):
    (folder / "decoder.onnx").write_bytes(b"mine")
    ran = anymask("export", "onnx", model_file, "-o", ".")
    assert ran.code == 2
    assert ran.err == (
        "error: decoder.onnx: exists already\nhint: add --overwrite, or choose another folder\n"
    )
    assert (folder / "decoder.onnx").read_bytes() == b"mine"
    assert anymask("export", "onnx", model_file, "-o", ".", "--overwrite").code == 0
    assert (folder / "decoder.onnx").read_bytes() == b"graph"


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_names_the_extra(anymask, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    ran = anymask("export", "onnx", "-o", "out")
    assert ran.code == 2
    assert ran.err == (
        f"error: exporting to ONNX needs the package {package}\n"
        'hint: run pip install "anymask[onnx]"\n'
    )


def test_files_that_answer_otherwise_end_with_1_and_the_next_export_works(
    anymask, quick, model_file, folder, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(
            onnx_export,
            "compare",
            lambda *_: Agreement(share=0.9, num_masks=24, encode_speedup=1, click_speedup=1),
        )
        ran = anymask("export", "onnx", model_file, "-o", "out")
    assert ran.code == 1
    assert "error: decoder.onnx agrees with torch on 90.00 % of a mask's pixels, asked" in ran.err
    assert not (folder / "out").exists()
    assert anymask("export", "onnx", model_file, "-o", "out").code == 0


@pytest.mark.parametrize(
    ("share", "told"),
    [(1.0, "100 %"), (0.9999999, "at least 99.999 %"), (0.9, "at least 90.000 %")],
)
def test_a_share_never_reads_as_more_than_it_is(share, told):
    assert command._percent(share) == told


def test_the_help_tells_the_opsets_that_are_written(anymask):
    told = " ".join(anymask("export", "onnx", "--help").out.replace("│", " ").split())
    first, last = onnx_export.OPSETS[0], onnx_export.OPSETS[-1]
    assert f"{first} to {last}" in told
