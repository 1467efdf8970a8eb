"""Trajectories of people and cameras, in TUM's text format (`evo` reads it).

One line per pose: `seconds tx ty tz qx qy qz qw`, metres, unit quaternion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.errors import reads
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.io.texts import TextFileError, read_text
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.types import Float64Array


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
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for stamp, position, turn in zip(trajectory.stamp_ns, trajectory.positions, trajectory.quaternions, strict=True):
        numbers = " ".join(f"{value:.9g}" for value in (*position, *turn))
        lines.append(f"{int(stamp) // 10**9}.{int(stamp) % 10**9:09d} {numbers}")
    write_whole(path, "\n".join(lines) + "\n")


@reads(MetricInputError, "a trajectory in TUM's format")
def read_tum(path: Path) -> Trajectory:
    """Read one trajectory, in the order of the file.

    Raises:
        MetricInputError: no poses, or a line without eight finite numbers or with a quaternion of zero; the message
            names the line.
    """
    stamps, rows = [], []
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        pose = _pose_of(words)
        if pose is None:
            raise MetricInputError(
                f"{path}, line {number}: needs 'seconds tx ty tz qx qy qz qw', finite and with a quaternion other than "
                f"zero, has {line.strip()!r}"
            )
        stamps.append(pose[0])
        rows.append(pose[1])
    if not rows:
        raise MetricInputError(f"{path} holds no poses")
    poses = np.array(rows)
    turns = poses[:, 3:] / np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    return Trajectory(np.array(stamps, np.int64), poses[:, :3], turns)


def _pose_of(words: list[str]) -> tuple[int, list[float]] | None:
    """Time in ns, position and quaternion; None if they are not eight finite numbers, or the quaternion is zero."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    if len(values) != 8 or not np.isfinite(values).all() or not any(values[4:]):
        return None
    return _nanoseconds(words[0]), values[1:]


def _text_of(path: Path) -> str:
    try:
        return read_text(path)
    except TextFileError as error:
        raise MetricInputError(f"{error}; name a text file in TUM's format") from None


def _nanoseconds(seconds: str) -> int:
    """Decimal seconds as ns, exactly; a float64 of Unix time would be off by up to 100 ns."""
    if "e" in seconds.lower():
        return round(float(seconds) * 1e9)
    whole, _, part = seconds.partition(".")
    return int(whole or 0) * 10**9 + int((part + "000000000")[:9])


def to_world(points_cam: ArrayLike, world_from_camera: ArrayLike) -> Float64Array:
    """Points (..., N, 3) in the camera frame -> world, with poses (..., 4, 4) of the camera."""
    points, poses = np.asarray(points_cam, np.float64), np.asarray(world_from_camera, np.float64)
    return points @ np.swapaxes(poses[..., :3, :3], -1, -2) + poses[..., None, :3, 3]
