"""The public names of the package: which they are, that they exist, and that importing the package imports nothing."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest
from helpers.repository import ROOT
from helpers.tools import load_tool

import metrichmsr_ros


def test_the_public_interface_is_the_one_that_is_written_down():
    """A line that goes is a break for users; a new one is a promise: run tools/public_api.py on purpose."""
    public_api = load_tool("public_api")
    written = public_api.FILE.read_text(encoding="utf-8")
    assert public_api.interface() == written
    assert public_api.gone_since(written + "command fly\n") == ["command fly"]
    assert public_api.gone_since(written) == []


def test_every_exported_name_is_in_the_interface():
    written = (ROOT / "docs" / "reference" / "public_api.txt").read_text(encoding="utf-8").splitlines()
    assert {f"python {name}" for name in metrichmsr_ros.__all__} <= set(written)
    assert dir(metrichmsr_ros) == sorted(dir(metrichmsr_ros))
    assert set(dir(metrichmsr_ros)) >= set(metrichmsr_ros.__all__)


@pytest.mark.parametrize("name", sorted(metrichmsr_ros.__all__))
def test_a_public_name_is_what_its_module_defines(name):
    value = getattr(metrichmsr_ros, name)
    assert getattr(importlib.import_module(value.__module__), name) is value
    assert value.__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "metrichmsr_ros" / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        (alias.name, node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == {(name, f"metrichmsr_ros.{module}") for name, module in metrichmsr_ros._MODULES.items()}


def test_an_unknown_name_names_the_public_ones():
    with pytest.raises(AttributeError, match="no attribute 'pipelines'; public names: Camera"):
        metrichmsr_ros.pipelines  # noqa: B018


def test_importing_the_package_imports_no_third_party_package():
    code = (
        "import sys; import metrichmsr_ros; print([m for m in ('numpy', 'torch', 'cv2', 'rclpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
