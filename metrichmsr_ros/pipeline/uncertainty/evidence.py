"""What tells how well the joints of people are known: visibility, the image's border, size, pose, and views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_NAMES, MIRROR_JOINTS, NUM_JOINTS, PARENTS
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.rotations import axis_angles
from metrichmsr_ros.hmr.estimate import HMREstimate, unit
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.types import Float32Array

LARGE_PX = 200.0
"""People who are taller in the image are not known better for it."""
USUAL_DOUBT = 0.1
"""Less doubt about facing is not stated. Few people are read wrong then, and as a variance they would widen the yaw of
all others several times."""
_IMAGE_TOP = np.array([0.0, -1.0, 0.0], np.float32)
_HIPS, _TRUNK_AND_LEGS = [1, 2], slice(1, 10)
_TRUNK_LANDMARKS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_LANDMARKS_OF = {
    "pelvis": ("left_hip", "right_hip"),
    "spine1": _TRUNK_LANDMARKS,
    "spine2": _TRUNK_LANDMARKS,
    "spine3": _TRUNK_LANDMARKS,
    "neck": ("left_shoulder", "right_shoulder"),
    "head": ("nose", "left_ear", "right_ear"),
    **{f"{side}_collar": (f"{side}_shoulder",) for side in ("left", "right")},
    **{f"{side}_foot": (f"{side}_heel", f"{side}_foot_index") for side in ("left", "right")},
    **{f"{side}_hand": (f"{side}_pinky", f"{side}_index") for side in ("left", "right")},
}
_FARTHEST_PX = 1e4
_SIDES = np.diag(np.array([-1, 1, 1], np.float32))  # left and right swapped, in the axes of the body


def _landmark_shares() -> Float32Array:
    """(24, 33) shares of the landmarks in each joint."""
    shares = np.zeros((NUM_JOINTS, len(LANDMARK_NAMES)), np.float32)
    for row, name in enumerate(JOINT_NAMES):
        landmarks = _LANDMARKS_OF.get(name, (name,))
        shares[row, [LANDMARK_NAMES.index(landmark) for landmark in landmarks]] = 1 / len(landmarks)
    return shares


def _chains() -> Float32Array:
    """(24, 24): 1 where the second joint is an ancestor of the first, and not the root."""
    chains = np.zeros((NUM_JOINTS, NUM_JOINTS), np.float32)
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        chains[joint] = chains[parent]
        chains[joint, parent] = parent > 0
    return chains


_SHARES, _CHAINS = _landmark_shares(), _chains()


@dataclass(frozen=True, eq=False)
class Evidence:
    """B people in the camera frame, float32.

    Attributes:
        relative: (B, 24, 3) m, joints from the middle of the hips.
        sight: (B, 3) unit vectors from the camera to the person.
        root: (B, 3, 3) rotation of the root; columns are the axes of the body.
        size: (B,) standard deviation of the person's size as a share of it, from that of the distance.
        visibility: (B, 24) of the landmarks at each joint, 0..1.
        margin: (B, 24) px from each joint to the image's border, negative outside.
        px_per_m: (B, 24) pixels of a metre across the line of sight, at each joint.
        cut: (B,) share of the joints outside the image.
        small: (B,) logarithm by which the person is smaller in the image than `LARGE_PX`, 0 if larger.
        bent: (B,) rad, mean angle of hips, knees, ankles and spine.
        tilt: (B,) rad between the body's axis and that of upright people in the image.
        swing: (B, 24) m, root mean square by which each joint differs between views, as far as rotations of joints
            move it against the hips; 0 without several views.
        turned: (B,) rad, by how much the root differs between views; 0 without several views.
        other: (B, 24, 3) m, `relative` in the other reading of the same outlines: depth reflected, sides swapped. If
            nobody is in more than the usual doubt, it is `relative`.
        other_turn: (B, 3) rotation vector from this reading's root to the other one's; zeros likewise.
        doubt: (B,) probability 0..1 of that other reading.
    """

    relative: Float32Array
    sight: Float32Array
    root: Float32Array
    size: Float32Array
    visibility: Float32Array
    margin: Float32Array
    px_per_m: Float32Array
    cut: Float32Array
    small: Float32Array
    bent: Float32Array
    tilt: Float32Array
    swing: Float32Array
    turned: Float32Array
    other: Float32Array
    other_turn: Float32Array
    doubt: Float32Array

    @property
    def more_doubt(self) -> Float32Array:
        """(B,) `doubt` beyond `USUAL_DOUBT`."""
        return np.maximum(self.doubt - np.float32(USUAL_DOUBT), 0)


def evidence_of(
    estimate: HMREstimate,
    joints: Float32Array,
    landmarks: Sequence[LandmarkSet],
    camera: Camera,
    top: Float32Array = _IMAGE_TOP,
) -> Evidence:
    """Evidence about B people, at least one.

    Args:
        estimate: of the people. joints: (B, 24, 3) m, camera frame. landmarks: of their first views.
        camera: of the rectified image.
        top: (3,) unit vector to the top of upright people in the image.
    """
    count = len(estimate)
    relative = joints - joints[:, _HIPS].mean(axis=1, keepdims=True)
    margin, px_per_m = _in_image(joints, camera)
    spread = np.zeros((count, NUM_JOINTS), np.float32) if estimate.spread is None else np.nan_to_num(estimate.spread)
    sight, root = unit(estimate.transl), estimate.rotmats[:, 0]
    doubt = np.zeros(count, np.float32) if estimate.doubt is None else estimate.doubt
    other, other_turn = relative, np.zeros((count, 3), np.float32)
    if (doubt > USUAL_DOUBT).any():  # seldom, and a third of the time
        other, other_turn = _other_reading(relative, root, sight)
    heights = np.ptp(joints @ root[:, :, 1:2], axis=1)[:, 0]
    return Evidence(
        relative=relative,
        sight=sight,
        root=root,
        size=estimate.transl_deviation[:, 0] / np.linalg.norm(estimate.transl, axis=-1),
        visibility=_visibility(landmarks),
        margin=margin,
        px_per_m=px_per_m,
        cut=(margin < 0).mean(axis=1, dtype=np.float32),
        small=np.maximum(np.log(np.float32(LARGE_PX) / np.maximum(heights * px_per_m[:, 0], 1)), 0),
        bent=_angles(estimate.rotmats[:, _TRUNK_AND_LEGS]).mean(axis=1),
        tilt=np.arccos(np.clip(root[:, :, 1] @ top, -1, 1)),
        swing=_swing(joints, spread),
        turned=spread[:, 0],
        other=other,
        other_turn=other_turn,
        doubt=doubt,
    )


def _visibility(landmarks: Sequence[LandmarkSet]) -> Float32Array:
    """(B, 24) of the landmarks at each joint."""
    seen = np.stack([found.visibility[: len(LANDMARK_NAMES)] for found in landmarks]).astype(np.float32)
    visibility: Float32Array = seen @ _SHARES.T
    return visibility


def _in_image(joints: Float32Array, camera: Camera) -> tuple[Float32Array, Float32Array]:
    """(B, 24) px from joints to the image's border, negative outside or behind; and pixels of a metre there."""
    depth = np.maximum(joints[..., 2], np.float32(0.1))
    focal, centre = camera.intrinsics[[0, 1], [0, 1]], camera.intrinsics[:2, 2]
    pixels = joints[..., :2] / depth[..., None] * focal + centre + 0.5
    margin = np.minimum(pixels, np.array(camera.size) - pixels).min(axis=-1)
    margin = np.where(joints[..., 2] > 0.1, np.clip(margin, -_FARTHEST_PX, _FARTHEST_PX), -_FARTHEST_PX)
    return margin.astype(np.float32), (focal.mean() / depth).astype(np.float32)


def _angles(rotmats: Float32Array) -> Float32Array:
    """(...) rad of rotations (..., 3, 3)."""
    angles: Float32Array = np.arccos(np.clip((np.trace(rotmats, axis1=-2, axis2=-1) - 1) / 2, -1, 1))
    return angles


def _other_reading(
    relative: Float32Array, root: Float32Array, sight: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """`other` (B, 24, 3) and `other_turn` (B, 3); see `facing.reflected`."""
    mirror = np.eye(3, dtype=np.float32) - 2 * sight[:, :, None] * sight[:, None]
    other_root = mirror @ root @ _SIDES
    return relative[:, list(MIRROR_JOINTS)] @ mirror, axis_angles(other_root @ root.swapaxes(1, 2))


def _swing(joints: Float32Array, spread: Float32Array) -> Float32Array:
    """(B, 24) m: what rotations of the ancestors that differ by `spread` (B, 24) rad move each joint."""
    square = np.square(joints).sum(-1)
    arms = square[:, :, None] + square[:, None] - 2 * joints @ joints.swapaxes(1, 2)  # squared distances
    swing: Float32Array = np.sqrt(np.maximum((_CHAINS * arms * np.square(spread)[:, None]).sum(-1), 0))
    return swing
