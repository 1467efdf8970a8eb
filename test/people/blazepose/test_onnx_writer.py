"""Operations that the networks consist of, one by one against NumPy; weights in half the space; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.people.blazepose.onnx_writer import to_onnx
from metrichmsr_ros.people.blazepose.tflite_reader import Operation, TfliteError, TfliteGraph
from metrichmsr_ros.runtime.session import OnnxNetwork

IMAGE, MIDDLE, RESULT, WEIGHT, BIAS = range(5)
HEIGHT, WIDTH = 5, 6
CONVOLUTION = {"Padding": 0, "DilationHFactor": 1, "DilationWFactor": 1, "FusedActivationFunction": 0}


def graph_of(operations, shape, constants=(), middle=(1, HEIGHT, WIDTH, 3)) -> TfliteGraph:
    """A network from an image (1, 5, 6, 3) to `RESULT` of this shape."""
    constants = dict(constants)
    shapes = {IMAGE: (1, HEIGHT, WIDTH, 3), MIDDLE: middle, RESULT: shape}
    shapes |= {number: values.shape for number, values in constants.items()}
    return TfliteGraph(tuple(operations), constants, shapes, (IMAGE,), (RESULT,))


def run(graph: TfliteGraph, images: np.ndarray, **options) -> np.ndarray:
    """`RESULT`, channels last."""
    (found,) = OnnxNetwork(to_onnx(graph, {"result": RESULT}, **options)).run({"images": images}, ("result",))
    return found.transpose(0, 2, 3, 1) if found.ndim == 4 else found


@pytest.fixture
def images():
    return np.random.default_rng(3).integers(0, 256, (2, HEIGHT, WIDTH, 3), np.uint8)


def convolved(images: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """SAME convolution as TensorFlow defines it: ceil(size / stride) cells, the odd zero after."""
    kernel = weight.shape[1]
    sizes = [-(-size // stride) for size in images.shape[1:3]]
    pads = [max((n - 1) * stride + kernel - size, 0) for n, size in zip(sizes, images.shape[1:3], strict=True)]
    padded = np.pad(images.astype(np.float64), ((0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)))
    out = np.empty((len(images), *sizes, len(weight)))
    for row in range(sizes[0]):
        for col in range(sizes[1]):
            part = padded[:, row * stride : row * stride + kernel, col * stride : col * stride + kernel]
            out[:, row, col] = np.einsum("nhwc,ohwc->no", part, weight) + bias
    return out


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (2, 2)])
def test_convolutions_pad_as_tensorflow_does(images, kernel, stride):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, kernel, kernel, 3)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    options = {**CONVOLUTION, "StrideH": stride, "StrideW": stride}
    shape = (1, -(-HEIGHT // stride), -(-WIDTH // stride), 4)
    graph = graph_of(
        [Operation("CONV_2D", (IMAGE, WEIGHT, BIAS), RESULT, options)], shape, {WEIGHT: weight, BIAS: bias}
    )
    found = run(graph, images, scale=1 / 255, offset=-0.25)
    np.testing.assert_allclose(found, convolved(images / 255 - 0.25, weight, bias, stride), atol=1e-4)


def test_swish_and_joined_channels(images):
    """x * sigmoid(x), then both beside each other: what YOLOX consists of."""
    operations = [
        Operation("LOGISTIC", (IMAGE,), MIDDLE, {}),
        Operation("MUL", (IMAGE, MIDDLE), WEIGHT, {"FusedActivationFunction": 0}),
        Operation("CONCATENATION", (WEIGHT, MIDDLE), RESULT, {"Axis": 3, "FusedActivationFunction": 0}),
    ]
    graph = graph_of(operations, (1, HEIGHT, WIDTH, 6))
    x = images.astype(np.float64) / 64
    sigmoid = 1 / (1 + np.exp(-x))
    found = run(graph, images, scale=1 / 64)
    np.testing.assert_allclose(found, np.concatenate([x * sigmoid, sigmoid], axis=3), rtol=1e-5)


def test_depth_becomes_space_in_blocks(images):
    rng = np.random.default_rng(0)
    weight = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 8)].reshape(8, 1, 1, 3)
    operations = [
        Operation("CONV_2D", (IMAGE, WEIGHT, BIAS), MIDDLE, {**CONVOLUTION, "StrideH": 1, "StrideW": 1}),
        Operation("DEPTH_TO_SPACE", (MIDDLE,), RESULT, {"BlockSize": 2}),
    ]
    constants = {WEIGHT: weight, BIAS: np.arange(8, dtype=np.float32)}
    graph = graph_of(operations, (1, 2 * HEIGHT, 2 * WIDTH, 2), constants, (1, HEIGHT, WIDTH, 8))
    deep = images @ weight[:, 0, 0].T + np.arange(8)
    expected = deep.reshape(2, HEIGHT, WIDTH, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(2, 2 * HEIGHT, 2 * WIDTH, 2)
    np.testing.assert_array_equal(run(graph, images), expected)


def test_images_of_any_size_where_that_is_asked_for(images):
    graph = graph_of([Operation("LOGISTIC", (IMAGE,), RESULT, {})], (1, HEIGHT, WIDTH, 3))
    network = OnnxNetwork(to_onnx(graph, {"result": RESULT}, any_size=True))
    assert network.inputs == {"images": ("n", "height", "width", 3)}
    assert network.outputs == {"result": ("n", 3, "result_height", "result_width")}
    wide = np.concatenate([images, images], axis=2)
    assert network.run({"images": wide}, ("result",))[0].shape == (2, 3, HEIGHT, 2 * WIDTH)


def test_weights_that_float16_holds_take_half_the_space_and_others_stay_exact(images):
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(512, 1, 1, 3)).astype(np.float16).astype(np.float32)
    options = {**CONVOLUTION, "StrideH": 1, "StrideW": 1}
    sizes = []
    for weight in (halves, halves + np.float32(1e-6)):
        constants = {WEIGHT: weight, BIAS: np.zeros(512, np.float32)}
        graph = graph_of(
            [Operation("CONV_2D", (IMAGE, WEIGHT, BIAS), RESULT, options)], (1, HEIGHT, WIDTH, 512), constants
        )
        sizes.append(len(to_onnx(graph, {"result": RESULT})))
        expected = images.astype(np.float64) @ weight[:, 0, 0].T.astype(np.float64)
        np.testing.assert_allclose(run(graph, images), expected, rtol=1e-6, atol=1e-4)
    assert sizes[1] - sizes[0] == pytest.approx(2 * halves.size, rel=0.05)


def test_what_cannot_be_written_is_named():
    graph = graph_of([], (1, HEIGHT, WIDTH, 3))
    strange = Operation("FLOOR_MOD", (IMAGE,), RESULT, {})
    with pytest.raises(TfliteError, match="FLOOR_MOD"):
        to_onnx(TfliteGraph((strange,), {}, graph.shapes, (IMAGE,), (RESULT,)), {"result": RESULT})
    corners = Operation("RESIZE_BILINEAR", (IMAGE, WEIGHT), RESULT, {"AlignCorners": 1, "HalfPixelCenters": 0})
    with pytest.raises(TfliteError, match="RESIZE_BILINEAR has AlignCorners 1"):
        to_onnx(TfliteGraph((corners,), {}, graph.shapes, (IMAGE,), (IMAGE,)), {"large": RESULT})
