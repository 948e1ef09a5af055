"""The page's modules, read far enough to know where their functions begin and end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import PACKAGE

STATIC = PACKAGE / "serve" / "static"
# Round brackets after these words hold no parameters.
_NOT_CALLED = frozenset({"if", "for", "while", "switch", "catch", "with"})
# After these a slash begins a regular expression; after anything else it divides.
_BEFORE_EXPRESSION = frozenset("(,=:[!&|?{};+-*%<>~^")
_WORD_BEFORE_EXPRESSION = re.compile(r"\b(return|typeof|case|in|of|delete|void|await|yield)$")


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of a module: its name as far as it has one, and the lines that are its own.

    Functions within it are counted by themselves: one that only holds others is a module's shape.
    """

    name: str
    line: int
    num_lines: int


def modules() -> list[Path]:
    """Every module of the page."""
    return sorted(STATIC.rglob("*.js"))


def code_of(text: str) -> str:
    """The text with comments, strings and regular expressions blanked, line by line as it was."""
    kept = list(text)
    at = 0
    depths: list[int] = []
    while at < len(text):
        end = _skipped(text, at, kept, depths)
        if end > at:
            for place in range(at, end):
                kept[place] = "\n" if text[place] == "\n" else " "
            at = end
        else:
            at += 1
    return "".join(kept)


def _skipped(text: str, at: int, kept: list[str], depths: list[int]) -> int:
    """Where what begins here and is no code ends; `at` itself if it is code."""
    two = text[at : at + 2]
    if two == "//":
        return _until(text, at, "\n", 0)
    if two == "/*":
        return _until(text, at + 2, "*/", 2)
    sign = text[at]
    if sign in "'\"":
        return _string_end(text, at, sign)
    if sign == "`":
        return _template_end(text, at + 1, depths)
    if sign == "/" and _may_begin_expression("".join(kept[:at])):
        return _regular_expression_end(text, at)
    if depths and sign == "{":
        depths[-1] += 1
    if depths and sign == "}":
        if depths[-1] == 0:
            depths.pop()
            return _template_end(text, at + 1, depths)
        depths[-1] -= 1
    return at


def _until(text: str, at: int, mark: str, length: int) -> int:
    found = text.find(mark, at)
    return len(text) if found < 0 else found + length


def _string_end(text: str, at: int, sign: str) -> int:
    at += 1
    while at < len(text) and text[at] != sign:
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _template_end(text: str, at: int, depths: list[int]) -> int:
    """The end of a template's text: its last mark, or where a value is put in."""
    while at < len(text):
        if text[at] == "`":
            return at + 1
        if text.startswith("${", at):
            depths.append(0)
            return at + 2
        at += 2 if text[at] == "\\" else 1
    return at


def _may_begin_expression(before: str) -> bool:
    before = before[-40:].rstrip()
    return (
        not before
        or before[-1] in _BEFORE_EXPRESSION
        or bool(_WORD_BEFORE_EXPRESSION.search(before))
    )


def _regular_expression_end(text: str, at: int) -> int:
    at += 1
    is_in_set = False
    while at < len(text) and (text[at] != "/" or is_in_set):
        if text[at] in "[]":
            is_in_set = text[at] == "["
        at += 2 if text[at] == "\\" else 1
    return at + 1


def functions_of(text: str) -> Iterator[Function]:
    """Every function, inner ones too, from its head to its closing brace."""
    code = code_of(text)
    # For each open brace the function it belongs to, and the lines of functions within.
    opened: list[tuple[tuple[str, int] | None, list[int]]] = []
    for place, sign in enumerate(code):
        if sign == "{":
            opened.append((_head_before(code, place), []))
        elif sign == "}" and opened:
            head, inner = opened.pop()
            lines = sum(inner)
            if head is not None:
                name, start = head
                lines = code.count("\n", start, place) + 1
                line = code.count("\n", 0, start) + 1
                yield Function(name=name, line=line, num_lines=lines - sum(inner))
            if opened:
                opened[-1][1].append(lines if lines > 1 else 0)


def _head_before(code: str, brace: int) -> tuple[str, int] | None:
    """Name and place of the function whose body this brace opens; None if it opens none."""
    before = code[:brace].rstrip()
    is_arrow = before.endswith("=>")
    if is_arrow:
        before = before[:-2].rstrip()
        if not before.endswith(")"):
            found = re.search(r"[\w$]+$", before)
            return ("=>", found.start()) if found else None
    if not before.endswith(")"):
        return None
    start = _matching(before)
    name = re.search(r"([\w$#]+)\s*$", before[:start])
    word = name.group(1) if name else ""
    if not is_arrow and (not word or word in _NOT_CALLED):
        return None
    return word or "=>", name.start() if name else start


def _matching(text: str) -> int:
    """Where the bracket opens that the text's last sign closes."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return 0
