"""The changelog tells of the version that the package has."""

import re

import anymask
from tests.docs.pages import REPOSITORY

HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", flags=re.MULTILINE)


def test_the_top_version_is_the_packages():
    entries = HEADING.findall((REPOSITORY / "CHANGELOG.md").read_text())
    assert entries[0][0] == anymask.__version__


def test_versions_go_down_and_so_do_their_dates():
    entries = HEADING.findall((REPOSITORY / "CHANGELOG.md").read_text())
    versions = [tuple(map(int, version.split("."))) for version, _ in entries]
    dates = [date for _, date in entries]
    assert versions == sorted(versions, reverse=True)
    assert dates == sorted(dates, reverse=True)
