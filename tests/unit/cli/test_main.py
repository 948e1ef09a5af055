import os
import signal
import subprocess
import sys

import pytest

from anymask import __version__
from anymask.cli.door import run
from tests.unit.cli.folders import names_in


def test_without_words_the_program_says_what_it_can(anymask):
    ran = anymask()
    assert ran.code == 0
    assert "Point at something in a photo, get its mask." in ran.out
    for command in ("segment", "info", "train"):
        assert command in ran.out


def test_the_version(anymask):
    assert anymask("--version").out == f"anymask {__version__}\n"


@pytest.mark.parametrize("flag", ["--point", "--box", "--mask", "--all-masks", "--json", "-o"])
def test_help_of_segment_names_the_flag(anymask, flag):
    ran = anymask("segment", "--help")
    assert (ran.code, flag in ran.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["segmnt"], "no such command 'segmnt'", "did you mean 'segment'? Else see anymask --help"),
        (["xyz"], "no such command 'xyz'", "see anymask --help"),
        (["--loud"], "no such option: --loud", "see anymask --help"),
        (
            ["segment", "cat.png", "--pont", "4,5"],
            "no such option: --pont",
            "did you mean --point? Else see anymask segment --help",
        ),
        (["segment", "cat.png", "--point"], "option '--point' requires an argument", "see"),
        (["segment", "--point", "4,5"], "missing argument 'PHOTO'", "see anymask segment --help"),
        (
            ["segment", "cat.png", "--page", "x", "--point", "4,5"],
            "--page: must be a whole number",
            "see anymask segment --help",
        ),
        (
            ["train", "default", "--data", ".", "--out", "o", "--minutes", "long"],
            "--minutes: must be a number",
            "see anymask train default --help",
        ),
    ],
)
def test_wrong_use_is_one_sentence_and_a_hint(anymask, words, message, hint):
    ran = anymask(*words)
    assert (ran.code, ran.out) == (2, "")
    first, second = ran.err.splitlines()
    assert first == f"error: {message}"
    assert second.startswith(f"hint: {hint}")


def test_a_trace_is_shown_only_when_asked(anymask):
    words = ["segment", "none.png", "--point", "4,5"]
    assert "Traceback" not in anymask(*words).err
    for at in range(len(words) + 1):
        ran = anymask(*words[:at], "--debug", *words[at:])
        if at == 3:  # it became the value of --point
            continue
        assert ran.code == 3
        assert "Traceback (most recent call last)" in ran.err
        assert ran.err.splitlines()[-2] == "error: none.png: no such file"


def test_a_photo_may_be_called_debug(anymask, folder):
    ran = anymask("segment", "--point", "4,5", "--", "--debug")
    assert (ran.code, ran.err.splitlines()[0]) == (3, "error: --debug: no such file")


def test_a_mistake_of_ours_is_told_as_such(segment, monkeypatch):
    def fail(*words, **named):
        raise KeyError("half\nway")

    monkeypatch.setattr("anymask.api.load", fail)
    ran = segment("cat.png", "--point", "4,5")
    assert ran.code == 1
    assert ran.err.startswith(r"error: unexpected KeyError: 'half\nway'")
    assert "run it again with --debug" in ran.err


def test_a_full_memory_is_told(segment, monkeypatch):
    def fail(*words, **named):
        raise MemoryError

    monkeypatch.setattr("anymask.api.load", fail)
    ran = segment("cat.png", "--point", "4,5")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "error: the memory is full")


def test_ctrl_c_ends_with_130_and_keeps_what_is_done(segment, monkeypatch, folder):
    real = os.fsync
    synced = []

    def fsync(number):
        synced.append(number)
        if len(synced) == 5:
            raise KeyboardInterrupt
        real(number)

    (folder / "dog.png").write_bytes((folder / "cat.png").read_bytes())
    monkeypatch.setattr("os.fsync", fsync)
    ran = segment("cat.png", "dog.png", "--point", "4,5", "-o", "out")
    assert ran.code == 130
    assert "1 of 2 photos are done" in ran.err
    assert ran.err.endswith("note: stopped by Ctrl-C; what was written before is whole\n")
    assert not [name for name in names_in("out") if name.endswith(".part")]


def test_ctrl_c_outside_a_command_ends_with_130_too(capsys):
    def interrupt():
        raise KeyboardInterrupt

    assert run(interrupt) == 130
    assert capsys.readouterr().err.startswith("note: stopped by Ctrl-C")


def test_a_termination_ends_with_143_and_leaves_no_half_file(segment, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda number: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    ran = segment("cat.png", "--point", "4,5", "-o", "out")
    assert ran.code == 143
    assert names_in("out") == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_module_is_the_program():
    answer = subprocess.run(
        [sys.executable, "-m", "anymask", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"anymask {__version__}\n"


def test_a_reader_that_leaves_causes_no_trace():
    program = "import sys; from anymask.cli.door import run\nsys.exit(run(lambda: print('x')))"
    read, write = os.pipe()
    os.close(read)
    answer = subprocess.run(
        [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (answer.returncode, answer.stderr) == (1, b"")


def test_a_stream_that_knows_only_ascii_gets_escapes():
    program = (
        "from anymask.cli.door import run\n"
        "from anymask.cli.screen import make_screen\n"
        "run(lambda: make_screen().say('\u043a\u043e\u0442.png, 90\u00d760'))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert answer.stdout.strip() == rb"\u043a\u043e\u0442.png, 90\xd760"
