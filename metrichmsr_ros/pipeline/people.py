"""Network output and bodies as one `PersonEstimate` per person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.body.engine import BodyEngine, PosedBodies
from metrichmsr_ros.geometry.rotations import axis_angles
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.people.detection.search import Sighting
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.pipeline.scale.evidence import ScaleCorrection
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.pipeline.uncertainty.pose import PoseUncertainty
from metrichmsr_ros.types import Float32Array


def numbered(found: Sequence[Sighting]) -> list[TrackedPerson]:
    """People of a single image, under the ids p1, p2, ..."""
    return [
        TrackedPerson(f"p{number}", 0, sighting.landmarks, False, sighting.landmarks.bbox(), sighting.confidence)
        for number, sighting in enumerate(found, 1)
    ]


def pose_bodies(body: BodyEngine, estimate: HMREstimate, request: OutputRequest) -> PosedBodies:
    """Posed bodies of B people; without vertices (B, 0, 3) where nothing that was requested needs them."""
    if request.vertices or request.depth:
        return body.posed(estimate.betas, estimate.rotmats, estimate.transl)
    joints = body.joints(estimate.betas, estimate.rotmats, estimate.transl)
    return PosedBodies(vertices=np.zeros((len(joints), 0, 3), np.float32), joints=joints)


def person_estimates(
    found: Sequence[TrackedPerson],
    estimate: HMREstimate,
    posed: PosedBodies,
    heights: Float32Array,
    fixes: Sequence[ScaleCorrection | None],
    uncertainty: PoseUncertainty,
) -> list[PersonEstimate]:
    """Everybody in front of the camera, without a velocity (NaN).

    Args:
        found: B people. estimate, posed: of the same people. heights: (B,) m. fixes: corrections of their scale.
        uncertainty: of their poses.
    """
    poses, covariances = axis_angles(estimate.rotmats).reshape(len(estimate), -1), estimate.transl_cov
    return [
        PersonEstimate(
            id=person.id,
            age=person.age,
            confidence=float(person.confidence),
            is_occluded=person.is_occluded,
            bbox=np.asarray(person.bbox, np.float32),
            pose=poses[row],
            betas=estimate.betas[row],
            transl_cam=estimate.transl[row],
            transl_cov=covariances[row],
            joints_cam=posed.joints[row],
            vertices_cam=posed.vertices[row],
            height=float(heights[row]),
            velocity_cam=np.full(3, np.nan, np.float32),
            position_cov6=np.full((6, 6), np.nan, np.float32),
            landmarks=person.landmarks,
            joint_confidence=uncertainty.joint_confidence[row],
            joint_cov=uncertainty.joint_cov[row],
            orientation_cov=uncertainty.orientation_cov[row],
            scale_correction=fix,
        )
        for row, (person, fix) in enumerate(zip(found, fixes, strict=True))
        if estimate.transl[row, 2] > 0  # an image shows nobody behind its camera
    ]
