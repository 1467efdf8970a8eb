"""FastDepth (Wofk et al. 2019, MIT) in ONNX Runtime: a small network that predicts metric depth of indoor scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.assets import checked_model_path
from metrichmsr_ros.depth.sources.base import DepthContext, DepthMap, stretched
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.session import OnnxNetwork

SIDE = 224
PERSON_STD = 0.44  # error of a person's log depth against the room's: `benchmarks.depth --initial fastdepth`


class FastDepth:
    """`fastdepth.onnx`. The image is resized to 224x224; `resampled` maps the depth back.

    Args:
        path: the ONNX file; None: the file that `metrichmsr setup` downloads (AssetError if it is missing or damaged).
        num_threads: CPU threads of one call.
        providers: what computes; see `providers_of`.

    Raises:
        OnnxNetworkError: not an ONNX file.
    """

    name = "fastdepth"

    def __init__(self, path: str | Path | None = None, num_threads: int = 1, providers: Providers = CPU) -> None:
        self._network = OnnxNetwork(path or checked_model_path("fastdepth.onnx"), num_threads, providers)
        (self._input,), (self._output,) = self._network.inputs, self._network.outputs

    def predict(self, image: NDArray[np.uint8], camera: Camera, context: DepthContext) -> DepthMap:
        """Depth (224, 224) with the camera of the resized image."""
        shrinks = image.shape[0] > SIDE or image.shape[1] > SIDE
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        (found,) = self._network.run({self._input: cv2.dnn.blobFromImage(small, 1 / 255)}, (self._output,))
        depth = found.reshape(SIDE, SIDE)
        depth[~(depth > 0)] = np.nan
        return DepthMap(depth, stretched(camera, SIDE, SIDE), self.name, body_std=PERSON_STD)
