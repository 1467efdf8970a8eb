"""What several test files start with."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = ("torch", "roma", "transformers")  # what a robot is not to need


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--without-torch` of `make pytest-runtime`, and the options by which `make test` runs a test once."""
    parser.addoption("--without-torch", action="store_true", help=f"stop if one of {', '.join(TRAINING)} is installed")
    parser.addoption("--write-passed", type=Path, metavar="FILE", help="write the tests that passed into FILE")
    parser.addoption("--without-passed", type=Path, metavar="FILE", help="leave out the tests that FILE names")


def pytest_configure(config: pytest.Config) -> None:
    """Give workers of pytest-xdist one thread each. Stop where torch is there and `--without-torch` was asked."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    found = [name for name in TRAINING if importlib.util.find_spec(name)]
    if found and config.getoption("--without-torch", default=False):
        raise pytest.UsageError(
            f"--without-torch, but {sys.prefix} has {', '.join(found)}; remove it there, or run `make pytest`"
        )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say in the output that the frameworks were looked for."""
    return [f"not installed: {', '.join(TRAINING)}"] if config.getoption("--without-torch", default=False) else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of `--without-passed`."""
    file = config.getoption("--without-passed")
    if file:
        passed = set(file.read_text().splitlines())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
        items[:] = [item for item in items if item.nodeid not in passed]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the tests of `--write-passed`."""
    file = config.getoption("--write-passed")
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        passed = {report.nodeid for report in terminalreporter.stats.get("passed", [])}
        file.write_text("".join(f"{name}\n" for name in sorted(passed)))


@pytest.fixture(scope="module")
def body():
    """The light open body, which most networks here are trained on."""
    from metrichmsr_ros.body.load import load_body

    return load_body("open_light")


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing installed: no ROS, no torch, not even NumPy or pip."""
    folder = tmp_path_factory.mktemp("bare")
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture
def ros():
    """A ROS context of its own, in a domain that nobody else uses."""
    from helpers.ros_testing import Ros, free_domain  # needs ROS; this file is read without it too

    with free_domain() as domain:
        session = Ros(domain)
        yield session
        session.close()


@pytest.fixture
def start(ros):
    """Starts Python programs in the domain of `ros`, and kills those that are left after the test."""
    from helpers.repository import environment

    running = []

    def begin(*command):
        running.append(subprocess.Popen([sys.executable, *command], env=environment(ROS_DOMAIN_ID=str(ros.domain))))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()
