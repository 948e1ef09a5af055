"""The repository speaks of the project alone, and holds nothing that does not belong to it."""

import re

from tests.architecture.source import REPOSITORY, tracked_files

MOST_BYTES = 500_000
MAY_BE_LARGE = ("src/anymask/photos/", "src/anymask/weights/")

# Put together from pieces, so that this file does not hold what it forbids.
FORBIDDEN = (
    ("a folder of one machine", "/" + "(work|farm|root)/"),
    ("a folder outside the repository", r"\.\./" + "shared"),
    ("a tool of somebody's workplace", "farm" + "-(studio|bench)"),
    ("a tool of somebody's workplace", r"\." + "library"),
    ("a tool of somebody's workplace", "before" + "-stop"),
    ("a word of somebody's workplace", r"\b" + "steer" + "ing"),
    ("a word of somebody's workplace", "developer" + ".?s? session"),
    ("the host of a registry", "py" + r"pi\.org"),
    ("the host of a registry", "python" + "hosted"),
    ("the host of a registry", "registry" + r"\.npmjs"),
    ("the host of a registry", "deb" + r"\.debian"),
)
# The one place that knows where annotated pictures may lie.
MAY_LOOK_OUTSIDE = ("Makefile",)


def texts():
    """Every tracked text with its path from the root."""
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            yield path.relative_to(REPOSITORY).as_posix(), data.decode("utf-8")


def test_no_text_speaks_of_something_else():
    found = [
        f"{name}: {what}: {match.group()}"
        for name, text in texts()
        for what, pattern in FORBIDDEN
        for match in re.finditer(pattern, text, flags=re.IGNORECASE)
        if not (what == "a folder outside the repository" and name in MAY_LOOK_OUTSIDE)
    ]
    assert found == []


def test_nothing_is_left_unfinished():
    pattern = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|raise NotImplemented" + "Error")
    found = [
        f"{name}: {match.group()}"
        for name, text in texts()
        if name.endswith((".py", ".md", ".toml", "Makefile"))
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_no_merge_was_left_half_done():
    marks = re.compile(r"^(<{7} |={7}$|>{7} )", flags=re.MULTILINE)
    assert [name for name, text in texts() if marks.search(text)] == []


def test_no_file_is_large_without_need():
    sizes = {
        path.relative_to(REPOSITORY).as_posix(): path.stat().st_size for path in tracked_files()
    }
    large = [name for name, size in sizes.items() if size > MOST_BYTES]
    assert [name for name in large if not name.startswith(MAY_BE_LARGE)] == []
