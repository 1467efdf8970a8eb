"""A body model in torch behind the interface of arrays: on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.engine import PosedBodies
from metrichmsr_ros.types import Float32Array


class TorchBody:
    """A `BodyEngine`.

    Args:
        model: the body model, on `device`.
        device: torch device.
    """

    def __init__(self, model: BodyModel, device: torch.device | str = "cpu") -> None:
        self._model, self._device = model, device
        self.name, self.joint_names, self.parents = model.name, model.joint_names, model.parents
        self.num_vertices = model.num_vertices
        self.faces: NDArray[np.int64] = model.faces.cpu().numpy()

    @torch.inference_mode()
    def posed(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> PosedBodies:
        """Pose bodies; see `BodyEngine`."""
        output = self._model(*self._tensors(betas, rotmats, transl))
        return PosedBodies(output.vertices.cpu().numpy(), output.joints.cpu().numpy())

    @torch.inference_mode()
    def joints(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> Float32Array:
        """Joints (B, 24, 3) equal to those of `posed`, without skinning the mesh."""
        return _array(self._model.joints(*self._tensors(betas, rotmats, transl)))

    @torch.inference_mode()
    def rest_joints(self, betas: Float32Array) -> Float32Array:
        """Joints (B, 24, 3) of betas (B, 10) in the rest pose, metres."""
        return _array(self._model.rest_joints(*self._tensors(betas)))

    @torch.inference_mode()
    def height(self, betas: Float32Array) -> Float32Array:
        """Standing height (B,) in metres."""
        return _array(self._model.height(*self._tensors(betas)))

    def _tensors(self, *arrays: Float32Array) -> list[torch.Tensor]:
        return [torch.from_numpy(np.ascontiguousarray(array)).to(self._device) for array in arrays]


def _array(tensor: torch.Tensor) -> Any:
    return tensor.cpu().numpy()
