"""MapAnything (Apache-2.0 code), the paper's initial depth. Not on PyPI: install it from its repository.

Its own preprocessing resizes and crops to a table of sizes. Here the image is resized to the nearest multiple of the
patch size, and the network gets K' = A K of that resize, so that no border is lost and the inverse is exact.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap, stretched
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.devices import checked_device

DEFAULT = "facebook/map-anything-apache"  # the default weights of the project are CC-BY-NC
LONG_SIDE, PATCH = 518, 14
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class MapAnythingDepth:
    """MapAnything with known intrinsics, one view.

    Args:
        model: hub id or local folder.
        device: torch device; half precision is used on a GPU.

    Raises:
        DepthError: the package or the weights are missing.
    """

    def __init__(self, model: str = DEFAULT, device: str | torch.device = "cpu") -> None:
        try:
            from mapanything.models import MapAnything
        except ImportError as error:
            raise DepthError(
                "MapAnything is not installed: pip install git+https://github.com/facebookresearch/map-anything"
            ) from error
        try:
            self._model: Any = MapAnything.from_pretrained(model)
        except (OSError, ValueError) as error:
            raise DepthError(
                f"cannot load MapAnything weights '{model}': {error}. Give map_anything:ID of weights on "
                "https://huggingface.co, or map_anything:FOLDER with config.json and weights"
            ) from error
        self._device = checked_device(device)
        self._model.to(self._device).eval()
        self.name = f"map_anything:{model}"

    @torch.inference_mode()
    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Depth on the network's grid, NaN where it marks the image as ambiguous (sky, mirrors)."""
        grid = stretched(camera, *network_size(camera))
        small = cv2.resize(image, grid.size, interpolation=cv2.INTER_AREA)
        view = {
            "img": ((torch.from_numpy(small) / 255 - torch.tensor(_MEAN)) / torch.tensor(_STD)).permute(2, 0, 1)[None],
            "intrinsics": torch.from_numpy(grid.intrinsics.astype(np.float32))[None],
            "data_norm_type": ["dinov2"],
        }
        on_gpu = self._device.type == "cuda"
        prediction = self._model.infer([view], use_amp=on_gpu, apply_mask=False, mask_edges=False)[0]
        depth = prediction["depth_z"].float().cpu().numpy().reshape(grid.height, grid.width)
        if "non_ambiguous_mask" in prediction:
            clear = prediction["non_ambiguous_mask"].cpu().numpy().reshape(depth.shape) > 0.5
            depth = np.where(clear, depth, np.nan)
        return DepthMap(np.where(depth > 0, depth, np.nan).astype(np.float32), grid, self.name)


def network_size(camera: Camera) -> tuple[int, int]:
    """(width, height): the long side is 518, the other the multiple of 14 that fits the aspect ratio best."""
    scale = LONG_SIDE / max(camera.size)
    width, height = (max(PATCH, round(side * scale / PATCH) * PATCH) for side in camera.size)
    return width, height
