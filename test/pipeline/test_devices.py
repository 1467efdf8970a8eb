"""Which engine runs each network of the default preset on a device; providers are claimed, the CPU computes."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.acceleration.execution import Execution, ExecutionError
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.depth.factory import DepthChoice, make_engine
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.pipeline.pipeline import Pipeline

skip_without_blazepose()

CUDA = "CUDAExecutionProvider"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """An ONNX Runtime that claims CUDA: the providers of every session that is made."""
    made: list[Any] = []

    class Session(onnxruntime.InferenceSession):
        def __init__(self, model: Any, options: Any, providers: Any, **others: Any) -> None:
            made.append(providers)
            super().__init__(model, options, providers=["CPUExecutionProvider"], **others)

        def get_providers(self) -> list[str]:
            return [CUDA, "CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    return made


def test_every_network_of_the_default_preset_runs_on_the_gpu_that_is_named(asked):
    photo = cv2.imread(str(asset_path("astronaut.jpg")))[..., ::-1]
    camera = Camera.from_fov(photo.shape[1], photo.shape[0], 0.5)
    depth = DepthChoice("ground", "auto", "cuda:1")
    pipeline = Pipeline.from_preset(device="cuda:1", num_threads=1, depth=depth)
    assert pipeline.about["network on"] == pipeline.about["BlazePose on"] == f"ONNX Runtime, {CUDA}"
    scene = pipeline.estimate(photo, camera)
    # detector and landmarks of BlazePose, person detector, body network, pixel branch, body, refiner, heavy landmarks
    assert len(asked) >= 7
    assert all(providers == [(CUDA, {"device_id": "1"}), "CPUExecutionProvider"] for providers in asked)
    asked.clear()
    expected = Pipeline.from_preset(num_threads=1, depth=DepthChoice("ground")).estimate(photo, camera)
    assert all(providers == ["CPUExecutionProvider"] for providers in asked)
    assert len(scene.people) == len(expected.people) == 1
    np.testing.assert_array_equal(scene.people[0].joints_cam, expected.people[0].joints_cam)


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if torch were not installed."""
    ours = ("metrichmsr_ros.hmr.network", "metrichmsr_ros.depth.calibration.network", "metrichmsr_ros.body.open_body")
    for name in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


def test_a_gpu_without_provider_and_without_torch_names_both_extras(no_torch):
    remedies = r"on cuda needs torch: pip install 'metrichmsr_ros\[train\]', or 'metrichmsr_ros\[gpu\]'"
    with pytest.raises(MissingPackageError, match=remedies):
        load_engine("embedded", "cuda")


def test_a_precision_that_the_network_has_not_is_refused_before_torch_is_asked_for(no_torch):
    with pytest.raises(ExecutionError, match="reads landmarks and runs in float32 alone"):
        load_engine("embedded", execution=Execution("bf16"))


def test_compiling_without_torch_names_its_extra_alone(no_torch):
    with pytest.raises(MissingPackageError, match=r"compiled, embedded.* needs torch: pip install") as error:
        load_engine("embedded", execution=Execution(compile=True))
    assert "[gpu]" not in str(error.value)


def test_bodies_and_refiners_without_provider_and_without_torch_name_the_extra(no_torch):
    for load in (
        lambda: load_body_engine("open_light", "cuda"),
        lambda: make_engine(DepthChoice("ground", "auto", "cuda")),
    ):
        with pytest.raises(MissingPackageError, match=r"needs torch: pip install 'metrichmsr_ros\[train\]'"):
            load()
