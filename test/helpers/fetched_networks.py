"""For files that run the real networks: skipped as a whole where `metrichmsr setup` did not fetch them."""

from __future__ import annotations

import pytest

from metrichmsr_ros.assets import AssetError, model_path


def skip_without_blazepose() -> None:
    """Call while the test file is imported."""
    _skip_without("pose_landmark_full.tflite")


def skip_without_heavy_blazepose() -> None:
    """Call while the test file is imported."""
    _skip_without("pose_landmark_heavy.tflite")


def skip_without_fastdepth() -> None:
    """Call while the test file is imported."""
    _skip_without("fastdepth.onnx")


def _skip_without(name: str) -> None:
    try:
        model_path(name)
    except AssetError as error:
        pytest.skip(f"a network is not fetched: {error}", allow_module_level=True)
