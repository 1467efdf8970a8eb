"""Engines of ONNX Runtime that run torch beside every call, on the same inputs, and note how far the answers differ.

A pipeline that has them gives the graphs' answers.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.engine import PosedBodies
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.onnx_engine import OnnxBody
from metrichmsr_ros.body.torch_engine import TorchBody
from metrichmsr_ros.depth.calibration.network import TorchRefiner
from metrichmsr_ros.depth.calibration.onnx_refiner import OnnxRefiner
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.engine import DepthEngine
from metrichmsr_ros.depth.factory import SHIPPED_REFINER
from metrichmsr_ros.depth.sources.fastdepth import FastDepth
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine
from metrichmsr_ros.hmr.onnx_engine import OnnxEngine
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.views import heavier
from metrichmsr_ros.types import AnyArray, Float32Array

PRESET, BODY = "embedded.safetensors", "open_light"
QUANTITIES = {
    "rotmats": "rotations, matrices",
    "transl": "position, m",
    "transl_deviation": "deviation of the position, m",
    "betas": "betas",
    "pixels: transl": "pixel branch: position, m",
    "pixels: log_deviation": "pixel branch: log of the deviation",
    "pixels: betas": "pixel branch: betas",
    "vertices": "body: vertices, m",
    "joints": "body: joints, m",
    "height": "body: height, m",
    "refiner": "refiner: log of the scale, offset",
}


class Differences:
    """The largest absolute difference within each crop, by quantity of `QUANTITIES`."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget all differences."""
        self._found = {name: [] for name in QUANTITIES}

    def add(self, name: str, graph: AnyArray, torch: AnyArray) -> None:
        """Note the answers (N, ...) of both for N crops. NaN differs from everything."""
        assert graph.shape == torch.shape
        gaps = np.abs(graph.astype(np.float64) - torch).reshape(len(graph), -1).max(1)
        self._found[name] += np.where(np.isfinite(gaps), gaps, np.inf).tolist()

    def add_fields(self, graph: object, torch: object, prefix: str = "") -> None:
        """Note every array of two values of one dataclass; what a network does not answer, neither of them has."""
        for field in fields(graph):  # type: ignore[arg-type]
            ours, theirs = getattr(graph, field.name), getattr(torch, field.name)
            assert (ours is None) == (theirs is None)
            if ours is not None:
                self.add(prefix + field.name, ours, theirs)

    def of(self, name: str) -> NDArray[np.float64]:
        """(N,) differences of a quantity."""
        return np.array(self._found[name], np.float64)


class ComparedNetwork(OnnxEngine):
    """The network's graphs, compared with torch.

    Args:
        weights: as for `OnnxEngine`.
        notes: takes the differences.
    """

    def __init__(self, weights: str | Path, notes: Differences) -> None:
        super().__init__(weights)
        self._torch, self.notes = load_torch_engine(weights), notes

    def __call__(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> HMREstimate:
        """One estimate a view; see `HMREngine`."""
        found = super().__call__(views, is_mirrored)
        self.notes.add_fields(found, self._torch(views, is_mirrored))
        return found

    def from_pixels(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> EstimateFromPixels:
        """What the pixel branch reads in each view; see `HMREngine`."""
        found = super().from_pixels(views, is_mirrored)
        self.notes.add_fields(found, self._torch.from_pixels(views, is_mirrored), "pixels: ")
        return found


class ComparedBody(OnnxBody):
    """The body's graph, compared with torch; arguments as for `OnnxBody` and `ComparedNetwork`."""

    def __init__(self, name: str, notes: Differences) -> None:
        super().__init__(name)
        self._torch, self.notes = TorchBody(load_body(name).eval()), notes

    def posed(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> PosedBodies:
        """Pose bodies; see `BodyEngine`."""
        found = super().posed(betas, rotmats, transl)
        self.notes.add_fields(found, self._torch.posed(betas, rotmats, transl))
        return found

    def height(self, betas: Float32Array) -> Float32Array:
        """Standing height (B,) in metres."""
        found = super().height(betas)
        self.notes.add("height", found, self._torch.height(betas))
        return found


class ComparedRefiner(OnnxRefiner):
    """The refiner's graph, compared with torch; arguments as for `OnnxRefiner` and `ComparedNetwork`."""

    def __init__(self, weights: str | Path, notes: Differences) -> None:
        super().__init__(weights)
        self._torch, self.notes = TorchRefiner(load_refiner(weights)), notes

    def __call__(self, channels: Float32Array) -> Float32Array:
        """Deviations of one or more images; see `RefinerEngine`."""
        found = super().__call__(channels)
        self.notes.add("refiner", found, self._torch(channels))
        return found


def compared_pipeline(notes: Differences) -> Pipeline:
    """The default preset with FastDepth, one call at a time, whose graphs are compared with torch.

    Raises:
        AssetError: a network was not fetched; names the command that does.
    """
    blazepose = BlazePose(with_maps=True)
    pipeline = Pipeline(
        ComparedNetwork(asset_path(PRESET), notes),
        ComparedBody(BODY, notes),
        blazepose,
        DepthEngine(FastDepth(), refiner=ComparedRefiner(asset_path(SHIPPED_REFINER), notes)),
        load_heavy=lambda: heavier(blazepose),
    )
    notes.clear()  # bodies of nobody, which a pipeline poses when it is made
    return pipeline
