"""A cache to fetch into, and an environment in which fetching is allowed."""

from pathlib import Path

import pytest


@pytest.fixture
def online(monkeypatch):
    """Allow connections; what the machine says of proxies is not meant for servers of tests."""
    monkeypatch.delenv("ANYMASK_OFFLINE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def folder(online, tmp_path) -> Path:
    """The folder to fetch into; it is not there yet."""
    return tmp_path / "cache" / "weights"
