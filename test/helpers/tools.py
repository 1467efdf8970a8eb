"""Programs of tools/ as modules."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from helpers.repository import ROOT


def load_tool(name: str) -> ModuleType:
    """tools/NAME.py, imported."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module
