"""What is told of a model: what it is, where it is from, and whether it is here."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from anymask.masks.atomic import shown_name

if TYPE_CHECKING:
    from anymask.weights.catalogue import PublishedFile

DEFAULT = "default"  # what the model inside the package is called in lists


def path_of(published: "PublishedFile") -> Path:
    """Give the place of a published checkpoint in the cache."""
    from anymask.weights.cache import weights_folder

    return weights_folder() / published.file_name


def default_path() -> Path:
    """Give the place of the model inside the package."""
    return Path(str(files("anymask") / "weights" / "default.safetensors"))


def facts_of(published: "PublishedFile") -> dict[str, Any]:
    """Give what is known of a published checkpoint, in JSON's terms; its file is not read."""
    from anymask.weights.cache import is_there
    from anymask.weights.unfetched import partial_path, size_of

    path = path_of(published)
    return {
        "name": published.name,
        "architecture": published.architecture,
        "file": published.file_name,
        "num_bytes": published.num_bytes,
        "sha256": published.sha256,
        "licence": published.licence,
        "mirrors": list(published.mirrors),
        "path": shown_name(path),
        "is_here": is_there(path),
        "num_bytes_begun": size_of(partial_path(path)),
    }


def default_facts() -> dict[str, Any]:
    """Give the same of the model inside the package, which comes from no server."""
    path = default_path()
    return {
        "name": DEFAULT,
        "architecture": "tiny",
        "file": path.name,
        "num_bytes": path.stat().st_size if path.is_file() else 0,
        "sha256": None,
        "licence": "see LICENSE-WEIGHTS",
        "mirrors": [],
        "path": shown_name(path),
        "is_here": path.is_file(),
        "num_bytes_begun": 0,
    }


def state(facts: dict[str, Any]) -> Text:
    """Say in a few words whether a model can be used at once.

    Args:
        facts: As `facts_of` gives them; "is_whole" is added where the file was read.
    """
    if facts["name"] == DEFAULT:
        here = "in the package"
        return Text(here) if facts["is_here"] else Text("not in this installation", "yellow")
    if facts.get("is_whole") is False:
        return Text("here, but damaged: download it", "bold red")
    if facts["is_here"]:
        return Text("here, as published" if facts.get("is_whole") else "here", "green")
    if begun := facts["num_bytes_begun"]:
        return Text(f"{100 * begun // facts['num_bytes']} % are here", "yellow")
    return Text("not here")


def told(facts: dict[str, Any]) -> Sequence[tuple[str, str | Text]]:
    """Give rows of a name and a value for people.

    Args:
        facts: As `facts_of` gives them.
    """
    mirrors = [("from" if not at else "", url) for at, url in enumerate(facts["mirrors"])]
    return [
        ("name", facts["name"]),
        ("architecture", facts["architecture"]),
        ("file", f"{facts['file']} ({facts['num_bytes']:,} bytes)"),
        *([("sha256", facts["sha256"])] if facts["sha256"] else []),
        ("licence", facts["licence"]),
        *mirrors,
        ("path", facts["path"]),
        ("state", state(facts)),
    ]
