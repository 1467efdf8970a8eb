"""Half precision: weights are cast, results stay float32 and close, and what may not be cast is refused."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers.pixel_views import VIT, boxes, trained_vit
from helpers.small_networks import model_of

from metrichmsr_ros.acceleration.execution import Execution, ExecutionError
from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine, save_model
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.execution.half_precision import halve

pytest.importorskip("transformers")
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def angles(a, b):
    """(B, 24) degrees between rotations."""
    trace = np.einsum("bjxy,bjxy->bj", a.astype(np.float64), b.astype(np.float64))
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


@pytest.fixture(scope="module", params=list(VIT))
def network(request):
    return trained_vit(request.param)


@pytest.fixture(scope="module")
def held_out():
    return boxes(100, seed=7)


def estimates(model, views):
    return TorchEngine(model)(views, np.zeros(len(views), np.bool_))


@pytest.mark.parametrize("precision", HALF)
def test_half_precision_moves_people_by_little(network, held_out, precision):
    """<= 5 mm and <= 0.5 degrees, of a network that tells places apart by metres and poses by tens of degrees."""
    expected = estimates(network, held_out.views)
    changed = copy.deepcopy(network)
    halve(changed, precision)
    found = estimates(changed, held_out.views)
    off = np.linalg.norm(expected.transl - held_out.transl, axis=1)
    assert np.median(off) < 0.3  # it has learnt to read the crops
    assert np.ptp(expected.transl, axis=0).min() > 1.5
    turns = angles(expected.rotmats, np.roll(expected.rotmats, 1, axis=0))
    assert np.median(turns) > 10
    moved = np.linalg.norm(found.transl - expected.transl, axis=1)
    assert 0 < moved.max() <= 0.005
    assert 0 < angles(found.rotmats, expected.rotmats).max() <= 0.5


@pytest.mark.parametrize("precision", HALF)
def test_weights_of_products_are_cast_and_results_are_not(network, held_out, precision):
    changed = copy.deepcopy(network)
    halve(changed, precision)
    dtypes = {name: value.dtype for name, value in changed.named_parameters()}
    before, after = (sum(p.numel() * p.element_size() for p in m.parameters()) for m in (network, changed))
    assert after < 0.75 * before
    assert dtypes["moe.patch.0.attention.query.weight"] == HALF[precision]
    assert dtypes["moe.patch.0.experts.routed.experts.weight_in"] == HALF[precision]
    kept = (
        "moe.patch.0.norm_attention.weight",
        "moe.patch.0.experts.routed.phi",
        "moe.globals.0.attention.query.weight",
    )
    kept += ("image_encoder.project.weight", "ray_encoder.project.weight", "position.layers.0.weight")
    assert all(dtypes[name] == torch.float32 for name in kept)
    found = estimates(changed, held_out.views)
    answers = [getattr(found, field.name) for field in dataclasses.fields(found)]
    assert [answer.dtype for answer in answers if answer is not None] == [np.float32] * 4


def test_a_cast_costs_less_accuracy_than_autocast(network, held_out):
    """The reason to cast only a part: autocast casts the Global MoE and the heads too.

    Medians over the boxes are compared (ratios of 4 and more were seen), because a single worst box depends on the
    processor's kernels.
    """
    views = held_out.views
    expected = estimates(network, views)
    changed = copy.deepcopy(network)
    halve(changed, "bf16")
    with torch.autocast("cpu", torch.bfloat16):
        auto = estimates(network, views)
    moved = [np.linalg.norm(e.transl - expected.transl, axis=1) for e in (estimates(changed, views), auto)]
    ours, theirs = np.median(moved, axis=1)
    assert 2 * ours < theirs


def test_a_weights_file_runs_in_half_precision(network, held_out, tmp_path):
    path = tmp_path / "vit.safetensors"
    save_model(path, network)
    engine = load_torch_engine(path, execution=Execution("bf16"))
    views = held_out.views
    found = engine(views, np.zeros(len(views), np.bool_))
    assert np.linalg.norm(found.transl - estimates(network, views).transl, axis=1).max() <= 0.005
    assert engine.about == {"network on": "torch, cpu", "precision": "bf16", "compiled": "false"}


def test_a_network_over_landmarks_is_refused(tmp_path):
    save_model(tmp_path / "small.safetensors", model_of())
    with pytest.raises(ExecutionError, match=r"precision is 'fp16'.*'embedded'.*set precision to float32"):
        load_torch_engine(tmp_path / "small.safetensors", execution=Execution("fp16"))


def test_the_angle_of_a_known_rotation():
    turned = np.array([[[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]]])
    assert math.isclose(angles(turned, np.eye(3)[None, None])[0, 0], 90)
