"""`anymask evaluate` and `anymask train export`: figures in, files out."""

import json
from dataclasses import replace

import pytest

from anymask.data.splits import is_validation
from tests.scenes import write_shard


@pytest.fixture
def data(folder):
    """A folder with two archives of discs."""
    (folder / "data").mkdir()
    for name in ("one", "two"):
        write_shard(folder / "data" / f"{name}.tar", 3)
    return folder / "data"


def test_file_holds_protocol_means_tables_and_every_mask(anymask, model_file, data, folder):
    ran = anymask(
        "evaluate", "--data", data, "--model", model_file, "--pictures", 2, "--masks", 2,
        "-o", "figures.json",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, f"note: {model_file.name}: unknown origin\n")
    assert "wrote figures.json" in ran.out
    record = json.loads((folder / "figures.json").read_text())
    assert (record["engine"]["name"], record["engine"]["precision"]) == ("torch", "float32")
    assert record["commit"]
    assert f"{record['means']['mean']['box']:.3f}" in ran.out
    assert record["command"] == "anymask evaluate --data data --pictures 2 --masks 2 --seed 0"
    assert {row["set"] for row in record["rows"]} == {"one", "two"}
    assert len(record["rows"]) == 8
    assert set(record["means"]) == {"one", "two", "mean"}
    clicks = [row["click"] for row in record["rows"] if row["set"] == "one"]
    assert record["means"]["one"]["click"] == pytest.approx(sum(clicks) / 4, abs=1e-3)
    low, high = record["intervals_95"]["box"]
    assert low <= record["means"]["mean"]["box"] <= high
    assert record["tables"]["default_model"]["rows"][-1][:2] == ["mean", "8"]
    assert ["minutes of training", "2.5"] in record["tables"]["training"]["rows"]


def test_care_is_taken_unless_the_question_is_plain(anymask, data, folder):
    asked = ("evaluate", "--data", data, "--set", "one", "--pictures", 1, "--no-classical")
    usual, plain = anymask(*asked, "-o", "u.json"), anymask(*asked, "--plain", "-o", "p.json")
    assert (usual.code, plain.code) == (0, 0)
    with_care, without = record_of(folder / "u.json"), record_of(folder / "p.json")
    command = "anymask evaluate --data data --pictures 1 --masks 3 --seed 0"
    assert (with_care["command"], with_care["care"]) == (command, "usual")
    assert (without["command"], without["care"]) == (f"{command} --plain", "plain")
    pairs = list(zip(with_care["rows"], without["rows"], strict=True))
    assert [one["mask"] for one, _ in pairs] == [other["mask"] for _, other in pairs]
    assert all(one["score"] == other["score"] for one, other in pairs)
    assert all(one["box"] != other["box"] for one, other in pairs)


def test_held_back_pictures_alone_are_told_and_sizes_are_printed(anymask, model_file, folder):
    (folder / "many").mkdir()
    write_shard(folder / "many" / "one.tar", 30)
    held = [f"one_{n:03d}" for n in range(30) if is_validation(f"one_{n:03d}.jpg")]
    ran = anymask(
        "evaluate", "--data", "many", "--model", model_file, "--masks", 1, "--no-classical",
        "--validation", "--plain", "-o", "held.json",
    )  # fmt: skip
    assert ran.code == 0
    record = record_of(folder / "held.json")
    assert record["command"] == (
        "anymask evaluate --data many --pictures 40 --masks 1 --seed 0 --validation --plain"
    )
    assert [row["picture"] for row in record["rows"]] == held
    assert held
    sizes = record["tables"]["default_model_sizes"]["rows"]
    titles = [line[0] for line in sizes]
    assert [title for title in titles if title in ran.out] == titles
    assert len(titles) == 5


