"""Every engine gives the features that torch gives, and says what it chose."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import torch

import anymask
from anymask.errors import ConfigError, MissingExtra
from anymask.image.photos import photo_path
from anymask.image.read import read_picture
from anymask.predict import compiled_encoder, engines, onnxruntime_encoder, openvino_encoder
from anymask.predict.decode import predict
from anymask.predict.encode import embed_pictures
from anymask.predict.engines import (
    EngineName,
    Precision,
    check_engine,
    conversion_folder,
    device_for,
    stamp_engine,
    with_engine,
)
from anymask.predict.exported_encoder import PlainEncoder, export_encoder
from anymask.vocabulary import Prompt
from tests.unit.predict import networks

CONVERTING = ("openvino", "onnxruntime")
CLICK = Prompt(points=((300, 200),), labels=(1,))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder for the whole file, so that each network is converted once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANYMASK_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def _keep_conversions(cache, monkeypatch):
    monkeypatch.setenv("ANYMASK_CACHE", str(cache))


@pytest.fixture(scope="module")
def default():
    return anymask.load(device="cpu").loaded


def threads_told() -> str:
    number = torch.get_num_threads()
    return "1 thread" if number == 1 else f"{number} threads"


def features_of(loaded, pictures) -> list[torch.Tensor]:
    """Every map of every picture."""
    embeddings = embed_pictures(loaded, map(read_picture, pictures))
    return [x for e in embeddings for x in (e.features.embedding, *e.features.high_res)]


def largest_error(found, expected) -> float:
    """Largest difference of any map, relative to the map's largest value."""
    errors = [
        ((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, expected, strict=True)
    ]
    return max(errors)


def rms_error(found, expected) -> float:
    """Root mean square difference of the image embedding, relative to its own."""
    return ((found[0] - expected[0]).square().mean() / expected[0].square().mean()).sqrt().item()


# --- the same answers ---


@pytest.mark.parametrize("engine", CONVERTING)
@pytest.mark.parametrize("config", [networks.small_vit(), networks.small_lite(96)])
def test_an_engine_gives_torchs_features_for_any_batch(engine, config):
    loaded = networks.loaded(config, seed=1)
    pictures = [networks.picture(40, 56, 1), networks.picture(56, 30, 2), networks.picture(9, 9, 3)]
    found = features_of(with_engine(loaded, engine), pictures)
    expected = features_of(loaded, pictures)
    assert [x.shape for x in found] == [x.shape for x in expected]
    assert largest_error(found, expected) < 1e-5


@pytest.mark.parametrize("engine", CONVERTING)
def test_masks_of_the_default_model_stay_the_same(default, engine):
    chosen = with_engine(default, engine)
    photo = [read_picture(photo_path("coffee"))]
    (ours,), (torchs,) = (list(embed_pictures(each, photo)) for each in (chosen, default))
    assert largest_error([ours.features.embedding], [torchs.features.embedding]) < 1e-4
    # An embedding is of its weights, whichever engine made it: either model answers.
    for mask, expected in zip(
        predict(default, ours, [CLICK])[0], predict(chosen, torchs, [CLICK])[0], strict=True
    ):
        union = (mask.array | expected.array).sum()
        assert (mask.array & expected.array).sum() / union > 0.999


def test_openvino_keeps_to_the_number_format_that_was_asked(default):
    photo = [photo_path("coffee")]
    expected = features_of(default, photo)
    full = with_engine(default, "openvino")
    half = with_engine(default, "openvino", "bfloat16")
    assert (full.dtype, full.precision) == (torch.float32, "float32")
    assert rms_error(features_of(full, photo), expected) < 1e-5
    if half.dtype == torch.float32:
        assert any("no bfloat16 on this processor" in note for note in half.notes)
    else:
        assert 1e-4 < rms_error(features_of(half, photo), expected) < 0.02
        assert f"{stamp_engine(half).version}, bfloat16, {threads_told()}" in half.notes[0]


@pytest.mark.parametrize("engine", CONVERTING)
def test_threads_may_share_an_engine(engine):
    chosen = with_engine(networks.loaded(networks.small_vit(), seed=1), engine)
    pictures = [networks.picture(seed=seed) for seed in range(4)]
    alone = [features_of(chosen, [picture])[0] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: features_of(chosen, [picture])[0], pictures))
    assert all(map(torch.equal, alone, together))


