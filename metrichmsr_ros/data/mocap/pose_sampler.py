"""Sample new poses from captured ones: combined, mirrored, perturbed and limited to the anatomical range.

Axes are SMPL's (y up, body faces +z, x to its left), so in the rest pose a positive rotation about x bends a knee and a
negative one lifts a thigh forward; the left forearm bends about -y, the right one about +y.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import mirror_pose
from metrichmsr_ros.data.mocap.pose_bank import PoseBank

_LEGS = np.array([1, 2, 4, 5, 7, 8, 10, 11])
_ARMS = np.array([13, 14, 16, 17, 18, 19, 20, 21, 22, 23])
# Standard deviation (radians) of the random rotation added to each joint; joint 0 is the root's tilt.
_SIGMA = np.repeat([0.05, 0.10, 0.05, 0.10, 0.05, 0.12, 0.05], [1, 2, 1, 2, 1, 2, 3])  # root to feet
_SIGMA = np.append(_SIGMA, [0.10, 0.04, 0.04, 0.12, 0.15, 0.15, 0.15, 0.15, 0.12, 0.12, 0.08, 0.08])  # neck to hands
KINDS = ("captured", "joined", "reaching", "sitting", "kneeling", "squatting", "lying")
SHARES = np.array([0.56, 0.16, 0.10, 0.10, 0.02, 0.03, 0.03])


def random_pose(
    bank: PoseBank, rng: np.random.Generator, held_out: bool, kind: str | None = None
) -> tuple[np.ndarray, str]:
    """One pose (72,) float64 facing +z, and its kind (one of `KINDS`).

    Args:
        bank: captured poses; only one side of its split is used.
        rng: random generator.
        held_out: True uses the validation clips, False the training clips.
        kind: one of `KINDS`; None draws it with the shares `SHARES`.
    """
    kind = kind or str(rng.choice(KINDS, p=SHARES))
    pose = _captured(bank, rng, held_out)
    if kind in ("joined", "sitting", "kneeling", "squatting"):
        pose[3:].reshape(23, 3)[_ARMS - 1] = _captured(bank, rng, held_out)[3:].reshape(23, 3)[_ARMS - 1]
    joints = pose.reshape(24, 3)
    if kind == "sitting":
        _bend_legs(joints, rng, thigh=(1.1, 1.75), knee=(0.9, 1.9), spread=0.2)
        _lean(joints, rng, 0.2)
    elif kind == "kneeling":
        _bend_legs(joints, rng, thigh=(-0.1, 0.9), knee=(1.5, 2.3), spread=0.15)
        _lean(joints, rng, 0.25)
    elif kind == "squatting":
        _bend_legs(joints, rng, thigh=(1.2, 2.1), knee=(1.4, 2.3), spread=0.3)
        _lean(joints, rng, 0.45)
    if kind == "reaching" or rng.random() < 0.12:
        _reach(joints, rng)
    if kind == "lying":
        _lie_down(joints, rng)
    _perturb(joints, rng)
    if rng.random() < 0.5:
        pose = mirror_pose(pose)
    return pose, kind


def _captured(bank: PoseBank, rng: np.random.Generator, held_out: bool) -> np.ndarray:
    choice = np.flatnonzero(bank.held_out == held_out)
    return bank.poses[rng.choice(choice)].astype(np.float64)


def _bend_legs(
    joints: np.ndarray, rng: np.random.Generator, thigh: tuple[float, float], knee: tuple[float, float], spread: float
) -> None:
    both = rng.random() < 0.7
    lift, bend = rng.uniform(*thigh), rng.uniform(*knee)
    for side, hip in ((1.0, 1), (-1.0, 2)):
        if not both:
            lift, bend = rng.uniform(*thigh), rng.uniform(*knee)
        out = Rotation.from_euler("z", side * rng.normal(0.12, spread))
        twist = Rotation.from_euler("y", side * rng.normal(0.1, 0.15))
        joints[hip] = (out * Rotation.from_euler("x", -lift) * twist).as_rotvec()
        joints[hip + 3] = (bend, 0, 0)
        joints[hip + 6] = (np.clip(rng.normal(lift - bend, 0.2), -0.5, 0.7), 0, 0)


def _lean(joints: np.ndarray, rng: np.random.Generator, forward: float) -> None:
    """Make the trunk upright with a lean of about `forward` radians."""
    joints[0] = (rng.normal(0, 0.12), 0, rng.normal(0, 0.05))
    for joint in (3, 6, 9):
        joints[joint] = (rng.normal(forward / 3, 0.08), rng.normal(0, 0.06), rng.normal(0, 0.04))
    joints[12] = (rng.normal(-forward / 3, 0.15), rng.normal(0, 0.3), rng.normal(0, 0.08))


def _reach(joints: np.ndarray, rng: np.random.Generator) -> None:
    """Point one or both upper arms in a random reachable direction, with a random bend of the forearm."""
    for side, shoulder in ((1.0, 16), (-1.0, 17)):
        if rng.random() < 0.3:
            continue
        direction = rng.normal(size=3) + np.array([side * 0.5, -0.2, 0.6])  # more often outwards and forward
        direction /= np.linalg.norm(direction)
        direction[2] = max(direction[2], -0.45)
        direction[0] = side * max(side * direction[0], -0.45)
        rest = np.array([side, 0.0, 0.0])
        axis = np.cross(rest, direction)
        angle = np.arctan2(np.linalg.norm(axis), rest @ direction)
        turn = Rotation.from_rotvec(axis / max(np.linalg.norm(axis), 1e-9) * angle)
        twist = Rotation.from_euler("x", rng.normal(0, 0.6))
        joints[shoulder - 3] = (0, 0, side * np.clip(0.35 * direction[1], -0.1, 0.3))
        joints[shoulder] = (turn * twist).as_rotvec()
        joints[shoulder + 2] = (rng.normal(0, 0.2), -side * rng.uniform(0, 2.4) * rng.random(), 0)


def _lie_down(joints: np.ndarray, rng: np.random.Generator) -> None:
    """Lie on the back, the front or a side, with the head along +z."""
    tilt = Rotation.from_euler("x", rng.choice([-1.0, 1.0]) * rng.normal(np.pi / 2, 0.15))
    roll = Rotation.from_euler("y", rng.choice([0.0, 0.0, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.25))
    joints[0] = (tilt * roll).as_rotvec()


def _perturb(joints: np.ndarray, rng: np.random.Generator) -> None:
    """Add a small random rotation to every joint, then limit the hinges."""
    size = rng.uniform(0.0, 0.9)
    noise = Rotation.from_rotvec(rng.normal(0, 1, (24, 3)) * _SIGMA[:, None] * size)
    joints[:] = (Rotation.from_rotvec(joints) * noise).as_rotvec()
    limit_hinges(joints)


def limit_hinges(joints: np.ndarray) -> None:
    """Clip knees (bend -0.05..2.6 rad) and elbows (2.65 rad) of (24, 3) rotation vectors in place."""
    for knee in (4, 5):
        joints[knee] = np.clip(joints[knee], (-0.05, -0.3, -0.25), (2.6, 0.3, 0.25))
    for elbow in (18, 19):
        joints[elbow] *= min(1.0, 2.65 / max(float(np.linalg.norm(joints[elbow])), 1e-9))
