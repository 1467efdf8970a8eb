"""Compiled networks equal eager ones at every batch size, for plain, mirrored and pixel answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.pixel_views import VIT, boxes
from helpers.random_batches import random_batch
from helpers.small_networks import TINY_MOE, TINY_VITPOSE, model_of

from metrichmsr_ros.acceleration.execution import WARMED_UP, Execution
from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.execution.compiled import CompiledNetwork
from metrichmsr_ros.hmr.network.execution.half_precision import halve
from metrichmsr_ros.hmr.network.model import MetricHMR

CPU = torch.device("cpu")
COMPILED = Execution(compile=True)


@pytest.fixture(autouse=True)
def _traced_only(monkeypatch):
    """Tracing alone, because torch's compilers take minutes."""
    torch.compiler.reset()
    original = CompiledNetwork.__init__
    monkeypatch.setattr(
        CompiledNetwork, "__init__", lambda self, model, device: original(self, model, device, backend="eager")
    )


def vit(preset):
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    return MetricHMR(build(ModelConfig, TINY_VITPOSE | {"head": VIT[preset]["head"]})).eval()


def assert_equal(found, expected):
    for field in dataclasses.fields(expected):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        assert (ours is None) == (theirs is None)
        if theirs is None:  # a network does not answer it
            continue
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=2e-5, rtol=1e-4, err_msg=field.name)


@pytest.mark.parametrize("preset", VIT)
def test_every_number_of_people(preset):
    model, views = vit(preset), boxes(37).views
    compiled, eager = TorchEngine(model, execution=COMPILED), TorchEngine(model)
    for count in (1, 3, 4, 37):
        some, straight = views.select(np.arange(count)), np.zeros(count, np.bool_)
        assert_equal(compiled(some, straight), eager(some, straight))
    about = compiled.about
    assert about["compiled"] == "true"
    assert about["graph captures by size"] == "1: 1, 4: 1, 8: 1, 32: 1"
    assert about["graph hits by size"] == "1: 1, 4: 2, 8: 1, 32: 1"


def test_half_precision_is_compiled_too():
    model, views, straight = vit("paper"), boxes(3).views, np.zeros(3, np.bool_)
    halve(model, "bf16")
    expected = TorchEngine(model)(views, straight)
    found = TorchEngine(model, execution=Execution("bf16", compile=True))(views, straight)
    np.testing.assert_allclose(found.transl, expected.transl, atol=5e-3)


def test_warming_up_leaves_nothing_to_record():
    engine = TorchEngine(vit("vitpose-b"), execution=COMPILED)
    engine.warm_up()
    ready = engine.about["graph captures by size"]
    assert ready == ", ".join(f"{size}: 1" for size in WARMED_UP)
    assert engine.about["graph hits by size"] == "none"
    engine(boxes(5).views, np.zeros(5, np.bool_))
    assert engine.about["graph captures by size"] == ready


def test_landmarks_mirrored_and_pixels():
    encoder = {"kind": "blazepose_pixels", "reads_heavy": True}
    model = model_of(image_encoder=encoder, pixel_position={"mixer": "human_moe", "moe": TINY_MOE})
    batch = dataclasses.replace(
        random_batch(5),
        heavy=torch.tensor([True, False, True, False, False]),
        trunk_maps=torch.rand(5, 88, 16, 16),
        decoder_maps=torch.rand(5, 288, 8, 8),
    )
    views, flags = batch.inputs(), np.array([False, True, True, False, False])
    compiled, eager = TorchEngine(model, execution=COMPILED), TorchEngine(model)
    compiled.warm_up()
    ready = compiled.about["graph captures by size"]
    assert_equal(compiled(views, np.zeros(5, np.bool_)), eager(views, np.zeros(5, np.bool_)))
    assert_equal(compiled.from_pixels(views, np.zeros(5, np.bool_)), eager.from_pixels(views, np.zeros(5, np.bool_)))
    assert compiled.about["graph captures by size"] == ready  # of the network and of its pixel branch
    for turned in (flags, np.zeros(5, np.bool_)):
        assert_equal(compiled(views, turned), eager(views, turned))
    assert_equal(compiled.from_pixels(views, flags), eager.from_pixels(views, flags))
    with pytest.raises(ValueError, match="not trained on the heavy"):
        TorchEngine(model_of(), execution=COMPILED)(views, flags)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, which records graphs on two streams")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("preset", VIT)
def test_graphs_on_a_gpu_equal_the_cpu(preset, precision, monkeypatch):
    monkeypatch.undo()
    model, views, straight = vit(preset), boxes(5).views, np.zeros(5, np.bool_)
    halve(model, precision)
    expected = TorchEngine(model)(views, straight)
    engine = TorchEngine(model.to("cuda"), "cuda", execution=Execution(precision, compile=True))
    for _ in range(3):
        found = engine(views, straight)
    np.testing.assert_allclose(found.transl, expected.transl, atol=1e-3 if precision == "float32" else 1e-2)
    assert engine.about["graph hits by size"] == "8: 3"
