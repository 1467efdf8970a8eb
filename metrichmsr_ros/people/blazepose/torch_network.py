"""TFLite operations as a torch module: the same weights, channels first, a batch of any size, trainable.

    network = TorchNetwork.of("pose_landmark_full.tflite").to("cuda")
    answers = network(images)                    # (n, 256, 256, 3) uint8, on the device

It computes what the ONNX graph of `conversion` computes, where torch has a device that ONNX Runtime has not.
`TorchSession` is used as ONNX Runtime's session is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn import functional

from metrichmsr_ros.acceleration.fixed_sizes import Columns, FixedSizes, recorder_of
from metrichmsr_ros.assets import model_path
from metrichmsr_ros.people.blazepose.conversion import NamedGraph, named_graph
from metrichmsr_ros.people.blazepose.tflite_operations import (
    CONVOLUTIONS,
    activation_of,
    convolution_of,
    expect,
    needed_for,
    same_padding,
)
from metrichmsr_ros.people.blazepose.tflite_reader import Operation, TfliteError
from metrichmsr_ros.types import AnyArray

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "": lambda values: values,
    "RELU": functional.relu,
    "RELU6": functional.relu6,
}
_SAME = 0


class TorchNetwork(nn.Module):
    """One of BlazePose's networks.

    Args:
        named: the network, and its tensors by the names that the outputs get.
        outputs: names of the outputs to compute; None: all of them. Those with four axes are (n, C, H, W).

    Raises:
        TfliteError: an operation or an option of one that is not known here.
    """

    def __init__(self, named: NamedGraph, outputs: Sequence[str] | None = None) -> None:
        super().__init__()
        self._graph, self._scale, self._offset = named.graph, named.scale, named.offset
        self._outputs = {name: named.outputs[name] for name in outputs or named.outputs}
        self._operations = needed_for(self._graph, self._outputs.values())
        self.convolutions = nn.ModuleDict()
        for operation in self._operations:
            if operation.kind in CONVOLUTIONS:
                self.convolutions[str(operation.output)] = self._convolution(operation)
            elif f"_{operation.kind.lower()}" not in vars(TorchNetwork):
                raise TfliteError(f"operation {operation.kind} is not known here")

    @classmethod
    def of(cls, name: str, outputs: Sequence[str] | None = None) -> TorchNetwork:
        """One of `network_files.NETWORKS`, in evaluation mode.

        Raises:
            AssetError: it was not fetched.
            TfliteError: the file is another network.
        """
        return cls(named_graph(model_path(name).read_bytes()), outputs).eval()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name for images (n, H, W, 3), uint8 RGB, or float32 in 0..255."""
        values: dict[int, Tensor] = {}
        pixels = images.permute(0, 3, 1, 2).float() * self._scale + self._offset
        values[self._graph.inputs[0]] = pixels.contiguous(memory_format=torch.channels_last)
        for operation in self._operations:
            compute: Callable[[Operation, dict[int, Tensor]], Tensor] = getattr(self, f"_{operation.kind.lower()}")
            values[operation.output] = compute(operation, values)
        return {name: values[number] for name, number in self._outputs.items()}

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image."""
        return self._graph.shapes[self._graph.inputs[0]][1:]

    def _convolution(self, op: Operation) -> nn.Conv2d:
        stored = convolution_of(self._graph, op)
        channels = stored.weights.shape[1] * stored.groups
        size, stride = stored.weights.shape[2:], (op.options["StrideH"], op.options["StrideW"])
        layer = nn.Conv2d(channels, len(stored.bias), size, stride, groups=stored.groups)
        state = {"weight": torch.from_numpy(stored.weights), "bias": torch.from_numpy(stored.bias)}
        layer.load_state_dict(state)
        return layer

    def _conv_2d(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        layer = self.convolutions[str(op.output)]
        assert isinstance(layer, nn.Conv2d)
        return self._activated(op, layer(self._padded(op, values, layer.weight.shape[2:])))

    _depthwise_conv_2d = _conv_2d

    def _padded(self, op: Operation, values: Mapping[int, Tensor], kernel: Sequence[int]) -> Tensor:
        source = values[op.inputs[0]]
        if op.options["Padding"] != _SAME:
            return source
        top, bottom = same_padding(source.shape[2], kernel[0], op.options["StrideH"])
        left, right = same_padding(source.shape[3], kernel[1], op.options["StrideW"])
        return functional.pad(source, (left, right, top, bottom)) if top or bottom or left or right else source

    def _pad(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        amounts = self._graph.constants[op.inputs[1]].tolist()
        return functional.pad(values[op.inputs[0]], (*amounts[2], *amounts[1], *amounts[3]))

    def _add(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        first, second = (values[number] for number in op.inputs)
        return self._activated(op, first + second)

    def _max_pool_2d(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        kernel = (op.options["FilterHeight"], op.options["FilterWidth"])
        strides = (op.options["StrideH"], op.options["StrideW"])
        return self._activated(op, functional.max_pool2d(self._padded(op, values, kernel), kernel, strides))

    def _resize_bilinear(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        expect(op, AlignCorners=0, HalfPixelCenters=1)
        height, width = self._graph.shapes[op.output][1:3]
        larger = functional.interpolate(values[op.inputs[0]], (height, width), mode="bilinear", align_corners=False)
        return self._activated(op, larger)

    def _depth_to_space(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        """TFLite's order: the block's row, its column, then the channel."""
        source, block = values[op.inputs[0]], op.options["BlockSize"]
        count, channels, height, width = source.shape
        parts = source.reshape(count, block, block, channels // block**2, height, width)
        return parts.permute(0, 3, 4, 1, 5, 2).reshape(count, channels // block**2, height * block, width * block)

    def _logistic(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        return values[op.inputs[0]].sigmoid()

    def _reshape(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        """Values keep TFLite's order: channels last."""
        target, source = self._graph.shapes[op.output], values[op.inputs[0]]
        if len(target) == 4:
            raise TfliteError("RESHAPE to four axes is not known here")
        last = source.permute(0, 2, 3, 1) if source.ndim == 4 else source
        return last.reshape(len(source), *target[1:])

    def _concatenation(self, op: Operation, values: Mapping[int, Tensor]) -> Tensor:
        axis = op.options["Axis"]
        if len(self._graph.shapes[op.output]) == 4:
            axis = (0, 2, 3, 1)[axis]
        return self._activated(op, torch.cat([values[number] for number in op.inputs], dim=axis))

    @staticmethod
    def _activated(op: Operation, values: Tensor) -> Tensor:
        return _ACTIVATIONS[activation_of(op)](values)


