"""The default preset needs no torch: a process that cannot import torch, roma, safetensors or LiteRT gives the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose
from helpers.small_networks import model_of

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.body.onnx_engine import OnnxBody
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.hmr.network.checkpoint import save_model
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.onnx_engine import OnnxEngine
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.pipeline.pipeline import Pipeline

skip_without_blazepose()

REFUSED = ("torch", "roma", "safetensors", "ai_edge_litert", "tflite_runtime")
HOOK = f"""
import sys


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {REFUSED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Refuse())
"""
FRAMES = 32  # one person is in view from the start
ESTIMATE = """
import json
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.pipeline.pipeline import Pipeline

pipeline = Pipeline.from_preset(num_threads=1, depth=DepthChoice("ground", "auto"))
frames = WalkingSequence({frames})[-2:]
scenes = [pipeline.estimate(frames[0].image, frames[0].camera)]
scenes += [pipeline.track(frame.image, frame.camera, frame.stamp_s) for frame in frames]
print(json.dumps([[person.joints_cam.tolist() for person in scene.people] for scene in scenes]))
"""


def without_torch(script: str, *arguments: str) -> str:
    """What a Python without torch prints."""
    command = [sys.executable, "-c", HOOK + script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_photographs_and_videos_give_the_same_people_without_torch():
    pipeline = Pipeline.from_preset(num_threads=1)
    frames = WalkingSequence(FRAMES)[-2:]
    scenes = [pipeline.estimate(frames[0].image, frames[0].camera)]
    scenes += [pipeline.track(frame.image, frame.camera, frame.stamp_s) for frame in frames]
    found = json.loads(without_torch(ESTIMATE.format(frames=FRAMES)))
    assert [len(people) for people in found] == [len(scene.people) for scene in scenes]
    assert found[0]
    for people, scene in zip(found, scenes, strict=True):
        for joints, person in zip(people, scene.people, strict=True):
            np.testing.assert_allclose(joints, person.joints_cam, atol=1e-4)


def test_predict_runs_without_torch(tmp_path):
    script = "from metrichmsr_ros.cli.main import main; main()"
    photo = asset_path("astronaut.jpg")
    without_torch(script, "predict", str(photo), "--fov", "40", "--out", str(tmp_path))
    assert json.loads((tmp_path / "astronaut.json").read_text())["people"]


def test_node_replay_and_demo_are_imported_without_torch():
    pytest.importorskip("rclpy")
    without_torch("import metrichmsr_ros.cli.demo, metrichmsr_ros.replay.replay, metrichmsr_ros.ros.node")


def test_weights_without_a_graph_run_in_torch_and_name_it_where_it_is_missing(tmp_path):
    weights = tmp_path / "mine.safetensors"
    save_model(weights, model_of())
    assert isinstance(load_engine(weights), TorchEngine)
    script = "from metrichmsr_ros.pipeline.engines import load_engine; load_engine(sys.argv[1])"
    with pytest.raises(subprocess.CalledProcessError) as error:
        without_torch(script, str(weights))
    last = error.value.stderr.strip().splitlines()[-1]
    assert "mine.safetensors on cpu needs torch: pip install 'metrichmsr_ros[train]'" in last


def test_a_body_in_torch_names_the_extra():
    with pytest.raises(subprocess.CalledProcessError) as error:
        without_torch("import metrichmsr_ros; metrichmsr_ros.load_body('open')")
    assert "body open in torch needs torch: pip install 'metrichmsr_ros[train]'" in error.value.stderr.splitlines()[-1]


def test_the_shipped_network_and_bodies_run_in_onnx_runtime_on_the_cpu():
    assert isinstance(load_engine("embedded"), OnnxEngine)
    assert load_engine(Path(asset_path("embedded.safetensors"))).weights_sha256
    assert isinstance(load_body_engine("open_light"), OnnxBody)
    assert isinstance(load_body_engine("open"), OnnxBody)
