"""The wheel and the colcon workspace, built as users build them. Slow: `pytest -m "not packaging"` leaves them out."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.repository import ROOT, clean_environment

import metrichmsr_ros

pytestmark = pytest.mark.packaging


def everything_in_the_package() -> list[Path]:
    """Also data, style sheets and py.typed; not what was generated beside them."""
    found = (p for p in (ROOT / "metrichmsr_ros").rglob("*") if "__pycache__" not in p.parts)  # pyc, and numba's files
    files = [p for p in found if p.is_file() and p.suffix != ".so"]
    return [p for p in files if "msg" not in p.relative_to(ROOT).parts]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is in the repository, without what was built or fetched into it."""
    to = tmp_path_factory.mktemp("workspace") / "src" / "metrichmsr_ros"
    built = shutil.ignore_patterns(
        ".*", "build", "install", "log", "out", "runs", "dist", "*.egg-info", "__pycache__", "*.so"
    )

    def ignore(folder: str, names: list[str]) -> set[str]:
        generated = {"msg"} if Path(folder) == ROOT / "metrichmsr_ros" else set()
        return set(built(folder, names)) | generated

    shutil.copytree(ROOT, to, ignore=ignore)
    return to


def test_wheel_without_ros_holds_everything(sources, tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, sources]
    result = subprocess.run(command, env=clean_environment(METRICHMSR_MSGS="0"), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for path in everything_in_the_package():
        assert str(path.relative_to(ROOT)) in names
    data = f"metrichmsr_ros-{metrichmsr_ros.__version__}.data/data"
    for folder in ("config", "launch"):
        for path in (ROOT / folder).rglob("*.*"):
            if "__pycache__" not in path.parts:
                assert f"{data}/share/metrichmsr_ros/{path.relative_to(ROOT)}" in names
    assert {f"{data}/lib/metrichmsr_ros/{program}" for program in ("perception", "fusion", "follow")} <= set(names)
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    assert "metrichmsr = metrichmsr_ros.cli.main:main" in zipfile.ZipFile(wheel).read(entry_points).decode()


def test_missing_ros_is_an_error_only_when_messages_are_demanded(sources, bare_python):
    """setup.py's own look for ROS, in a Python where none is."""
    start = (sources / "setup.py").read_text().split("MESSAGES = want_messages()")[0]
    stub = "import sys, types\nfor n in ('setuptools', 'setuptools.command', 'setuptools.command.build_py'):\n"
    stub += "    m = sys.modules[n] = types.ModuleType(n)\n"
    stub += "    m.Distribution = m.build_py = object; m.find_packages = m.setup = print\n"
    code = stub + start.replace("from __future__ import annotations", "") + "\nprint(want_messages())"
    refused = "the messages cannot be built: ament_cmake"
    for demand, code_expected, word in (("", 0, "False"), ("0", 0, "False"), ("1", 1, refused)):
        env = clean_environment(METRICHMSR_MSGS=demand, AMENT_PREFIX_PATH="", PYTHONSAFEPATH="1")
        command = [bare_python, "-c", f"__file__ = {str(sources / 'setup.py')!r}\n{code}"]
        result = subprocess.run(command, env=env, capture_output=True, text=True)
        assert result.returncode == code_expected, result.stderr
        assert word in result.stdout + result.stderr


def test_colcon_builds_a_workspace(sources, tmp_path):
    """The same sources in a colcon workspace, against whatever ROS this environment has."""
    colcon = shutil.which("colcon", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if colcon is None or importlib.util.find_spec("rosidl_adapter") is None:
        pytest.skip("no colcon or no ROS message generators here")
    prefixes = [sys.prefix, os.environ.get("AMENT_PREFIX_PATH", "")]
    env = clean_environment(
        AMENT_PREFIX_PATH=os.pathsep.join(filter(None, prefixes)),
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    command = [colcon, "--log-base", tmp_path / "log", "build", "--base-paths", sources]
    command += ["--build-base", tmp_path / "build"]
    command += ["--install-base", tmp_path / "install", "--cmake-args", f"-DPython3_EXECUTABLE={sys.executable}"]
    command += ["-DBUILD_TESTING=OFF", "-DCMAKE_C_FLAGS=-O0", "-DCMAKE_CXX_FLAGS=-O0"]
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-3000:]
    prefix = tmp_path / "install" / "metrichmsr_ros"
    share = prefix / "share" / "metrichmsr_ros"
    assert os.access(prefix / "lib" / "metrichmsr_ros" / "perception", os.X_OK)
    assert os.access(prefix / "bin" / "metrichmsr", os.X_OK)
    for pattern in ("launch/*.py", "config/**/*.yaml", "msg/*.msg"):
        assert {p.relative_to(ROOT) for p in ROOT.glob(pattern)} <= {p.relative_to(share) for p in share.glob(pattern)}
    site = next(prefix.glob("**/*-packages"))
    for path in everything_in_the_package():
        assert (site / path.relative_to(ROOT)).is_file()
    libraries = os.pathsep.join(
        [str(prefix / "lib"), str(Path(sys.prefix, "lib")), os.environ.get("LD_LIBRARY_PATH", "")]
    )
    code = "import metrichmsr_ros.msg, metrichmsr_ros; m = metrichmsr_ros.msg.HumanMeshArray()\n"
    code += "from rclpy.serialization import serialize_message; serialize_message(m); print(metrichmsr_ros.__file__)"
    env = clean_environment(PYTHONPATH=str(site), LD_LIBRARY_PATH=libraries)
    result = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.strip() == str(site / "metrichmsr_ros" / "__init__.py"), result.stderr
