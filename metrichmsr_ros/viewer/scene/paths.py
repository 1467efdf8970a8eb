"""Where everybody went, up to a frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.viewer.frames import ViewFrame
from metrichmsr_ros.viewer.scene.placement import moved, scene_from_camera
from metrichmsr_ros.viewer.scene.shapes import path


class Paths:
    """Positions of people over the frames read so far.

    Args:
        in_world: the scene is the fixed frame of the camera's poses.
    """

    def __init__(self, in_world: bool) -> None:
        self._in_world = in_world
        self._frames = 0
        self._steps: dict[str, deque[tuple[int, float, Float64Array]]] = {}

    def add(self, frame: ViewFrame) -> None:
        """Add the next frame."""
        pose = scene_from_camera(frame, self._in_world)
        if pose is not None:
            for person in frame.people:
                place = moved(pose, person.joints[0])
                self._steps.setdefault(person.id, deque()).append((self._frames, frame.time_s, place))
        self._frames += 1

    def __len__(self) -> int:
        """Frames so far."""
        return self._frames

    def forget_before(self, index: int) -> None:
        """Forget the frames before `index`, and people who are in no other."""
        for person, steps in list(self._steps.items()):
            while steps and steps[0][0] < index:
                steps.popleft()
            if not steps:
                del self._steps[person]

    def of(self, person: str, index: int) -> Float64Array:
        """Lines (M, 2, 3) m along the path of a person up to the frame `index`."""
        steps = [step for step in self._steps.get(person, ()) if step[0] <= index]
        if len(steps) < 2:
            return np.zeros((0, 2, 3))
        return path(np.stack([step[2] for step in steps]), np.array([step[1] for step in steps]))