# --- what is said ---


def test_torch_in_float32_needs_no_words():
    loaded = networks.loaded(networks.small_vit())
    chosen = with_engine(loaded)
    assert (chosen.notes, chosen.encoder, chosen.engine) == ((), None, "torch")
    stamp = stamp_engine(chosen)
    version = torch.__version__.partition("+")[0]
    assert (stamp.name, stamp.version, stamp.precision) == ("torch", version, "float32")
    assert stamp.threads == torch.get_num_threads()


@pytest.mark.parametrize(("engine", "title"), [("openvino", "OpenVINO"), ("onnxruntime", "ONNX")])
def test_an_engine_says_what_it_chose(engine, title):
    chosen = with_engine(networks.loaded(networks.small_vit(), seed=1), engine)
    stamp = stamp_engine(chosen)
    (note,) = chosen.notes
    assert note.startswith(f"image encoder: {title}")
    assert note.endswith(f" {stamp.version}, float32, {threads_told()}")
    assert (stamp.name, stamp.threads) == (engine, torch.get_num_threads())
    assert repr(anymask.Model(chosen)).endswith(f"64 px, cpu, {engine} float32)")


def test_bfloat16_is_warned_of_where_it_is_slower(monkeypatch):
    loaded = networks.loaded(networks.small_vit())
    monkeypatch.setattr(engines, "bfloat16_speedup", lambda device: 0.25)
    chosen = with_engine(loaded, "torch", "bfloat16")
    assert chosen.notes[-1] == (
        "bfloat16 products take 4.0 times as long as float32 here: precision float32 is faster"
    )
    monkeypatch.setattr(engines, "bfloat16_speedup", lambda device: 2.0)
    assert len(with_engine(networks.loaded(networks.small_vit()), "torch", "bfloat16").notes) == 1


def test_the_default_model_stays_in_float32_on_a_processor():
    loaded = networks.loaded(networks.small_lite())
    chosen = with_engine(loaded, "torch", "bfloat16")
    assert chosen.dtype == torch.float32
    assert chosen.notes[1] == "its encoder has no large products for bfloat16: it stays in float32"


@pytest.mark.parametrize("engine", ["torch", "compile"])
def test_bfloat16_of_a_vit_is_of_its_large_products(monkeypatch, engine):
    monkeypatch.setattr("torch.compile", lambda network, **_: network)
    pictures = [networks.picture()]
    expected = features_of(networks.loaded(networks.small_vit()), pictures)
    chosen = with_engine(networks.loaded(networks.small_vit()), engine, "bfloat16")
    found = features_of(chosen, pictures)
    assert (chosen.engine, chosen.dtype) == (engine, torch.bfloat16)
    assert chosen.notes[0].startswith("image encoder: ")
    assert chosen.notes[0].endswith(f", bfloat16, {threads_told()}")
    weights = chosen.sam.image_encoder.state_dict()
    assert weights["blocks.0.mlp.lin1.weight"].dtype == torch.bfloat16
    assert 1e-4 < rms_error(found, expected) < 0.02
    assert found[0].dtype == torch.float32


# --- what cannot be ---


@pytest.mark.parametrize(
    ("engine", "precision", "sentence"),
    [
        ("openvno", "auto", "^engine 'openvno' is unknown; did you mean openvino.$"),
        ("tpu", "auto", "^engine 'tpu' is unknown; use torch, compile, openvino or onnxruntime.$"),
        ("torch", "half", "^precision 'half' is unknown; use auto, float32 or bfloat16.$"),
        ("onnxruntime", "bfloat16", "^engine onnxruntime computes in float32 alone, and precision"),
    ],
)
def test_a_wrong_setting_is_said_before_anything_is_read(engine, precision, sentence):
    with pytest.raises(ConfigError, match=sentence):
        anymask.load("nowhere.safetensors", engine=engine, precision=precision)


