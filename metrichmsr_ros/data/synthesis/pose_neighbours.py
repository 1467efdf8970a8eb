"""Poses that were never rendered, each with one of the rendered people whose view in the crop is most similar.

Similarity compares true landmarks around the hips, divided by the body's size, in the axes of the crop (its up axis
along the trunk). BlazePose's errors depend on these, and also on clothes, light and occlusion.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.mocap.pose_sampler import random_pose
from metrichmsr_ros.data.synthesis.landmark_rows import Rows
from metrichmsr_ros.hmr.network.ray_map import crop_rotation

_HIPS, _SHOULDERS = [23, 24], [11, 12]
_CROP = (256, 256)
_FACING = np.diag([1.0, -1.0, -1.0])  # body axes (y up, facing +z) of a person who faces the camera
_NEAREST = 6


class PoseNeighbours:
    """Draws new poses and, for each, one of the rendered people most similar to it."""

    def __init__(self, rows: Rows, bank: PoseBank | None = None) -> None:
        """`rows`: rendered people (crop_matrix, intrinsics, landmarks_cam); `bank`: None is that of the package."""
        body = load_body("open_light")
        assert isinstance(body, OpenBody)
        self._body, self._bank = body, bank or PoseBank.load()
        self._R_cam_crop = np.asarray(crop_rotation(rows["crop_matrix"] @ rows["intrinsics"], _CROP))
        in_crop = rows["landmarks_cam"] @ self._R_cam_crop
        self.descriptors = torch.from_numpy(_descriptors(in_crop))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` new poses of training clips.

        Returns:
            (count,) index of a rendered person; (count, 24, 3) axis-angle, the root in that person's camera frame.
        """
        if not count:
            return np.zeros(0, np.int64), np.zeros((0, 24, 3))
        poses = np.stack([random_pose(self._bank, rng, held_out=False)[0] for _ in range(count)]).reshape(-1, 24, 3)
        views = _views(count, rng)
        root = views * Rotation.from_rotvec(poses[:, 0])
        landmarks = self._landmarks(poses, root)
        upright = _trunk_up(landmarks)
        root = upright * root
        wanted = torch.from_numpy(_descriptors(np.einsum("nij,nlj->nli", upright.as_matrix(), landmarks)))
        count_near = min(_NEAREST, len(self.descriptors))
        nearest = torch.cdist(wanted, self.descriptors).topk(count_near, largest=False).indices.numpy()
        chosen = nearest[np.arange(count), rng.integers(nearest.shape[1], size=count)]
        poses[:, 0] = (Rotation.from_matrix(self._R_cam_crop[chosen]) * root).as_rotvec()
        return chosen, poses

    def _landmarks(self, poses: np.ndarray, root: Rotation) -> np.ndarray:
        """(n, 33, 3) landmarks of the mean body."""
        turned = poses.copy()
        turned[:, 0] = root.as_rotvec()
        with torch.no_grad():
            flat = torch.from_numpy(turned.reshape(-1, 72)).float()
            vertices = self._body(torch.zeros(len(flat), 10), flat, torch.zeros(len(flat), 3)).vertices
            landmarks: np.ndarray = self._body.landmarks(vertices).numpy().astype(np.float64)
        return landmarks


def _views(count: int, rng: np.random.Generator) -> Rotation:
    """Random rotations from the world (y up) to cameras on all sides, at heights from a robot to a ceiling."""
    heading = np.where(rng.random(count) < 0.6, rng.uniform(0, 2 * np.pi, count), rng.normal(0, 0.7, count))
    above = rng.choice([-0.4, 0.5, 1.6], p=[0.35, 0.4, 0.25], size=count) + rng.normal(0, 0.25, count)
    pitch = np.arctan2(above, np.exp(rng.uniform(np.log(1.2), np.log(7.0), count)))
    return (
        Rotation.from_matrix(_FACING)
        * Rotation.from_euler("x", pitch[:, None])
        * Rotation.from_euler("y", heading[:, None])
    )


def _trunk_up(landmarks: np.ndarray) -> Rotation:
    """Rotations about the optical axis that make the trunk upright in the image, as in BlazePose's ROI."""
    trunk = landmarks[:, _SHOULDERS].mean(1) - landmarks[:, _HIPS].mean(1)
    return Rotation.from_euler("z", -np.arctan2(trunk[:, 0], -trunk[:, 1])[:, None])


def _descriptors(landmarks: np.ndarray) -> np.ndarray:
    """(n, 99) float32: landmarks (n, 33, 3) around the hips, divided by the length of trunk and thighs."""
    relative = landmarks - landmarks[:, _HIPS].mean(1, keepdims=True)
    size = sum(
        np.linalg.norm(relative[:, a] - relative[:, b], axis=1) for a, b in ((11, 23), (12, 24), (23, 25), (24, 26))
    )
    return (relative / size[:, None, None]).reshape(len(landmarks), -1).astype(np.float32)
