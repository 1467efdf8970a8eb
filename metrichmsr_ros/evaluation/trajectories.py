"""Trajectories of people and cameras, in TUM's text format (`evo` reads it).

One line per pose: `seconds tx ty tz qx qy qz qw`, metres, unit quaternion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.errors import reads
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.io.texts import TextFileError, read_text
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.types import Float64Array

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")  # without Python's 1_0
_FARTHEST_M = 1e9
_LENGTHS = (1e-6, 1e6)  # of a quaternion that gives a direction
_LATEST_S = 9.2e9  # of times that int64 holds as ns

TUM_HEADER = "# timestamp tx ty tz qx qy qz qw"  # first line of what `write_tum` writes


@dataclass(frozen=True)
class Trajectory:
    """Poses over time.

    Attributes:
        stamp_ns: (N,) int64. positions: (N, 3) m. quaternions: (N, 4) x y z w.
    """

    stamp_ns: NDArray[np.int64]
    positions: Float64Array
    quaternions: Float64Array

    def matrices(self) -> Float64Array:
        """(N, 4, 4) homogeneous poses."""
        poses = np.tile(np.eye(4), (len(self.stamp_ns), 1, 1))
        poses[:, :3, :3] = Rotation.from_quat(self.quaternions).as_matrix()
        poses[:, :3, 3] = self.positions
        return poses


def camera_trajectory(cameras: Mapping[int, Float64Array]) -> Trajectory:
    """The camera's trajectory in the world, from world_from_camera (4, 4) by stamp, ns."""
    stamps = sorted(cameras)
    poses = np.stack([cameras[stamp] for stamp in stamps])
    turns = Rotation.from_matrix(poses[:, :3, :3]).as_quat()
    return Trajectory(np.array(stamps, np.int64), poses[:, :3, 3], turns)


def in_world(trajectory: Trajectory, cameras: Mapping[int, Float64Array]) -> Trajectory | None:
    """A trajectory in the camera frame, transformed to the world at stamps with a camera pose; None without any."""
    known = [index for index, stamp in enumerate(trajectory.stamp_ns) if int(stamp) in cameras]
    if not known:
        return None
    poses = trajectory.matrices()[known]
    stamps = trajectory.stamp_ns[known]
    return camera_trajectory({int(s): cameras[int(s)] @ pose for s, pose in zip(stamps, poses, strict=True)})


def write_tum(path: Path, trajectory: Trajectory) -> None:
    """Write one trajectory; stamps keep nanosecond resolution."""
    lines = [TUM_HEADER]
    for stamp, position, turn in zip(trajectory.stamp_ns, trajectory.positions, trajectory.quaternions, strict=True):
        numbers = " ".join(f"{value:.9g}" for value in (*position, *turn))
        whole, part = divmod(abs(int(stamp)), 10**9)
        lines.append(f"{'-' if stamp < 0 else ''}{whole}.{part:09d} {numbers}")
    write_whole(path, "\n".join(lines) + "\n")


@reads(MetricInputError, "a trajectory in TUM's format")
def read_tum(path: Path) -> Trajectory:
    """Read one trajectory, in the order of the file.

    Raises:
        MetricInputError: no poses, a line without eight finite numbers, with a translation beyond 1e9 m or with a
            quaternion of zero, or two poses of one time; the message names the line.
    """
    stamps, rows = [], []
    seen: dict[int, tuple[int, list[float]]] = {}
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        pose = _pose_of(words)
        if pose is None:
            raise MetricInputError(
                f"{path}, line {number}: needs 'seconds tx ty tz qx qy qz qw', finite, within {_FARTHEST_M:g} m and "
                f"with a quaternion other than zero, has {line.strip()!r}"
            )
        earlier, there = seen.setdefault(pose[0], (number, pose[1]))
        if there != pose[1]:
            raise MetricInputError(f"{path}, line {number}: another pose of the time of line {earlier}; delete one")
        stamps.append(pose[0])
        rows.append(pose[1])
    if not rows:
        raise MetricInputError(f"{path} holds no poses")
    poses = np.array(rows)
    turns = poses[:, 3:] / np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    return Trajectory(np.array(stamps, np.int64), poses[:, :3], turns)


def _pose_of(words: list[str]) -> tuple[int, list[float]] | None:
    """Time in ns, position and quaternion; None if they are not eight numbers within the limits."""
    if len(words) != 8 or not all(map(_NUMBER.fullmatch, words)):
        return None
    values = [float(word) for word in words]
    is_near = abs(values[0]) <= _LATEST_S and max(map(abs, values[1:4])) <= _FARTHEST_M
    if not is_near or not _LENGTHS[0] <= math.hypot(*values[4:]) <= _LENGTHS[1]:
        return None
    return _nanoseconds(words[0]), values[1:]


def _text_of(path: Path) -> str:
    try:
        return read_text(path)
    except TextFileError as error:
        raise MetricInputError(f"{error}; name a text file in TUM's format") from None


def _nanoseconds(seconds: str) -> int:
    """Decimal seconds as ns, exactly; a float64 of Unix time would be off by up to 100 ns."""
    return round(Decimal(seconds) * 10**9)


def to_world(points_cam: ArrayLike, world_from_camera: ArrayLike) -> Float64Array:
    """Points (..., N, 3) in the camera frame -> world, with poses (..., 4, 4) of the camera."""
    points, poses = np.asarray(points_cam, np.float64), np.asarray(world_from_camera, np.float64)
    return points @ np.swapaxes(poses[..., :3, :3], -1, -2) + poses[..., None, :3, 3]
