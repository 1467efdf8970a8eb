"""Poses of a recorded camera, from the transforms of its bag or from a trajectory file in the TUM format."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.replay.options import ExitCode, ReplayError
from metrichmsr_ros.ros.bags.message_types import TRANSFORMS
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.tf_tree import TransformError, TransformTree
from metrichmsr_ros.types import Float64Array

HELD_S = 0.1  # a transform is valid this long before its first and after its last stamp
_PERSON = "body_"  # prefix of people's frames, which the bag has if the node ran during the recording
_WORLD, _CAMERA = "world", "camera"  # frame names for a file, which has none


class CameraPoses:
    """Poses of cameras in a fixed frame over a whole recording.

    Args:
        tree: all transforms of the recording.
        world: frame of the poses; None: the root of the tree above the camera.
        camera: the camera's frame in the tree; None: the image's `frame_id`.
        covers: the file of the poses and its times, for errors; empty for a bag's transforms.
    """

    def __init__(
        self, tree: TransformTree, world: str | None = None, camera: str | None = None, covers: str = ""
    ) -> None:
        self._tree, self._world, self._camera, self._covers = tree, world, camera, covers

    def world_from(self, frame: str, stamp_ns: int) -> Float64Array | None:
        """(4, 4) world_from_camera of the camera with this optical frame; None without a transform."""
        camera = self._camera or frame
        try:
            if self._world is None and self._tree.root(camera, stamp_ns) == camera:
                return None  # the camera has no parent
            return self.matrix(frame, stamp_ns)
        except TransformError:
            return None

    def matrix(self, frame: str, stamp_ns: int) -> Float64Array:
        """As `world_from`.

        Raises:
            TransformError: there is no transform at that time; the message has the cause.
        """
        camera = self._camera or frame
        world = self._world or self._tree.root(camera, stamp_ns)
        try:
            return self._tree.matrix(world, camera, stamp_ns)
        except TransformError as error:
            if not self._covers:
                raise
            raise TransformError(f"{self._covers}, the image is of {_seconds(stamp_ns)} s") from error


def poses_of_bag(
    bag: Bag, world: str | None, problem: Callable[[str, str], None], held_s: float = HELD_S
) -> CameraPoses:
    """Camera poses from the transforms of a bag; every pose is None if the bag has no transforms.

    Args:
        bag: opened.
        world: as for `CameraPoses`.
        problem: called with cause and text for a transform that cannot be used.
        held_s: seconds for which the first and the last transform are valid beyond their stamps.
    """
    tree = TransformTree(kept_s=math.inf, held_s=held_s)
    for recorded in bag.messages(*(topic.name for topic in bag.topics if topic.type == TRANSFORMS and topic.count)):
        for item in recorded.message.transforms:
            if not item.child_frame_id.lstrip("/").startswith(_PERSON):
                try:
                    tree.add_stamped(item, is_static=recorded.topic.endswith("tf_static"))
                except TransformError as error:
                    problem("bad transform", str(error))
    return CameraPoses(tree, world)


def poses_of_file(file: Path) -> CameraPoses:
    """Poses of the optical frame of one camera in the world; the file's times are stamps of the bag, in seconds.

    Raises:
        ReplayError: the file does not exist or is not in the TUM format.
    """
    try:
        path = read_tum(file)
    except MetricInputError as error:
        raise ReplayError(f"--cameras: {error}", ExitCode.USAGE) from error
    tree = TransformTree(kept_s=math.inf, held_s=HELD_S)
    for stamp, position, turn in zip(path.stamp_ns.tolist(), path.positions, path.quaternions, strict=True):
        tree.add(_WORLD, _CAMERA, stamp, position.tolist(), turn.tolist())
    begin, end = _seconds(int(path.stamp_ns.min())), _seconds(int(path.stamp_ns.max()))
    return CameraPoses(tree, _WORLD, _CAMERA, f"--cameras {file} covers {begin} to {end} s")


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns / 1e9:.3f}"
