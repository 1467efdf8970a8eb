"""Intrinsics for images that come without: AnyCalib where it is installed, else the paper's long-side rule.

Which one was used is part of the answer (`Camera.source`: "anycalib" or "long_side") and is logged: metres that rest on
a guessed focal length are guessed metres.
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
import torch
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera

logger = logging.getLogger(__name__)


class CameraEstimator:
    """Estimates the camera of single images.

    Args:
        model: an AnyCalib network, called as `predict(image (3,H,W) 0..1, cam_id)`, or None for the long-side rule.
        device: torch device of the network.
    """

    def __init__(self, model: Any | None = None, device: str = "cpu") -> None:
        self._model = model
        self._device = torch.device(device)

    @classmethod
    def load(cls, weights: str = "anycalib_pinhole", device: str = "cpu") -> CameraEstimator:
        """AnyCalib with `weights` (its model id, or a local .pt file) where it is installed; else the long-side rule.

        A model id is fetched once into torch's hub folder.
        """
        try:
            from anycalib import AnyCalib
        except ImportError:
            logger.info("anycalib is not installed: unknown cameras get f = long side, c = middle")
            return cls(None, device)
        path = Path(weights).expanduser()
        if path.is_file():
            with _as_hub_file(path, "anycalib/anycalib_pinhole.pt"):  # one architecture serves all its weights
                model = AnyCalib(model_id="anycalib_pinhole")
        else:
            model = AnyCalib(model_id=weights)
        return cls(model.to(device).eval(), device)

    @torch.inference_mode()
    def estimate(self, image: NDArray[np.uint8]) -> Camera:
        """The camera of `image` (H, W, 3) uint8 RGB; where the network gives nonsense, by the long-side rule."""
        height, width = image.shape[:2]
        camera = Camera.long_side(width, height)
        if self._model is not None:
            pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).to(self._device).float() / 255
            numbers = self._model.predict(pixels, cam_id="simple_pinhole")["intrinsics"]
            focal, cx, cy = (float(value) for value in torch.as_tensor(numbers).flatten()[:3])
            if np.isfinite([focal, cx, cy]).all() and focal > 0:
                # Its first pixel has its centre at 0.5, here at 0.
                intrinsics = np.array([[focal, 0, cx - 0.5], [0, focal, cy - 0.5], [0, 0, 1]], np.float64)
                camera = dataclasses.replace(camera, intrinsics=intrinsics, source="anycalib")
            else:
                logger.warning("AnyCalib gave f=%s, c=(%s, %s): using the long side instead", focal, cx, cy)
        logger.info("camera of %dx%d image from %s: f=%.1f px", width, height, camera.source, camera.intrinsics[0, 0])
        return camera


@contextmanager
def _as_hub_file(path: Path, name: str) -> Iterator[None]:
    """Lets torch.hub find `path` under `name`, because AnyCalib takes its weights from there and nowhere else."""
    usual = torch.hub.get_dir()
    with TemporaryDirectory() as folder:
        link = Path(folder, name)
        link.parent.mkdir(parents=True)
        link.symlink_to(path.resolve())
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(usual)
