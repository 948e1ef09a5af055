"""Where downloaded checkpoints lie."""

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
    variables = os.environ if environment is None else environment
    if named := variables.get("ANYMASK_CACHE"):
        return Path(named).expanduser() / "weights"
    caches = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "anymask" / "weights"
