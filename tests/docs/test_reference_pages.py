"""The reference pages print what the code says today, and leave nothing out."""

import re

import pytest
from cogapp import Cog

from scripts import reference
from tests.architecture.source import package_modules
from tests.docs.pages import REPOSITORY

PAGES = sorted((REPOSITORY / "docs" / "reference").glob("*.md"))
VARIABLE = re.compile(r"[\"'](ANYMASK_[A-Z_]+)[\"']")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_up_to_date(page):
    """`make docs-cli` writes what this finds stale."""
    assert Cog().main(["cog", "-I", str(REPOSITORY), "--check", str(page)]) == 0


def test_every_command_has_its_help_on_the_page():
    text = (REPOSITORY / "docs" / "reference" / "cli.md").read_text()
    names = reference.command_names()
    assert "segment" in names
    assert [name for name in names if f"## anymask {name}\n" not in text] == []


def test_every_help_text_has_an_example():
    without = [
        name
        for name in reference.command_names()
        if f"anymask {name}" not in reference.printed_help(name).partition("Usage:")[2][80:]
    ]
    assert without == []


def test_every_environment_variable_is_on_its_page():
    text = (REPOSITORY / "docs" / "reference" / "environment.md").read_text()
    found = {
        name
        for module in package_modules()
        for name in VARIABLE.findall((REPOSITORY / module.path).read_text())
    }
    assert {name for name in found if f"`{name}`" not in text} == set()
