"""`metrichmsr setup` and `tools/bootstrap.py` with local stand-ins for what they download and compile."""

from __future__ import annotations

import io
import os
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.kills.runs import Command, Content
from metrichmsr_ros.assets import MODELS, PACKAGE, Archive, model_path

_TAG = "cp311-cp311-manylinux_2_17_x86_64"
_PACKAGES = {"standin-core": 40, "standin-ros": 20}  # stand-ins for the requirements, and the number of their files
_BUILD = """\
import pathlib, setuptools, time
folder = pathlib.Path(__file__).parent / "metrichmsr_ros" / "msg"
folder.mkdir(exist_ok=True)
(folder / "__init__.py").write_text("")
time.sleep(0.5)
(folder / "humans.py").write_text("fields = 3\\n" * 1000)
setuptools.setup(name="metrichmsr_ros", version="0.1.0", packages=["metrichmsr_ros"])
"""
_TF2 = """\
cmake_minimum_required(VERSION 3.16)
project(tf2_msgs NONE)
install(FILES CMakeLists.txt DESTINATION share/tf2_msgs)
"""
_OF_BOOTSTRAP = ("*.dist-info/METADATA", "standin_*/*.py", "../../../share/tf2_msgs/*", "../../../setup/*")


def setup(inputs: Path) -> Command:
    """`metrichmsr setup`: the packages of BlazePose and FastDepth come from a folder, with the true networks."""
    environment = _registry(inputs / "registry")

    def line(out: Path) -> list[str]:
        given = environment | {"XDG_CACHE_HOME": str(out)}
        return [*_env(given), sys.executable, "-m", "metrichmsr_ros.cli.main", "setup"]

    return Command("setup", line, _files)


def bootstrap(inputs: Path) -> Command:
    """`tools/bootstrap.py`, which `make setup` runs: small packages, a small build, and the true `metrichmsr setup`."""
    environment = _registry(inputs / "registry")
    for name, count in _PACKAGES.items():
        _write_wheel(inputs / "registry", name, count)
    beside = {"PYTHONPATH": os.pathsep.join([sysconfig.get_paths()["purelib"]]), "AMENT_PREFIX_PATH": ""}

    def line(out: Path) -> list[str]:
        if not out.is_dir():
            _checkout(out)
        given = environment | beside | {"XDG_CACHE_HOME": str(out / "cache")}
        return [*_env(given), sys.executable, str(out / "tools" / "bootstrap.py")]

    return Command("setup of a checkout", line, _environment)


def _env(variables: Mapping[str, str]) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in variables.items())]


def _files(out: Path) -> Content:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def _environment(out: Path) -> Content:
    """The installed packages, the build, the stamps of finished steps, and the networks."""
    out = out.resolve()
    (packages,) = (out / ".venv").glob("lib/python3*/site-packages")
    found = {path.resolve() for pattern in _OF_BOOTSTRAP for path in packages.glob(pattern)}
    found |= set((out / "metrichmsr_ros" / "msg").glob("*.py")) | set((out / "cache").rglob("*.*"))
    left = {path.name: b"" for path in packages.glob("~*")}
    stamps = out / ".venv" / "setup"
    content = {path.relative_to(out).as_posix(): path for path in found if path.is_file()}
    # the digests of the steps have the path of the environment in them
    return {name: b"" if path.parent == stamps else path.read_bytes() for name, path in content.items()} | left


def _registry(folder: Path) -> dict[str, str]:
    """A folder from which pip and npm take the packages of the networks; the environment variables for it."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for archive in dict.fromkeys(model.archive for model in MODELS.values()):
            _publish(folder, archive)
        npm = folder / "npm"
        npm.write_text(
            '#!/bin/sh\nwhile [ "$1" != --pack-destination ]; do shift; done\n'
            f'name=$(echo "$3" | tr -c "a-z0-9\\n" _)\nsleep 0.3\ncp "{folder}/$name.tgz" "$2/"\n'
        )
        npm.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}


def _publish(folder: Path, archive: Archive) -> None:
    """A package with the true networks, which are in this user's cache."""
    members = {model.member: model_path(model.name) for model in MODELS.values() if model.archive == archive}
    if archive.client == "pip":
        name, _, version = archive.requirement.partition("==")
        files = {member: path.read_bytes() for member, path in members.items()}
        _zip_wheel(folder / f"{name}-{version}-{_TAG}.whl", name, version, files)
        return
    name = "".join(letter if letter.islower() or letter.isdigit() else "_" for letter in archive.requirement)
    with tarfile.open(folder / f"{name}.tgz", "w:gz", compresslevel=1) as tar:
        for member, path in members.items():
            tar.add(path, member)


def _write_wheel(folder: Path, name: str, count: int) -> None:
    """A package of `count` modules of 40 kB."""
    rng, module = np.random.default_rng(0), name.replace("-", "_")
    text = b"".join(b"x = %d\n" % number for number in rng.integers(10**9, size=3000))
    files = {f"{module}/m{number}.py": text for number in range(count)}
    _zip_wheel(folder / f"{module}-1.0-py3-none-any.whl", name, "1.0", files)


def _zip_wheel(path: Path, name: str, version: str, files: Mapping[str, bytes]) -> None:
    info, tag = f"{name.replace('-', '_')}-{version}.dist-info", path.stem.split("-", 2)[2]
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for member, content in {**about, **files}.items():  # the worst order: what says it is installed comes first
            wheel.writestr(member, content)
        wheel.writestr(f"{info}/RECORD", "".join(f"{member},,\n" for member in (*files, *about, f"{info}/RECORD")))
    path.write_bytes(buffer.getvalue())


def _checkout(out: Path) -> None:
    """A checkout with the true set-up and package, and with requirements and builds that take a second."""
    repository, built = PACKAGE.parent, shutil.ignore_patterns("msg", "*.so", "__pycache__")
    shutil.copytree(PACKAGE, out / "metrichmsr_ros", ignore=built)
    for name in ("tools/bootstrap.py", "pyproject.toml", "package.xml", "CMakeLists.txt"):
        (out / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(repository / name, out / name)
    project = (out / "pyproject.toml").read_text().partition("[build-system]")[2].partition("\n[")[0]
    (out / "pyproject.toml").write_text(f"[build-system]{project}\n")
    (out / "setup.py").write_text(_BUILD)
    (out / "cmake" / "tf2_msgs").mkdir(parents=True)
    (out / "cmake" / "tf2_msgs" / "CMakeLists.txt").write_text(_TF2)
    (out / "constraints.txt").write_text("")
    for part, name in (("", "standin-core"), ("-ros", "standin-ros"), ("-train", ""), ("-test", ""), ("-docs", "")):
        (out / f"requirements{part}.txt").write_text(f"{name}\n")
