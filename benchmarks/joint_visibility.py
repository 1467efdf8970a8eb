"""Which true joints an image shows, by the renderer's depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import AnyArray

_LIMBS = ("knee", "ankle", "foot", "elbow", "wrist", "hand")
_WITHIN_M = np.array([0.12 if name.split("_")[-1] in _LIMBS else 0.25 for name in JOINT_NAMES])
"""(24,) m, how far a joint may lie behind its own surface: under the skin and clothes of a limb, or of the trunk."""


def joints_in_view(joints: ArrayLike, depth: AnyArray, camera: Camera) -> tuple[AnyArray, AnyArray]:
    """Whether joints are inside the image, and whether nothing is before those.

    Args:
        joints: (24, 3) m, true joints in the camera frame. depth: (H, W) m of the image, NaN where nothing is.
        camera: of the image, without distortion.

    Returns:
        (24,) bool inside; (24,) bool visible, false outside.
    """
    joints = np.asarray(joints, np.float64)
    ahead = joints[:, 2] > 0.1
    pixels = np.rint(camera.project(np.where(ahead[:, None], joints, [0.0, 0.0, 1.0]))).astype(np.int64)
    inside = ahead & (pixels >= 0).all(axis=1) & (pixels < camera.size).all(axis=1)
    columns, rows = np.clip(pixels, 0, np.array(camera.size) - 1).T
    nearest = np.nan_to_num(depth[rows, columns], nan=np.inf)
    return inside, inside & (joints[:, 2] - nearest < _WITHIN_M)
