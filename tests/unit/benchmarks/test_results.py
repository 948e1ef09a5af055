"""What becomes of the figures, and that what is compared is the same work on both sides."""

import json

import comparisons
import gpu
import numpy as np
import profile_parts
import pytest
import record
import run
import torch
from reference import pair, published_predictor
from scene import noise_logits, object_logits

from anymask.model.configs import SamConfig, VitConfig
from scripts.fill_numbers import read_tables

TINY = SamConfig(
    name="tiny_vit",
    vit=VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,)),
    input_size=64,
    embedding_dim=32,
)


def test_a_row_tells_times_ratio_and_memory():
    found = {
        "title": "encoder",
        "published_s": 9.1234,
        "anymask_s": 0.0052,
        "ratio": 3.456,
        "spread": (3.0, 4.128),
        "published_mb": 2400.0,
        "anymask_mb": 300.4,
    }
    assert run.row(found) == [
        "encoder",
        "9123 ms",
        "5.2 ms",
        "3.46× (3.00–4.13)",
        "2400 MB",
        "300 MB",
        "8.0×",
    ]
    assert run.row({"title": "x"}) == ["x", None, None, None, None, None, None]
    assert len(run.COLUMNS) == 7


def test_a_results_file_is_one_that_pages_are_filled_from(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    tables = {"t": {"columns": ["a"], "rows": [["1 ms"]]}}
    path = record.write_record("x", "make x", "a processor", tables=tables)
    assert path == tmp_path / "x.json"
    told = json.loads(path.read_text())
    assert set(told) >= {"name", "command", "date", "commit", "device", "versions"}
    assert read_tables(tmp_path)["t"].rows == (("1 ms",),)


def test_every_comparison_has_its_own_name():
    for names in zip(*((one.key, one.title) for one in comparisons.COMPARISONS), strict=True):
        assert len(set(names)) == len(names)


def test_random_weights_leave_no_table_and_no_bias_at_zero():
    published, ours = pair("vit_b", 1)
    vit_blocks = dict(ours.named_parameters())
    zeros = [
        name
        for name, values in vit_blocks.items()
        if ("rel_pos" in name or "pos_embed" in name or name.endswith("bias")) and not values.any()
    ]
    assert zeros == []
    for name, values in published.named_parameters():
        torch.testing.assert_close(vit_blocks[name], values, rtol=0, atol=0)
    assert published_predictor(published).model is published


def test_the_scene_has_objects_of_several_sizes_and_the_noise_none():
    areas = (object_logits() > 0).mean((1, 2))
    assert areas[0] < 0.01 < areas[1] < 0.06 < areas[2] < 0.4
    np.testing.assert_array_equal(object_logits(), object_logits(0))
    assert abs((noise_logits() > 0).mean() - 0.5) < 0.01


def test_parts_are_set_side_by_side_with_their_shares():
    found = {
        "published": {"transformer": 0.03, "upscaling": 0.06, "everything else": 0.01},
        "anymask": {"transformer": 0.015, "everything else": 0.005},
    }
    assert profile_parts.table(["p", "a", "b", "c", "d"], found)["rows"] == [
        ["upscaling", "60.0 ms", "60 %", None, None],
        ["transformer", "30.0 ms", "30 %", "15.0 ms", "75 %"],
        ["everything else", "10.0 ms", "10 %", "5.0 ms", "25 %"],
        ["whole", "100 ms", "100 %", "20.0 ms", "100 %"],
    ]


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main() == 2
    assert capsys.readouterr().err == (
        "error: there is no CUDA device here; nothing was measured.\n"
    )


def test_what_a_gpu_is_asked_runs_on_a_cpu_too(monkeypatch):
    monkeypatch.setattr(gpu, "ENGINES", gpu.ENGINES[:1])
    network, cpu = gpu.random_network(TINY), torch.device("cpu")
    (row,) = gpu.encoder_rows(network, cpu, 2, print)
    assert row[0] == "tiny_vit, torch, float32"
    assert all(float(cell) > 0 for cell in row[1:-1])
    assert len(row) == 2 + len(gpu.BATCHES)
    assert row[-1] == "–"
    many, click = gpu.decoder_rows(network, cpu, 1, prompts=5)
    assert many[0] == "5 prompts, low-resolution logits"
    assert float(many[1].removesuffix(" ms")) > 0
    assert float(click[1].removesuffix(" ms")) > 0


def test_an_engine_that_fails_is_left_out_with_a_sentence(monkeypatch):
    monkeypatch.setattr(gpu, "ENGINES", (("on clay", "clay", "float32"),))
    told: list[str] = []
    rows = gpu.encoder_rows(gpu.random_network(TINY), torch.device("cpu"), 1, told.append)
    assert rows == []
    assert len(told) == 1
    assert told[0].startswith("on clay is left out: engine 'clay' is unknown")


@pytest.mark.slow
def test_one_click_gives_the_same_from_both():
    made = comparisons.one_click(objects=False)
    theirs, mine = made.calls["published"](), made.calls["anymask"]()
    assert theirs[0].shape == mine[0].shape == (3, 1200, 1800)
    np.testing.assert_allclose(mine[1], theirs[1], atol=1e-5)
    np.testing.assert_allclose(mine[2], theirs[2], atol=1e-4)
    assert (mine[0] != theirs[0]).sum() < 30
    difference = comparisons.largest_difference(made)
    assert difference is not None
    assert difference < 1e-4
