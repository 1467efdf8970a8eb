"""One size of a person over a whole track, from the floor under the feet.

Each image alone fixes a person up to a scale. On a floor whose height under the camera is known each step measures that
scale; over a track the errors of single images average out. Where the floor's height is not known, several people
share it: their mean says how high the camera is, and the floor how large each of them is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.pipeline.scale.evidence import CORRELATED_S, GATE
from metrichmsr_ros.pipeline.scale.ground_contact import sole_on_floor
from metrichmsr_ros.refinement.feet import TOES
from metrichmsr_ros.refinement.track import RecordedTrack
from metrichmsr_ros.types import Float32Array, Float64Array

PRIOR_STD = 0.06  # of log size, as the network estimates it
LEAST_IMAGES = 3  # with a foot on the floor
LEAST_AGREEING = 0.5  # share of the images that must agree, else the person does not walk on this floor
OUTLIER = 2.0  # standard deviations at which an image counts half
HEIGHTS_M = (0.6, 2.4)  # of people; what gives another size is not a floor under feet
POSED_TOGETHER = 64  # meshes, which bounds memory
_ROUNDS = 10


@dataclass(frozen=True)
class FloorScale:
    """What the floor says about a track: mean log scale of the estimates as they are, its deviation, its bias."""

    log_scale: float
    noise: float
    bias: float

    @property
    def std(self) -> float:
        """Of the mean."""
        return math.hypot(self.noise, self.bias)


def mean_log_height(track: RecordedTrack, heights: Float64Array) -> float:
    """Mean log of the estimated heights (T,)."""
    return float(np.average(np.log(heights), weights=track.weights))


def floor_scale(track: RecordedTrack, body: BodyEngine, heights: Float64Array, floor_z: float) -> FloorScale | None:
    """Log of what to multiply size and distances by so that the person walks on the floor; None where it is not seen.

    The scale refers to a body of the mean estimated height.

    Args:
        track: estimates.
        body: their body model.
        heights: (T,) m, as estimated.
        floor_z: height of the floor in the world, m.
    """
    scales, noises, biases = [], [], []
    for at, vertices, joints in _meshes(track, body, np.flatnonzero(track.is_seen & track.feet_seen.any(axis=1))):
        pose = track.T_world_cam[at]
        floor = Plane(pose[2, :3].copy(), float(floor_z - pose[2, 3]))
        lower = int(np.argmin(joints[list(TOES)] @ floor.up))
        evidence = sole_on_floor(vertices, floor, track.focal_px) if track.feet_seen[at, lower] else None
        if evidence is not None:
            scales.append(evidence.log_scale + math.log(heights[at]))
            noises.append(evidence.noise)
            biases.append(evidence.bias)
    if len(scales) < LEAST_IMAGES:
        return None
    logs, noise = np.array(scales), np.array(noises)
    mean, agreeing = _robust_mean(logs, noise)
    if agreeing < LEAST_AGREEING or not HEIGHTS_M[0] < math.exp(mean) < HEIGHTS_M[1]:
        return None
    step = float(np.median(np.diff(track.stamps_s))) if len(track) > 1 else CORRELATED_S
    independent = max(len(logs) * min(1.0, step / CORRELATED_S), 1.0)
    spread = float(np.sqrt(np.mean(noise**2) / independent))
    return FloorScale(mean - mean_log_height(track, heights), spread, float(np.mean(biases)))


def _meshes(
    track: RecordedTrack, body: BodyEngine, images: NDArray[np.intp]
) -> Iterator[tuple[int, Float32Array, Float32Array]]:
    """Each of these images with its mesh (V, 3) and joints (24, 3), camera frame; posed many at a time."""
    for first in range(0, len(images), POSED_TOGETHER):
        rows = images[first : first + POSED_TOGETHER]
        arrays = (track.betas[rows], track.rotmats[rows], track.transl_cam[rows])
        posed = body.posed(*(array.astype(np.float32) for array in arrays))
        yield from zip(rows.tolist(), posed.vertices, posed.joints, strict=True)


def _robust_mean(values: Float64Array, noise: Float64Array) -> tuple[float, float]:
    """Weighted mean that leaves outliers out by degrees, and the share of values that agree with it."""
    mean = float(np.median(values))
    for _ in range(_ROUNDS):
        weights = noise**-2 / (1 + ((values - mean) / (OUTLIER * noise)) ** 2)
        mean = float(np.average(values, weights=weights))
    return mean, float(np.mean(np.abs(values - mean) < OUTLIER * noise))


def combined_scale(floor: FloorScale | None, offset: float = 0.0, offset_std: float = 0.0) -> tuple[float, float]:
    """Log scale of a track and its deviation: the network's prior and the floor.

    Args:
        floor: evidence; None: none.
        offset: log of what the floor's assumed distance is to be multiplied by.
        offset_std: its deviation, which all people share.
    """
    if floor is None:
        return 0.0, PRIOR_STD
    scale = floor.log_scale + offset
    prior = max(PRIOR_STD**2, (scale / GATE) ** 2 - floor.std**2)  # a prior that contradicts the floor is less certain
    share = prior / (prior + floor.std**2)
    return share * scale, math.hypot(math.sqrt(share) * floor.std, offset_std)


def shared_camera_height(scales: Sequence[FloorScale]) -> tuple[float, float] | None:
    """Log correction of a floor of unknown height, so that people keep their mean size; None for fewer than two.

    Args:
        scales: of the people, against a floor of assumed height.

    Returns:
        The log of what to multiply the camera's height over the assumed floor by, and its deviation.
    """
    if len(scales) < 2:
        return None
    variances = np.array([PRIOR_STD**2 + scale.noise**2 for scale in scales])
    logs = np.array([scale.log_scale for scale in scales])
    return -float(np.average(logs, weights=1 / variances)), float(np.sqrt(1 / (1 / variances).sum()))
