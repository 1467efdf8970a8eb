"""Network output and bodies as one `PersonEstimate` per person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import roma
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel, BodyOutput
from metrichmsr_ros.hmr.network.model import HMROutput
from metrichmsr_ros.people.detection.search import Sighting
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.pipeline.scale.evidence import ScaleCorrection
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate


def numbered(found: Sequence[Sighting]) -> list[TrackedPerson]:
    """People of a single image, under the ids p1, p2, ..."""
    return [
        TrackedPerson(f"p{number}", 0, sighting.landmarks, False, sighting.landmarks.bbox(), sighting.confidence)
        for number, sighting in enumerate(found, 1)
    ]


def pose_bodies(body: BodyModel, estimate: HMROutput, request: OutputRequest) -> BodyOutput:
    """Posed bodies of B people; without vertices (B, 0, 3) where nothing that was requested needs them."""
    if request.vertices or request.depth:
        output: BodyOutput = body(estimate.betas, estimate.rotmats, estimate.transl)
        return output
    joints = body.joints(estimate.betas, estimate.rotmats, estimate.transl)
    return BodyOutput(vertices=joints.new_zeros(len(joints), 0, 3), joints=joints)


def person_estimates(
    found: Sequence[TrackedPerson],
    estimate: HMROutput,
    posed: BodyOutput,
    heights: NDArray[np.float32],
    fixes: Sequence[ScaleCorrection | None],
) -> list[PersonEstimate]:
    """Everybody in front of the camera, without a velocity (NaN).

    Args:
        found: B people. estimate, posed: of the same people. heights: (B,) m. fixes: corrections of their scale.
    """
    numbers = _arrays(estimate, posed)
    return [
        PersonEstimate(
            id=person.id,
            age=person.age,
            confidence=float(person.confidence),
            is_occluded=person.is_occluded,
            bbox=np.asarray(person.bbox, np.float32),
            pose=numbers["pose"][row],
            betas=numbers["betas"][row],
            transl_cam=numbers["transl"][row],
            transl_cov=numbers["transl_cov"][row],
            joints_cam=numbers["joints"][row],
            vertices_cam=numbers["vertices"][row],
            height=float(heights[row]),
            velocity_cam=np.full(3, np.nan, np.float32),
            position_cov6=np.full((6, 6), np.nan, np.float32),
            landmarks=person.landmarks,
            scale_correction=fix,
        )
        for row, (person, fix) in enumerate(zip(found, fixes, strict=True))
        if numbers["transl"][row, 2] > 0  # an image shows nobody behind its camera
    ]


def _arrays(estimate: HMROutput, body: BodyOutput) -> dict[str, NDArray[np.float32]]:
    tensors = {
        "pose": roma.rotmat_to_rotvec(estimate.rotmats).flatten(1),
        "betas": estimate.betas,
        "transl": estimate.transl,
        "transl_cov": estimate.transl_cov,
        "joints": body.joints,
        "vertices": body.vertices,
    }
    return {name: tensor.float().cpu().numpy() for name, tensor in tensors.items()}
