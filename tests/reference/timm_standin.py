"""The few names of timm that MobileSAM's published package imports, and a way to import it.

The package needs timm for two small functions and a registry of models it does not use; this
project installs no timm.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

from tests.reference.torchvision_standin import import_reference


def import_mobile_sam() -> ModuleType:
    """Import the published package; timm and torchvision are there for that moment only."""
    if "mobile_sam" in sys.modules or "timm" in sys.modules:
        return importlib.import_module("mobile_sam")
    layers = {"DropPath": nn.Identity, "to_2tuple": pair, "trunc_normal_": nn.init.trunc_normal_}
    modules: dict[str, dict[str, Any]] = {
        "timm": {},
        "timm.models": {},
        "timm.models.layers": layers,
        "timm.models.registry": {"register_model": unregistered},
    }
    for name, contents in modules.items():
        module = ModuleType(name)
        vars(module).update(contents)
        sys.modules[name] = module
    try:
        return import_reference("mobile_sam")
    finally:
        for name in modules:
            del sys.modules[name]


def pair(size: int) -> tuple[int, int]:
    """Give a side as height and width."""
    return (size, size)


def unregistered(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Leave a function that builds a model as it is."""
    return build
