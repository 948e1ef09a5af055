"""Modules and classes hold no state that could change, and importing one does nothing."""

import ast

import pytest

from tests.architecture.source import Function, Module, package_modules, read_module

MUTABLE_CALLS = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "OrderedDict", "Counter", "deque"}
)
MUTABLE_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
# Typer's commands are put together by calls, in the one room that has them.
MAY_CALL_AT_IMPORT = ("cli",)


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        called = value.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in MUTABLE_CALLS
    return isinstance(value, MUTABLE_DISPLAYS)


def mutable_names(body: list[ast.stmt], prefix: str) -> list[str]:
    """Names that a module or class body binds to something that can change."""
    names = []
    for node in body:
        if isinstance(node, ast.ClassDef):
            names += mutable_names(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            names += mutable_names(node.body, prefix)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [f"{prefix}{ast.unparse(target)}" for target in targets]
    return [name for name in names if name != "__all__"]


def problems(module: Module) -> list[str]:
    found = [f"{module.path}: {name} can change" for name in mutable_names(module.tree.body, "")]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            found.append(f"{module.path}:{node.lineno} writes to a module's name")
    for node in module.tree.body:
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if is_call and module.room not in MAY_CALL_AT_IMPORT:
            found.append(f"{module.path}:{node.lineno} does something at import")
    return found


def test_nothing_at_module_or_class_level_can_change():
    assert [problem for module in package_modules() for problem in problems(module)] == []


def default_values(function: Function) -> list[ast.expr]:
    return [value for value in [*function.args.defaults, *function.args.kw_defaults] if value]


def test_no_default_argument_can_change():
    found = [
        f"{module.path}:{node.lineno}"
        for module in package_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, Function) and any(map(is_mutable, default_values(node)))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "num_problems"),
    [
        ("NAMES = ('a', 'b')", 0),
        ("TABLE = MappingProxyType({'a': 1})", 0),
        ("__all__ = ['a']", 0),
        ("def f():\n    names = []\n    return names", 0),
        ("NAMES = ['a']", 1),
        ("TABLE: dict[str, int] = {}", 1),
        ("CACHE = collections.defaultdict(int)", 1),
        ("class A:\n    seen = set()", 1),
        ("if True:\n    NAMES = []", 1),
        ("def f():\n    global x\n    x = 1", 1),
        ("warnings.filterwarnings('ignore')", 1),
    ],
)
def test_the_check_sees_what_it_must(tmp_path, monkeypatch, text, num_problems):
    monkeypatch.setattr("tests.architecture.source.REPOSITORY", tmp_path)
    file = tmp_path / "src" / "anymask" / "masks" / "x.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert len(problems(read_module(file))) == num_problems
