"""`anymask info --check`: what runs here, how fast, and how large a picture fits."""

import json
import subprocess
import sys

import pytest

from anymask.cli.free_memory import free_memory
from anymask.cli.info_check import BYTES_PER_PIXEL
from anymask.errors import MissingExtra, WeightsNotFound
from anymask.image.options import MAX_PIXELS
from anymask.weights.catalogue import PUBLISHED
from anymask.weights.load import load_model


@pytest.fixture
def check(anymask, model_file, loaded_once, monkeypatch, tmp_path):
    """Run `anymask info --check` with the seeded model, measuring for a moment."""
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("anymask.api.load", lambda: loaded_once(model_file))
    monkeypatch.setattr(
        "anymask.weights.load.load_model", lambda device: load_model(model_file, device=device)
    )
    monkeypatch.setattr("anymask.cli.info_check.SECONDS", 0.2)
    return lambda *words: anymask("info", "--check", *words)


def told(ran) -> str:
    """What was printed, as one line with single spaces."""
    return " ".join(ran.out.split())


def test_the_record_holds_what_was_measured(check):
    ran = check("--json")
    record = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    speed = record["speed"]
    assert (speed["width"], speed["height"], speed["device"]) == (512, 512, "cpu")
    assert min(speed["num_encodes"], speed["num_clicks"]) >= 1
    assert 0 < speed["encode_seconds"] < 2
    assert 0 < speed["click_seconds"] < 2
    assert speed["num_clicks"] * speed["click_seconds"] < 2
    largest = record["largest_picture"]
    assert largest["pixels"] == largest["free_bytes"] // BYTES_PER_PIXEL
    assert largest["limit_pixels"] == MAX_PIXELS
    assert [engine["name"] for engine in record["engines"]] == [
        *("torch", "compile", "openvino", "onnxruntime"),
    ]
    assert record["engines"][0] == {"name": "torch", "is_ready": True, "remedy": None}
    assert record["extras"]


def test_people_get_one_screen(check):
    ran = check()
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 45
    assert "speed a photo of 512×512 is embedded in " in told(ran)
    assert "by the default model on cpu" in told(ran)
    assert "24 bytes a pixel were measured for segmenting an 8-bit photo" in told(ran)
    assert "--max-pixels allows 178 million unless told otherwise" in told(ran)


def test_what_is_missing_names_the_command_that_adds_it(check, monkeypatch):
    def missing():
        raise MissingExtra("engine openvino needs", hint='run pip install "anymask[openvino]"')

    monkeypatch.setattr("anymask.predict.engines.import_openvino", missing)
    monkeypatch.setattr("shutil.which", lambda name: None)
    ran = check()
    assert ran.code == 0
    assert 'engine openvino missing; run pip install "anymask[openvino]"' in told(ran)
    assert "engine compile missing; install one, or use engine torch" in told(ran)
    assert "engines torch, onnxruntime ready" in told(ran)


def test_checkpoints_that_are_here_and_those_that_are_not(check, tmp_path):
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    (folder / PUBLISHED["sam_vit_b"].file_name).write_bytes(b"")
    ran = check()
    assert "downloaded sam_vit_b (375 MB) not downloaded sam_vit_l (1,250 MB)" in told(ran)
    assert "anymask models download sam_vit_l" in told(ran)
    record = json.loads(check("--json").out)
    here = {one["name"]: one["is_here"] for one in record["checkpoints"]}
    assert here == {name: name == "sam_vit_b" for name in PUBLISHED}


def test_kept_embeddings_are_counted(check, tmp_path, monkeypatch):
    folder = tmp_path / "cache" / "embeddings"
    folder.mkdir(parents=True)
    for digit in "ab":
        (folder / f"{digit * 64}.float32").write_bytes(bytes(3_000_000))
    ran = check()
    assert "embeddings 2 kept, 6 MB of 10.0 GB, in " in told(ran)
    monkeypatch.setenv("ANYMASK_EMBEDDINGS_GB", "much")
    ran = check()
    assert ran.code == 0
    assert "ANYMASK_EMBEDDINGS_GB is 'much', which is no number of gigabytes" in told(ran)


def test_without_the_default_model_the_rest_is_told(check, monkeypatch):
    def missing(**_):
        raise WeightsNotFound("the default model is not in this installation")

    monkeypatch.setattr("anymask.api.load", missing)
    ran = check()
    assert ran.code == 0
    assert "speed the default model is not in this installation" in told(ran)
    assert "largest photo about " in told(ran)


def test_a_system_that_does_not_tell_its_memory_is_said(check, monkeypatch):
    monkeypatch.setattr("anymask.cli.info_check.free_memory", lambda: None)
    ran = check()
    assert "largest photo the free memory is not known here; --max-pixels allows 178" in told(ran)


# --- memory ---


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [
        ("max", "5", 3_000 * 1024),
        ("2000000", "500000", 1_500_000),
        ("90000000", "5", 3_000 * 1024),
        ("100", "500", 0),
        (None, None, 3_000 * 1024),
    ],
)
def test_the_smaller_of_machine_and_container_counts(tmp_path, limit, used, expected):
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\n")
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
    assert free_memory(tmp_path / "meminfo", tmp_path) == expected


def test_without_linux_the_pages_are_counted(tmp_path, monkeypatch):
    pages = {"SC_AVPHYS_PAGES": 7, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    assert free_memory(tmp_path / "none", tmp_path) == 7 * 4096

    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr("os.sysconf", unknown)
    assert free_memory(tmp_path / "none", tmp_path) is None


PEAK = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from anymask.api import load

def memory(figure):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(figure))

model = load(sys.argv[1])
side, path = int(sys.argv[2]), sys.argv[3]
rows = np.linspace(0, 255, side).astype(np.uint8)
Image.fromarray(np.broadcast_to(rows[:, None, None], (side, side, 3)).copy()).save(path)

def segment(source, point):
    masks = model.predict(model.embed(source), points=[point])
    masks.best.array, masks.overlay(), masks.best.save(path + ".mask.png")

segment(np.zeros((9, 9, 3), np.uint8), (4, 4))
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
segment(path, (side / 2, side / 2))
print((memory("VmHWM") - before) / side**2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of memory")
def test_the_bytes_a_pixel_are_what_segmenting_takes(model_file, tmp_path):
    words = [sys.executable, "-c", PEAK, str(model_file), "3000", str(tmp_path / "photo.jpg")]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    # Of so small a photo, what does not grow with it is a part that can be seen.
    assert 0.7 * BYTES_PER_PIXEL < float(ran.stdout) < 1.3 * BYTES_PER_PIXEL
