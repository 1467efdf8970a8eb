"""BlazePose's networks in torch against their graphs in ONNX Runtime, which were tested against TFLite's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.io.devices import DeviceError
from metrichmsr_ros.io.images import read_photograph
from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.people.blazepose.network_files import converted
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.runtime.session import OnnxNetwork

torch = pytest.importorskip("torch")
LARGEST = 5e-5
"""Difference of float32 sums of some hundred terms, as a share of an output's largest value, or of 1."""


@pytest.fixture(scope="module", autouse=True)
def _fetched():
    skip_without_blazepose()


@pytest.fixture(scope="module")
def astronaut():
    return read_photograph(asset_path("astronaut.jpg")).image


def pictures(image, side):
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return np.stack([image[:side, 128 : 128 + side], noise])


@pytest.mark.parametrize("name", ["pose_detection.tflite", "pose_landmark_full.tflite", "pose_landmark_heavy.tflite"])
def test_every_output_is_that_of_the_graph(name, astronaut):
    from metrichmsr_ros.people.blazepose.torch_network import TorchNetwork

    graph, network = OnnxNetwork(converted(name), 1), TorchNetwork.of(name)
    images = pictures(astronaut, graph.inputs["images"][1])
    with torch.inference_mode():
        found = network(torch.from_numpy(images))
    assert set(found) == set(graph.outputs)
    for output, expected in zip(found, graph.run({"images": images}, tuple(found)), strict=True):
        largest = LARGEST * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found[output].numpy(), expected, rtol=0, atol=largest, err_msg=output)


def test_only_what_the_named_outputs_need_is_computed():
    from metrichmsr_ros.people.blazepose.torch_network import TorchNetwork

    whole, part = (TorchNetwork.of("pose_landmark_full.tflite", outputs) for outputs in (None, ("s16",)))
    assert len(part.convolutions) < len(whole.convolutions) / 2


def test_every_weight_can_be_trained(astronaut):
    from metrichmsr_ros.people.blazepose.torch_network import TorchNetwork

    network = TorchNetwork.of("pose_landmark_full.tflite", ("landmarks", "score", "heatmaps", "world"))
    found = network(torch.from_numpy(pictures(astronaut, 256)))
    sum(value.square().mean() for value in found.values()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


def test_people_are_found_as_by_onnx_runtime(astronaut):
    plain, ours = BlazePose(with_maps=True), BlazePose(with_maps=True, torch_device="cpu")
    assert (plain.runs_on, ours.runs_on) == ("ONNX Runtime, CPUExecutionProvider", "torch, cpu")
    (there,), (here,) = plain.detect(astronaut), ours.detect(astronaut)
    np.testing.assert_allclose(here.bbox, there.bbox, atol=0.05)
    for reference, found in ((plain, ours), (plain.heavier(), ours.heavier())):
        expected, landmarks = (network.landmarks(astronaut, there.roi()) for network in (reference, found))
        np.testing.assert_allclose(landmarks.pixels, expected.pixels, atol=0.05)
        np.testing.assert_allclose(landmarks.world, expected.world, atol=1e-4)
        assert landmarks.heavy == expected.heavy
        assert (landmarks.maps is None) == (expected.maps is None)


@pytest.mark.parametrize("torch_device", [None, "cpu"])
def test_many_pictures_at_a_time_are_read_as_one_by_one(astronaut, torch_device):
    blazepose = BlazePose(torch_device=torch_device)
    region = blazepose.detect(astronaut)[0].roi()
    outside = Roi(region.centre + 5000, region.size, 0.0)
    empty = np.zeros((300, 200, 3), np.uint8)
    asked = [(astronaut, region), (astronaut, outside), (empty, Roi(np.array([100.0, 150.0]), 200.0, 0.0))]
    asked.append((astronaut, Roi(region.centre + 6, 1.1 * region.size, 0.2)))
    found = blazepose.landmarks_of_many(*zip(*asked, strict=True))
    assert [one is not None for one in found] == [True, False, False, True]
    for (image, roi), many in zip(asked, found, strict=True):
        one = blazepose.landmarks(image, roi)
        if one is not None:
            np.testing.assert_allclose(many.crop_landmarks, one.crop_landmarks, atol=5e-3)
            assert many.roi == roi
    assert blazepose.landmarks_of_many([], []) == []


def test_an_unknown_device_is_named():
    with pytest.raises(DeviceError, match="quantum"):
        BlazePose(torch_device="quantum")


def test_a_gpu_that_neither_has_names_the_provider_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"^device is 'cuda', .* no CUDAExecutionProvider.* 0 GPUs"):
        BlazePose(torch_device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_threads_that_record_and_replay_on_one_gpu_do_not_mix_people(astronaut):
    full = BlazePose(with_maps=True, torch_device="cuda")
    networks, region = (full, full.heavier()), BlazePose().detect(astronaut)[0].roi()
    regions = [Roi(region.centre, region.size * (1 + 0.05 * k), 0.1 * k) for k in range(12)]

    def look(number):
        found = networks[number % 2].landmarks(astronaut, regions[number % 12], 0.0)
        full.detect(astronaut)
        return found.crop_landmarks

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(look, range(48)))
    for number, landmarks in enumerate(found):
        np.testing.assert_array_equal(landmarks, look(number))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_finds_the_same_people(astronaut):
    """Also where the process allows TF32, as torch does by itself."""
    plain, ours = BlazePose(with_maps=True), BlazePose(with_maps=True, torch_device="cuda")
    region = plain.detect(astronaut)[0].roi()
    np.testing.assert_allclose(ours.detect(astronaut)[0].bbox, plain.detect(astronaut)[0].bbox, atol=0.05)
    for count in (1, 3, 40):
        regions = [Roi(region.centre, region.size * (1 + 0.002 * k), 0.0) for k in range(count)]
        for found, roi in zip(ours.landmarks_of_many([astronaut] * count, regions), regions, strict=True):
            expected = plain.landmarks(astronaut, roi)
            np.testing.assert_allclose(found.crop_landmarks, expected.crop_landmarks, atol=0.05)
            np.testing.assert_allclose(found.maps.s16, expected.maps.s16, atol=0.05)
