"""Which estimate is which true person, in one frame.

People are matched by where they appear in the image, not by where they stand: an estimate that is right on the person
but metres too far must count as a large position error, not as a miss and a false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.types import Float64Array

MIN_OVERLAP = (
    0.3  # least intersection over union of two joint boxes; lower than for tight masks, limbs move boxes a lot
)
_DISTANCE_WEIGHT = 0.2  # of the relative root distance, which tells apart people who overlap in the image


class Estimate(Protocol):
    """What the evaluation reads of an estimated person; `pipeline.PersonEstimate` has it."""

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
    """One real person in one frame.

    Attributes:
        id: the same in every frame.
        joints_cam: (24, 3) m, camera optical frame, SMPL order.
        visible: whether a system can be asked to find the person; a report on a hidden one is neither right nor wrong.
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
        people: everybody there.
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
    """Cost (G, P) of calling an estimate a true person; NaN where they overlap less than :data:`MIN_OVERLAP`."""
    if not truth or not estimates:
        return np.zeros((len(truth), len(estimates)))
    true_joints = [np.asarray(person.joints_cam, np.float64) for person in truth]
    joints = [np.asarray(person.joints_cam, np.float64) for person in estimates]
    overlap = box_iou(bearing_boxes(true_joints), bearing_boxes(joints))
    roots, true_roots = np.stack([j[0] for j in joints]), np.stack([j[0] for j in true_joints])
    apart = np.linalg.norm(true_roots[:, None] - roots[None], axis=-1)
    relative = np.minimum(apart / np.linalg.norm(true_roots, axis=-1)[:, None], 1.0)
    return np.where(overlap >= MIN_OVERLAP, 1.0 - overlap + _DISTANCE_WEIGHT * relative, np.nan)
