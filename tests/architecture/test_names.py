"""No kitchen drawers: a file is named after what it holds. Every room tells what it is for."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGE, package_modules, tracked_files

FORBIDDEN = frozenset(
    {"util", "utils", "helper", "helpers", "common", "misc", "core", "manager", "managers"}
)


def words(name: str) -> set[str]:
    """The words of a file, folder or class name: `MaskManager`, `io_utils` → two each."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return {word.lower() for word in re.split(r"[_.\-\s]+", spaced) if word}


def test_no_file_is_a_kitchen_drawer():
    paths = [path for path in tracked_files() if path.suffix in (".py", ".js", ".md")]
    drawers = [str(path) for path in paths if any(words(p) & FORBIDDEN for p in path.parts[-3:])]
    assert drawers == []


def test_no_class_is_a_kitchen_drawer():
    drawers = [
        f"{module.path}: {node.name}"
        for module in package_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and words(node.name) & FORBIDDEN
    ]
    assert drawers == []


@pytest.mark.parametrize(
    ("name", "is_drawer"),
    [
        ("mask_utils.py", True),
        ("ModelManager", True),
        ("core", True),
        ("score.py", False),
        ("commons_photo.py", False),
        ("management", False),
    ],
)
def test_words_are_told_apart(name, is_drawer):
    assert bool(words(name) & FORBIDDEN) == is_drawer


def test_every_room_has_its_note():
    rooms = [path.parent for path in sorted(PACKAGE.glob("*/__init__.py"))]
    assert [room.name for room in rooms if not (room / "README.md").is_file()] == []
    lengths = {room.name: len((room / "README.md").read_text().splitlines()) for room in rooms}
    assert {room: lines for room, lines in lengths.items() if not 5 <= lines <= 40} == {}
