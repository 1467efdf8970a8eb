"""Walks within a track: where somebody walks in a steady rhythm, the pose is drawn to that person's own gait.

A long track is cut into windows that overlap, because a gait changes with speed. Where nobody walks, where the rhythm
is not steady, or the window holds too few strides, the smoothed pose stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.refinement.gait_phase import LONGEST_STEP_S, rhythm
from metrichmsr_ros.refinement.gait_pose import Strides, drawn_to_gait
from metrichmsr_ros.refinement.track import RecordedTrack
from metrichmsr_ros.types import Float64Array

WINDOW_S = 12.0  # longer tracks have several, one begins every half of this
SPEEDS_M_S = (0.3, 0.5)  # below the first nobody walks, above the second everybody does
MOST_UNEXPLAINED = 0.5  # share of the ankles' motion that is no steady wave
LEAST_STRIDES, LEAST_S = 1.0, 1.5  # in which the person is seen: each side then shows every phase
LEAST_SHARE = 0.5  # of a window in an image whose phase it tells
SPACING_S = 0.1  # images closer than this have nearly the same errors and share their weight
ANKLES = (7, 8)  # SMPL's left and right
# Axes of an upright body (x left, y up, z front) to those of a world (z up) in which it faces x.
_FORWARDS = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class GaitPoses:
    """Poses (T, 24, 3, 3), and phases (T,) of the stride, rad; NaN where nobody walks in a steady rhythm."""

    rotmats: Float64Array
    phases: Float64Array


def with_own_gait(
    track: RecordedTrack, smooth: Float64Array, velocities: Float64Array, joints_cam: Float64Array
) -> GaitPoses:
    """Poses like `smooth`, but of a walking person nearer to that person's gait.

    Args:
        track: estimates.
        smooth: (T, 24, 3, 3) the same poses after smoothing.
        velocities: (T, 3) m/s of the path in the world.
        joints_cam: (T, 24, 3) m of the estimates.
    """
    speeds = np.linalg.norm(velocities[:, :2], axis=1)
    walks = np.clip((speeds - SPEEDS_M_S[0]) / (SPEEDS_M_S[1] - SPEEDS_M_S[0]), 0.0, 1.0)
    own = Rotation.from_matrix(smooth.reshape(-1, 3, 3)).as_quat().reshape(*smooth.shape[:2], 4)
    mixed, free, phases = np.zeros_like(own), np.ones(len(track)), np.full(len(track), np.nan)
    for images, shares in _windows(track.stamps_s):
        found = _gait_in(track.part(images), velocities[images], walks[images], joints_cam[images])
        if found is not None:
            share = shares * walks[images]
            turned = Rotation.from_matrix(found.rotmats.reshape(-1, 3, 3)).as_quat().reshape(len(share), -1, 4)
            signs = np.where((turned * own[images]).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
            mixed[images] += share[:, None, None] * signs * turned
            free[images] -= share
            tells = (shares >= LEAST_SHARE) & (share > 0)
            phases[images] = np.where(tells, found.phases, phases[images])
    mixed += free[:, None, None] * own
    return GaitPoses(Rotation.from_quat(mixed.reshape(-1, 4)).as_matrix().reshape(smooth.shape), phases)


def _windows(stamps_s: Float64Array) -> Iterator[tuple[slice, Float64Array]]:
    """Images of each window, and its share (T,) in them; the shares of all windows add up to one."""
    half = WINDOW_S / 2
    seconds = stamps_s - stamps_s[0]
    middles = np.arange(half, max(float(seconds[-1]) - half, half) + half / 2, half)
    for number, middle in enumerate(middles):
        shares = np.clip(1 - np.abs(seconds - middle) / half, 0.0, 1.0)
        if number == 0:
            shares[seconds <= middle] = 1.0
        if number == len(middles) - 1:
            shares[seconds >= middle] = 1.0
        inside = np.flatnonzero(shares)
        if len(inside):
            images = slice(int(inside[0]), int(inside[-1]) + 1)
            yield images, shares[images]


def _gait_in(
    track: RecordedTrack, velocities: Float64Array, walks: Float64Array, joints_cam: Float64Array
) -> GaitPoses | None:
    """Poses and phases of one window; None where there is no steady walk."""
    if len(track) < 3:
        return None
    spacing = np.minimum(np.gradient(track.stamps_s), LONGEST_STEP_S)
    weights = track.weights * walks * np.minimum(1.0, spacing / SPACING_S)
    seen_s = float((spacing * walks * track.is_seen).sum())
    if seen_s < LEAST_S:
        return None
    axes = _path_axes(track, velocities)
    ankles = np.einsum("tji,tkj->tki", axes, joints_cam[:, list(ANKLES)])[..., 2]
    found = rhythm(ankles[:, 0] - ankles[:, 1], track.stamps_s, weights)
    if found is None or found.unexplained > MOST_UNEXPLAINED or seen_s * found.frequency_hz < LEAST_STRIDES:
        return None
    rotmats = track.rotmats.copy()
    rotmats[:, 0] = np.swapaxes(axes, 1, 2) @ rotmats[:, 0]
    sight = joints_cam[:, 0] / np.linalg.norm(joints_cam[:, 0], axis=1, keepdims=True)
    in_path = np.einsum("tji,tj->ti", axes, sight)
    poses = drawn_to_gait(Strides(rotmats, in_path, found.phases, weights, track.stamps_s))
    poses[:, 0] = axes @ poses[:, 0]
    return GaitPoses(poses, found.phases)


def _path_axes(track: RecordedTrack, velocities: Float64Array) -> Float64Array:
    """(T, 3, 3) axes of an upright body that faces along the path, in the camera's frame."""
    headings = np.arctan2(velocities[:, 1], velocities[:, 0])
    facing = Rotation.from_euler("z", headings[:, None]).as_matrix() @ _FORWARDS
    return np.asarray(np.swapaxes(track.turns, 1, 2) @ facing)
