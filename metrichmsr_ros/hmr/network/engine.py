"""The network in torch behind the interface of arrays: on any device, for any weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.acceleration.execution import Execution, about_torch
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.inputs import CropInputs, blank_landmarks, blank_views, refuse_heavy
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.execution.compiled import CompiledNetwork
from metrichmsr_ros.hmr.network.execution.packing import estimate_of, packed_estimate, packed_pixels, pixels_of
from metrichmsr_ros.hmr.network.heads import covariance
from metrichmsr_ros.hmr.network.mirroring import Mirror, estimate_as_seen, pixels_as_seen
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR
from metrichmsr_ros.hmr.onnx_engine import CROP_SIZE


class TorchEngine:
    """An `HMREngine`.

    Args:
        model: the network, in evaluation mode, on `device`, in the precision of `execution`.
        device: torch device.
        weights_sha256: of the file that the weights are from.
        execution: how it runs.
    """

    def __init__(
        self,
        model: MetricHMR,
        device: torch.device | str = "cpu",
        weights_sha256: str = "",
        execution: Execution = Execution(),  # noqa: B008 (frozen)
    ) -> None:
        self.model, self._device, self._weights_sha256 = model, torch.device(device), weights_sha256
        self._execution, self._mirror = execution, Mirror().to(device)
        self._compiled = CompiledNetwork(model, self._device) if execution.compile else None

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.model.config

    @property
    def weights_sha256(self) -> str:
        """Hex sha256 of the weights file; empty for a network that is in no file."""
        return self._weights_sha256

    @property
    def cuts_crops(self) -> bool:
        """True on other devices than the CPU: the image is uploaded once, not each crop."""
        return self._device.type != "cpu"

    @property
    def about(self) -> Mapping[str, str]:
        """What runs the network; see `HMREngine`."""
        graphs = {} if self._compiled is None else self._compiled.about
        return {**about_torch(str(self._device), self._execution), **graphs}

    @torch.inference_mode()
    def __call__(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> HMREstimate:
        """One estimate a view; see `HMREngine`.

        Raises:
            ValueError: views of the heavy landmark network, by weights that were not trained on them.
        """
        if not self.config.image_encoder.reads_heavy:
            refuse_heavy(views.heavy)
        if self._compiled is not None and len(views):
            some = bool(is_mirrored.any())
            return estimate_of(self._compiled.mirrored(views, is_mirrored) if some else self._compiled.plain(views))
        batch = CropBatch.of(views, self._device)
        output = (
            estimate_as_seen(self.model, batch, self._flags(is_mirrored), self._mirror)
            if is_mirrored.any()
            else self.model(batch)
        )
        return estimate_of(packed_estimate(output))

    @torch.inference_mode()
    def from_pixels(self, views: CropInputs, is_mirrored: NDArray[np.bool_]) -> EstimateFromPixels:
        """What the pixel branch reads in each view; see `HMREngine`."""
        branch = self.model.pixel_position
        if branch is None:
            raise ValueError("this network has no pixel branch")
        if self._compiled is not None and len(views):
            return pixels_of(self._compiled.pixels(views, is_mirrored))
        seen = pixels_as_seen(branch, CropBatch.of(views, self._device), self._flags(is_mirrored), self._mirror)
        return pixels_of(packed_pixels(seen))

    def warm_up(self) -> None:
        """Compile and record the usual batch sizes now, not with the first images; mirrored views are left out."""
        if self._compiled is not None:
            encoder = self.config.image_encoder
            reads_pixels = not encoder.reads_landmarks
            self._compiled.warm_up(blank_views(encoder.crop_size) if reads_pixels else blank_landmarks(CROP_SIZE))

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
