"""Evidence about people who stand before a camera in the rest pose."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from metrichmsr_ros.body.joints import LANDMARK_NAMES
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.pipeline.uncertainty.evidence import Evidence, evidence_of
from metrichmsr_ros.types import Float32Array

CAMERA = Camera.from_fov(640, 480, 1.2)
UPRIGHT = np.diag([1.0, -1.0, -1.0]).astype(np.float32)  # faces the camera


def standing(count: int = 1, place: tuple[float, float, float] = (0.0, -0.2, 4.0), **changes: Any) -> HMREstimate:
    """`count` people who face the camera, with other fields of the estimate by name."""
    rotmats = np.tile(np.eye(3, dtype=np.float32), (count, 24, 1, 1))
    rotmats[:, 0] = UPRIGHT
    fields: dict[str, Any] = {
        "rotmats": rotmats,
        "betas": np.zeros((count, 10), np.float32),
        "transl": np.tile(np.array(place, np.float32), (count, 1)),
        "transl_deviation": np.tile(np.array([0.2, 0.05], np.float32), (count, 1)),
    }
    return HMREstimate(**(fields | changes))


def joints_of(estimate: HMREstimate) -> Float32Array:
    """(B, 24, 3) m of the light open body."""
    return load_body_engine("open_light").joints(estimate.betas, estimate.rotmats, estimate.transl)


def evidence(
    estimate: HMREstimate | None = None, visibility: float = 0.9, camera: Camera = CAMERA, **more: Any
) -> Evidence:
    """Evidence about people all of whose landmarks have one visibility; `more`: arguments of `evidence_of`."""
    people = estimate or standing()
    seen: Any = SimpleNamespace(visibility=np.full(len(LANDMARK_NAMES) + 6, visibility, np.float32))
    return evidence_of(people, joints_of(people), [seen] * len(people), camera, **more)
