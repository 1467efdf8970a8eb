"""Moving a 1 x 1 convolution before an enlargement, on small graphs: same values, and left alone where it must be."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.people.blazepose.graph_rewrites import convolve_before_enlarging
from metrichmsr_ros.people.blazepose.onnx_writer import to_onnx
from metrichmsr_ros.people.blazepose.tflite_reader import Operation, TfliteGraph
from metrichmsr_ros.runtime.session import OnnxNetwork

IMAGE, SIZE, ENLARGED, WEIGHT, BIAS, MIXED = range(6)
RELU6 = 3


def small_graph(kernel: int = 1, stride: int = 1, outputs: tuple[int, ...] = (MIXED,)) -> TfliteGraph:
    """An image of 4 x 6 px, enlarged, then convolved to 5 channels and cut to 0..6."""
    rng = np.random.default_rng(0)
    convolution = {
        "StrideH": stride, "StrideW": stride, "Padding": 0, "DilationHFactor": 1, "DilationWFactor": 1,
        "FusedActivationFunction": RELU6,
    }  # fmt: skip
    return TfliteGraph(
        operations=(
            Operation("RESIZE_BILINEAR", (IMAGE, SIZE), ENLARGED, {"AlignCorners": 0, "HalfPixelCenters": 1}),
            Operation("CONV_2D", (ENLARGED, WEIGHT, BIAS), MIXED, convolution),
        ),
        constants={
            SIZE: np.array([8, 12], np.int32),
            WEIGHT: rng.normal(0, 3, (5, kernel, kernel, 3)).astype(np.float32),
            BIAS: rng.normal(0, 1, 5).astype(np.float32),
        },
        shapes={
            IMAGE: (1, 4, 6, 3), SIZE: (2,), ENLARGED: (1, 8, 12, 3), WEIGHT: (5, kernel, kernel, 3), BIAS: (5,),
            MIXED: (1, 8 // stride, 12 // stride, 5),
        },
        inputs=(IMAGE,),
        outputs=outputs,
    )  # fmt: skip


def values(graph: TfliteGraph) -> np.ndarray:
    """What the graph makes of two random images."""
    images = np.random.default_rng(1).integers(0, 256, (2, 4, 6, 3), np.uint8)
    network = OnnxNetwork(to_onnx(graph, {"mixed": MIXED}, 1 / 255, -0.5))
    return network.run({"images": images}, ("mixed",))[0]


def test_the_convolution_moves_and_the_values_stay():
    graph = small_graph()
    moved = convolve_before_enlarging(graph)
    assert [op.kind for op in moved.operations] == ["CONV_2D", "RESIZE_BILINEAR"]
    assert moved.shapes[moved.operations[0].output] == (1, 4, 6, 5)
    found, expected = values(moved), values(graph)
    assert expected.min() == 0  # the activation cuts, and must do so after the enlargement
    assert expected.max() > 3
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "graph",
    [small_graph(kernel=3), small_graph(stride=2), small_graph(outputs=(MIXED, ENLARGED))],
    ids=["wider kernel", "stride", "enlarged map is read too"],
)
def test_other_convolutions_stay(graph):
    assert convolve_before_enlarging(graph).operations == graph.operations
