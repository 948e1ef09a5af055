"""What README, tutorials and how-to pages tell people to type works as it stands."""

import sys
from pathlib import Path

import pytest

from tests.docs.pages import REPOSITORY, SHELLS, Block, blocks, commands, pages_with_code

PAGES = [pytest.param(page, id=page.stem) for page in pages_with_code()]
SHELL_SIGNS = frozenset({"|", ">", ">>", "<", "&&", "||", ";"})


def run_python(block: Block, place: str, namespace: dict) -> None:
    """Run a block; a traceback names the page and its line."""
    program = "\n" * block.line + block.text
    exec(compile(program, place, "exec"), namespace)


def run_command(words: list[str], monkeypatch) -> int:
    """Run `anymask ...` in this process and give its exit code."""
    from anymask.cli.main import main

    expanded = [found for word in words for found in expand(word)]
    monkeypatch.setattr(sys, "argv", expanded)
    try:
        return main()
    except SystemExit as stop:
        return int(stop.code or 0)


def expand(word: str) -> list[str]:
    """What a shell makes of `*.png`: the names that fit, or the word itself."""
    names = sorted(path.as_posix() for path in Path().glob(word)) if "*" in word else []
    return names or [word]


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run_in_order(page, folder_with_photos, monkeypatch, capsys):
    place = page.relative_to(REPOSITORY).as_posix()
    namespace = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.no_run is not None:
            continue
        if block.language == "python":
            run_python(block, place, namespace)
        for words in commands(block):
            if words[0] == "anymask":
                code = run_command(words, monkeypatch)
                printed = capsys.readouterr()
                assert code == 0, f"{place}:{block.line}: {' '.join(words)}\n{printed.err}"


@pytest.mark.parametrize("page", PAGES)
def test_a_block_that_is_not_run_says_why(page):
    reasons = [block.no_run for block in blocks(page.read_text()) if block.no_run is not None]
    assert [reason for reason in reasons if len(reason) < 15] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_stand_alone(page):
    """Pipes and redirections belong to a shell, which the test above does not have."""
    found = [
        " ".join(words)
        for block in blocks(page.read_text())
        for words in commands(block)
        if words[0] == "anymask" and block.no_run is None and SHELL_SIGNS & set(words)
    ]
    assert found == []


def test_every_make_target_that_is_named_exists():
    makefile = (REPOSITORY / "Makefile").read_text().splitlines()
    targets = {line.partition(":")[0] for line in makefile if not line.startswith(("\t", "#"))}
    named = {
        word
        for page in [*pages_with_code(), REPOSITORY / "CONTRIBUTING.md"]
        for block in blocks(page.read_text())
        for words in commands(block)
        if words[0] == "make"
        for word in words[1:]
        if "=" not in word
    }
    assert named - targets == set()


PAGE = """\
Text

```python
x = 1
```

<!-- no-run: needs a file of 375 MB -->

```python
y = 2
```

```console
$ anymask segment "a b.png" \\
    --point 1,2   # a click
wrote a.png
$ make demo
```

- ~~~bash
  anymask info
  ~~~
"""


def test_blocks_are_found_with_their_reasons():
    found = blocks(PAGE.replace("- ~~~", "  ~~~"))
    assert [(block.language, block.line, block.no_run) for block in found] == [
        ("python", 3, None),
        ("python", 9, "needs a file of 375 MB"),
        ("console", 13, None),
        ("bash", 20, None),
    ]
    assert found[0].text == "x = 1\n"
    assert list(commands(found[2])) == [
        ["anymask", "segment", "a b.png", "--point", "1,2"],
        ["make", "demo"],
    ]
    assert list(commands(found[3])) == [["anymask", "info"]]
    assert {block.language for block in found[2:]} <= SHELLS


def test_a_failing_block_names_its_page_and_line():
    block = Block(line=3, language="python", text="x = 1\nraise KeyError('x')\n")
    with pytest.raises(KeyError) as caught:
        run_python(block, "README.md", {})
    last = caught.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("README.md", 5)
