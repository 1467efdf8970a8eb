"""Which tests run where torch is not installed: test/runtime_tests.txt lists them and forgets none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.import_time import packages_at_import
from helpers.repository import ROOT, TESTS, environment

# Packages of requirements-train.txt and requirements-test.txt that the runtime's environment lacks.
TRAINING = {"torch", "roma", "safetensors", "transformers", "onnxscript", "numba", "smplx"}
# These import none of them, and still run in the full environment alone.
FULL_ALONE = (
    *("test/data", "test/evaluation", "test/benchmarks", "test/fuzz"),  # training data and measurements
    *(
        "test/docs",
        "test/tools",
        "test/test_builds.py",
        "test/test_packaging.py",
        "test/test_rosdep.py",
        "test/test_docker.py",
        "test/test_runtime_list.py",
    ),
    *("test/cli/test_full_disk.py", "test/cli/test_mistakes.py"),  # those of training too
    # The node and replays of bags: some of their tests run twice, all of them take two minutes.
    *("test/ros", "test/replay"),
)


def listed() -> list[str]:
    """The folders and files of the list."""
    lines = (TESTS / "runtime_tests.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def is_in(file: Path, places: list[str] | tuple[str, ...]) -> bool:
    """Whether a test file is one of these places or in one of these folders."""
    return any(file.is_relative_to(ROOT / place) for place in places)


def needs_training(file: Path) -> bool:
    """Whether the file cannot be imported where only the runtime is installed."""
    return bool(packages_at_import(file) & TRAINING)


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return sorted(TESTS.rglob("test_*.py"))


def test_everything_on_the_list_exists_once():
    assert listed() == sorted(set(listed()))
    assert all((ROOT / place).exists() for place in (*listed(), *FULL_ALONE))


def test_nothing_on_the_list_imports_what_trains(files):
    assert [str(file) for file in files if is_in(file, listed()) and needs_training(file)] == []


def test_every_test_that_imports_nothing_of_the_training_is_on_the_list(files):
    elsewhere = [file for file in files if not is_in(file, (*listed(), *FULL_ALONE))]
    assert [str(file) for file in elsewhere if not needs_training(file)] == []


def test_imports_are_followed_through_helpers_and_modules_but_not_into_functions():
    assert "torch" in packages_at_import(TESTS / "helpers" / "small_networks.py")  # itself
    assert "torch" in packages_at_import(TESTS / "pipeline" / "test_without_torch.py")  # by a helper
    assert "roma" in packages_at_import(TESTS / "hmr" / "test_config.py")  # by a module of a module
    assert "torch" not in packages_at_import(TESTS / "pipeline" / "test_pipeline.py")  # loaded on demand
    assert "onnxruntime" in packages_at_import(TESTS / "runtime" / "test_session.py")


@pytest.mark.parametrize("package", ["torch", "roma", "transformers"])
def test_the_run_without_torch_stops_where_torch_is_installed(tmp_path, package):
    (tmp_path / f"{package}.py").touch()
    variables = environment()
    variables["PYTHONPATH"] = os.pathsep.join([str(tmp_path), variables["PYTHONPATH"]])
    command = [sys.executable, "-m", "pytest", "--without-torch", "--collect-only", "-q", "test/test_runtime_list.py"]
    run = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--without-torch" in run.stderr
    assert package in run.stderr


def test_only_what_passed_in_one_run_is_left_out_of_another(tmp_path):
    """`make test` runs a test that passed without torch no second time."""
    outcomes = ("passes(): pass", "fails(): assert False", "skips(): pytest.skip()", "other(): pass")
    tests = [f"def test_{outcome}" for outcome in outcomes]
    (tmp_path / "test_some.py").write_text("\n".join(["import pytest", *tests[:3]]))
    listed = tmp_path / "new" / "passed.txt"

    def run(*options: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "conftest", f"--rootdir={tmp_path}", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, *options, "test_some.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        return done.stdout.splitlines()[-1]

    assert "1 failed, 1 passed, 1 skipped" in run("--write-passed", str(listed), "-n", "2")
    (tmp_path / "test_some.py").write_text("\n".join(["import pytest", *tests]))
    assert "1 failed, 1 passed, 1 skipped, 1 deselected" in run("--without-passed", str(listed))
