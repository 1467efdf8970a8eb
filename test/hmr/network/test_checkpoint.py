"""Weight files include their configuration; unfitting files are rejected."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from helpers.random_batches import random_batch
from helpers.random_landmarks import landmark_set
from helpers.simulated_people import simulate
from helpers.small_networks import TINY_MOE, model_of
from safetensors.torch import load_file, save_file

from benchmarks.hostile.weights import WEIGHTS
from metrichmsr_ros.assets import AssetError, asset_path
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.inputs import inputs_from_landmarks
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.checkpoint import load_model, load_torch_engine, save_model
from metrichmsr_ros.hmr.weights import read_metadata
from metrichmsr_ros.runtime.weights_file import WeightsFileError


def test_saved_model_is_the_same_model(tmp_path):
    model, batch = model_of(seed=3), random_batch()
    save_model(tmp_path / "w.safetensors", model, {"metrics": {"mpjpe": 1.5}, "note": "hello"})
    loaded = load_model(tmp_path / "w.safetensors")
    assert loaded.config == model.config
    before, after = model(batch), loaded(batch)
    assert torch.equal(before.transl, after.transl)
    assert torch.equal(before.rotmats, after.rotmats)
    metadata = read_metadata(tmp_path / "w.safetensors")
    assert json.loads(metadata["metrics"]) == {"mpjpe": 1.5}
    assert metadata["note"] == "hello"
    assert json.loads(metadata["config"])["moe"]["width"] == TINY_MOE["width"]


def test_shipped_weights_load_and_run():
    try:
        path = asset_path("embedded.safetensors")
    except AssetError:
        pytest.skip("no weights in this tree")
    assert path.stat().st_size < 16e6
    model = load_model("embedded")
    assert sum(p.numel() for p in model.parameters()) < 5e6
    camera = Camera.from_fov(640, 480, 1.0)
    batch = CropBatch.of(inputs_from_landmarks([landmark_set(i) for i in range(3)], camera))
    assert batch.landmarks.shape == (3, 39, 3)
    with torch.inference_mode():
        out = model(batch)
    assert torch.isfinite(out.transl).all()
    assert (torch.linalg.eigvalsh(out.transl_cov.double()) > 0).all()


@torch.inference_mode()
def test_shipped_weights_estimate_the_same_size_at_any_distance(body):
    """The same people at 2-8 and 12-48 m have similar crops and must get the same size."""
    model = load_model("embedded")
    factors = []
    for farther in (1.0, 6.0):
        people = simulate(body, 64, farther=farther)
        factors.append((model(people.inputs).transl[:, 2] / people.truth.transl[:, 2]).median().item())
    assert factors[1] == pytest.approx(factors[0], rel=0.05)


def test_an_engine_states_the_hash_of_its_weights_file(tmp_path):
    save_model(tmp_path / "w.safetensors", model_of())
    engine = load_torch_engine(tmp_path / "w.safetensors")
    assert engine.weights_sha256 == hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    assert engine.config == model_of().config


def test_broken_files_are_named(tmp_path):
    with pytest.raises(WeightsFileError, match="neither a file nor a preset with shipped weights"):
        load_model("no_such_preset")
    with pytest.raises(WeightsFileError, match=r"missing\.safetensors"):
        load_model(tmp_path / "missing.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(WeightsFileError, match="not a readable"):
        load_model(tmp_path / "junk.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(WeightsFileError, match="not a weights file of metrichmsr"):
        load_model(tmp_path / "foreign.safetensors")
    save_model(tmp_path / "good.safetensors", model_of())
    tensors = load_file(tmp_path / "good.safetensors")
    tensors.popitem()
    save_file(tensors, tmp_path / "short.safetensors", metadata=read_metadata(tmp_path / "good.safetensors"))
    with pytest.raises(WeightsFileError, match="do not fit"):
        load_model(tmp_path / "short.safetensors")


@pytest.mark.parametrize("name", sorted(WEIGHTS.keys() - {"a header of a million lists"}))
def test_hostile_files_are_refused_by_name(tmp_path, name):
    content, path = WEIGHTS[name], tmp_path / "w.safetensors"
    path.write_bytes(content if isinstance(content, bytes) else content())
    with pytest.raises(WeightsFileError, match=r"w\.safetensors"):
        load_model(path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    for value in (float("nan"), float("inf"), -float("inf")):
        model = model_of()
        with torch.no_grad():
            list(model.parameters())[-1].reshape(-1)[-1] = value
        save_model(tmp_path / "w.safetensors", model)
        with pytest.raises(WeightsFileError, match=r"w\.safetensors: .* not finite"):
            load_model(tmp_path / "w.safetensors")


def test_a_network_is_not_built_before_its_shapes_are_compared(tmp_path, monkeypatch):
    """The real module takes memory; the planned one, on torch's device meta, none."""
    save_model(tmp_path / "w.safetensors", model_of())
    tensors = load_file(tmp_path / "w.safetensors")
    name = sorted(tensors)[0]
    tensors[name] = torch.zeros(3, 5, 7)
    save_file(tensors, tmp_path / "odd.safetensors", metadata=read_metadata(tmp_path / "w.safetensors"))
    devices = []
    init = torch.nn.Linear.__init__

    def watched(self, *args, **options):
        init(self, *args, **options)
        devices.append(self.weight.device.type)

    monkeypatch.setattr(torch.nn.Linear, "__init__", watched)
    with pytest.raises(WeightsFileError, match=rf"do not fit: {name} is \(3, 5, 7\)"):
        load_model(tmp_path / "odd.safetensors")
    assert set(devices) == {"meta"}
