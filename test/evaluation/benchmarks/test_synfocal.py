"""The focal sweep: the same rendered people through many lenses, scored for each lens."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.evaluation.benchmarks.protocols import BENCHMARKS, score
from metrichmsr_ros.evaluation.benchmarks.synfocal import focal_sweep


class Finder:
    """A pipeline that returns given people for each call and records the cameras."""

    def __init__(self, answers):
        self.answers = answers
        self.cameras = []

    def estimate(self, image, camera, *, request):
        self.cameras.append(camera)
        return SimpleNamespace(people=self.answers(len(self.cameras) - 1))


def test_the_focal_sweep_renders_the_same_people_at_all_focal_lengths():
    numbers = np.linspace(0, 119, 2).round().astype(int)
    fields = (45.0, 80.0)
    frames = [WalkingSequence(120, 10.0, (160, 120), np.radians(f))[int(n)] for f in fields for n in numbers]

    def truths(call):
        return [SimpleNamespace(joints_cam=p.joints_cam * 1.2, height=p.height) for p in frames[call].people]

    finder = Finder(truths)
    truth, answers = focal_sweep(finder, 2, fields, (160, 120))
    assert sorted({round(c.intrinsics[0, 0]) for c in finder.cameras}) == [95, 193]
    assert {m.person for m in truth} >= {"anna"}
    result = score(BENCHMARKS["synfocal"], truth, answers)
    assert result.missing == 0
    assert result.values["RDE"] == pytest.approx(0.2, abs=1e-6)
    assert result.values["H-MAE"] == pytest.approx(0.0, abs=1e-6)
