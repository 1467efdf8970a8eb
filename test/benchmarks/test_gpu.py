"""benchmarks.gpu: limits, operations and differences are what they say; its parts run on the CPU too."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from helpers.pixel_views import VIT, boxes
from scipy.spatial.transform import Rotation
from torch import nn

from benchmarks.gpu import networks
from benchmarks.gpu.equality import Difference
from benchmarks.gpu.limits import Limits
from benchmarks.gpu.work import operations, weight_bytes
from metrichmsr_ros.acceleration.execution import Execution
from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.model import MetricHMR

pytest.importorskip("transformers")
CPU = torch.device("cpu")


class OneLayer(nn.Module):
    """Multiplies the rays' matrices by one layer."""

    def __init__(self, outputs):
        super().__init__()
        self.layer = nn.Linear(3, outputs)

    def forward(self, batch):
        return self.layer(batch.crop_intrinsics)


@pytest.mark.parametrize("people", [1, 5])
def test_operations_are_those_of_the_products(people):
    """Two for each entry of a 3 x 3 matrix and each output."""
    assert operations(OneLayer(7), boxes(people).views) == 2 * people * 3 * 3 * 7


def test_weights_are_counted_in_their_precision():
    assert weight_bytes(OneLayer(7)) == 4 * (3 * 7 + 7)
    assert weight_bytes(OneLayer(7).to(torch.bfloat16)) == 2 * (3 * 7 + 7)


def test_the_limit_is_the_longer_of_both():
    limits = Limits(flops=1e12, bytes=1e9)
    assert limits.least_ms(2e9, 0.0) == pytest.approx(2.0)
    assert limits.least_ms(2e9, 5e6) == pytest.approx(5.0)


def test_limits_of_a_device_are_measured():
    limits = Limits.of(CPU, side=64, copied=1 << 16)
    assert limits.flops > 0
    assert limits.bytes > 0


def estimate(rotations, transl):
    rotmats = rotations.as_matrix().reshape(-1, 24, 3, 3).astype(np.float32)
    people = len(rotmats)
    return HMREstimate(rotmats, np.zeros((people, 10), np.float32), transl, np.ones((people, 2), np.float32))


@pytest.mark.parametrize("degrees", [0.01, 0.3, 20.0, 179.0])
def test_differences_are_the_largest_of_all_people(degrees):
    rng = np.random.default_rng(0)
    rotations, transl = Rotation.random(72, random_state=0), rng.normal(size=(3, 3)).astype(np.float32)
    turns = np.zeros((72, 3))
    turns[30] = np.radians(degrees) * np.array([0.6, 0.0, 0.8])
    moved = transl + np.array([[0, 0, 0], [0.003, 0, 0.004], [0, 0, 0]], np.float32)
    found = Difference.between(estimate(rotations * Rotation.from_rotvec(turns), moved), estimate(rotations, transl))
    assert found.position == pytest.approx(0.005, abs=1e-6)
    assert found.rotation == pytest.approx(degrees, rel=2e-3)
    assert found.is_small == (found.position <= 0.005 and degrees < 0.5)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_network_runs_as_asked_and_stays_near(precision):
    torch.manual_seed(0)
    model = MetricHMR(build(ModelConfig, VIT["paper"])).eval()
    views, straight = boxes(4).views, np.zeros(4, np.bool_)
    plain = TorchEngine(model)(views, straight)
    engine = networks.engine_of(copy.deepcopy(model), CPU, Execution(precision))
    found = Difference.between(engine(views, straight), plain)
    assert found.is_small
    assert (found.position > 0) == (precision == "bf16")


def test_only_the_fastest_precision_has_a_target():
    row = networks.Timed("paper", 1, Execution("bf16", True), 4.0, 1e9, 0.64, 0)
    assert row.share == pytest.approx(0.16)
    assert "<= 3.0, MISSED" in networks.line(row)
    assert "MISSED" not in networks.line(dataclasses.replace(row, ms=2.9))
    assert dataclasses.replace(row, execution=Execution("float32", True)).target_ms is None
    assert dataclasses.replace(row, people=4).target_ms is None
