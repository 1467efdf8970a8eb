"""The torch modules as graphs see them: plain tensors in and out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.onnx_engine import OF_PEOPLE
from metrichmsr_ros.hmr import onnx_engine
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.mirroring import Mirror, estimate_as_seen, pixels_as_seen
from metrichmsr_ros.hmr.network.model import MetricHMR

Tensors = Mapping[str, Tensor]


class NetworkGraph(nn.Module):
    """Views of people to pose, shape and position, by a network over landmarks or over pixels."""

    def __init__(self, network: MetricHMR) -> None:
        super().__init__()
        self.network, self.mirror = network, Mirror()

    def forward(self, tensors: Tensors) -> tuple[Tensor, ...]:
        """`onnx_engine.inputs_of` N views -> `onnx_engine.OUTPUTS`."""
        encoder = self.network.config.image_encoder
        size = onnx_engine.CROP_SIZE if encoder.reads_landmarks else encoder.crop_size
        found = estimate_as_seen(self.network, CropBatch.reading(tensors, size), tensors["is_mirrored"], self.mirror)
        return tuple(getattr(found, name) for name in onnx_engine.OUTPUTS)


class PixelGraph(nn.Module):
    """Views of people, with maps of BlazePose's trunk, to position and shape, by the pixel branch."""

    def __init__(self, network: MetricHMR) -> None:
        super().__init__()
        assert network.pixel_position is not None
        self.pixel_position, self.mirror = network.pixel_position, Mirror()

    def forward(self, tensors: Tensors) -> tuple[Tensor, ...]:
        """`onnx_engine.PIXEL_INPUTS` of N views -> `onnx_engine.PIXEL_OUTPUTS`."""
        views = CropBatch.reading(tensors, onnx_engine.CROP_SIZE)
        found = pixels_as_seen(self.pixel_position, views, tensors["is_mirrored"], self.mirror)
        return tuple(getattr(found, name) for name in onnx_engine.PIXEL_OUTPUTS)


class BodyGraph(nn.Module):
    """Betas, rotations and positions to vertices, joints and heights, by the tables of any open body."""

    def __init__(self, body: BodyModel) -> None:
        super().__init__()
        self._body = [body]  # in a list, so that its tables are inputs of the graph and not its weights

    def forward(self, tensors: Tensors) -> tuple[Tensor, ...]:
        """betas (B, 10), rotmats (B, 24, 3, 3), transl (B, 3) and tables -> (B, V, 3), (B, 24, 3), (B,).

        The tables have the shapes of `OpenBody`'s, but directions (10, V, 3).
        """
        (body,), named = self._body, {name: value for name, value in tensors.items() if name not in OF_PEOPLE}
        named["directions"] = named["directions"].flatten(1)
        betas, rotmats, transl = (tensors[name] for name in OF_PEOPLE)
        posed = torch.func.functional_call(body, named, (betas, rotmats, transl))
        heights = torch.func.functional_call(_Height(body), {f"body.{k}": v for k, v in named.items()}, (betas,))
        return posed.vertices, posed.joints, heights


class RefinerGraph(nn.Module):
    """Channels (B, 14, h, w) to deviations (B, 2, h/4, w/4)."""

    def __init__(self, refiner: nn.Module) -> None:
        super().__init__()
        self.refiner = refiner

    def forward(self, tensors: Tensors) -> tuple[Tensor, ...]:
        """`onnx_refiner.INPUTS` -> `onnx_refiner.OUTPUTS`."""
        return (self.refiner(tensors["channels"]),)


class _Height(nn.Module):
    def __init__(self, body: BodyModel) -> None:
        super().__init__()
        self.body = body

    def forward(self, betas: Tensor) -> Tensor:
        return self.body.height(betas)
