"""Estimates in a picture against its truth: people found and missed, their distances, and the scene's depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.baseline import JOINTS, NAMES, baseline
from benchmarks.real.pictures import PersonInView, Picture
from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.joints import LANDMARK_JOINTS
from metrichmsr_ros.depth.anchor import human_depth
from metrichmsr_ros.evaluation.metrics.depth import DepthErrors, DepthProtocol, depth_errors
from metrichmsr_ros.geometry.boxes import box_iou, share_covered
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.inputs import inputs_from_landmarks
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.types import Float32Array

TORSO = [NAMES.index(name) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
TORSO_LANDMARKS = [LANDMARK_JOINTS[joint][0] for joint in TORSO]
INSIDE_TORSO = 0.10
"""Metres from the torso's surface, which the depth camera sees, to the joints within."""
TORSO_SHARE = 0.6
"""The middle of the torso, which arms and background do not reach."""
MIN_OVERLAP = 0.5
DEPTH_RANGE = DepthProtocol(min_depth=0.3, max_depth=10.0)
OFF_PEOPLE = 15
"""Width in pixels of the band around people that counts as people."""


@dataclass(frozen=True)
class Distance:
    """True and estimated distances of one torso along z and the stated deviation, metres."""

    framing: str
    true: float
    estimated: float
    deviation: float
    baseline: float


@dataclass(frozen=True, eq=False)
class Found:
    """People of one picture.

    Attributes:
        in_view: framing of each annotated person who counts.
        matched: framing of those who were found.
        distances: of those who were found, where the depth camera measured the torso.
        false: people found where nobody is.
    """

    in_view: tuple[str, ...]
    matched: tuple[str, ...]
    distances: tuple[Distance, ...]
    false: tuple[PersonEstimate, ...]


@dataclass(frozen=True)
class SceneErrors:
    """Errors of the scene's depth: of all pixels, and of those off people."""

    everywhere: DepthErrors
    off_people: DepthErrors


def measure_people(picture: Picture, scene: Scene, body: BodyEngine, min_confidence: float) -> Found:
    """Compare the people of a scene who have at least that confidence with those who were annotated."""
    people = [person for person in scene.people if person.confidence >= min_confidence]
    pairs = match(people, picture.people)
    counted = [person.framing for person in picture.people if person.framing != "hidden"]
    matched = {row: picture.people[column].framing for row, column in pairs}
    measured = (_distance(people[row], framing, picture, body) for row, framing in matched.items())
    return Found(
        in_view=tuple(counted),
        matched=tuple(framing for framing in matched.values() if framing != "hidden"),
        distances=tuple(d for d in measured if d is not None and d.framing != "hidden"),
        false=tuple(person for row, person in enumerate(people) if row not in matched),
    )


def match(people: Sequence[PersonEstimate], truth: Sequence[PersonInView]) -> list[tuple[int, int]]:
    """Pairs (estimate, annotated person): one to one, with the largest overlap in sum.

    A pair needs an intersection of `MIN_OVERLAP` of the smaller box, or the middle of the estimated torso inside the
    annotated box: an annotated box ends where a table or a chair hides the legs, an estimated one at the feet.
    """
    if not people or not truth:
        return []
    ours = np.array([person.bbox for person in people], np.float64)
    theirs = np.array([person.box for person in truth])
    overlap = np.maximum(share_covered(ours, theirs), share_covered(theirs, ours).T)  # of the smaller box
    torso = np.array([person.landmarks.pixels[TORSO_LANDMARKS].mean(0) for person in people], np.float64)[:, None]
    inside = ((torso >= theirs[:, :2]) & (torso <= theirs[:, 2:])).all(-1)
    allowed = (overlap >= MIN_OVERLAP) | inside
    rows, columns = linear_sum_assignment(np.where(allowed, 1 + box_iou(ours, theirs), 0), maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]


def _distance(person: PersonEstimate, framing: str, picture: Picture, body: BodyEngine) -> Distance | None:
    """Of the torso; None where the depth camera measured less than a quarter of it."""
    true = true_distance(person, picture)
    return None if true is None else distance_of(person, framing, true, picture.camera, body)


def distance_of(person: PersonEstimate, framing: str, true: float, camera: Camera, body: BodyEngine) -> Distance:
    """Of the torso of a person whose `true` distance, m along z, is known."""
    theirs = baseline(inputs_from_landmarks([person.landmarks], camera), body)[0, TORSO]
    return Distance(
        framing=framing,
        true=true,
        estimated=float(person.joints_cam[JOINTS][TORSO, 2].mean()),
        deviation=float(np.sqrt(person.transl_cov[2, 2])),
        baseline=float(theirs[:, 2].mean()),
    )


def true_distance(person: PersonEstimate, picture: Picture) -> float | None:
    """Of the torso's joints along z, m, by the depth camera; None where it measured hardly any of the torso."""
    surface = torso_depth(person.landmarks.pixels[TORSO_LANDMARKS], picture.depth)
    return None if surface is None else surface + INSIDE_TORSO


def torso_depth(corners: NDArray[np.floating], depth: Float32Array) -> float | None:
    """Median depth, m, in the middle of the quad (4, 2) px of shoulders and hips; None if hardly any was measured."""
    points = np.asarray(corners, np.float64)
    middle = points.mean(0)
    quad = np.rint(middle + TORSO_SHARE * (points - middle)).astype(np.int32)
    mask = np.zeros(depth.shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(quad), 1)
    inside = depth[mask > 0]
    measured = inside[np.isfinite(inside)]
    return float(np.median(measured)) if len(measured) > max(3, len(inside) / 4) else None


def measure_depth(predicted: Float32Array, picture: Picture, off_people: NDArray[np.bool_]) -> SceneErrors:
    """Errors of one depth map (H, W) m."""
    return SceneErrors(
        depth_errors(predicted, picture.depth, protocol=DEPTH_RANGE),
        depth_errors(predicted, picture.depth, off_people, protocol=DEPTH_RANGE),
    )


def off_people(scene: Scene, faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels that are at least `OFF_PEOPLE` from every estimated body."""
    vertices = [person.vertices_cam for person in scene.people]
    on = np.isfinite(human_depth(vertices, faces, scene.camera)).astype(np.uint8)
    return cv2.dilate(on, np.ones((2 * OFF_PEOPLE + 1, 2 * OFF_PEOPLE + 1), np.uint8)) == 0
