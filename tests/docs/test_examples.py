"""Every example runs as it stands, says something, and finds its pictures from any folder."""

import runpy
import sys

import pytest

from tests.docs.pages import REPOSITORY

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def test_there_are_examples():
    assert EXAMPLES != []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example)])
    code = None
    try:
        runpy.run_path(str(example), run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    assert code in (None, 0)
    assert capsys.readouterr().out.strip() != ""
