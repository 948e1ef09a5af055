"""The repository's Python files as syntax trees, for the tests of this folder."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src" / "anymask"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file: its path from the repository's root, its dotted name, its tree."""

    path: str
    name: str
    tree: ast.Module
    num_lines: int

    @property
    def room(self) -> str:
        """The part of the name after `anymask`: a folder or a single file; "" for the root."""
        return [*self.name.split("."), ""][1]


def read_module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    parts = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    parts = parts[1:] if parts[0] == "src" else parts
    if parts[-1] == "__init__":
        parts.pop()
    return Module(
        path=path.relative_to(REPOSITORY).as_posix(),
        name=".".join(parts),
        tree=ast.parse(text, filename=str(path)),
        num_lines=len(text.splitlines()),
    )


def package_modules() -> list[Module]:
    """Every module of the package."""
    return [read_module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function in the tree, inner ones too, with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield f"{prefix}{node.name}", node
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        else:
            yield from functions(node, prefix)


def tracked_files() -> list[Path]:
    """What git tracks or would track; skips nothing that a clone would hold."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = (REPOSITORY / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]
