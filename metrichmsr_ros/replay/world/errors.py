"""Paths of people by id in the camera's frame, and their errors in the world for recordings with camera poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.evaluation.metrics.checks import mean_error
from metrichmsr_ros.evaluation.metrics.matching import TrueFrame, appearance_distance
from metrichmsr_ros.evaluation.metrics.tracking import match_people
from metrichmsr_ros.evaluation.metrics.world import acceleration_error, jitter, rte, w_mpjpe, wa_mpjpe
from metrichmsr_ros.evaluation.trajectories import Trajectory, to_world
from metrichmsr_ros.replay.records import FrameRecord
from metrichmsr_ros.ros.frames import body_frames
from metrichmsr_ros.types import Float64Array

CameraPath = Mapping[int, Float64Array]  # stamp of the image, ns -> world_from_camera (4, 4)
_LEAST_FRAMES = 10  # shorter paths are not evaluated


@dataclass(frozen=True)
class WorldErrors:
    """Means over all true people found in at least ten frames; evaluation/metrics/world.py defines each metric.

    Attributes:
        w_mpjpe_mm: MPJPE after aligning the first frames of each 100-frame chunk, mm; the last chunk may be shorter.
        wa_mpjpe_mm: MPJPE after aligning each whole chunk, mm.
        rte_percent: root trajectory error in percent of the distance walked; NaN if nobody moves.
        jitter: jitter of the estimates, 10 m/s^3.
        accel: acceleration error, m/s^2.
        people: number of paths.
        frames: number of frames in all paths.
    """

    w_mpjpe_mm: float
    wa_mpjpe_mm: float
    rte_percent: float
    jitter: float
    accel: float
    people: int
    frames: int

    def rows(self) -> list[tuple[str, str]]:
        """Label and formatted value of every line of a table."""
        return [
            ("in the world: W- / WA-MPJPE, chunks of 100", f"{self.w_mpjpe_mm:.0f} / {self.wa_mpjpe_mm:.0f} mm"),
            ("in the world: root trajectory error", f"{self.rte_percent:.2f} % of the path"),
            ("in the world: jitter", f"{self.jitter:.0f} x 10 m/s^3"),
            ("in the world: acceleration error", f"{self.accel:.1f} m/s^2"),
        ]


def person_trajectories(frames: Sequence[FrameRecord]) -> dict[str, Trajectory]:
    """Body frames (REP-155: mid-hips, x out of the chest, z to the head) of every id, in the camera's optical frame."""
    rows: dict[str, list[tuple[int, Float64Array, Float64Array]]] = {}
    for frame in frames:
        people = [person for person in frame.people if np.isfinite(person.pose[:3]).all()]
        origins, turns = body_frames([p.pose for p in people], [p.joints_cam for p in people])
        for person, origin, turn in zip(people, origins, turns, strict=True):
            rows.setdefault(person.id, []).append((frame.stamp_ns, origin, turn))
    return {
        name: Trajectory(np.array([r[0] for r in row]), np.stack([r[1] for r in row]), np.stack([r[2] for r in row]))
        for name, row in sorted(rows.items())
    }


def world_errors(
    truth: Mapping[int, TrueFrame], frames: Sequence[FrameRecord], cameras: CameraPath
) -> WorldErrors | None:
    """Errors of the paths of all true people who are visible and found; None if no path is long enough.

    The same camera poses transform truth and estimates to the world, so errors of the camera poses do not count. A
    path has no frames in which its person is not found, as usual in the literature.
    """
    paths: dict[str, list[tuple[int, Float64Array, Float64Array]]] = {}
    for frame in frames:
        if frame.stamp_ns not in truth or frame.stamp_ns not in cameras:
            continue
        people, pose = truth[frame.stamp_ns].people, cameras[frame.stamp_ns]
        for row, column in match_people(appearance_distance(people, frame.people), np.inf):
            if people[row].visible:
                ours = to_world(frame.people[column].joints_cam, pose)
                theirs = to_world(people[row].joints_cam, pose)
                paths.setdefault(people[row].id, []).append((frame.stamp_ns, ours, theirs))
    long = [path for path in paths.values() if len(path) >= _LEAST_FRAMES]
    if not long:
        return None
    gathered: dict[str, list[Float64Array]] = {}
    for path in long:
        for name, values in _path_errors(path).items():
            gathered.setdefault(name, []).append(values)
    means = {name: np.concatenate(values) for name, values in gathered.items()}
    finite = {n: mean_error(v, n) if np.isfinite(v).any() else float("nan") for n, v in means.items()}
    return WorldErrors(**finite, people=len(long), frames=sum(map(len, long)))


def _path_errors(path: list[tuple[int, Float64Array, Float64Array]]) -> dict[str, Float64Array]:
    stamps = np.array([stamp for stamp, _, _ in path])
    ours, theirs = (np.stack([row[side] for row in path]) for side in (1, 2))
    fps = 1e9 / float(np.median(np.diff(stamps)))
    return {
        "w_mpjpe_mm": w_mpjpe(ours, theirs),
        "wa_mpjpe_mm": wa_mpjpe(ours, theirs),
        "rte_percent": rte(ours[:, 0], theirs[:, 0]),
        "jitter": jitter(ours, fps),
        "accel": acceleration_error(ours, theirs, fps),
    }
