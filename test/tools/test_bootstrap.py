"""The set-up of the demo has no PyTorch, that of the tests has it, and the size of packages is what the tools say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from helpers.full_disk import files_of_at_most
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


@pytest.fixture
def environment(tmp_path, monkeypatch) -> Iterator[ModuleType]:
    """A set-up in a folder of its own."""
    monkeypatch.setenv("METRICHMSR_VENV", str(tmp_path / "venv"))
    with loaded() as module:
        monkeypatch.setattr(module, "check_machine", lambda: None)
        monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
        yield module


def install(folder: Path, name: str, record: str | None, *files: str) -> None:
    """What pip has installed of a package."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Name: {name}\n")
    if record is not None:
        (about / "RECORD").write_text(record)
    for file in files:
        (folder / file).write_text("content")


def test_packages_that_a_killed_pip_left_are_removed_so_that_pip_installs_them(environment):
    folder = environment.VENV / "lib" / "python3.11" / "site-packages"
    install(folder, "whole", "whole.py,sha256=x,7\nwhole-1.0.dist-info/RECORD,,\ncache.pyc,,\n", "whole.py")
    install(folder, "changed", "changed.py,sha256=x,3\n", "changed.py")
    install(folder, "missing", "missing.py,sha256=x,7\n")
    install(folder, "cut", "cut.py,sha256=x,8\n", "cut.py")
    install(folder, "unlisted", None, "unlisted.py")
    install(folder, "begun", "", "begun.py")
    (folder / "~hole").mkdir()
    assert environment.half_installed() == ["begun", "cut", "missing", "unlisted"]
    environment.remove_half_installed()
    assert environment.half_installed() == []
    left = ["begun.py", "changed-1.0.dist-info", "changed.py", "cut.py", "unlisted.py", "whole-1.0.dist-info"]
    assert sorted(path.name for path in folder.iterdir()) == [*left, "whole.py"]


@pytest.mark.parametrize(
    ("record", "whole"), [("pip.py,sha256=x,7\n", True), ("pip.py,sha256=x,9\n", False), ("", False)]
)
def test_an_environment_without_a_whole_pip_was_not_finished(environment, record, whole):
    assert not environment.has_whole_pip()
    install(environment.VENV / "lib" / "python3.11" / "site-packages", "pip", record, "pip.py")
    assert environment.has_whole_pip() == whole


def step_of(module: ModuleType, run: Callable[[], None]) -> list[Any]:
    return [
        module.Step("one", "the first", ("input",), lambda: None),
        module.Step("two", "the second", ("input",), run),
    ]


def test_a_step_that_fails_ends_with_a_code_and_the_log_and_runs_again(environment, monkeypatch, capsys):
    fails = lambda: environment.shell(sys.executable, "-c", "print('why'); raise SystemExit(3)")  # noqa: E731
    monkeypatch.setattr(environment, "steps", lambda *_: step_of(environment, fails))
    assert environment.main() == 1
    said = capsys.readouterr().err
    assert "failed with exit code 3; its last lines:\nwhy\n" in said
    assert said.endswith(f"(whole log: {environment.LOG})\n")
    done: list[int] = []
    monkeypatch.setattr(environment, "steps", lambda *_: step_of(environment, lambda: done.append(1)))
    for _ in range(2):
        assert environment.main() == 0
    assert done == [1]
    assert capsys.readouterr().out.count("the second") == 1


def test_an_interrupted_step_is_not_done_also_where_it_was_done_before(environment, monkeypatch):
    def killed() -> None:
        raise KeyboardInterrupt

    stamp = environment.VENV / "setup" / "two"
    stamp.parent.mkdir(parents=True)
    stamp.write_text("of other inputs")
    monkeypatch.setattr(environment, "steps", lambda *_: step_of(environment, killed))
    with pytest.raises(KeyboardInterrupt):
        environment.main()
    assert [path.name for path in stamp.parent.iterdir()] == ["one"]


def test_a_full_disk_has_its_exit_code(environment, monkeypatch, capsys):
    steps = step_of(environment, lambda: (environment.VENV / "large").write_bytes(bytes(9000)))
    monkeypatch.setattr(environment, "steps", lambda *_: steps)
    with files_of_at_most(5000):
        assert environment.main() == 5
    assert "File too large; free some space" in capsys.readouterr().err


def test_a_second_set_up_waits_for_what_a_killed_one_left_running(environment, monkeypatch, capsys):
    """The tools inherit the lock, so they need not be found to be waited for."""
    code = (
        "import subprocess, sys; sys.path.insert(0, 'tools'); import bootstrap\n"
        "from metrichmsr_ros import assets\n"
        "with assets.alone(bootstrap.ROOT, print) as lock:\n"
        "    subprocess.Popen(['cat'], pass_fds=[lock])\n"
    )
    tool = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE)
    assert tool.wait(60) == 0
    said: list[str] = []

    def told(line: str, **_: Any) -> None:
        said.append(line)
        tool.stdin.close()  # the tool ends

    monkeypatch.setattr("builtins.print", told)
    monkeypatch.setattr(environment, "steps", lambda *_: [])
    assert environment.main() == 0
    assert said == ["waiting for another set-up in this folder"]
