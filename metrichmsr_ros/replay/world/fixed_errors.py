"""Errors of positions and velocities in the fixed frame, for recordings with truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.evaluation.metrics.matching import TrueFrame, appearance_distance
from metrichmsr_ros.evaluation.metrics.tracking import match_people
from metrichmsr_ros.evaluation.trajectories import to_world
from metrichmsr_ros.people.tracking.fixed_frame import PeopleMotion
from metrichmsr_ros.replay.records import FrameRecord
from metrichmsr_ros.replay.world.errors import CameraPath
from metrichmsr_ros.replay.world.fixed_frame import MotionByStamp
from metrichmsr_ros.types import Float64Array

SLOPE_NS = 250_000_000  # half the window of the true velocity
_LEAST_PLACES = 3  # of a true velocity
_INSIDE = 3.527  # 68.3 % of a chi-squared with 3 degrees of freedom
_HIPS = [1, 2]


@dataclass(frozen=True)
class FixedFrameErrors:
    """Errors of the people who are visible and found, in the fixed frame.

    Attributes:
        position_median_m: median distance from the true middle of the hips.
        velocity_rms: of the difference from the slope of the true path, m/s.
        velocity_median: median of the same, m/s.
        velocity_inside_one_sigma: share within the ellipsoid that holds 68.3 % of errors of the stated covariance.
        people_frames: number of estimates.
    """

    position_median_m: float
    velocity_rms: float
    velocity_median: float
    velocity_inside_one_sigma: float
    people_frames: int

    def rows(self) -> list[tuple[str, str]]:
        """Label and formatted value of every line of a table."""
        return [
            ("in the fixed frame: position error, median", f"{self.position_median_m:.2f} m"),
            ("in the fixed frame: velocity error, rms", f"{self.velocity_rms:.2f} m/s"),
            ("in the fixed frame: velocities inside one sigma", f"{self.velocity_inside_one_sigma:.2f}"),
        ]


@dataclass(frozen=True)
class _Pair:
    position_error: float
    velocity_error: Float64Array  # (3,)
    covariance: Float64Array  # (3, 3) of the velocity


def fixed_frame_errors(
    truth: Mapping[int, TrueFrame],
    frames: Sequence[FrameRecord],
    motions: MotionByStamp,
    cameras: CameraPath,
    id_prefix: str = "",
) -> FixedFrameErrors | None:
    """Errors of a replay; None without a person whose true velocity is known.

    The same camera poses move truth and estimates, so their errors do not count. People are matched by their place in
    the image.

    Args:
        truth: true people by stamp, in the camera's frame.
        frames: estimates in the camera's frame, for the matching.
        motions: the same people in the fixed frame, their ids with `id_prefix`.
        cameras: the camera's poses in the fixed frame, by stamp.
        id_prefix: of the ids of `motions`.
    """
    paths = _true_paths(truth, cameras)
    pairs = []
    for frame in frames:
        if frame.stamp_ns in truth and frame.stamp_ns in motions:
            pairs += _pairs(truth[frame.stamp_ns], frame, motions[frame.stamp_ns], paths, id_prefix)
    if not pairs:
        return None
    speeds = np.array([np.linalg.norm(pair.velocity_error) for pair in pairs])
    inside = [p.velocity_error @ np.linalg.solve(p.covariance, p.velocity_error) < _INSIDE for p in pairs]
    return FixedFrameErrors(
        float(np.median([pair.position_error for pair in pairs])),
        float(np.sqrt((speeds**2).mean())),
        float(np.median(speeds)),
        float(np.mean(inside)),
        len(pairs),
    )


def _true_paths(truth: Mapping[int, TrueFrame], cameras: CameraPath) -> Mapping[str, list[tuple[int, Float64Array]]]:
    """Places of the hips in the fixed frame by true id."""
    paths = defaultdict[str, list[tuple[int, Float64Array]]](list)
    for stamp in sorted(truth.keys() & cameras.keys()):
        for person in truth[stamp].people:
            paths[person.id].append((stamp, to_world(person.joints_cam[_HIPS], cameras[stamp]).mean(axis=0)))
    return paths


def _pairs(
    true: TrueFrame,
    frame: FrameRecord,
    motion: PeopleMotion,
    paths: Mapping[str, list[tuple[int, Float64Array]]],
    id_prefix: str,
) -> list[_Pair]:
    rows = {id: row for row, id in enumerate(motion.people.ids)}
    pairs = []
    for theirs, ours in match_people(appearance_distance(true.people, frame.people), np.inf):
        row = rows.get(id_prefix + frame.people[ours].id)
        near = [p for p in paths[true.people[theirs].id] if abs(p[0] - frame.stamp_ns) <= SLOPE_NS]
        if row is None or not true.people[theirs].visible or len(near) < _LEAST_PLACES:
            continue
        (place,) = (place for stamp, place in near if stamp == frame.stamp_ns)
        velocity = motion.velocities[row] - _slope(near, frame.stamp_ns)
        distance = float(np.linalg.norm(motion.people.positions[row] - place))
        pairs.append(_Pair(distance, velocity, motion.covariances[row, 3:, 3:]))
    return pairs


def _slope(places: list[tuple[int, Float64Array]], stamp_ns: int) -> Float64Array:
    """(3,) m/s: slope of a line through places around a moment."""
    seconds = [(stamp - stamp_ns) / 1e9 for stamp, _ in places]
    slope: Float64Array = np.polyfit(seconds, np.stack([place for _, place in places]), 1)[0]
    return slope
