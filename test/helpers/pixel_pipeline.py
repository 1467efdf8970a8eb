"""A pipeline that reads the distance of a person off the red of the picture, and variants that fail."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np

from helpers.bag_messages import skeleton
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene


class PixelPipeline:
    """Answers with one person at the distance that the image's red channel encodes; off by `bias` metres."""

    def __init__(self, bias: float = 0.0) -> None:
        self.bias, self.resets = bias, 0
        self.cameras: list[Any] = []
        self.body = SimpleNamespace(
            name="stick", faces=np.array([[0, 1, 2]]), joint_names=[f"j{i}" for i in range(24)], parents=[-1] * 24
        )

    def reset(self) -> None:
        """Count it."""
        self.resets += 1

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person of this picture; nobody in a black one."""
        self.cameras.append(camera)
        depth = float(image[0, 0, 0]) / 20
        if depth == 0:
            return self._scene(stamp_s, camera, image, [])
        joints = skeleton(depth + self.bias)
        vertices = joints[:3] + np.array([[-0.3, 0, 0], [0.3, 0, 0], [0, 0.5, 0]], np.float32)
        person = PersonEstimate(
            id="p1", age=self.resets, confidence=0.9, is_occluded=False, bbox=np.array([10, 10, 30, 40], np.float32),
            pose=np.full(72, 0.1, np.float32), betas=np.zeros(10, np.float32), transl_cam=joints[0],
            transl_cov=np.eye(3, dtype=np.float32) * 0.01, joints_cam=joints, vertices_cam=vertices, height=1.7,
            velocity_cam=np.zeros(3, np.float32), position_cov6=np.eye(6, dtype=np.float32),
            landmarks=None,  # type: ignore[arg-type]
            joint_confidence=np.full(24, 0.8, np.float32), orientation_cov=np.eye(3, dtype=np.float32) * 0.04,
            joint_cov=np.tile(np.eye(3, dtype=np.float32) * 4e-4, (24, 1, 1)),
        )  # fmt: skip
        return self._scene(stamp_s, camera, image, [person])

    def _scene(self, stamp_s: float, camera: Any, image: Any, people: list[PersonEstimate]) -> Scene:
        return Scene(stamp_s, camera, image, people, SceneDepth.not_requested(camera), {"people": 0.002, "total": 0.01})


class ContextPipeline(PixelPipeline):
    """Keeps the context of every image, and lets its answer depend on it."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[Any] = []

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person, 1 cm farther for each metre of floor height and 1 mm for each metre of depth."""
        self.contexts.append(context)
        floor = 0.0 if context.floor is None else context.floor.height
        depth = 0.0 if context.depth is None or not context.trusts_depth else float(np.nanmedian(context.depth.depth))
        self.bias = 0.01 * floor + 0.001 * depth
        return super().track(image, camera, stamp_s, request=request, context=context)


def make_pixel_pipeline(options: Any) -> PixelPipeline:
    """A function that worker processes can import by its name."""
    return PixelPipeline()


DEADLY = 9.0  # metres of the person whose picture ends the process


class DyingPipeline(PixelPipeline):
    """Ends its process, as running out of memory does, when somebody is `DEADLY` metres away."""

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person, or the end of this process."""
        if image[0, 0, 0] == 20 * DEADLY:
            os._exit(137)
        return super().track(image, camera, stamp_s, request=request)


def make_dying_pipeline(options: Any) -> DyingPipeline:
    """A function that worker processes can import by its name."""
    return DyingPipeline()


def make_no_pipeline(options: Any) -> PixelPipeline:
    """Fails as it does when a network is not fetched."""
    raise FileNotFoundError("pose_detection.tflite is not fetched; run `metrichmsr setup`")
