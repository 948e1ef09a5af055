"""The page's modules stay small, stand alone, and never take text for code."""

import re

import pytest

from tests.architecture.javascript import STATIC, code_of, functions_of, modules
from tests.architecture.source import REPOSITORY

MOST_FILE_LINES = 300
# All texts are in one file, so that they can be read and translated together.
MAY_BE_LONG = ("js/words.js",)
MOST_FUNCTION_LINES = 40
IMPORT = re.compile(r"^\s*(?:import|export)\b[^'\"\n;]*?\bfrom\s*['\"]([^'\"]+)['\"]", re.MULTILINE)
FORBIDDEN = (
    ("text taken for code", r"\b(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\("),
    ("text taken for code", r"\bnew Function\b|\bsetHTMLUnsafe\b"),
    ("a name for the whole page", r"\bwindow\.[\w$]+\s*=[^=]|\bglobalThis\.[\w$]+\s*=[^=]"),
    ("a library", r"\brequire\("),
)


def place_of(path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_there_are_modules():
    assert "js/main.js" in {place_of(path) for path in modules()}


def test_no_module_is_long():
    sizes = {place_of(path): len(path.read_text().splitlines()) for path in modules()}
    long = {name: size for name, size in sizes.items() if size > MOST_FILE_LINES}
    assert long.keys() - set(MAY_BE_LONG) == set()


def test_no_function_is_long():
    long = [
        f"{place_of(path)}:{function.line} {function.name} has {function.num_lines} lines"
        for path in modules()
        for function in functions_of(path.read_text())
        if function.num_lines > MOST_FUNCTION_LINES
    ]
    assert long == []


def test_nothing_forbidden_is_used():
    found = [
        f"{place_of(path)}: {what}: {match.group()}"
        for path in modules()
        for what, pattern in FORBIDDEN
        for match in re.finditer(pattern, code_of(path.read_text()))
    ]
    assert found == []


def test_every_timer_that_repeats_is_stopped():
    texts = {place_of(path): code_of(path.read_text()) for path in modules()}
    begun = {name for name, text in texts.items() if "setInterval(" in text}
    assert {name for name in begun if "clearInterval(" not in texts[name]} == set()


def test_modules_import_only_each_other():
    broken = []
    for path in modules():
        for name in IMPORT.findall(path.read_text()):
            start = STATIC.parent if name.startswith("/static/") else path.parent
            target = (start / name.lstrip("/")).resolve()
            if not name.startswith((".", "/static/")) or not target.is_file():
                broken.append(f"{place_of(path)} imports {name}")
    assert broken == []


def test_pure_modules_know_neither_the_page_nor_the_other_modules():
    strangers = []
    for path in (STATIC / "js" / "pure").glob("*.js"):
        text = path.read_text()
        strangers += [f"{path.name}: {name}" for name in IMPORT.findall(text) if "../" in name]
        words = re.findall(r"\b(?:document|localStorage|fetch|navigator)\b", code_of(text))
        strangers += [f"{path.name}: {word}" for word in words]
    assert strangers == []


def test_the_page_names_nothing_outside_itself():
    """Every address in the page's own files is its own; the repository's link is for people."""
    found = []
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css", ".html", ".svg"):
            for address in re.findall(
                r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"')]*", path.read_text()
            ):
                if not re.match(r"(?:https?:)?//(www\.w3\.org|github\.com)/", address):
                    found.append(f"{place_of(path)}: {address}")
    assert found == []


def test_the_page_is_small():
    """Under half a megabyte before the models, as it travels to the browser."""
    num_bytes = sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file())
    assert num_bytes < 500_000


def test_the_page_travels_in_the_wheel():
    """What git would leave out, the builder leaves out too."""
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert not [row for row in ignored if "static" in row or row.endswith((".js", ".css", ".svg"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("function f(a) {\n  return a\n}", [("f", 3)]),
        ("const f = (a, b = (1)) => {\n}", [("=>", 2)]),
        ("const f = async a => {\n}", [("=>", 2)]),
        ("class A {\n  f({ a }) {\n    if (a) {\n    }\n  }\n}", [("f", 4)]),
        ("const a = { b: 1 }\nfor (const c of d) {\n}", []),
        ("f(`${g(() => {\n})} }`)", [("=>", 2)]),
        ("function f() {\n  const g = () => {\n    a()\n  }\n}", [("=>", 3), ("f", 2)]),
        ("// f() {\nconst r = /[/}]{2}/\n/* g() {\n} */ h('}{')", []),
    ],
)
def test_functions_are_found(text, expected):
    assert [(found.name, found.num_lines) for found in functions_of(text)] == expected
