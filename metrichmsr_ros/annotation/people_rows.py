"""Rows of the tables from scenes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metrichmsr_ros.annotation.frames import SourceFrame
from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene

_LANDMARKS = 33  # of the body; BlazePose adds six that only aim its crops


class IdNames:
    """Ids of one shard: numbered by first appearance, whatever the pipeline numbered before.

    Args:
        prefix: begins every id.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._names: dict[str, str] = {}

    def __call__(self, pipelines: str) -> str:
        """The id of a person by the pipeline's id."""
        return self._names.setdefault(pipelines, f"{self._prefix}p{len(self._names) + 1}")


def row_of(frame: SourceFrame, scene: Scene, named: Callable[[str], str], min_confidence: float) -> FrameRow:
    """The row of a frame with its people.

    Args:
        frame: the frame. scene: its estimates.
        named: gives the id of a person by the pipeline's id.
        min_confidence: people of lower confidence are left out.
    """
    people = [_person(person, named(person.id)) for person in scene.people if person.confidence >= min_confidence]
    camera = scene.camera
    return _row(frame, camera.width, camera.height, camera.intrinsics, tuple(people), None)


def row_without_estimates(frame: SourceFrame, problem: str) -> FrameRow:
    """The row of a frame that has no estimates; without a camera its size and K are zeros."""
    camera = frame.camera
    if camera is None:
        return _row(frame, 0, 0, np.zeros((3, 3)), (), problem)
    return _row(frame, camera.width, camera.height, camera.intrinsics, (), problem)


def _row(
    frame: SourceFrame, width: int, height: int, K: Any, people: tuple[PersonRow, ...], problem: str | None
) -> FrameRow:
    return FrameRow(
        frame.index, frame.stamp_ns, width, height, K, people, frame.fps, frame.world_from_camera, frame.name, problem
    )


def _person(person: PersonEstimate, name: str) -> PersonRow:
    landmarks = person.landmarks
    return PersonRow(
        id=name,
        confidence=person.confidence,
        is_occluded=person.is_occluded,
        bbox=person.bbox,
        pose=person.pose,
        betas=person.betas,
        transl_cam=person.transl_cam,
        transl_cov=person.transl_cov,
        joints_cam=person.joints_cam,
        height=person.height,
        velocity_cam=person.velocity_cam,
        joint_confidence=person.joint_confidence,
        landmarks_px=None if landmarks is None else landmarks.pixels[:_LANDMARKS].astype(np.float32),
        landmark_visibility=None if landmarks is None else landmarks.visibility[:_LANDMARKS].astype(np.float32),
    )
