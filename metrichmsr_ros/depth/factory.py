"""From words to a depth engine: which source, and what calibrates it. The words are those of the node's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.assets import AssetError, asset_path, model_path
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.closed_forms import METHODS
from metrichmsr_ros.depth.engine import DepthEngine
from metrichmsr_ros.depth.sources.base import DepthError, DepthSource, FileDepth, IncomingDepth
from metrichmsr_ros.depth.sources.files import load_depth
from metrichmsr_ros.depth.sources.ground_plane import GroundPlane

SHIPPED_REFINER = "refiner.safetensors"
SOURCES = (
    "auto: fastdepth where `metrichmsr setup` fetched it, else ground",
    "people: their own surfaces alone",
    "ground: the floor under their feet",
    "topic: depth that comes with the image",
    "fastdepth",
    "hub[:ID or FOLDER]: a metric network of transformers",
    "map_anything[:ID or FOLDER]",
    "file:PATH: .npy in metres, 16-bit PNG in millimetres",
)
CALIBRATIONS = (
    "auto: the shipped refiner",
    "PATH.safetensors: a refiner of yours",
    *METHODS,
    "none: the source's own depth",
)


@dataclass(frozen=True)
class DepthChoice:
    """What makes depth.

    Attributes:
        source: one of `SOURCES`.
        calibration: one of `CALIBRATIONS`.
        device: torch device of networks.
        memory_s: time in which a calibration fades when nobody is in view.
    """

    source: str = "people"
    calibration: str = "auto"
    device: str = "cpu"
    memory_s: float = 10.0


def make_engine(choice: DepthChoice) -> DepthEngine:
    """The engine that `choice` names.

    Raises:
        DepthError: unknown words, or what they name cannot be loaded.
        AssetError: a network that was never fetched.
    """
    source = make_source(choice.source, choice.device) if choice.source != "people" else None
    calibration = "none" if source is None else choice.calibration
    if calibration == "auto":
        calibration = str(asset_path(SHIPPED_REFINER))
    if calibration.endswith(".safetensors"):
        return DepthEngine(source, refiner=load_refiner(calibration, choice.device), memory_s=choice.memory_s)
    if calibration != "none" and calibration not in METHODS:
        raise DepthError(f"unknown depth calibration '{calibration}'; known are: {'; '.join(CALIBRATIONS)}")
    return DepthEngine(source, calibration, memory_s=choice.memory_s)


def source_name(words: str) -> str:
    """`words`, or what auto is on this machine."""
    return _automatic() if words == "auto" else words


def make_source(words: str, device: str = "cpu") -> DepthSource:
    """The source that one of `SOURCES` other than people names. Raises as `make_engine` does."""
    kind, _, detail = words.partition(":")
    makers: dict[str, Callable[[], DepthSource]] = {
        "auto": lambda: make_source(_automatic()),
        "ground": GroundPlane,
        "topic": IncomingDepth,
        "fastdepth": _fastdepth,
        "hub": lambda: _hub(detail, device),
        "map_anything": lambda: _map_anything(detail, device),
        "file": lambda: FileDepth(load_depth(Path(detail)), Path(detail).name),
    }
    if kind not in makers or (detail and kind not in ("hub", "map_anything", "file")):
        raise DepthError(f"unknown depth source '{words}'; known are: {'; '.join(SOURCES)}")
    return makers[kind]()


def _automatic() -> str:
    try:
        model_path("fastdepth.onnx")
    except AssetError:
        return "ground"
    return "fastdepth"


def _fastdepth() -> DepthSource:
    from metrichmsr_ros.depth.sources.fastdepth import FastDepth

    return FastDepth()


def _hub(model: str, device: str) -> DepthSource:
    from metrichmsr_ros.depth.sources.hub import SUGGESTED, HubDepth

    return HubDepth(model or SUGGESTED, device)


def _map_anything(model: str, device: str) -> DepthSource:
    from metrichmsr_ros.depth.sources.map_anything import DEFAULT, MapAnythingDepth

    return MapAnythingDepth(model or DEFAULT, device)
