"""The set-up of the demo has no PyTorch, that of the tests has it, and the size of packages is what the tools say."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from helpers.repository import ROOT


@pytest.fixture(scope="module")
def bootstrap():
    path = ROOT / "tools" / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("bootstrap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bootstrap"] = module  # for its dataclasses
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["bootstrap"]


@pytest.mark.parametrize(("tests", "expected"), [(False, set()), (True, {"torch", "tests"})])
def test_only_the_tests_install_torch(bootstrap, tests, expected):
    keys = {step.key for step in bootstrap.steps(tests, False, "cpu")}
    assert keys & {"torch", "tests"} == expected
    assert not any(line.startswith(("torch", "roma")) for line in bootstrap.core_requirements())


def test_packages_are_added_up_once_each(bootstrap, tmp_path):
    wheel = tmp_path / "local-1.whl"
    wheel.write_bytes(bytes(2_000_000))
    log = f"""
Processing {wheel} (from -r requirements.txt (line 3))
Processing {tmp_path}
  Downloading numpy-2.4.6-cp311.whl (16.8 MB)
     16.8/16.8 MB 90.1 MB/s eta 0:00:00
  Using cached scipy-1.17.1.whl (35.0 MB)
  Using cached scipy-1.17.1.whl (35.0 MB)
  Downloading six-1.17.0.whl.metadata (1.5 kB)
downloading mediapipe==0.10.14 (35 MB): 0 s
downloading mediapipe==0.10.14 (35 MB): 1 s
  Downloading torch-2.13.0.whl (1.2 GB)
"""
    assert bootstrap.packages_mb(log) == pytest.approx(2 + 16.8 + 35 + 0.0015 + 35 + 1200)
    assert bootstrap.packages_mb("") == 0
