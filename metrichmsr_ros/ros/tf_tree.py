"""A transform tree over time without tf2: for bags, and for a node installed from PyPI wheels. Needs no messages.

A transform is interpolated between the two stamps around the requested time (position linearly, rotation by slerp).
As in tf2 each transform has its own parent, so that a frame may move to another parent.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.people.stamps import JUMP_BACK_S, older_or_newer
from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.types import Float64Array

KEPT_S = 10.0  # as tf2's buffer
_FARTHEST_M = 1e12  # of one frame from another: longer chains of larger numbers cannot be inverted
_MAX_KEPT = 10_000  # samples per frame
_MAX_DEPTH = 100  # a longer chain has a loop


class TransformError(MetricHMRError, LookupError):
    """No transform for this time, or one that is not a pose; the message names the frames and the cause."""


class _Sample(NamedTuple):
    """The pose of a frame at one time: `pose` (4, 4) maps its points to `parent`."""

    stamp_ns: int
    parent: str
    pose: Float64Array


_stamp = attrgetter("stamp_ns")
_Late = TypeVar("_Late")


class LateTransforms(Generic[_Late]):
    """Tells a jump back of time, as of a bag that loops, from a late transform, as `StampGate` does of images.

    Late ones are single. A second one in a row, newer than the first, shows a jump; so does one that is older than the
    whole buffer.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, _Late]] = {}  # by child frame; the frames whose last transform was late

    def after_jump(self, child: str, stamp_ns: int, newest_ns: int, transform: _Late) -> list[_Late]:
        """What a frame has after a jump, in the order of the stamps; empty if there was none.

        Args:
            child: the frame.
            stamp_ns: of its transform that came now.
            newest_ns: the newest stamp of the frame.
            transform: the one that came now.
        """
        before, behind_s = self._last.pop(child, None), (newest_ns - stamp_ns) / 1e9
        if behind_s <= JUMP_BACK_S:
            return []
        if before is not None and before[0] < stamp_ns:
            return [before[1], transform]
        if behind_s > KEPT_S:
            return [transform]
        self._last[child] = stamp_ns, transform
        return []

    def forget(self, child: str) -> None:
        """Forget a frame."""
        self._last.pop(child, None)

    def take(self, stamp_ns: int) -> list[_Late]:
        """The last late ones of all frames that are of the time after a jump to a stamp; all are forgotten here."""
        late = [transform for stamp, transform in self._last.values() if stamp <= stamp_ns + JUMP_BACK_S * 1e9]
        self._last.clear()
        return late


