"""Everything the project installs stands in constraints.txt at one version."""

import importlib.metadata
import itertools
import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import REPOSITORY

# What torch brings on machines with an accelerator; it differs by machine.
PLATFORM_PACKAGES = re.compile(r"nvidia-|cuda-|triton$")


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def constraints() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return dict(pairs)


def declared() -> list[Requirement]:
    tables = project()
    rows = [tables["dependencies"], *tables["optional-dependencies"].values()]
    return [Requirement(row) for row in itertools.chain.from_iterable(rows)]


def required() -> set[str]:
    """Every package that follows from pyproject.toml in this environment."""
    names: set[str] = set()
    waiting = [canonicalize_name(requirement.name) for requirement in declared()]
    while waiting:
        name = waiting.pop()
        if name in names or PLATFORM_PACKAGES.match(name):
            continue
        names.add(name)
        for row in importlib.metadata.requires(name) or []:
            requirement = Requirement(row)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    return names


def test_every_required_package_is_pinned():
    assert required() - set(constraints()) == set()


def test_constraints_are_sorted_exact_and_in_canonical_names():
    names = list(constraints())
    assert names == sorted(names)
    assert names == [canonicalize_name(name) for name in names]


def test_pinned_versions_satisfy_what_the_project_declares():
    pinned = constraints()
    wrong = [
        str(requirement)
        for requirement in declared()
        if not requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])
    ]
    assert wrong == []


def test_the_tests_run_with_the_pinned_versions():
    pinned = constraints()
    installed = {name: importlib.metadata.version(name).partition("+")[0] for name in required()}
    different = {name: version for name, version in installed.items() if pinned[name] != version}
    assert different == {}


def test_torch_is_the_stated_version():
    assert constraints()["torch"] == "2.13.0"


def test_the_makefile_installs_the_same_torch():
    assert "torch==2.13.0" in (REPOSITORY / "Makefile").read_text()


def test_the_version_is_stated_once():
    assert project()["dynamic"] == ["version"]
