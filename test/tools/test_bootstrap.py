"""The set-up of the demo has no PyTorch, that of the tests has it, and the size of packages is what the tools say."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
from helpers.repository import ROOT


@contextmanager
def loaded() -> Iterator[ModuleType]:
    """tools/bootstrap.py as a module, with the environment variables of now."""
    path = ROOT / "tools" / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("bootstrap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "bootstrap", module)  # for its dataclasses
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[ModuleType]:
    with loaded() as module:
        yield module


@pytest.mark.parametrize(("tests", "expected"), [(False, set()), (True, {"torch", "tests"})])
def test_only_the_tests_install_torch(bootstrap, tests, expected):
    keys = {step.key for step in bootstrap.steps(tests, False, "cpu")}
    assert keys & {"torch", "tests"} == expected
    assert not any(line.startswith(("torch", "roma")) for line in bootstrap.core_requirements())


def test_the_runtimes_tests_install_pytest_and_nothing_that_trains(bootstrap, monkeypatch):
    installed: list[str] = []
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments: installed.extend(map(str, arguments)))
    todo = {step.key: step for step in bootstrap.steps(False, False, "", runtime_tests=True)}
    assert not {"torch", "tests"} & set(todo)
    todo["packages"].run()
    todo["runtime_tests"].run()
    names = {re.split(r"[<>=]", line)[0] for line in installed}
    assert {"numpy", "onnxruntime", "pytest", "hypothesis"} <= names
    assert not {"torch", "roma", "transformers", "smplx", "numba", "onnxscript"} & names


@pytest.mark.parametrize(("variable", "folder"), [(None, ".venv"), (".venv-runtime", ".venv-runtime")])
def test_a_second_environment_has_its_own_python_log_and_finished_steps(monkeypatch, variable, folder):
    monkeypatch.delenv("METRICHMSR_VENV", raising=False)
    if variable:
        monkeypatch.setenv("METRICHMSR_VENV", variable)
    with loaded() as bootstrap:
        places = (bootstrap.PYTHON, bootstrap.LOG)
        assert places == (ROOT / folder / "bin" / "python", ROOT / folder / "setup.log")
        assert bootstrap.steps(False, False, "")[0].inputs[0] == str(ROOT / folder)


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
