"""Training of the pixel branch: it learns, resumes exactly, and leaves the landmarks' branch alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.fetched_networks import skip_without_blazepose
from helpers.simulated_crops import landmarks_network, write_people

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.hmr.config import PixelPositionConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.network.pixels.branch import PixelPosition
from metrichmsr_ros.runtime.weights_file import WeightsFileError
from metrichmsr_ros.training.pixels.config import MapNoise, PixelTrainConfig, load_pixel_config
from metrichmsr_ros.training.pixels.crops import Position, batch_of, endless
from metrichmsr_ros.training.pixels.losses import position_target
from metrichmsr_ros.training.pixels.train import PixelRun, train

BRANCH = PixelPositionConfig(width=32, layers=1, heads=2)


@pytest.fixture(scope="module")
def setup(tmp_path_factory, body):
    skip_without_blazepose()
    folder = tmp_path_factory.mktemp("pixels")
    (folder / "crops").mkdir()
    for number in range(2):
        write_people(folder / "crops" / f"train-0000{number}.safetensors", body, 48, number)
    write_people(folder / "crops" / "val-00000.safetensors", body, 32, 9)
    landmarks = landmarks_network(folder)
    return PixelTrainConfig(
        name="run",
        landmarks=str(landmarks),
        branch=BRANCH,
        crops=str(folder / "crops"),
        output=str(folder / "out"),
        steps=6,
        batch_size=8,
        warmup_steps=2,
        validate_every=3,
        checkpoint_every=3,
    )


def test_a_run_writes_a_network_whose_landmark_branch_is_unchanged(setup):
    lines = []
    model = load_model(train(setup, report=lines.append))
    before = load_model(setup.landmarks)
    assert model.config.image_encoder.kind == "blazepose_pixels"
    for name, value in before.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value)
    assert any("inside 1 sigma" in line for line in lines)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(setup, tmp_path):
    torch.manual_seed(7)
    whole = PixelRun(replace(setup, name="whole"))
    halves = PixelRun(replace(setup, name="whole"))

    def steps(run, count):
        for position, arrays in endless(Path(setup.crops), 8, 0, run.position):
            torch.manual_seed(run.step_count)
            run.step(*batch_of(arrays, run.body))
            run.position = position
            if not (count := count - 1):
                return

    steps(whole, 7)
    steps(halves, 5)
    halves.save(tmp_path / "checkpoint.pt")
    resumed = PixelRun(replace(setup, name="whole"))
    resumed.resume(tmp_path / "checkpoint.pt")
    steps(resumed, 2)
    assert resumed.position == whole.position == Position(0, 7)
    for name, value in whole.branch.state_dict().items():
        torch.testing.assert_close(resumed.branch.state_dict()[name], value, rtol=0, atol=0)
    other = PixelRun(replace(setup, name="other"))
    with pytest.raises(ConfigError, match="name"):
        other.resume(tmp_path / "checkpoint.pt")


def test_the_branch_learns_from_pixels_what_landmarks_do_not_tell(setup):
    config = replace(
        setup, name="learns", learning_rate=3e-3, warmup_steps=5, steps=40, noise=MapNoise(0, 0, 0, 0, 0, 0, 0, 0)
    )
    run, losses = PixelRun(config), []
    for _, arrays in endless(Path(config.crops), 8, 0, Position()):
        losses.append(run.step(*batch_of(arrays, run.body)))
        if len(losses) == config.steps:
            break
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


def test_heads_alone_leave_trunk_and_transformer(setup):
    start = train(replace(setup, name="start", steps=1))
    config = replace(setup, name="heads", start=str(start), heads_only=True, steps=3)
    before, after = load_model(start).pixel_position, load_model(train(config)).pixel_position
    same = {name: torch.equal(value, after.state_dict()[name]) for name, value in before.state_dict().items()}
    assert {name.split(".")[0] for name, equal in same.items() if not equal} == {"position", "shape"}
    with pytest.raises(ConfigError, match="start"):
        replace(config, start="")


@pytest.mark.parametrize("setting", ["landmarks", "start"])
def test_missing_weights_name_their_setting(setup, setting):
    given = {"start": setup.landmarks} | {setting: "/nowhere.safetensors"}
    with pytest.raises(WeightsFileError, match=rf"^{setting} is '/nowhere\.safetensors', which does not exist"):
        PixelRun(replace(setup, **given))


def test_the_target_is_where_the_branch_must_point_for_the_true_position(setup, body):
    """The inverse of the forward pass, by a second implementation in float64."""
    branch = PixelPosition(BRANCH)
    _, arrays = next(endless(Path(setup.crops), 16, 0, Position()))
    batch, truth = batch_of(arrays, body)
    target = position_target(branch, truth, batch.crop_intrinsics).double().numpy()
    for row in range(len(target)):
        k = batch.crop_intrinsics[row].double().numpy()
        focal = math.sqrt(abs(np.linalg.det(k[:2, :2])))
        place = np.linalg.solve(k, [256 * target[row, 0], 256 * target[row, 1], 1.0])
        depth = math.exp(target[row, 2]) * focal / 256
        np.testing.assert_allclose(place / place[2] * depth, truth.transl[row].numpy(), rtol=1e-3, atol=1e-3)


def test_the_trunk_starts_as_blazeposes_own(setup):
    """Its maps at 8 x 8 equal those that the network's own graph makes: checked by its next tensor, in ONNX Runtime."""
    import onnx
    import onnxruntime
    from onnx import helper

    from metrichmsr_ros.people.blazepose.network_files import converted
    from metrichmsr_ros.training.pixels.trunk import blazepose_trunk

    branch = PixelPosition(PixelPositionConfig())
    branch.trunk.load_state_dict(blazepose_trunk())
    graph = onnx.load(converted("pose_landmark_full.tflite"))
    after = _add_after(graph.graph, "s16", 3)
    graph.graph.output.append(helper.make_tensor_value_info(after, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    crop = np.random.default_rng(0).integers(0, 255, (1, 256, 256, 3), np.uint8)
    s16, s32 = session.run(["s16", after], {"images": crop})
    with torch.inference_mode():
        ours = branch.trunk.eval()(torch.from_numpy(s16)).numpy()
    np.testing.assert_allclose(ours, s32, atol=1e-2, rtol=1e-3)


def _add_after(graph, name, count):
    """The output of the `count`-th addition above a tensor, all of whose inputs come from it."""
    reached, found = {node.input[0] for node in graph.node if name in node.output}, []
    for node in graph.node:
        if node.op_type != "Identity" and not reached.isdisjoint(node.input):
            reached.update(node.output)
            if node.op_type == "Add" and reached.issuperset(node.input):
                found.append(node.output[0])
    return found[count - 1]


def test_the_shipped_configuration_is_read_and_nonsense_refused(tmp_path):
    assert load_pixel_config("config/train/pixels.yaml").landmarks == "embedded"
    (tmp_path / "bad.yaml").write_text("steps: 0\n")
    with pytest.raises(ConfigError, match="steps: 0 is not at least 1"):
        load_pixel_config(tmp_path / "bad.yaml")
    with pytest.raises(ConfigError) as told:
        load_pixel_config("nowhere.yaml")
    assert str(told.value) == "nowhere.yaml: no such configuration file"
