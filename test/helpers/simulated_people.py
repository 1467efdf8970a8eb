"""People for the training tests: random bodies whose landmarks are their projected joints. No images, no BlazePose."""

from __future__ import annotations

import math

import numpy as np
import roma
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.joints import LANDMARK_NAMES
from metrichmsr_ros.geometry.crop import crop_matrix
from metrichmsr_ros.training.human.landmark_table import PeopleTable, table_of
from metrichmsr_ros.types import AnyArray, Float32Array

SMALL_MOE = {"width": 32, "heads": 2, "patch_layers": 1, "global_layers": 1, "global_tokens": 4}
"""Of a network that a test can train."""
NEAREST = {"foot_index": "foot", "heel": "ankle", "pinky": "hand", "index": "hand", "thumb": "hand"}


def landmark_joint(name: str, joint_names: tuple[str, ...]) -> int:
    """The joint a landmark is put on here."""
    side, _, part = name.partition("_")
    part = NEAREST.get(part, part)
    wanted = f"{side}_{part}"
    return joint_names.index(wanted) if wanted in joint_names else joint_names.index("head")


def simulate(body: BodyModel, count: int, seed: int = 0, noise: float = 0.0, farther: float = 1.0) -> PeopleTable:
    """`count` people 2-8 m away, times `farther`, in cameras of 40-90 degrees; `noise` px in crops of 256 px."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0, 0.2, (count, 24, 3))
    heading = rng.uniform(-math.pi, math.pi, count)
    pose[:, 0] = _facing(torch.tensor(heading, dtype=torch.float32)).numpy()
    depth = rng.uniform(2, 8, count) * farther
    focal = 320 / np.tan(np.radians(rng.uniform(40, 90, count)) / 2)
    transl = np.stack([depth * rng.uniform(-0.3, 0.3, count), rng.uniform(-0.3, 0.3, count), depth], -1)
    betas = rng.normal(0, 1, (count, 10)) * ([1.0] * 3 + [0.3] * 7)
    as_tensor = lambda x: torch.tensor(x, dtype=torch.float32)  # noqa: E731
    joints = body.joints(as_tensor(betas), as_tensor(pose.reshape(count, 72)), as_tensor(transl)).numpy()
    people = [_person(joints[i], focal[i], body.joint_names, rng, noise) for i in range(count)]
    rows = {name: np.stack([p[name] for p in people]) for name in people[0]}
    rows |= {"pose": pose.reshape(count, 72), "betas": betas, "transl": transl, "joints_cam": joints}
    return table_of(rows, tuple(f"simulated#{i}" for i in range(count)))


def _facing(turn: torch.Tensor) -> torch.Tensor:
    zero = torch.zeros_like(turn)
    upright = roma.rotvec_to_rotmat(torch.tensor([math.pi, 0.0, 0.0]))
    return roma.rotmat_to_rotvec(upright @ roma.rotvec_to_rotmat(torch.stack([zero, turn, zero], -1)))


def _person(
    joints: Float32Array, focal: float, names: tuple[str, ...], rng: np.random.Generator, noise: float
) -> dict[str, AnyArray]:
    K = np.array([[focal, 0, 319.5], [0, focal, 239.5], [0, 0, 1]])
    index = [landmark_joint(name, names) for name in LANDMARK_NAMES] + [0, 15, 22, 20, 23, 21]
    points = joints[index]
    pixels = points @ K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    low, high = pixels.min(0), pixels.max(0)
    matrix = crop_matrix((low + high) / 2, 1.4 * (high - low).max(), 256)
    pixels = pixels + rng.normal(0, noise, pixels.shape) / matrix[0, 0]
    crop = pixels @ matrix[:2, :2].T + matrix[:2, 2]
    relative = points - joints[0]
    z = relative[:, 2:] * focal / joints[0, 2] * matrix[0, 0]
    return {
        "crop_landmarks": np.concatenate([crop, z], -1),
        "visibility": np.ones(39),
        "presence": np.ones(39),
        "world": relative,
        "crop_matrix": matrix,
        "pixels": pixels,
        "intrinsics": K,
        "image_size": np.array([640, 480]),
        "heavy": np.array(False),
    }
