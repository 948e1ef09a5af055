"""The Markdown pages and the code blocks in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*([\w-]*)")
NO_RUN = re.compile(r"<!-- no-run: (.*?) -->")
SHELLS = frozenset({"console", "bash", "sh", "shell"})


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block: its language, its text, and why it is not run, if it is not."""

    line: int
    language: str
    text: str
    no_run: str | None = None


def pages_with_code() -> list[Path]:
    """The pages whose blocks are run: what a newcomer types in."""
    folders = [REPOSITORY / "docs" / name for name in ("tutorials", "how-to")]
    return [REPOSITORY / "README.md", *(p for f in folders for p in sorted(f.glob("*.md")))]


def blocks(text: str) -> list[Block]:
    """Every fenced block of a page in order."""
    found: list[Block] = []
    opening: tuple[int, re.Match[str], str | None] | None = None
    lines = text.splitlines()
    inside: list[str] = []
    for number, line in enumerate(lines, start=1):
        fence = FENCE.match(line)
        if opening is None and fence:
            opening, inside = (number, fence, _reason_above(lines[: number - 1])), []
        elif opening is not None and fence and _closes(fence, opening[1]):
            start, mark, reason = opening
            body = "\n".join(row.removeprefix(mark.group(1)) for row in inside) + "\n"
            found.append(Block(line=start, language=mark.group(3), text=body, no_run=reason))
            opening = None
        elif opening is not None:
            inside.append(line)
    return found


def _closes(fence: re.Match[str], opening: re.Match[str]) -> bool:
    return fence.group(2).startswith(opening.group(2)) and not fence.group(3)


def _reason_above(lines: list[str]) -> str | None:
    above = [line for line in lines if line.strip()][-1:]
    match = NO_RUN.search(above[0]) if above else None
    return match.group(1) if match else None


def without_blocks(text: str) -> str:
    """A page's prose, its code blocks cut out."""
    lines = text.splitlines()
    for block in blocks(text):
        height = block.text.count("\n") + 1
        lines[block.line - 1 : block.line + height] = [""] * (height + 1)
    return "\n".join(lines)


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a shell block, as words; what they print is left out."""
    if block.language not in SHELLS:
        return
    joined = block.text.replace("\\\n", " ")
    rows = [row.strip() for row in joined.splitlines()]
    has_prompts = any(row.startswith("$ ") for row in rows)
    for row in rows:
        if has_prompts and not row.startswith("$ "):
            continue
        words = shlex.split(row.removeprefix("$ "), comments=True)
        if words:
            yield words
