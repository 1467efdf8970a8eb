"""Messages that wait for the transform of their camera at their stamp; nothing blocks meanwhile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.inputs.scene_context import Transforms
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.tf_tree import TransformError
from metrichmsr_ros.types import Float64Array

MOST_WAITING = 200  # messages of all cameras; the oldest is left out


class _Waiting(NamedTuple):
    camera: str
    message: Any
    since_s: float  # of the steady clock


class PlacedFrame(NamedTuple):
    """The people of one image (HumanMeshArray), with poses in the fixed frame at its stamp.

    Attributes:
        camera: its name.
        message: the people.
        pose: (4, 4) of the camera.
        robot: (4, 4) of the robot; None if that was not asked for or is not known.
        robot_problem: why the robot's pose is not known, although its frame is in /tf; else empty.
    """

    camera: str
    message: Any
    pose: Float64Array
    robot: Float64Array | None = None
    robot_problem: str = ""


class TransformQueue:
    """Holds messages until their transforms have come.

    Args:
        transforms: of /tf.
        frame: the fixed frame.
        timeout_s: longest wait.
        left_out: called with the camera and the reason for each message without a transform.
        robot: frame of the robot, whose pose is waited for as well while it is in /tf; empty: none.
    """

    def __init__(
        self,
        transforms: Transforms,
        frame: str,
        timeout_s: float,
        left_out: Callable[[str, str], None],
        robot: str = "",
    ) -> None:
        self._transforms, self._frame, self._robot = transforms, bare(frame), bare(robot)
        self._timeout_s, self._left_out = timeout_s, left_out
        self._waiting: deque[_Waiting] = deque()
        self._since_s = time.monotonic()

    def add(self, camera: str, message: Any) -> None:
        """Add the message of a camera."""
        if len(self._waiting) >= MOST_WAITING:
            self._left_out(self._waiting.popleft().camera, f"{MOST_WAITING} messages wait for transforms")
        self._waiting.append(_Waiting(camera, message, time.monotonic()))

    def ready(self) -> Iterator[PlacedFrame]:
        """The messages whose transforms are known now, in the order of their arrival.

        A message of a camera waits behind an earlier one of the same camera, so that none is overtaken.
        """
        still: deque[_Waiting] = deque()
        held: set[str] = set()
        for waiting in self._waiting:
            placed = None if waiting.camera in held else self._placed(waiting)
            may_wait = time.monotonic() - waiting.since_s < self._timeout_s
            if isinstance(placed, PlacedFrame) and not (placed.robot_problem and may_wait):
                yield placed
            elif placed is None or may_wait:
                held.add(waiting.camera)
                still.append(waiting)
            elif isinstance(placed, str):
                self._left_out(waiting.camera, placed)
        self._waiting = still

    def _placed(self, waiting: _Waiting) -> PlacedFrame | str:
        header = waiting.message.header
        if not bare(header.frame_id):
            return "its messages have an empty frame_id; set the frame in the camera driver"
        try:
            pose = self._transforms.matrix(self._frame, bare(header.frame_id), stamp_ns(header))
        except TransformError as error:
            return f"{self._frame} to {header.frame_id}: {error}"
        return PlacedFrame(waiting.camera, waiting.message, pose, *self._robot_at(stamp_ns(header)))

    def _robot_at(self, stamp: int) -> tuple[Float64Array | None, str]:
        """Pose of the robot, or why it is not known although its frame is in /tf."""
        if not self._robot:
            return None, ""
        try:
            return self._transforms.matrix(self._frame, self._robot, stamp), ""
        except TransformError as error:
            return None, f"{self._frame} to {self._robot}: {error}" if self._may_come() else ""

    def _may_come(self) -> bool:
        """Whether the robot's frame is in /tf, or could not be there yet."""
        try:
            self._transforms.newest(self._frame, self._robot)
        except TransformError:
            return time.monotonic() - self._since_s < self._timeout_s
        return True