class TorchSession:
    """One of BlazePose's networks on a device of torch, with the interface of `runtime.session.OnnxNetwork`.

    It computes in full float32 whatever the process allows.

    Args:
        name: one of `network_files.NETWORKS`. outputs: names of the outputs to compute.
        device: of torch. On CUDA the network is recorded as a graph for each of a few batch sizes.

    Raises:
        AssetError: the network was not fetched.
        TfliteError: the file is another network.
    """

    takes_batches = True
    """Several images a call cost little more than one."""

    def __init__(self, name: str, outputs: Sequence[str], device: torch.device) -> None:
        self._network = TorchNetwork.of(name, outputs).to(device)
        self.runs_on = f"torch, {device}"
        with torch.inference_mode(), _full_float32(device):
            example = self._network(torch.zeros((1, *self._network.image_shape), dtype=torch.uint8, device=device))
        self._shapes = {name: value.shape[1:] for name, value in example.items()}
        self._forward = FixedSizes(self._joined, recorder_of(device))
        self.inputs: Mapping[str, tuple[int | str, ...]] = {"images": ("n", *self._network.image_shape)}

    def run(self, inputs: Mapping[str, AnyArray], outputs: Sequence[str]) -> list[AnyArray]:
        """The named outputs for images (n, H, W, 3) uint8 RGB."""
        rows = self._forward({"images": torch.from_numpy(inputs["images"])})
        parts = rows.split([shape.numel() for shape in self._shapes.values()], dim=1)
        values = {
            name: part.unflatten(1, shape).numpy()
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }
        return [values[name] for name in outputs]

    def _joined(self, columns: Columns) -> Tensor:
        """All outputs of a row after each other, (n, N)."""
        images = columns["images"]
        with _full_float32(images.device):
            return torch.cat([value.flatten(1) for value in self._network(images).values()], dim=1)


@contextmanager
def _full_float32(device: torch.device) -> Iterator[None]:
    """Convolutions on CUDA otherwise round what they multiply to the 10 bits of TF32."""
    if device.type != "cuda":
        yield
        return
    kept = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
    with cudnn.flags(**kept, allow_tf32=False):
        yield
