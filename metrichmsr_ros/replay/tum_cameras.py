"""Camera poses from files in TUM's format, as SLAM writes them: for recordings by time, for benchmarks by frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.evaluation.benchmarks.motion import Motion
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.replay.camera_poses import CameraPoses, Edge
from metrichmsr_ros.replay.outcome import ExitCode, ReplayError
from metrichmsr_ros.types import Float64Array


class RecordedCamera(CameraPoses):
    """The path of one camera from a file: poses of its optical frame in the world, in seconds of the bag's stamps.

    Raises:
        ReplayError: no such file, or not in TUM's format.
    """

    def __init__(self, file: Path) -> None:
        try:
            path = read_tum(file)
        except (OSError, MetricInputError) as error:
            raise ReplayError(f"--cameras: {error}", ExitCode.USAGE) from error
        order = np.argsort(path.stamp_ns, kind="stable")
        turns = Rotation.from_quat(path.quaternions[order])
        self._path = Edge("world", path.stamp_ns[order], path.positions[order], turns, is_static=False)
        super().__init__({})

    def world_from(self, frame: str, stamp_ns: int) -> Float64Array | None:
        """(4, 4) world_from_camera at a time, whatever the frame is called; None outside the path."""
        return self._path.at(stamp_ns)


def with_cameras(motion: Motion, folder: Path | None) -> Motion:
    """A motion with the camera poses of `folder/SEQUENCE.tum`, whose timestamps are numbers of frames.

    A motion that has poses of its own keeps them; frames that the file lacks count as not predicted in the world.

    Raises:
        MetricInputError: there is no such file, or it is not in TUM's format.
    """
    if folder is None or "world_from_camera" in motion:
        return motion
    file = folder / f"{motion.sequence}.tum"
    if not file.is_file():
        raise MetricInputError(f"--cameras: there is no {file} for sequence {motion.sequence}")
    path = read_tum(file)
    rows = dict(zip(np.rint(path.stamp_ns / 1e9).astype(int).tolist(), path.matrices(), strict=True))
    nowhere = np.full((4, 4), np.nan)
    poses = np.stack([rows.get(int(frame), nowhere) for frame in motion.frames])
    return replace(motion, fields={**motion.fields, "world_from_camera": poses})
