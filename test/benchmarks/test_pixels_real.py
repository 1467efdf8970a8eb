"""Distances of real people by the pixel branch: medians by framing, of known estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.pixels_real import Look, figures
from metrichmsr_ros.hmr.estimate import EstimateFromPixels
from metrichmsr_ros.hmr.inputs import blank_landmarks


@dataclass
class _Engine:
    """Answers every person with a distance, as a network with a pixel branch does."""

    distances: tuple[float, ...]

    def from_pixels(self, views, is_mirrored):
        count = len(views)
        assert count == len(self.distances) == len(is_mirrored)
        transl = np.zeros((count, 3), np.float32)
        transl[:, 2] = self.distances
        deviation = np.full((count, 3), np.log(0.05), np.float32)
        return EstimateFromPixels(transl, deviation, np.zeros((count, 10), np.float32))


def test_errors_are_medians_of_each_framing():
    people = (("whole", 2.0), ("whole", 4.0), ("feet cut", 5.0), ("seated", 2.0), ("from behind", 3.0))
    looks = [Look(framing, blank_landmarks((256, 256)), true, 0.1) for framing, true in people]
    found = figures(_Engine((1.9, 4.3, 5.9, 2.1, 3.04)), looks)
    assert found["whole and feet cut"] == pytest.approx(10.0, abs=1e-3)  # of 0, 10 and 20 %
    assert found["seated"] == pytest.approx(10.0, abs=1e-3)
    assert found["from behind"] == pytest.approx(100 * 0.14 / 3, abs=1e-3)
    assert found["everybody"] == pytest.approx(10.0, abs=1e-3)
    assert found["inside 1 sigma"] == pytest.approx(0.4)  # the first and the last
