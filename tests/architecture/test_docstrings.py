"""Public functions say what they give, which errors they raise, and the shapes they take."""

import ast
import inspect
import re

import pytest

from anymask import errors
from tests.architecture.source import Function, functions, package_modules

ERRORS = frozenset(
    name
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.AnymaskError)
)
# A state dict holds arrays of all shapes; only its names can be told.
OF_MANY_SHAPES = re.compile(r"(dict|Mapping|OrderedDict)\[str, ")
ARRAY_TYPES = re.compile(r"\b(Tensor|NDArray|ndarray|ArrayLike)\b")
# Matches such as (H, W), (N,), (..., 4), (B, C, H/4, W/4) and (B×P, 256).
SIZE = r"(?:\.\.\.|[\w·×*+/ −-]+)"
SHAPE = re.compile(rf"\({SIZE}(?:,\s*{SIZE})*,?\)|any shape|scalar|0-d")


def public_functions():
    """Functions and methods that someone outside their module may call."""
    for module in package_modules():
        for name, function in functions(module.tree):
            parts = name.split(".")
            is_inner = any(
                isinstance(parent, Function)
                for other, parent in functions(module.tree)
                if name.startswith(f"{other}.")
            )
            if not is_inner and not any(part.startswith("_") for part in parts):
                yield f"{module.path}::{name}", function


def raised_errors(function: Function) -> set[str]:
    """Our own errors that the function raises by itself, inner functions left out."""
    names = set()
    for node in _own_nodes(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = node.exc.func
            names.add(called.attr if isinstance(called, ast.Attribute) else ast.unparse(called))
    return names & ERRORS


def _own_nodes(function: ast.AST):
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, Function):
            yield node
            yield from _own_nodes(node)


def takes_arrays(function: Function) -> bool:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = [ast.unparse(argument.annotation) for argument in named if argument.annotation]
    return any(
        ARRAY_TYPES.search(annotation) and not OF_MANY_SHAPES.match(annotation)
        for annotation in annotations
    )


def problems(function: Function) -> list[str]:
    text = ast.get_docstring(function)
    if not text:
        return ["has no docstring"]
    found = []
    section = text.partition("Raises:")[2]
    found += [f"does not say when it raises {name}" for name in sorted(raised_errors(function))
              if not re.search(rf"^\s*{name}\b", section, flags=re.MULTILINE)]  # fmt: skip
    if takes_arrays(function) and not SHAPE.search(text):
        found.append("takes an array and names no shape")
    return found


def test_public_functions_are_documented():
    found = [
        f"{place} {problem}"
        for place, function in public_functions()
        if not _is_accessor(function)
        for problem in problems(function)
    ]
    assert found == []


def _is_accessor(function: Function) -> bool:
    """Overloads and setters are told where the function itself is."""
    words = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(word.endswith(("overload", ".setter")) for word in words)


@pytest.mark.parametrize(
    ("text", "num_problems"),
    [
        ("def f(a: int): 'Give a.'", 0),
        ("def f(a: int): pass", 1),
        ("def f(a: Tensor): 'Give (B, C, h, w) from (N,).'", 0),
        ("def f(a: Tensor): 'Give a.'", 1),
        ("def f(a: Mapping[str, Tensor]): 'Give a.'", 0),
        ("def f(*, a: NDArray[np.bool_] | None): 'Give a.'", 1),
        ("def f(a):\n    'Give.'\n    raise PromptError('no')", 1),
        ("def f(a):\n    'Give.'\n    raise errors.PromptError('no')", 1),
        ("def f(a):\n    '''Give.\n\n    Raises:\n        PromptError: If.\n    '''\n"
         "    raise PromptError('no')", 0),
        ("def f(a):\n    'Give.'\n    raise KeyError('no')", 0),
    ],
)  # fmt: skip
def test_the_check_sees_what_it_must(text, num_problems):
    _, function = next(functions(ast.parse(text)))
    assert len(problems(function)) == num_problems
