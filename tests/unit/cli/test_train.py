import json

import pytest

from anymask.train.recipes import finishing_settings


@pytest.fixture
def data(folder):
    """A folder with something that looks like a shard."""
    (folder / "data").mkdir()
    (folder / "data" / "a.tar").touch()
    return folder / "data"


@pytest.fixture
def started(monkeypatch):
    """Runs that were started, instead of running them."""
    runs = []
    monkeypatch.setattr(
        "anymask.train.recipes.default_model",
        lambda data, folder, settings, processes, start: runs.append(
            (data, folder, settings, processes, start)
        ),
    )
    return runs


def test_a_dry_run_prints_the_settings_and_starts_nothing(anymask, data, started):
    ran = anymask("train", "default", "--data", "data", "--out", "run", "--seed", 7, "--dry-run")
    record = json.loads(ran.out)
    assert (ran.code, started) == (0, [])
    assert (record["data"], record["shards"], record["out"]) == ("data", 1, "run")
    assert (record["processes"], record["settings"]["minutes"]) == (2, 105.0)
    assert record["settings"]["seed"] == 7


def test_a_run_gets_what_was_typed(anymask, data, folder, started):
    words = ["--minutes", "0.5", "--processes", 3]
    ran = anymask("train", "default", "--data", "data", "--out", "run", *words)
    ((given, out, settings, processes, start),) = started
    assert start is None
    assert (ran.code, str(given), str(out), processes) == (0, "data", "run", 3)
    assert (settings.minutes, settings.seed) == (0.5, 0)
    assert ran.out == "trained; the checkpoints are in run\n"


def test_weights_to_start_from_make_it_a_finishing_run(anymask, data, folder, started):
    words = ["--start", "first.safetensors", "--minutes", "15", "--seed", 1]
    ran = anymask("train", "default", "--data", "data", "--out", "run", *words)
    ((_, _, settings, _, start),) = started
    assert (ran.code, str(start), settings) == (0, "first.safetensors", finishing_settings(15, 1))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "none"], "error: --data none: holds no .tar shard\nhint: point to a folder"),
        (["--processes", "0"], "error: --processes must be 1 or more, got 0\nhint: use 2"),
        (["--minutes", "0"], "error: --minutes must be above 0, got 0\nhint: use 105"),
        (["--minutes", "nan"], "error: --minutes must be above 0, got nan\n"),
        (["--out", "cat.png"], "error: --out cat.png: is a file\nhint: name a folder"),
    ],
)
def test_wrong_use_starts_nothing(anymask, data, started, words, sentence):
    ran = anymask("train", "default", "--data", "data", "--out", "run", *words)
    assert (ran.code, started) == (2, [])
    assert ran.err.startswith(sentence)
