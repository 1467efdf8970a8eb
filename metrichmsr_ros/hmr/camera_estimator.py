"""Intrinsics of uncalibrated images: AnyCalib if it is installed, else the paper's long-side rule.

`Camera.source` names the method ("anycalib" or "long_side"), and it is logged: an estimated focal length makes all
metric results estimates of the same relative error.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.devices import checked_device

logger = logging.getLogger(__name__)


class CameraEstimator:
    """Estimates the camera of single images.

    Args:
        model: an AnyCalib network, called as `predict(image (3,H,W) 0..1, cam_id)`, or None for the long-side rule.
        device: torch device of the network.
    """

    def __init__(self, model: Any | None = None, device: str = "cpu") -> None:
        self._model = model
        self._device = device if model is None else checked_device(device)

    @classmethod
    def load(cls, weights: str = "anycalib_pinhole", device: str = "cpu") -> CameraEstimator:
        """AnyCalib with `weights` (its model id, or a local .pt file) if it is installed; else the long-side rule.

        A model id is downloaded once into torch's hub folder.
        """
        try:
            from anycalib import AnyCalib
        except ImportError:
            logger.info("anycalib is not installed: unknown cameras get f = long side, c = image centre")
            return cls(None, device)
        path = Path(weights).expanduser()
        if path.is_file():
            with _as_hub_file(path, "anycalib/anycalib_pinhole.pt"):  # all its weights share one architecture
                model = AnyCalib(model_id="anycalib_pinhole")
        else:
            model = AnyCalib(model_id=weights)
        return cls(model.to(device).eval(), device)

    def estimate(self, image: NDArray[np.uint8]) -> Camera:
        """The camera of `image` (H, W, 3) uint8 RGB; by the long-side rule if the network's result is invalid."""
        height, width = image.shape[:2]
        camera = Camera.long_side(width, height)
        if self._model is not None:
            focal, cx, cy = self._predicted(image)
            if np.isfinite([focal, cx, cy]).all() and focal > 0:
                # The centre of the first pixel is 0.5 in AnyCalib and 0 here.
                intrinsics = np.array([[focal, 0, cx - 0.5], [0, focal, cy - 0.5], [0, 0, 1]], np.float64)
                camera = dataclasses.replace(camera, intrinsics=intrinsics, source="anycalib")
            else:
                logger.warning("AnyCalib returned f=%s, c=(%s, %s): using the long-side rule instead", focal, cx, cy)
        logger.info("camera of the %dx%d image by %s: f=%.1f px", width, height, camera.source, camera.intrinsics[0, 0])
        return camera

    def _predicted(self, image: NDArray[np.uint8]) -> tuple[float, float, float]:
        """Focal length and principal point by the network, px; the centre of the first pixel is 0.5."""
        import torch

        assert self._model is not None
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).to(self._device).float() / 255
            values = self._model.predict(pixels, cam_id="simple_pinhole")["intrinsics"]
            focal, cx, cy = torch.as_tensor(values).flatten()[:3].tolist()
        return focal, cx, cy


@contextmanager
def _as_hub_file(path: Path, name: str) -> Iterator[None]:
    """Let torch.hub find `path` under `name`, because AnyCalib loads its weights only from there."""
    import torch

    hub_dir = torch.hub.get_dir()
    with TemporaryDirectory() as folder:
        link = Path(folder, name)
        link.parent.mkdir(parents=True)
        link.symlink_to(path.resolve())
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(hub_dir)
