"""Links between pages lead somewhere, headings included."""

import re

import pytest

from tests.architecture.source import tracked_files
from tests.docs.pages import REPOSITORY, without_blocks

LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|<img[^>]*\bsrc=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"^[a-z]+:")


def anchors(text: str) -> set[str]:
    """The names that headings get on a rendered page."""
    headings = re.findall(r"^#+\s+(.*)$", without_blocks(text), flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(page) -> list[str]:
    broken = []
    text = page.read_text(encoding="utf-8")
    for match in LINK.finditer(without_blocks(text)):
        link = match.group(1) or match.group(2)
        if ELSEWHERE.match(link):
            continue
        place, _, anchor = link.partition("#")
        target = page.parent / place if place else page
        is_there = target.exists()
        if is_there and anchor:
            is_there = anchor in anchors(target.read_text(encoding="utf-8"))
        if not is_there:
            broken.append(link)
    return broken


def test_every_relative_link_leads_somewhere():
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    found = {page.relative_to(REPOSITORY).as_posix(): broken_links(page) for page in pages}
    assert {page: links for page, links in found.items() if links} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](b.md)", []),
        ("[a](b.md#two-words)", []),
        ("[a](#here)\n# Here!", []),
        ("[a](c.md)", ["c.md"]),
        ("![a](c.png)", ["c.png"]),
        ('<img src="c.png" width="9">', ["c.png"]),
        ("[a](b.md#three)", ["b.md#three"]),
        ("[a](https://example.org/x)", []),
        ("```text\n[a](c.md)\n```\n", []),
    ],
)
def test_broken_links_are_seen(tmp_path, text, expected):
    (tmp_path / "b.md").write_text("# One\n## Two words\n")
    page = tmp_path / "a.md"
    page.write_text(text)
    assert broken_links(page) == expected