@pytest.mark.parametrize(
    ("engine", "package", "extra"),
    [
        ("openvino", "openvino", "openvino"),
        ("onnxruntime", "onnxruntime", "onnx"),
        ("onnxruntime", "onnxscript", "onnx"),
    ],
)
def test_a_missing_package_names_its_extra(monkeypatch, engine, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    sentence = rf'^engine {engine} needs the package {package}; run pip install "anymask\[{extra}\]'
    with pytest.raises(MissingExtra, match=sentence):
        anymask.load("nowhere.safetensors", engine=engine)


@pytest.mark.parametrize(
    ("engine", "device"), [("openvino", "cuda"), ("onnxruntime", "cuda:1"), ("compile", "mps")]
)
def test_a_device_an_engine_does_not_know_is_said(engine, device):
    elsewhere = replace(networks.loaded(networks.small_vit()), device=torch.device(device))
    with pytest.raises(ConfigError, match=f"^engine {engine} does not run on the device {device};"):
        with_engine(elsewhere, engine)


def test_engines_for_processors_take_the_processor_by_themselves():
    assert [device_for(engine, "auto") for engine in ("torch", "compile", *CONVERTING)] == [
        "auto", "auto", "cpu", "cpu",
    ]  # fmt: skip
    assert device_for("openvino", "cuda") == "cuda"


def test_openvino_does_not_report_its_use(tmp_path):
    program = (
        "import sys\n"
        "from anymask.predict.openvino_encoder import import_openvino\n"
        "import_openvino()\n"
        "from openvino.tools.ovc import telemetry_utils\n"
        "print(telemetry_utils.tm.__name__, 'openvino_telemetry' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "False"]


# --- conversions are kept ---


@pytest.fixture
def conversions(monkeypatch, tmp_path):
    """A cache folder of its own, and the networks that are converted into it."""
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    seen = []

    def export(sam):
        seen.append(sam)
        return export_encoder(sam)

    for module in (openvino_encoder, onnxruntime_encoder):
        monkeypatch.setattr(module, "export_encoder", export)
    return seen


def kept_folders(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "engines").iterdir())


@pytest.mark.parametrize("engine", CONVERTING)
def test_a_network_is_converted_once(conversions, tmp_path, engine):
    loaded = networks.loaded(networks.small_vit(), seed=1)
    first, second = (with_engine(loaded, engine) for _ in range(2))
    assert len(conversions) == 1
    pictures = [networks.picture()]
    assert largest_error(features_of(second, pictures), features_of(first, pictures)) == 0
    with_engine(networks.loaded(networks.small_vit(), seed=2), engine)
    with_engine(networks.loaded(networks.small_vit(96), seed=1), engine)
    assert len(conversions) == len(kept_folders(tmp_path)) == 3


@pytest.mark.parametrize("engine", CONVERTING)
def test_a_damaged_conversion_is_made_again(conversions, tmp_path, engine):
    loaded = networks.loaded(networks.small_vit(), seed=1)
    with_engine(loaded, engine)
    (folder,) = kept_folders(tmp_path)
    weights = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    again = with_engine(loaded, engine)
    assert len(conversions) == 2
    assert again.notes[1].endswith(f"{folder.name}: was damaged and is made again")
    assert len(with_engine(loaded, engine).notes) == 1
    assert len(conversions) == 2


def test_a_folder_is_of_one_network_and_one_version(monkeypatch):
    loaded = networks.loaded(networks.small_vit(), seed=1)
    other = replace(loaded, sam=networks.loaded(networks.small_lite()).sam)
    folders = [
        conversion_folder(loaded, "openvino", "1.0"),
        conversion_folder(other, "openvino", "1.0"),
        conversion_folder(loaded, "openvino", "1.1"),
        conversion_folder(loaded, "onnxruntime", "1.0"),
    ]
    monkeypatch.setattr("anymask.__version__", "99.0")
    folders.append(conversion_folder(loaded, "openvino", "1.0"))
    assert len(set(folders)) == len(folders)
    assert all(folder and folder.name.startswith("1111111111111111-") for folder in folders)


def test_a_network_in_memory_is_not_kept(conversions, tmp_path):
    with_engine(networks.loaded(networks.small_vit(), seed=0), "openvino")
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_told_and_done_without(conversions, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    chosen = with_engine(networks.loaded(networks.small_vit(), seed=1), "openvino")
    assert "cannot be kept (Not a directory)" in chosen.notes[1]
    pictures = [networks.picture()]
    expected = features_of(networks.loaded(networks.small_vit(), seed=1), pictures)
    assert largest_error(features_of(chosen, pictures), expected) < 1e-5


# --- compiled by torch ---


def test_a_compiled_encoder_is_asked_one_picture_at_a_time(monkeypatch):
    shapes = []

    def compile_nothing(network, *, dynamic, mode):
        assert (dynamic, mode) == (False, "default")

        def run(pixels):
            shapes.append(tuple(pixels.shape))
            return network(pixels)

        return run

    monkeypatch.setattr("torch.compile", compile_nothing)
    loaded = networks.loaded(networks.small_lite())
    chosen = with_engine(loaded, "compile")
    pictures = [networks.picture(seed=seed) for seed in range(3)]
    assert largest_error(features_of(chosen, pictures), features_of(loaded, pictures)) < 1e-5
    assert shapes == [(1, 3, 64, 64)] * 4
    assert chosen.notes == (
        f"image encoder: compiled by torch {stamp_engine(chosen).version}, float32, "
        f"{threads_told()}",
        "the image encoder was compiled while loading, which takes long",
    )


def test_a_gpus_batches_have_few_sizes():
    parts = compiled_encoder._parts(torch.empty(7, 3, 64, 64, device="meta"))
    assert [len(part) for part in parts] == [4, 2, 1]


def test_a_missing_compiler_is_said(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match=r"^engine compile needs a C\+\+ compiler, and none of g"):
        with_engine(networks.loaded(networks.small_vit()), "compile")


def test_a_failed_compilation_is_one_sentence(monkeypatch):
    def fail(pixels):
        raise torch._dynamo.exc.TorchDynamoException("no such header\nand pages more")

    monkeypatch.setattr("torch.compile", lambda network, **_: fail)
    with pytest.raises(anymask.AnymaskError, match=r"^the image encoder cannot be .*: no such hea"):
        with_engine(networks.loaded(networks.small_vit()), "compile")


def test_of_all_that_can_be_asked_only_what_cannot_be_is_refused():
    refused = []
    for engine, precision in product(get_args(EngineName), get_args(Precision)):
        try:
            check_engine(engine, precision)
        except ConfigError:
            refused.append((engine, precision))
    assert refused == [("onnxruntime", "bfloat16")]


def test_any_number_of_encoders_is_compiled():
    """Torch keeps eight programs a piece of code and then, without a word, compiles no more."""
    programs = []

    def compiler(graph, inputs):
        programs.append(graph)
        return graph.forward

    # The number is lowered, for each program takes seconds.
    with torch._dynamo.config.patch(recompile_limit=2):
        for number in range(4):
            encoder = PlainEncoder(networks.seeded_sam(networks.small_vit(), number).image_encoder)
            own = compiled_encoder._own_function(encoder)
            with torch.no_grad():
                torch.compile(own, dynamic=False, backend=compiler)(torch.ones(1, 3, 64, 64))
    assert len(programs) == 4


SIGNAL_AFTER_USE = """
import os, signal, sys, threading
import torch
from anymask.predict.engines import with_engine
from tests.unit.predict import networks

os.environ["ANYMASK_CACHE"] = sys.argv[1]
held = [with_engine(networks.loaded(networks.small_vit(), 1), "openvino", "float32")]
held[0].encode(torch.zeros(1, 3, 64, 64))
last_use = threading.Thread(target=held.clear)
last_use.start()
last_use.join()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_is_survived_after_openvino_was_let_go_by_another_thread(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTER_USE, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (0, "handled\n"), ran.stderr
