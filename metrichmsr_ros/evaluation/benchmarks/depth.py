"""Depth benchmarks: depth maps of any system against true ones, or our pipeline on PROX, beside the paper's numbers.

Depth maps: one `NAME.npz` for each image with `depth` (H, W) in metres. In the truth 0 or NaN means not measured, and
a bool `mask` is optional. Files of predictions have the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.evaluation.benchmarks.paper_numbers import PUBLISHED
from metrichmsr_ros.evaluation.benchmarks.prox import find_frames, read_color, sensor_depth
from metrichmsr_ros.evaluation.benchmarks.table import MEASURED, Line, Scoreboard, published_lines
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.metrics.depth import (
    DepthErrors,
    DepthProtocol,
    NoDepthError,
    depth_errors,
    mean_depth_errors,
)
from metrichmsr_ros.io.npz import read_npz
from metrichmsr_ros.pipeline.scene import OutputRequest

_DEPTH = OutputRequest(vertices=False, depth=True)

_COLUMNS = {"AbsRel": "1", "MAE": "m", "RMSE": "m", "delta1": "1", "delta2": "1", "delta3": "1"}


def evaluate_depth(truth: Path, predictions: Mapping[str, Path], protocol: DepthProtocol | None = None) -> Scoreboard:
    """Score depth maps of any system.

    Args:
        truth: folder of true depth maps.
        predictions: system -> folder of predicted depth maps.
        protocol: depth range; the paper does not state its own.

    Raises:
        MetricInputError: no truth, or a system without a prediction for any of it.
    """
    protocol = protocol or DepthProtocol()
    files = sorted(truth.glob("*.npz"))
    if not files:
        raise MetricInputError(f"{truth} holds no .npz depth maps")
    lines = published_lines(PUBLISHED["prox"])
    for system, folder in predictions.items():
        tally = _Tally()
        for file in files:
            if (folder / file.name).is_file():
                tally.add(partial(_file_errors, file, folder / file.name, protocol))
            else:
                tally.images += 1
        if not tally.errors:
            raise MetricInputError(
                f"{folder} has no depth map named as in {truth}, e.g. {files[0].name}, with a pixel that can be "
                "compared"
            )
        lines.append(_line(system, tally))
    return _board(protocol, lines)


def evaluate_prox(
    data: Path,
    pipelines: Mapping[str, Any],
    protocol: DepthProtocol | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scoreboard:
    """Run pipelines over PROX's recordings and compare their depth with the sensor's.

    Args:
        data: folder with recordings and calibration.
        pipelines: system -> `Pipeline`.
        protocol: depth range; the paper does not state its own.
        progress: called with images done and their total, for each system.

    Raises:
        MetricInputError: a pipeline estimates no depth in any image.
        LabelError: no recordings in `data`, or files that do not follow PROX's layout.
    """
    protocol = protocol or DepthProtocol()
    frames = find_frames(data)
    lines = published_lines(PUBLISHED["prox"])
    for system, pipeline in pipelines.items():
        tally, recording = _Tally(), ""
        for done, frame in enumerate(frames, 1):
            if frame.recording != recording:
                pipeline.reset()
                recording = frame.recording
            scene = pipeline.track(*read_color(data, frame), frame.stamp_s, request=_DEPTH)
            truth = sensor_depth(data, frame, scene.camera)
            tally.add(partial(depth_errors, scene.depth.metres, truth, None, protocol))
            if progress:
                progress(done, len(frames))
        if not tally.errors:
            raise MetricInputError(
                f"{system} estimated depth in none of the {len(frames)} images of {data}, where {tally.images} have "
                "true depth in the range"
            )
        lines.append(_line(system, tally))
    return _board(protocol, lines)


@dataclass
class _Tally:
    """Errors of the compared images of one system, and the numbers of images with and without a true pixel."""

    errors: list[DepthErrors] = field(default_factory=list)
    images: int = 0
    without_truth: int = 0

    def add(self, compare: Callable[[], DepthErrors]) -> None:
        """Count one image; it is left out if it has no true pixel, and not predicted if none of these is predicted."""
        try:
            self.errors.append(compare())
        except NoDepthError as error:
            if not error.true_pixels:
                self.without_truth += 1
                return
        self.images += 1


def _line(system: str, tally: _Tally) -> Line:
    mean = mean_depth_errors(tally.errors)
    values = {
        "AbsRel": mean.abs_rel, "MAE": mean.mae, "RMSE": mean.rmse,
        "delta1": mean.delta1, "delta2": mean.delta2, "delta3": mean.delta3,
    }  # fmt: skip
    images = f"{len(tally.errors)} of {tally.images} images"
    note = f"{images}, {100 * mean.coverage:.0f} % of their true pixels predicted"
    left_out = f"; {tally.without_truth} without a true pixel left out" if tally.without_truth else ""
    return Line(system, values, MEASURED, note + left_out)


def _board(protocol: DepthProtocol, lines: Sequence[Line]) -> Scoreboard:
    far = "no far limit" if np.isinf(protocol.max_depth) else f"up to {protocol.max_depth:g} m"
    return Scoreboard(f"PROX, metric depth, {far}, from {protocol.min_depth:g} m", _COLUMNS, tuple(lines))


def _file_errors(truth: Path, predicted: Path, protocol: DepthProtocol) -> DepthErrors:
    try:
        true, estimated = read_npz(truth), read_npz(predicted)
        return depth_errors(estimated["depth"], true["depth"], true.get("mask"), protocol)
    except NoDepthError:
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise MetricInputError(f"{predicted} against {truth}: {error}") from error
