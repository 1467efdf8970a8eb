"""Metric depth networks of the `transformers` library: Depth Anything V2 metric, Depth Pro, ZoeDepth."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.devices import checked_device

SUGGESTED = "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf"  # Apache-2.0, 25 M parameters


class HubDepth:
    """A metric depth model from the hub or a local folder.

    Args:
        model: hub id (downloaded by transformers) or folder with config, weights and preprocessor.
        device: torch device.

    Raises:
        DepthError: transformers is not installed, the model cannot be loaded, or its depth is not in metres.
    """

    def __init__(self, model: str = SUGGESTED, device: str | torch.device = "cpu") -> None:
        try:
            from transformers import AutoImageProcessor, AutoModelForDepthEstimation
        except ImportError as error:
            raise DepthError("depth networks from the hub need `pip install 'metrichmsr-ros[depth]'`") from error
        try:
            self._processor: Any = AutoImageProcessor.from_pretrained(model)
            self._model: Any = AutoModelForDepthEstimation.from_pretrained(model)
        except (OSError, ValueError) as error:
            raise DepthError(
                f"cannot load the depth network '{model}': {error}. Give hub:ID of a network on "
                "https://huggingface.co, or hub:FOLDER with its config.json, weights and preprocessor_config.json"
            ) from error
        self._kind: str = self._model.config.model_type
        _require_metres(model, self._model.config)
        self._device = checked_device(device)
        self._model.to(self._device).eval()
        self.name = f"hub:{model}"

    @torch.inference_mode()
    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Depth at the image's own size; the model's own processor inverts padding and resizing."""
        inputs = self._processor(images=image, return_tensors="pt").to(self._device)
        outputs = self._model(**inputs)
        sizes: dict[str, Any] = {"target_sizes": [image.shape[:2]]}
        if self._kind == "zoedepth":
            sizes["source_sizes"] = [image.shape[:2]]
        if self._kind == "depth_pro":  # replace its estimated field of view by the calibrated one
            outputs.field_of_view = torch.tensor([np.rad2deg(camera.fov_x)], device=self._device)
        predicted = self._processor.post_process_depth_estimation(outputs, **sizes)[0]["predicted_depth"]
        depth = predicted.float().cpu().numpy().astype(np.float32).reshape(image.shape[:2])
        depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
        return DepthMap(depth, camera, self.name)


def _require_metres(model: str, config: Any) -> None:
    metric = {
        "depth_anything": getattr(config, "depth_estimation_type", "") == "metric",
        "depth_pro": True,
        "zoedepth": True,
    }
    if not metric.get(config.model_type, False):
        raise DepthError(
            f"'{model}' ({config.model_type}) predicts relative depth; use a metric model, e.g. {SUGGESTED}"
        )