class TransformTree:
    """Transforms by child frame. Thread-safe.

    Args:
        kept_s: seconds of history of each frame; `math.inf` keeps a whole recording, whatever the order of its stamps.
        held_s: seconds for which the first and the last transform of a frame are valid beyond their stamps.
    """

    def __init__(self, kept_s: float = KEPT_S, held_s: float = 0.0) -> None:
        self._kept_s, self._held_ns = kept_s, round(held_s * 1e9)
        self._lock = threading.Lock()
        self._static: dict[str, _Sample] = {}
        self._moving: dict[str, list[_Sample]] = {}  # by stamp
        self._late: LateTransforms[_Sample] = LateTransforms()

    def add(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        translation: Sequence[float],
        quaternion: Sequence[float],
        is_static: bool = False,
    ) -> None:
        """Add one transform: the pose of `child` in `parent`, metres and x, y, z, w.

        The last transform of a frame decides whether it is static.

        Raises:
            TransformError: the numbers are not a pose.
        """
        sample = _Sample(stamp_ns, parent, _pose_of(parent, child, translation, quaternion))
        with self._lock:
            if is_static:
                self._static[child] = sample
                self._forget(child)
                return
            self._static.pop(child, None)
            if child not in self._moving:
                self._forget_silent(stamp_ns)
            self._add_moving(child, self._moving.setdefault(child, []), sample)

    def _add_moving(self, child: str, history: list[_Sample], sample: _Sample) -> None:
        if history and not math.isinf(self._kept_s):
            history[:] = self._late.after_jump(child, sample.stamp_ns, history[-1].stamp_ns, sample) or history
        _insert(history, sample, self._kept_s)

    def _forget(self, child: str) -> None:
        self._moving.pop(child, None)
        self._late.forget(child)

    def _forget_silent(self, now_ns: int) -> None:
        """Remove frames of people who have left: moving frames without children and without recent transforms."""
        inner, kept = {sample.parent for sample in self._last_samples()}, self._kept_s * 1e9
        for child in [c for c, h in self._moving.items() if c not in inner and abs(h[-1].stamp_ns - now_ns) > kept]:
            self._forget(child)

    def _last_samples(self) -> list[_Sample]:
        return [*self._static.values(), *(history[-1] for history in self._moving.values())]

    def add_stamped(self, message: Any, is_static: bool = False) -> None:
        """Add one geometry_msgs/TransformStamped, of rclpy or of a bag.

        Raises:
            TransformError: the numbers are not a pose.
        """
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        move, turn = message.transform.translation, message.transform.rotation
        xyz, xyzw = (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
        self.add(bare(message.header.frame_id), bare(message.child_frame_id), stamp, xyz, xyzw, is_static)

    def newest(self, target: str, source: str) -> tuple[Float64Array, int | None]:
        """The newest `matrix` for which all transforms exist, and its time in ns; None if all of them are static.

        Raises:
            TransformError: the frames are not connected.
        """
        with self._lock:
            lines, shared = self._lines(target, source, None)
            between = [frame for line in lines for frame in line if frame not in shared and frame not in self._static]
            stamp = min((self._moving[frame][-1].stamp_ns for frame in between), default=None)
        return self.matrix(target, source, stamp or 0), stamp

    def matrix(self, target: str, source: str, stamp_ns: int) -> Float64Array:
        """Transform (4, 4) from points of frame `source` to frame `target` at a time in ns.

        Raises:
            TransformError: the frames are not connected, or have no transform at that time.
        """
        with self._lock:
            lines, shared = self._lines(target, source, stamp_ns)
            poses = [self._up(line, shared, stamp_ns) for line in lines]
        return np.asarray(np.linalg.inv(poses[0]) @ poses[1])

    def root(self, frame: str, stamp_ns: int) -> str:
        """The root of the tree of `frame` at a time; the frame itself if it has no parent.

        Raises:
            TransformError: the frames above it form a loop.
        """
        with self._lock:
            return self._line(frame, stamp_ns)[-1]

    def _lines(self, target: str, source: str, stamp_ns: int | None) -> tuple[list[list[str]], set[str]]:
        """The lines of both frames at a time, None for the newest, and the frames that they share."""
        lines = [self._line(frame, stamp_ns) for frame in (target, source)]
        shared = set(lines[0]) & set(lines[1])
        if not shared:
            parents = (sample.parent for sample in self._last_samples())
            known = ", ".join(sorted({*self._static, *self._moving, *parents})) or "none"
            raise TransformError(f"{target!r} and {source!r} are not connected on /tf, which has the frames {known}")
        return lines, shared

    def _line(self, frame: str, stamp_ns: int | None) -> list[str]:
        """The frame and its ancestors, up to the root."""
        line = [bare(frame)]
        while (parent := self._parent(line[-1], stamp_ns)) is not None:
            line.append(parent)
            if len(line) > _MAX_DEPTH:
                raise TransformError(f"the frames above {frame!r} form a loop")
        return line

    def _parent(self, child: str, stamp_ns: int | None) -> str | None:
        if child in self._static:
            return self._static[child].parent
        if child not in self._moving:
            return None
        history = self._moving[child]
        if stamp_ns is None:
            return history[-1].parent
        return history[max(bisect_right(history, stamp_ns, key=_stamp) - 1, 0)].parent

    def _up(self, line: list[str], shared: set[str], stamp_ns: int) -> Float64Array:
        """Pose of the first frame of a line in the first shared one; transforms above that are not used."""
        pose = np.eye(4)
        for frame in line:
            if frame in shared:
                break
            pose = self._pose(frame, stamp_ns) @ pose
        return pose

    def _pose(self, child: str, stamp_ns: int) -> Float64Array:
        if child in self._static:
            return self._static[child].pose
        history = self._moving[child]
        first, last = history[0].stamp_ns, history[-1].stamp_ns
        if not first - self._held_ns <= stamp_ns <= last + self._held_ns:
            nearest, end = ("oldest", first) if stamp_ns < first else ("newest", last)
            away = older_or_newer((stamp_ns - end) / 1e9, digits=3)
            raise TransformError(f"{child!r} has no transform at that time, its {nearest} is {away}")
        moment = min(max(stamp_ns, first), last)
        after = bisect_left(history, moment, key=_stamp)
        return _between(history[max(after - 1, 0)], history[after], moment)


def _pose_of(parent: str, child: str, translation: Sequence[float], quaternion: Sequence[float]) -> Float64Array:
    pose = np.eye(4)
    pose[:3, 3] = translation
    length = math.hypot(*quaternion)  # of huge numbers infinity, without a warning
    if not (np.abs(pose) <= _FARTHEST_M).all() or not 1e-6 <= length <= 1e6:
        raise TransformError(
            f"the transform from {child!r} to {parent!r} is not a pose: translation {tuple(translation)}, "
            f"quaternion {tuple(quaternion)}; correct its publisher"
        )
    pose[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    return pose


def _insert(history: list[_Sample], sample: _Sample, kept_s: float) -> None:
    """Insert a sample by its stamp, replacing one of the same stamp; remove samples that are too old."""
    is_whole = math.isinf(kept_s)
    place = bisect_left(history, sample.stamp_ns, key=_stamp)
    is_known = place < len(history) and history[place].stamp_ns == sample.stamp_ns
    history[place : place + is_known] = [sample]
    while not is_whole and (history[-1].stamp_ns - history[0].stamp_ns > kept_s * 1e9 or len(history) > _MAX_KEPT):
        history.pop(0)


def _between(before: _Sample, after: _Sample, stamp_ns: int) -> Float64Array:
    if after.stamp_ns in (before.stamp_ns, stamp_ns):
        return after.pose
    if before.parent != after.parent:
        return before.pose  # the frame still has its old parent
    share = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
    pose = np.eye(4)
    ends = Rotation.from_matrix(np.stack([before.pose[:3, :3], after.pose[:3, :3]]))
    pose[:3, :3] = Slerp([0.0, 1.0], ends)(share).as_matrix()
    pose[:3, 3] = (1 - share) * before.pose[:3, 3] + share * after.pose[:3, 3]
    return pose
