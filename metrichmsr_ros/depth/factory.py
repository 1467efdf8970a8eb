"""Build a depth engine from the names of its source and calibration, as in the node's parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.assets import AssetError, asset_path, model_path
from metrichmsr_ros.depth.calibration import METHODS
from metrichmsr_ros.depth.calibration.onnx_refiner import OnnxRefiner
from metrichmsr_ros.depth.calibration.refiner import RefinerEngine
from metrichmsr_ros.depth.engine import DepthEngine
from metrichmsr_ros.depth.sources.base import DepthError, DepthSource, FileDepth, IncomingDepth
from metrichmsr_ros.depth.sources.files import load_depth
from metrichmsr_ros.depth.sources.ground_plane import GroundPlane
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.io.devices import in_place_of
from metrichmsr_ros.runtime.graph_file import graph_of
from metrichmsr_ros.runtime.providers import CPU, lack_of, providers_of

SHIPPED_REFINER = "refiner.safetensors"
SOURCES = {  # by kind: how it is given, and what it is
    "auto": "auto: fastdepth if `metrichmsr setup` downloaded it, else ground",
    "people": "people: the body surfaces alone",
    "ground": "ground: the floor under people's feet",
    "topic": "topic: depth image published with the image",
    "fastdepth": "fastdepth",
    "hub": "hub[:ID or FOLDER]: a metric network of transformers",
    "map_anything": "map_anything[:ID or FOLDER]",
    "file": "file:PATH: .npy in metres, 16-bit PNG in millimetres",
}
_NOT_TAKEN = {"topic": "no topic is read here", "file": "one file is not the depth of every frame"}
_WITH_DETAIL = ("hub", "map_anything", "file")
CALIBRATIONS = (
    "auto: the shipped refiner",
    "PATH.safetensors: your own refiner",
    *METHODS,
    "none: uncalibrated depth",
)


@dataclass(frozen=True)
class DepthChoice:
    """Choice of depth source and calibration.

    Attributes:
        source: one of `SOURCES`.
        calibration: one of `CALIBRATIONS`.
        device: of the networks: see `providers_of`; others are torch's.
        memory_s: time in seconds in which a calibration fades to 1/e without people in view.
    """

    source: str = "people"
    calibration: str = "auto"
    device: str = "cpu"
    memory_s: float = 10.0


def make_engine(choice: DepthChoice) -> DepthEngine:
    """Build the engine of `choice`.

    Raises:
        DepthError: unknown source or calibration, or its file or network cannot be loaded.
        WeightsFileError, GraphFileError: no refiner, or a graph of other weights.
        MissingPackageError: the refiner needs torch, which is not installed.
        DeviceError: neither ONNX Runtime nor torch has the device.
        AssetError: the network was not downloaded.
    """
    check_calibration(choice.calibration)
    source = make_source(choice.source, choice.device) if choice.source != "people" else None
    calibration = "none" if source is None else choice.calibration
    if calibration == "auto":
        calibration = str(asset_path(SHIPPED_REFINER))
    if calibration.endswith(".safetensors"):
        return DepthEngine(source, refiner=_refiner(calibration, choice.device), memory_s=choice.memory_s)
    return DepthEngine(source, calibration, memory_s=choice.memory_s)


def check_calibration(name: str) -> None:
    """Raise DepthError for an unknown name or a missing file, also where the people alone need no calibration."""
    if name.endswith(".safetensors"):
        if not Path(name).is_file():
            raise DepthError(
                f"depth calibration is {name!r}, which is not a file: cannot read depth refiner weights. Give auto for "
                "the shipped refiner, or the path of a .safetensors file that `metrichmsr train depth` wrote"
            )
    elif name not in ("auto", "none", *METHODS):
        raise DepthError(f"unknown depth calibration '{name}'; choose from: {'; '.join(CALIBRATIONS)}")


_MAKERS: dict[str, Callable[[str, str], DepthSource]] = {  # of detail and device
    "auto": lambda detail, device: make_source(_automatic()),
    "ground": lambda detail, device: GroundPlane(),
    "topic": lambda detail, device: IncomingDepth(),
    "fastdepth": lambda detail, device: _fastdepth(device),
    "hub": lambda detail, device: _hub(detail, device),
    "map_anything": lambda detail, device: _map_anything(detail, device),
    "file": lambda detail, device: FileDepth(load_depth(Path(detail)), Path(detail).name),
}


def check_source(name: str, without: Collection[str] = ()) -> None:
    """Check the name of a source. Its file or network is not looked for.

    Args:
        name: e.g. "hub:FOLDER".
        without: kinds of `SOURCES` that the caller does not take: topic, file or both.

    Raises:
        DepthError: it is unknown, or not taken; the message lists those that are.
    """
    _parsed(name, [kind for kind in SOURCES if kind not in without])


def _parsed(name: str, kinds: Collection[str]) -> tuple[str, str]:
    """Kind and detail of a source of one of these kinds."""
    kind, _, detail = name.partition(":")
    if kind not in kinds or (detail and kind not in _WITH_DETAIL):
        is_not_taken = kind in _NOT_TAKEN and kind not in kinds
        cause = f"depth source '{name}': {_NOT_TAKEN[kind]}" if is_not_taken else f"unknown depth source '{name}'"
        raise DepthError(f"{cause}; choose from: {'; '.join(SOURCES[known] for known in kinds)}")
    return kind, detail


def source_name(source: str) -> str:
    """`source` itself, or the source that "auto" selects on this machine."""
    return _automatic() if source == "auto" else source


def make_source(source: str, device: str = "cpu") -> DepthSource:
    """Build one of `SOURCES` other than people. Raises as `make_engine`."""
    kind, detail = _parsed(source, _MAKERS)
    return _MAKERS[kind](detail, device)


def _automatic() -> str:
    try:
        model_path("fastdepth.onnx")
    except AssetError:
        return "ground"
    return "fastdepth"


def _refiner(path: str, device: str) -> RefinerEngine:
    has_graph = graph_of(Path(path)).is_file()
    if has_graph and (providers := providers_of(device)):
        return OnnxRefiner(path, providers=providers)
    try:
        from metrichmsr_ros.depth.calibration.network import TorchRefiner
        from metrichmsr_ros.depth.calibration.weights import load_refiner
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{path} on {device} needs {error.name}: pip install 'metrichmsr_ros[train]'. Without it, refiners run on "
            "cpu, from graphs that `metrichmsr export` wrote where torch is installed"
        ) from error
    with in_place_of(lack_of(device) if has_graph else ""):
        return TorchRefiner(load_refiner(path, device))


def _fastdepth(device: str) -> DepthSource:
    from metrichmsr_ros.depth.sources.fastdepth import FastDepth

    return FastDepth(providers=providers_of(device) or CPU)


def _hub(model: str, device: str) -> DepthSource:
    from metrichmsr_ros.depth.sources.hub import SUGGESTED, HubDepth

    return HubDepth(model or SUGGESTED, device)


def _map_anything(model: str, device: str) -> DepthSource:
    from metrichmsr_ros.depth.sources.map_anything import DEFAULT, MapAnythingDepth

    return MapAnythingDepth(model or DEFAULT, device)
