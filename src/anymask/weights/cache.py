"""Where downloaded checkpoints and converted encoders lie."""

import os
from collections.abc import Mapping
from pathlib import Path


def weights_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Give the folder in which published checkpoints are looked for.

    Args:
        environment: Environment variables; the process's own by default. ANYMASK_CACHE names the
            cache folder; without it, it is "anymask" in XDG_CACHE_HOME or in ~/.cache.

    Returns:
        The folder "weights" in the cache folder; it need not exist.
    """
    return _cache_folder(environment) / "weights"


def engines_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Give the folder in which encoders are kept in the form an engine reads.

    Args:
        environment: As for `weights_folder`.

    Returns:
        The folder "engines" in the cache folder; it need not exist, and may be deleted.
    """
    return _cache_folder(environment) / "engines"


def may_connect(environment: Mapping[str, str] | None = None) -> bool:
    """Say whether connections to other machines are allowed.

    Args:
        environment: Environment variables; the process's own by default. ANYMASK_OFFLINE forbids
            connections, unless it is empty or "0".
    """
    variables = os.environ if environment is None else environment
    return variables.get("ANYMASK_OFFLINE", "") in ("", "0")


def expanded(path: str | Path) -> Path:
    """Give a path with the home folder in place of "~"; as it is where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # of a user who is not known here
        return Path(path)


def is_there(path: Path) -> bool:
    """Say whether a file is there; one in a folder that may not be entered counts as none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _cache_folder(environment: Mapping[str, str] | None) -> Path:
    variables = os.environ if environment is None else environment
    if named := variables.get("ANYMASK_CACHE"):
        return expanded(named)
    return expanded(variables.get("XDG_CACHE_HOME") or "~/.cache") / "anymask"
