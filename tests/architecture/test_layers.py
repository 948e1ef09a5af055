"""A room imports only rooms on a lower line, and rooms on one line do not know each other."""

import ast
from types import MappingProxyType

import pytest

from tests.architecture.source import Module, package_modules, read_module

LINES = (
    # The design's line 0; within it the records may raise the errors.
    ("errors",),
    ("vocabulary", "configuration"),
    ("masks",),
    ("image", "receipt"),
    ("model", "data"),
    ("weights",),
    ("predict",),
    ("everything", "text", "oneshot", "video"),
    ("evaluate", "batch"),
    ("train", "engine"),
    ("api", "segment_anything"),
    ("serve",),
    ("cli",),
)
LINE_OF_ROOM = MappingProxyType({room: line for line, rooms in enumerate(LINES) for room in rooms})
# The package's own file re-exports the public names and stands above all rooms.
TOP = len(LINES)


def imported_rooms(module: Module) -> set[str]:
    """The rooms a module imports, anywhere in the file; "" is the package itself."""
    rooms: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "anymask":
            # The version is a plain word that the package's file states before anything else.
            names = [f"anymask.{alias.name}" for alias in node.names if alias.name != "__version__"]
            names = [name if name.split(".")[1] in LINE_OF_ROOM else "anymask" for name in names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno} imports relatively"
            names = [str(node.module)]
        else:
            continue
        parts = [name.split(".") for name in names]
        rooms.update([*part, ""][1] for part in parts if part[0] == "anymask")
    return rooms


def line_of(room: str) -> int:
    return LINE_OF_ROOM.get(room, TOP)


def broken_rules(module: Module) -> list[str]:
    return [
        f"{module.path}: {module.room} must not import {room or 'the package itself'}"
        for room in sorted(imported_rooms(module))
        if room != module.room and line_of(room) >= line_of(module.room)
    ]


def test_every_room_stands_in_the_table():
    rooms = {module.room for module in package_modules()}
    assert rooms - set(LINE_OF_ROOM) <= {"", "__main__"}


def test_imports_go_down():
    assert [rule for module in package_modules() for rule in broken_rules(module)] == []


@pytest.mark.parametrize(
    ("path", "text", "num_broken"),
    [
        ("predict/x.py", "import anymask.model.sam\nfrom anymask.masks import rle", 0),
        ("predict/x.py", "from anymask import __version__, errors", 0),
        ("predict/x.py", "from anymask.predict.y import z", 0),
        ("predict/x.py", "from anymask.api import load", 1),
        ("predict/x.py", "def f():\n    from anymask.api import load", 1),
        ("predict/x.py", "from anymask import load", 1),
        ("everything/x.py", "import anymask.video.track", 1),
        ("errors.py", "import anymask.vocabulary", 1),
        ("__init__.py", "from anymask.api import load", 0),
    ],
)
def test_the_check_sees_what_it_must(tmp_path, monkeypatch, path, text, num_broken):
    monkeypatch.setattr("tests.architecture.source.REPOSITORY", tmp_path)
    file = tmp_path / "src" / "anymask" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert len(broken_rules(read_module(file))) == num_broken
