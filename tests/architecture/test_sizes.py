"""Files, functions, parameter lists and classes stay small; exceptions are written down."""

import ast
import tomllib
from collections.abc import Iterator

import pytest

from tests.architecture.source import (
    REPOSITORY,
    Function,
    Module,
    functions,
    package_modules,
    read_module,
)

MOST_FILE_LINES = 500
MOST_FUNCTION_LINES = 60
MOST_PARAMETERS = 8
MOST_PUBLIC_METHODS = 10
EXCEPTIONS = REPOSITORY / "tests" / "architecture" / "size_exceptions.toml"


def function_lines(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = height(function)
    if ast.get_docstring(function) is not None:
        lines -= height(function.body[0])
    return lines


def height(node: ast.stmt) -> int:
    """How many lines a statement spans."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def num_parameters(function: Function) -> int:
    """Named parameters, `self` and `cls` left out."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([argument for argument in named if argument.arg not in ("self", "cls")])


def num_public_methods(class_: ast.ClassDef) -> int:
    """Methods that can be called from outside; properties are values, not methods."""
    methods = [node for node in class_.body if isinstance(node, Function)]
    public = [method for method in methods if not method.name.startswith("_")]
    return len([method for method in public if not _is_property(method)])


def _is_property(function: Function) -> bool:
    words = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any("property" in word or word.endswith(".setter") for word in words)


def sizes(module: Module) -> Iterator[tuple[str, str, int, int]]:
    """Place, quantity, how much there is, how much there may be."""
    yield module.path, "lines", module.num_lines, MOST_FILE_LINES
    for name, function in functions(module.tree):
        place = f"{module.path}::{name}"
        yield place, "lines", function_lines(function), MOST_FUNCTION_LINES
        yield place, "parameters", num_parameters(function), MOST_PARAMETERS
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            place = f"{module.path}::{node.name}"
            yield place, "methods", num_public_methods(node), MOST_PUBLIC_METHODS


def oversizes(modules: list[Module]) -> dict[tuple[str, str], int]:
    return {
        (place, quantity): found
        for module in modules
        for place, quantity, found, most in sizes(module)
        if found > most
    }


def test_nothing_is_larger_than_its_bound():
    written = tomllib.loads(EXCEPTIONS.read_text())
    excess = {
        f"{place} has {found} {quantity}"
        for (place, quantity), found in oversizes(package_modules()).items()
        if found > written.get(place, {}).get(quantity, 0)
    }
    assert excess == set()


def test_every_exception_is_needed_and_has_its_reason():
    found = oversizes(package_modules())
    for place, entry in tomllib.loads(EXCEPTIONS.read_text()).items():
        assert len(entry.pop("reason")) > 20, place
        for quantity, allowed in entry.items():
            assert found.get((place, quantity)) == allowed, f"{place}: {quantity}"


def test_tests_and_tools_keep_to_the_file_bound():
    folders = ("tests", "scripts", "examples", "benchmarks")
    paths = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    long = [m.path for m in map(read_module, paths) if m.num_lines > MOST_FILE_LINES]
    assert long == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('def f(a, *, b):\n    """Text.\n\n    More.\n    """\n    return a', ("f", 2, 2)),
        ("async def f(a, /, b, *c, d, **e):\n    return a", ("f", 2, 3)),
        ("class A:\n    def f(self, a):\n        x = 1\n        return x", ("A.f", 3, 1)),
    ],
)
def test_lines_and_parameters_are_counted_right(text, expected):
    name, function = next(functions(ast.parse(text)))
    assert (name, function_lines(function), num_parameters(function)) == expected


def test_methods_are_counted_right():
    text = (
        "class A:\n"
        "    def a(self): ...\n"
        "    def _b(self): ...\n"
        "    @property\n"
        "    def c(self): ...\n"
        "    @staticmethod\n"
        "    def d(): ...\n"
    )
    class_ = ast.parse(text).body[0]
    assert isinstance(class_, ast.ClassDef)
    assert num_public_methods(class_) == 2
