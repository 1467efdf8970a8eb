"""Coordinate frames over time without tf2: what the wheels of PyPI lack. Arrays only, no messages.

A frame has one parent; a transform to it is interpolated between the two stamps around the moment asked for (position
linearly, rotation on the sphere), as tf2 does.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import Float64Array

KEPT_S = 10.0  # as tf2's buffer
JUMP_S = 1.0  # a transform older than the last one by this much begins a new time
_MAX_KEPT = 10_000  # per frame, whatever the stamps
_MAX_DEPTH = 100  # a chain longer than this goes round in a circle


class TransformError(MetricHMRError, LookupError):
    """No transform for this moment; the message names the frames and what is missing."""


class TransformTree:
    """Transforms by child frame. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parents: dict[str, str] = {}
        self._static: dict[str, Float64Array] = {}
        self._moving: dict[str, list[tuple[int, Float64Array]]] = {}

    def add(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        translation: Sequence[float],
        quaternion: Sequence[float],
        is_static: bool = False,
    ) -> None:
        """Take in one transform: the pose of `child` in `parent`, metres and x, y, z, w."""
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
        pose[:3, 3] = translation
        with self._lock:
            self._parents[child] = parent
            if is_static:
                self._static[child] = pose
                return
            if child not in self._moving:
                self._forget_silent(stamp_ns)
            history = self._moving.setdefault(child, [])
            if history and stamp_ns < history[-1][0] - JUMP_S * 1e9:
                history.clear()  # time has jumped back: a bag loops
            insort(history, (stamp_ns, pose), key=lambda entry: entry[0])
            while history[-1][0] - history[0][0] > KEPT_S * 1e9 or len(history) > _MAX_KEPT:
                history.pop(0)

    def _forget_silent(self, now_ns: int) -> None:
        """Drop people who have gone: moving frames without children, of other times than those kept."""
        inner, kept = set(self._parents.values()), KEPT_S * 1e9
        for child in [c for c, h in self._moving.items() if c not in inner and abs(h[-1][0] - now_ns) > kept]:
            del self._moving[child], self._parents[child]

    def add_stamped(self, message: Any, is_static: bool = False) -> None:
        """Take in one geometry_msgs/TransformStamped, of rclpy or of a bag."""
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        move, turn = message.transform.translation, message.transform.rotation
        xyz, xyzw = (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
        self.add(message.header.frame_id, message.child_frame_id, stamp, xyz, xyzw, is_static)

    def newest(self, target: str, source: str) -> tuple[Float64Array, int | None]:
        """The newest `matrix` of which every part is known, and its moment in ns; None: nothing between them moves.

        Raises:
            TransformError: the frames are not connected.
        """
        with self._lock:
            lines, shared = self._lines(target, source)
            between = [frame for line in lines for frame in line if frame not in shared and frame not in self._static]
            stamp = min((self._moving[frame][-1][0] for frame in between), default=None)
        return self.matrix(target, source, stamp or 0), stamp

    def matrix(self, target: str, source: str, stamp_ns: int) -> Float64Array:
        """(4, 4) that takes points of frame `source` to frame `target`.

        Args:
            target, source: frames.
            stamp_ns: moment.

        Raises:
            TransformError: the frames are not connected, or not known at that moment.
        """
        with self._lock:
            lines, shared = self._lines(target, source)
            poses = [self._up(line, shared, stamp_ns) for line in lines]
        return np.asarray(np.linalg.inv(poses[0]) @ poses[1])

    def _lines(self, target: str, source: str) -> tuple[list[list[str]], set[str]]:
        """The lines of both frames, and what they share."""
        lines = [self._line(frame) for frame in (target, source)]
        shared = set(lines[0]) & set(lines[1])
        if not shared:
            known = ", ".join(sorted({*self._parents, *self._parents.values()})) or "none"
            raise TransformError(f"{target!r} and {source!r} are not connected on /tf, which has the frames {known}")
        return lines, shared

    def _line(self, frame: str) -> list[str]:
        """The frame and those above it."""
        line = [frame]
        while line[-1] in self._parents:
            line.append(self._parents[line[-1]])
            if len(line) > _MAX_DEPTH:
                raise TransformError(f"the frames above {frame!r} go round in a circle")
        return line

    def _up(self, line: list[str], shared: set[str], stamp_ns: int) -> Float64Array:
        """Pose of the first frame of a line in the first shared one; moments of frames above do not matter."""
        pose = np.eye(4)
        for frame in line:
            if frame in shared:
                break
            pose = self._pose(frame, stamp_ns) @ pose
        return pose

    def _pose(self, child: str, stamp_ns: int) -> Float64Array:
        if child in self._static:
            return self._static[child]
        history = self._moving[child]
        if not history[0][0] <= stamp_ns <= history[-1][0]:
            late = (stamp_ns - history[-1][0]) / 1e9
            raise TransformError(f"{child!r} is not known at that moment, its newest transform is {late:.3f} s older")
        after = next(index for index, (stamp, _) in enumerate(history) if stamp >= stamp_ns)
        return _between(history[max(after - 1, 0)], history[after], stamp_ns)


def _between(before: tuple[int, Float64Array], after: tuple[int, Float64Array], stamp_ns: int) -> Float64Array:
    if after[0] == before[0]:
        return after[1]
    share = (stamp_ns - before[0]) / (after[0] - before[0])
    pose = np.eye(4)
    ends = Rotation.from_matrix(np.stack([before[1][:3, :3], after[1][:3, :3]]))
    pose[:3, :3] = Slerp([0.0, 1.0], ends)(share).as_matrix()
    pose[:3, 3] = (1 - share) * before[1][:3, 3] + share * after[1][:3, 3]
    return pose
