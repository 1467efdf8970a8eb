"""Front and back of a person over a whole track.

An image from afar looks nearly the same when a body is turned by half a turn about its own vertical and its sides are
exchanged. The whole track decides: people do not turn about in one image, and they walk forwards. The cheapest
sequence of the two states over all images is found by dynamic programming (Viterbi 1967).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import mirror_pose
from metrichmsr_ros.geometry.rotations import axis_angles, rotation_matrices
from metrichmsr_ros.refinement.track import NUM_JOINTS, RecordedTrack
from metrichmsr_ros.types import Float64Array

TURN_RAD_S = 4.0  # turn rate that people exceed rarely
TURN_LEAST_RAD = 0.35  # of an image to the next, from errors alone
EXCHANGE_COST = 1.0  # for each image that is changed
WALKING_M_S = 0.4  # from this speed people walk forwards
BACKWARDS_COST = 1.5  # of walking backwards in one image
_HALF_TURN = np.diag([-1.0, 1.0, -1.0])  # about the body's y, which points up


def other_side(rotmats: Float64Array) -> Float64Array:
    """Poses (T, 24, 3, 3) with front and back exchanged: half a turn about the body's vertical, sides swapped.

    The body x, y, z becomes x, y, -z in its old axes, so that an image from afar stays the same.
    """
    count = len(rotmats)
    inner = np.tile(np.eye(3), (count, 1, 1, 1))
    local = np.concatenate([inner, rotmats[:, 1:]], axis=1)
    mirrored = mirror_pose(axis_angles(local).reshape(count, 3 * NUM_JOINTS))
    turned = rotation_matrices(mirrored)
    turned[:, 0] = rotmats[:, 0] @ _HALF_TURN
    return np.asarray(turned)


def exchanged(track: RecordedTrack, velocities_world: Float64Array) -> NDArray[np.bool_]:
    """(T,) images whose front and back are to be exchanged.

    Args:
        track: estimates.
        velocities_world: (T, 3) m/s of the smoothed path.
    """
    fronts = _fronts(track)
    candidates = np.stack([fronts, -fronts])  # (2, T, 2)
    unary = np.zeros((2, len(track)))
    unary[1] += EXCHANGE_COST
    speeds = np.linalg.norm(velocities_world[:, :2], axis=1)
    walking = speeds > WALKING_M_S
    heading = velocities_world[:, :2] / np.maximum(speeds, 1e-6)[:, None]
    along = (candidates * heading).sum(axis=-1)
    unary += np.where(walking, BACKWARDS_COST * np.clip(-along, 0.0, 1.0), 0.0)
    unary *= np.where(track.is_seen, track.confidence, 0.0)
    return _cheapest(unary, _turn_costs(candidates, track.stamps_s))


def _fronts(track: RecordedTrack) -> Float64Array:
    """(T, 2) unit vectors out of the chest on the floor of the world."""
    front = (track.turns @ track.rotmats[:, 0])[:, :2, 2]
    return np.asarray(front / np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-6))


def _turn_costs(candidates: Float64Array, stamps_s: Float64Array) -> Float64Array:
    """(T - 1, 2, 2) cost of each turn from a state of one image to one of the next."""
    cosines = np.einsum("atk,btk->tab", candidates[:, :-1], candidates[:, 1:])
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    allowed = TURN_LEAST_RAD + TURN_RAD_S * np.diff(stamps_s)
    return np.asarray((angles / allowed[:, None, None]) ** 2)


def _cheapest(unary: Float64Array, pairs: Float64Array) -> NDArray[np.bool_]:
    count = unary.shape[1]
    total, came = unary[:, 0].copy(), np.zeros((count, 2), np.int64)
    for at in range(1, count):
        ways = total[:, None] + pairs[at - 1]
        came[at] = ways.argmin(axis=0)
        total = ways.min(axis=0) + unary[:, at]
    states = np.zeros(count, np.int64)
    states[-1] = int(total.argmin())
    for at in range(count - 1, 0, -1):
        states[at - 1] = came[at, states[at]]
    return np.asarray(states == 1)
