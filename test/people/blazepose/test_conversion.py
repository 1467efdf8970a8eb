"""The converted networks against LiteRT, which BlazePose is published for: same outputs, crops of people and noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.assets import asset_path, cache_dir, model_path
from metrichmsr_ros.people.blazepose.conversion import convert, trunk_maps
from metrichmsr_ros.people.blazepose.network_files import NETWORKS
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.blazepose.tflite_reader import TfliteError, read_tflite
from metrichmsr_ros.runtime.session import OnnxNetwork

skip_without_blazepose()
LANDMARK_OUTPUTS = ("landmarks", "score", "heatmaps", "world")
DETECTOR_OUTPUTS = ("boxes", "scores")
FETCHED = [name for name in NETWORKS if (cache_dir() / name).is_file()]  # the heavy one is optional


@pytest.fixture(scope="module", params=FETCHED)
def network(request):
    """Name, bytes of the .tflite file, and the converted graph."""
    content = model_path(request.param).read_bytes()
    return request.param, content, OnnxNetwork(convert(content))


def pictures(side: int) -> np.ndarray:
    """(6, side, side, 3) uint8: a person three times, noise, and smooth noise twice."""
    photo = cv2.cvtColor(cv2.imread(str(asset_path("astronaut.jpg"))), cv2.COLOR_BGR2RGB)
    parts = [photo, photo[:, ::-1], photo[60:380, 20:340]]
    rng = np.random.default_rng(5)
    parts += [rng.integers(0, 256, (size, size, 3), np.uint8) for size in (side, 8, 5)]
    return np.stack([cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC) for part in parts])


def litert(content: bytes, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by name of the .tflite file, maps channels first; `inputs` (n, H, W, 3) float32."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_output_details()
    names = DETECTOR_OUTPUTS if len(details) == 2 else ("landmarks", "score", "segmentation", "heatmaps", "world")
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for image in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        for name, detail in zip(names, details, strict=True):
            value = interpreter.get_tensor(detail["index"])[0]
            found[name].append(value.transpose(2, 0, 1) if value.ndim == 3 else value)
    return {name: np.stack(values) for name, values in found.items()}


def test_every_output_equals_that_of_litert(network):
    _, content, converted = network
    side = converted.inputs["images"][1]
    images = pictures(side)
    floats = images * np.float32(2 / 255) - np.float32(1) if side == 224 else images * np.float32(1 / 255)
    expected = litert(content, floats)
    outputs = DETECTOR_OUTPUTS if side == 224 else LANDMARK_OUTPUTS
    for output, values in zip(outputs, converted.run({"images": images}, outputs), strict=True):
        truth = expected[output]
        assert values.shape == truth.shape, output
        assert np.abs(values - truth).max() <= 1e-4 * max(1.0, np.abs(truth).max()), output
        if output == "landmarks":  # x, y, z in px of 256, and two logits
            assert np.abs(values - truth).max() < 0.02
        elif output == "world":  # metres
            assert np.abs(values - truth).max() < 1e-4


def test_the_segmentation_is_left_out(network):
    name, _, converted = network
    maps = ("s16", "t8") if "landmark" in name else ()
    assert tuple(converted.outputs) == ((*LANDMARK_OUTPUTS, *maps) if maps else DETECTOR_OUTPUTS)
    assert "segmentation" not in converted.outputs


def test_a_batch_gives_what_each_image_gives_alone(network):
    _, _, converted = network
    outputs = tuple(converted.outputs)
    images = pictures(converted.inputs["images"][1])[:3]
    together = converted.run({"images": images}, outputs)
    for row in range(3):
        for many, one in zip(together, converted.run({"images": images[row : row + 1]}, outputs), strict=True):
            np.testing.assert_array_equal(many[row], one[0])


def test_results_do_not_depend_on_threads_or_repetition(network):
    _, content, _ = network
    one, two = OnnxNetwork(convert(content), 1), OnnxNetwork(convert(content), 2)
    outputs = tuple(one.outputs)
    images = pictures(one.inputs["images"][1])[:1]
    first = one.run({"images": images}, outputs)
    for again in (one, two, two):
        for value, expected in zip(again.run({"images": images}, outputs), first, strict=True):
            np.testing.assert_array_equal(value, expected)


def test_maps_are_those_of_the_tensors_that_litert_has_inside(network):
    """LiteRT keeps inner tensors when told to, and computes them without its fast kernels."""
    name, content, converted = network
    if "landmark" not in name:
        pytest.skip("the detector has no maps")
    module = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    image = pictures(256)[:1]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image * np.float32(1 / 255))
    interpreter.invoke()
    numbers = trunk_maps(read_tflite(content))
    shapes = {"s16": (160 if "heavy" in name else 88, 16, 16), "t8": (288, 8, 8)}
    for output, values in zip(("s16", "t8"), converted.run({"images": image}, ("s16", "t8")), strict=True):
        assert values.shape[1:] == shapes[output]
        assert values.dtype == np.float32
        inside = interpreter.get_tensor(numbers[output]).transpose(0, 3, 1, 2)
        assert np.abs(values - inside).max() <= 1e-3 * np.abs(inside).max()


def test_the_sparse_weights_of_the_detector_are_mostly_zeros_and_all_there():
    """A tensor that is declared sparse holds its non-zero values alone; all of them must arrive, in order."""
    tflite = pytest.importorskip("tflite")
    content = model_path("pose_detection.tflite").read_bytes()
    graph = read_tflite(content)
    model = tflite.Model.GetRootAs(content, 0)
    checked = 0
    for number in range(model.Subgraphs(0).TensorsLength()):
        tensor = model.Subgraphs(0).Tensors(number)
        if tensor.Sparsity() is not None:
            stored = model.Buffers(tensor.Buffer()).DataAsNumpy().view(np.float16)
            dense = graph.constants[number]
            assert dense.shape == tuple(tensor.ShapeAsNumpy())
            kept = dense[dense != 0]
            np.testing.assert_array_equal(kept, stored[stored != 0])
            checked += 1
    assert checked == 38


def test_maps_come_with_the_landmarks_only_on_request():
    photo = cv2.cvtColor(cv2.imread(str(asset_path("astronaut.jpg"))), cv2.COLOR_BGR2RGB)
    plain, with_maps = BlazePose(num_threads=1), BlazePose(num_threads=1, with_maps=True)
    roi = plain.detect(photo)[0].roi()
    without, with_them = plain.landmarks(photo, roi), with_maps.landmarks(photo, roi)
    assert without.maps is None
    assert with_them.maps.s16.shape == (88, 16, 16)
    assert with_them.maps.t8.shape == (288, 8, 8)
    np.testing.assert_array_equal(without.crop_landmarks, with_them.crop_landmarks)
    assert with_them.moved_to(roi).maps is with_them.maps
    mirrored = with_maps.landmarks(photo, roi, mirrored=True)
    there = with_maps.landmarks(np.ascontiguousarray(photo[:, ::-1]), roi)
    assert mirrored.maps.t8.shape == there.maps.t8.shape
    assert not np.array_equal(mirrored.maps.t8, with_them.maps.t8)


def test_other_files_are_refused():
    with pytest.raises(TfliteError, match=r"not a \.tflite file"):
        convert(b"something else entirely")
