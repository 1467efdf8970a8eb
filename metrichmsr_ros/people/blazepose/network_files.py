"""BlazePose's ONNX graphs in the per-user cache, made from the .tflite files that `metrichmsr setup` downloads.

    path = converted("pose_landmark_full.tflite")     # ~/.cache/metrichmsr/pose_landmark_full-e9a5c5cb17f7-3.onnx

A file's name has the first digits of its source's sha256 and the converter's version, so a changed source or converter
never meets an old graph. A file beside it, `.onnx.sha256`, has its own sha256, so a damaged graph is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from metrichmsr_ros.assets import MODELS, cache_dir, model_path
from metrichmsr_ros.errors import MetricHMRError, errors_as
from metrichmsr_ros.io.whole_files import remove_parts, write_whole

_LARGEST_TFLITE = 2**26  # bytes
CONVERTER_VERSION = 3
"""To be raised with every change of what `conversion.convert` writes."""

NETWORKS = ("pose_detection.tflite", "pose_landmark_full.tflite", "pose_landmark_heavy.tflite")


class GraphError(MetricHMRError, OSError):
    """A network that is fetched cannot be converted: its file is damaged, or the cache cannot be written."""


def graph_path(name: str) -> Path:
    """Where the graph of one of `NETWORKS` belongs; it may not exist yet."""
    return cache_dir() / f"{Path(name).stem}-{MODELS[name].sha256[:12]}-{CONVERTER_VERSION}.onnx"


def sha256_of(graph: Path) -> str:
    """The sha256 that a graph had when it was made; empty where nobody wrote it down."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return _digest_file(graph).read_text(encoding="ascii").strip()
    return ""


def converted(name: str) -> Path:
    """Path of the graph of one of `NETWORKS`, made now if it is missing.

    Raises:
        AssetError: the .tflite file is not fetched.
        GraphError: it is damaged, or the cache cannot be written.
    """
    path = graph_path(name)
    return path if path.is_file() else make_graph(name)


def make_graph(name: str) -> Path:
    """Make the graph of one of `NETWORKS`, also where it is there.

    Raises:
        AssetError, GraphError: as for `converted`.
    """
    from metrichmsr_ros.people.blazepose.conversion import convert  # its packages are slow to import

    source, path = model_path(name), graph_path(name)
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != MODELS[name].sha256:
        raise GraphError(f"{source} is damaged (other sha256): run `metrichmsr setup` to fetch it again")
    graph = convert(content)
    try:
        write_whole(path, graph)
        write_whole(_digest_file(path), hashlib.sha256(graph).hexdigest() + "\n")
    except OSError as error:
        raise GraphError(
            f"{path} cannot be written ({error.strerror}): run `metrichmsr setup` as a user who may write there, or "
            "with XDG_CACHE_HOME set to a writable folder with 100 MB of space"
        ) from error
    return path


def make_graphs() -> list[Path]:
    """Make the graphs of all networks that are fetched; the second half of `metrichmsr setup`.

    Graphs of other sources and converters are removed.

    Raises:
        GraphError: as for `converted`.
    """
    remove_parts(cache_dir())
    paths = [make_graph(name) for name in NETWORKS if (cache_dir() / name).is_file()]
    for path in paths:
        for old in set(path.parent.glob(f"{path.name.split('-')[0]}-*.onnx")) - {path}:
            old.unlink(missing_ok=True)
            _digest_file(old).unlink(missing_ok=True)
    return paths


def _digest_file(graph: Path) -> Path:
    return graph.with_name(f"{graph.name}.sha256")


def graph_of(path: str | Path) -> Path | bytes:
    """What ONNX Runtime loads for a file that a user names: an .onnx file itself, a .tflite file's graph.

    Raises:
        FileNotFoundError: not a file.
        TfliteError: not a .tflite file, or not one of these networks.
    """
    from metrichmsr_ros.people.blazepose.conversion import convert
    from metrichmsr_ros.people.blazepose.tflite_reader import TfliteError

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; run `metrichmsr setup` or pass the path of the .tflite file")
    if path.suffix == ".onnx":
        return path
    if path.stat().st_size > _LARGEST_TFLITE:
        raise TfliteError(f"{path} has {path.stat().st_size / 1e6:.0f} MB; BlazePose's networks have at most 28")
    with errors_as(TfliteError, f"{path} is none of BlazePose's networks, or is damaged"):
        try:
            return convert(path.read_bytes())
        except TfliteError as error:
            raise TfliteError(f"{path}: {error}") from error
