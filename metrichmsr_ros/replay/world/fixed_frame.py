"""People of a recording in the fixed frame, filtered by the node's own filter, and their file.

Layout of `people_fixed.npz`; positions are the middle of the hips, SI units, float64:

    frame            ()         name of the fixed frame
    frame_stamp_ns   (F,)       int64, images with a transform at their stamp
    stamp_ns         (N,)       int64, the image of each person
    id               (N,)       as in the output bag
    position (N,3), velocity (N,3), covariance (N,6,6) of both, orientation (N,4) x y z w, confidence (N,)
    orientation_covariance (N,3,3)  rad^2, about the axes of the fixed frame
    occluded         (N,)       bool: predicted, not seen
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.evaluation.trajectories import Trajectory
from metrichmsr_ros.people.tracking.fixed_frame import FixedFrameFilter, PeopleMotion
from metrichmsr_ros.replay.world.camera_poses import CameraPoses
from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.outputs.fixed_people import people_of
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.ros.tf_tree import TransformError
from metrichmsr_ros.types import Float64Array

NO_TRANSFORM = "no fixed frame"  # the node's cause

MotionByStamp = Mapping[int, PeopleMotion]  # by stamp of the image, ns


class FixedFramePeople:
    """Filters the people of each image in the fixed frame, as the node does; images without a transform are left out.

    Args:
        frame: name of the fixed frame.
        poses: of the camera in that frame.
        problem: called with cause and text for each image without a transform.

    Attributes:
        motions: people by stamp of the image.
        cameras: the camera's pose (4, 4) in the fixed frame, by stamp of the image.
    """

    def __init__(self, frame: str, poses: CameraPoses, problem: Callable[[str, str], None]) -> None:
        self.frame = bare(frame)
        self.motions: dict[int, PeopleMotion] = {}
        self.cameras: dict[int, Float64Array] = {}
        self._poses, self._problem = poses, problem
        self._filter = FixedFrameFilter()

    def forget(self) -> None:
        """Forget everybody, e.g. when the stamps jump."""
        self._filter.reset()

    def update(self, bodies: list[Body], header: Any) -> PeopleMotion | None:
        """The people of one image in the fixed frame; None without a transform at its stamp.

        Args:
            bodies: people in the camera's frame.
            header: of the image.
        """
        stamp = stamp_ns(header)
        try:
            pose = self._poses.matrix(bare(header.frame_id), stamp)
        except TransformError as error:
            self._problem(NO_TRANSFORM, f"{self.frame} to {header.frame_id or 'an empty frame_id'}: {error}")
            return None
        self.cameras[stamp] = pose
        self.motions[stamp] = self._filter.update(people_of(bodies).moved(pose), stamp / 1e9)
        return self.motions[stamp]


def save_motions(path: Path, frame: str, motions: MotionByStamp) -> None:
    """Write `people_fixed.npz` (layout above)."""
    rows = [(stamp, motion, row) for stamp, motion in motions.items() for row in range(len(motion.people.ids))]
    count = len(rows)

    def numbers(of: Callable[[PeopleMotion], NDArray[Any]], *shape: int) -> NDArray[Any]:
        return np.array([of(motion)[row] for _, motion, row in rows], np.float64).reshape(count, *shape)

    arrays: dict[str, NDArray[Any]] = {
        "frame": np.array(frame),
        "frame_stamp_ns": np.array(list(motions), np.int64),
        "stamp_ns": np.array([stamp for stamp, _, _ in rows], np.int64),
        "id": np.array([motion.people.ids[row] for _, motion, row in rows], np.str_),
        "position": numbers(lambda motion: motion.people.positions, 3),
        "velocity": numbers(lambda motion: motion.velocities, 3),
        "covariance": numbers(lambda motion: motion.covariances, 6, 6),
        "orientation": numbers(lambda motion: motion.people.orientations, 4),
        "orientation_covariance": numbers(lambda motion: motion.people.orientation_covariances, 3, 3),
        "confidence": numbers(lambda motion: motion.people.confidences),
        "occluded": np.array([motion.people.is_hidden[row] for _, motion, row in rows], bool),
    }
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def fixed_trajectories(motions: MotionByStamp) -> dict[str, Trajectory]:
    """Filtered positions and orientations of every id in the fixed frame, in the order of the stamps."""
    paths: dict[str, list[tuple[int, NDArray[Any], NDArray[Any]]]] = {}
    for stamp, motion in sorted(motions.items()):
        for row, id in enumerate(motion.people.ids):
            paths.setdefault(id, []).append((stamp, motion.people.positions[row], motion.people.orientations[row]))
    return {
        id: Trajectory(np.array([p[0] for p in path]), np.stack([p[1] for p in path]), np.stack([p[2] for p in path]))
        for id, path in sorted(paths.items())
    }
