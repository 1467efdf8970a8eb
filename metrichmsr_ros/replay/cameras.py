"""Where a recorded camera was: by the transforms of its bag, or by a file in TUM's format as SLAM writes it."""

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

HELD_S = 0.1  # a transform holds for as long before its first and after its last stamp
_PERSON = "body_"  # frames of people, which an earlier run of the node may have left in the bag
_WORLD, _CAMERA = "world", "camera"  # frames of a file, which names none


class CameraPoses:
    """Poses of cameras in a fixed frame over a whole recording.

    Args:
        tree: all transforms of the recording.
        world: frame to express poses in; None: the topmost above the camera.
        camera: the camera's frame in the tree; None: as the image's header says.
    """

    def __init__(self, tree: TransformTree, world: str | None = None, camera: str | None = None) -> None:
        self._tree, self._world, self._camera = tree, world, camera

    def world_from(self, frame: str, stamp_ns: int) -> Float64Array | None:
        """(4, 4) world_from_camera of the camera with this optical frame; None where it is not known."""
        camera = self._camera or frame
        try:
            world = self._world or self._tree.root(camera, stamp_ns)
            if world == camera and self._world is None:
                return None  # nothing is above it
            return self._tree.matrix(world, camera, stamp_ns)
        except TransformError:
            return None


def poses_of_bag(bag: Bag, world: str | None, problem: Callable[[str, str], None]) -> CameraPoses:
    """The transforms of a bag; without any no pose is known.

    Args:
        bag: opened. world: as for `CameraPoses`.
        problem: called with cause and text for a transform that cannot be used.
    """
    tree = TransformTree(kept_s=math.inf, held_s=HELD_S)
    for recorded in bag.messages(*(topic.name for topic in bag.topics if topic.type == TRANSFORMS and topic.count)):
        for item in recorded.message.transforms:
            if not item.child_frame_id.lstrip("/").startswith(_PERSON):
                try:
                    tree.add_stamped(item, is_static=recorded.topic.endswith("tf_static"))
                except TransformError as error:
                    problem("bad transform", str(error))
    return CameraPoses(tree, world)


def poses_of_file(file: Path) -> CameraPoses:
    """Poses of the optical frame of one camera in the world, in seconds of the bag's stamps.

    Raises:
        ReplayError: no such file, or not in TUM's format.
    """
    try:
        path = read_tum(file)
    except (OSError, MetricInputError) as error:
        raise ReplayError(f"--cameras: {error}", ExitCode.USAGE) from error
    tree = TransformTree(kept_s=math.inf, held_s=HELD_S)
    for stamp, position, turn in zip(path.stamp_ns.tolist(), path.positions, path.quaternions, strict=True):
        tree.add(_WORLD, _CAMERA, stamp, position.tolist(), turn.tolist())
    return CameraPoses(tree, _WORLD, _CAMERA)
