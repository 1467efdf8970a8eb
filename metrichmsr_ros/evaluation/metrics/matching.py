"""Matching of estimates to true people in one frame.

People are matched by their overlap in the image, not by their 3D distance: an estimate that covers the person in the
image but is metres too far must count as a large position error, not as a miss and a false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.types import Float64Array

MIN_OVERLAP = 0.3
"""Least intersection over union of two joint boxes; lower than is usual for masks, because limbs change boxes a lot."""
_DISTANCE_WEIGHT = 0.2  # of the relative root distance, which separates people who overlap in the image


class Estimate(Protocol):
    """The attributes of an estimated person that the evaluation reads; `pipeline.PersonEstimate` has them."""

    @property
    def id(self) -> str:
        """Track id."""

    @property
    def joints_cam(self) -> NDArray[np.float32]:
        """(24, 3) m, camera frame."""

    @property
    def height(self) -> float:
        """Standing height, m."""


@dataclass(frozen=True)
class TruePerson:
    """One true person in one frame.

    Attributes:
        id: the same in every frame.
        joints_cam: (24, 3) m, camera optical frame, SMPL order.
        visible: False for people too hidden to be detected; an estimate of them is neither a match nor a false alarm.
        height: standing height, m; NaN when unknown.
    """

    id: str
    joints_cam: NDArray[np.floating]
    visible: bool = True
    height: float = float("nan")


@dataclass(frozen=True)
class TrueFrame:
    """The truth of one image.

    Attributes:
        stamp_s: time of the image, s.
        people: everybody in the scene.
        world_from_camera: (4, 4) pose of the camera; None when unknown.
    """

    stamp_s: float
    people: Sequence[TruePerson]
    world_from_camera: NDArray[np.floating] | None = None


def bearing_boxes(joints: Sequence[NDArray[np.floating]]) -> Float64Array:
    """Bounding boxes (N, 4) x0 y0 x1 y1 of joints (24, 3) on the plane z = 1; NaN for people behind the camera."""
    boxes = np.full((len(joints), 4), np.nan)
    for index, points in enumerate(joints):
        ahead = np.asarray(points, np.float64)
        ahead = ahead[np.isfinite(ahead).all(axis=-1) & (ahead[:, 2] > 0)]
        if len(ahead):
            plane = ahead[:, :2] / ahead[:, 2:]
            boxes[index] = [*plane.min(axis=0), *plane.max(axis=0)]
    return boxes


def appearance_distance(truth: Sequence[TruePerson], estimates: Sequence[Estimate]) -> Float64Array:
    """Cost (G, P) of matching an estimate to a true person; NaN where they overlap less than :data:`MIN_OVERLAP`."""
    if not truth or not estimates:
        return np.zeros((len(truth), len(estimates)))
    true_joints = [np.asarray(person.joints_cam, np.float64) for person in truth]
    joints = [np.asarray(person.joints_cam, np.float64) for person in estimates]
    overlap = box_iou(bearing_boxes(true_joints), bearing_boxes(joints))
    roots, true_roots = np.stack([j[0] for j in joints]), np.stack([j[0] for j in true_joints])
    distance = np.linalg.norm(true_roots[:, None] - roots[None], axis=-1)
    relative = np.minimum(distance / np.linalg.norm(true_roots, axis=-1)[:, None], 1.0)
    return np.where(overlap >= MIN_OVERLAP, 1.0 - overlap + _DISTANCE_WEIGHT * relative, np.nan)
