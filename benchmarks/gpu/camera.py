"""Frames a second from camera image to people: the default preset on a rendered video with four people."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.speed.scenes import Video
from benchmarks.speed.settings import FOV_X, FPS
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest

PEOPLE, SECONDS, TARGET_FPS = 4, 4.0, 150.0
_FIRST = 20
"""Frames in which people are found and kernels chosen; they do not count."""


def frames_a_second(device: str, seconds: float = SECONDS) -> tuple[float, float]:
    """Frames a second of `Pipeline.track` with meshes, and the mean number of people seen."""
    pipeline = Pipeline.from_preset("embedded", device, test_time_augmentation="none")
    request, seen = OutputRequest(vertices=True, depth=False), []
    with tempfile.TemporaryDirectory() as folder:
        images = Video(PEOPLE).render(seconds, Path(folder) / "video.npy")
        camera = Camera.from_fov(images.shape[2], images.shape[1], FOV_X)
        for number, image in enumerate(np.array(images)):
            if number == _FIRST:
                started = time.perf_counter()
            scene = pipeline.track(image, camera, number / FPS, request=request)
            if number >= _FIRST:
                seen.append(sum(not person.is_occluded for person in scene.people))
        return len(seen) / (time.perf_counter() - started), float(np.mean(seen))
