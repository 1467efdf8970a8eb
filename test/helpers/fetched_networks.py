"""For files that run the real networks: skipped as a whole where `metrichmsr setup` did not fetch them."""

from __future__ import annotations

import pytest

from metrichmsr_ros.assets import AssetError, model_path


def skip_without_blazepose() -> None:
    """Call while the test file is imported."""
    try:
        model_path("pose_landmark_full.tflite")
    except AssetError as error:
        pytest.skip(f"the BlazePose networks are not fetched: {error}", allow_module_level=True)
