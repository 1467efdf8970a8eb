"""A pipeline for the node's tests: it finds given people in every image."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene, SceneContext
from metrichmsr_ros.types import Float32Array, ImageArray

DEADLINE_S = 120.0  # never reached on a good day; generous for a busy machine that imports torch anew


class FakeBody:
    """Four vertices and a chain of 24 joints."""

    name = "fake_body"
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    joint_names = tuple(f"joint_{i}" for i in range(24))
    parents = np.array([-1, *range(23)])


def make_person(person_id: str = "a1", seed: int = 0, **changes: Any) -> PersonEstimate:
    """Somebody 3 m before the camera, with other fields by name."""
    rng = np.random.default_rng(seed)
    covariance = np.diag(rng.uniform(0.01, 0.1, 6)).astype(np.float32)
    fields: dict[str, Any] = {
        "id": person_id,
        "age": 3,
        "confidence": 0.75,
        "is_occluded": False,
        "bbox": np.array([10.2, 5.0, 20.7, 40.0], np.float32),
        "pose": rng.normal(0, 0.5, 72).astype(np.float32),
        "betas": rng.normal(0, 1, 10).astype(np.float32),
        "transl_cam": np.array([0.1, 0.2, 3.0], np.float32),
        "transl_cov": covariance[:3, :3],
        "joints_cam": rng.normal((0, 0, 3), 0.3, (24, 3)).astype(np.float32),
        "vertices_cam": rng.normal((0, 0, 3), 0.3, (4, 3)).astype(np.float32),
        "height": 1.7,
        "velocity_cam": np.array([0.5, 0.0, -1.0], np.float32),
        "position_cov6": covariance,
        "landmarks": None,
        "joint_confidence": rng.uniform(0, 1, 24).astype(np.float32),
        "joint_cov": _covariances(rng, 24),
        "orientation_cov": _covariances(rng, 1)[0],
    }
    return PersonEstimate(**(fields | changes))


def _covariances(rng: np.random.Generator, count: int) -> Float32Array:
    """(count, 3, 3), symmetric."""
    roots = rng.normal(0, 0.1, (count, 3, 3))
    covariances = roots @ roots.swapaxes(1, 2)
    return ((covariances + covariances.swapaxes(1, 2)) / 2).astype(np.float32)


class FakePipeline:
    """Finds `people` in every image; waits for `gate` when that is set; keeps what it was given."""

    body = FakeBody()

    def __init__(self, people: Iterable[PersonEstimate] = ()) -> None:
        self.people = list(people)
        self.about: dict[str, str] = {}
        self.gate: threading.Semaphore | None = None
        self.calls: list[tuple[ImageArray, Camera, float, OutputRequest]] = []
        self.contexts: list[SceneContext] = []
        self.resets = 0
        self.failure: Exception | None = None
        self.depth = SceneDepth(np.zeros((0, 0), np.float32), "people", "none")

    def reset(self) -> None:
        """Count it."""
        self.resets += 1

    def track(
        self,
        image: ImageArray,
        camera: Camera,
        stamp_s: float,
        *,
        request: OutputRequest = OutputRequest(),  # noqa: B008
        context: SceneContext = SceneContext(),  # noqa: B008
    ) -> Scene:
        """`people`, and depth in one pixel."""
        self.contexts.append(context)
        self.calls.append((image, camera, stamp_s, request))
        if self.gate is not None and not self.gate.acquire(timeout=DEADLINE_S):
            raise TimeoutError("nobody opened the gate")
        if self.failure is not None:
            raise self.failure
        metres = np.full(image.shape[:2], np.nan, np.float32)
        metres[3, 4] = 2.5
        depth = replace(self.depth, metres=metres) if request.depth else SceneDepth.not_requested(camera)
        return Scene(stamp_s, camera, image, self.people, depth, {"people": 0.001, "total": 0.002}, context.up)
