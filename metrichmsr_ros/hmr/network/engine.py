"""The network in torch behind the interface of arrays: on any device, for any weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.encoders import refuse_heavy
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.mirroring import Mirror, estimate_as_seen, pixels_as_seen
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR
from metrichmsr_ros.types import Float32Array


class TorchEngine:
    """An `HMREngine`.

    Args:
        model: the network, in evaluation mode, on `device`.
        device: torch device.
        weights_sha256: of the file that the weights are from.
    """

    def __init__(self, model: MetricHMR, device: torch.device | str = "cpu", weights_sha256: str = "") -> None:
        self.model, self._device, self._weights_sha256 = model, device, weights_sha256
        self._mirror = Mirror().to(device)

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.model.config

    @property
    def weights_sha256(self) -> str:
        """Hex sha256 of the weights file; empty for a network that is in no file."""
        return self._weights_sha256

    @torch.inference_mode()
    def __call__(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> HMREstimate:
        """One estimate a view; see `HMREngine`.

        Raises:
            ValueError: views of the heavy landmark network, by weights that were not trained on them.
        """
        if not self.config.image_encoder.reads_heavy:
            refuse_heavy(views.heavy)
        batch = CropBatch.of(views, self._device)
        output = (
            estimate_as_seen(self.model, batch, self._flags(is_mirrored), self._mirror)
            if is_mirrored.any()
            else self.model(batch)
        )
        return HMREstimate(*map(_array, (output.rotmats, output.betas, output.transl, output.transl_deviation)))

    @torch.inference_mode()
    def from_pixels(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> EstimateFromPixels:
        """What the pixel branch reads in each view; see `HMREngine`."""
        branch = self.model.pixel_position
        if branch is None:
            raise ValueError("this network has no pixel branch")
        seen = pixels_as_seen(branch, CropBatch.of(views, self._device), self._flags(is_mirrored), self._mirror)
        return EstimateFromPixels(*map(_array, (seen.transl, seen.log_deviation, seen.betas)))

    def _flags(self, is_mirrored: NDArray[np.bool_]) -> torch.Tensor:
        return torch.from_numpy(is_mirrored).to(self._device)


def as_output(estimate: HMREstimate) -> HMROutput:
    """An estimate as tensors on the CPU, without routing."""
    transl, deviation = torch.from_numpy(estimate.transl), torch.from_numpy(estimate.transl_deviation)
    return HMROutput(
        rotmats=torch.from_numpy(estimate.rotmats),
        betas=torch.from_numpy(estimate.betas),
        transl=transl,
        transl_cov=covariance(transl, deviation),
        transl_deviation=deviation,
        expert_share=transl.new_zeros(len(transl), 0, 0),
        load_balance=transl.new_zeros(()),
    )


def _array(tensor: torch.Tensor) -> Float32Array:
    array: Float32Array = tensor.float().cpu().numpy()
    return array