@pytest.mark.parametrize("task", ["proposals", "scores"])
def test_tasks_that_ask_once_anyway_refuse_plain(anymask, data, task):
    ran = anymask("evaluate", "--task", task, "--plain", "--data", data)
    assert ran.code == 2
    assert f"error: --plain is not for --task {task}" in ran.err
    assert "hint: leave it out; only --task prompts takes more care than to ask once" in ran.err


def test_one_set_without_classical_methods(anymask, model_file, data):
    ran = anymask(
        "evaluate", "--data", data, "--set", "two", "--model", model_file, "--no-classical"
    )
    assert ran.code == 0
    assert "\n two " in ran.out
    assert "\n one " not in ran.out
    assert "GrabCut" not in ran.out


def test_unknown_set_names_those_there_are(anymask, data):
    ran = anymask("evaluate", "--data", data, "--set", "three")
    assert ran.code == 2
    assert "error: --set three: " in ran.err
    assert "hint: it holds one, two" in ran.err


@pytest.mark.parametrize("words", [("--pictures", 0), ("--masks", 0)])
def test_nothing_to_ask_is_refused(anymask, data, words):
    ran = anymask("evaluate", "--data", data, *words)
    assert ran.code == 2
    assert "--pictures and --masks must be 1 or more" in ran.err


def test_export_needs_a_run_and_the_right_suffix(anymask, folder):
    ran = anymask("train", "export", "--run", folder, "-o", "model.pth")
    assert ran.code == 2
    assert "error: --out model.pth: is not a .safetensors file" in ran.err
    ran = anymask("train", "export", "--run", folder, "-o", "model.safetensors")
    assert ran.code == 1
    assert "holds no checkpoint" in ran.err


def record_of(path):
    """What a results file says."""
    return json.loads(path.read_text())


@pytest.fixture
def few_points(monkeypatch):
    """Everything mode with 9 points instead of 4096."""
    from anymask.evaluate.tasks import proposals

    ask, few = proposals.ask, replace(proposals.PROPOSAL_SETTINGS, points_per_side=3)
    monkeypatch.setattr(proposals, "ask", lambda *a, **k: ask(*a, **(k | {"settings": few})))


@pytest.mark.usefixtures("few_points")
def test_proposals_are_held_against_all_masks(anymask, model_file, data, folder):
    ran = anymask(
        "evaluate", "--task", "proposals", "--data", data, "--set", "one", "--pictures", 2,
        "--model", model_file, "-o", "found.json",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, f"note: {model_file.name}: unknown origin\n")
    shown = record_of(folder / "found.json")["tables"]["proposals"]["rows"]
    for line in shown:
        assert all(cell in ran.out for cell in line if cell)
    assert "wrote found.json" in ran.out
    record = record_of(folder / "found.json")
    assert record["command"] == (
        "anymask evaluate --task proposals --data data --pictures 2 --seed 0"
    )
    assert [(one["method"], one["objects"]["all"]) for one in record["recall"]] == [
        ("model", 6),
        ("felzenszwalb", 6),
    ]
    assert len(record["rows"]) == 4
    assert len(record["tables"]["proposals"]["rows"]) == 4


@pytest.mark.usefixtures("few_points")
def test_proposals_without_the_baseline(anymask, model_file, data):
    ran = anymask(
        "evaluate", "--task", "proposals", "--data", data, "--set", "two", "--pictures", 1,
        "--model", model_file, "--no-classical",
    )  # fmt: skip
    assert ran.code == 0
    assert "Felzenszwalb" not in ran.out


def test_unknown_task_names_those_there_are(anymask, data):
    ran = anymask("evaluate", "--task", "edges", "--data", data)
    assert ran.code == 2
    assert "error: --task edges is unknown" in ran.err
    assert "hint: use prompts, proposals, scores" in ran.err


def test_proposals_cannot_be_asked_about_some_masks_only(anymask, data):
    ran = anymask("evaluate", "--task", "proposals", "--masks", 5, "--data", data)
    assert ran.code == 2
    assert "error: --masks is not for --task proposals" in ran.err
    assert "hint: leave it out; proposals are held against all masks" in ran.err
