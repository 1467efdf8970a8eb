"""What `/diagnostics` and the log tell of the scene's depth."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.depth.engine import SceneDepth

diagnostics = pytest.importorskip("metrichmsr_ros.ros.diagnostics")


def test_what_the_depth_source_takes_for_granted_is_told():
    told: list[str] = []
    statistics = diagnostics.Statistics(lambda text: None, told.append)
    depth = SceneDepth(np.zeros((2, 2), np.float32), "ground", "none", assumption="the camera is taken as upright")
    statistics.depth_estimated(depth)
    assert told == ["depth: ground, calibration: none; the camera is taken as upright"]
    values = {pair.key: pair.value for pair in statistics.output_status("node: output", "active", {}).values}
    assert values["depth assumption"] == "the camera is taken as upright"
    statistics.depth_estimated(SceneDepth(np.zeros((2, 2), np.float32), "ground", "none"))
    values = {pair.key: pair.value for pair in statistics.output_status("node: output", "active", {}).values}
    assert "depth assumption" not in values
