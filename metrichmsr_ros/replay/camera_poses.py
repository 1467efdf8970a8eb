"""Where a recorded camera was: transforms of a bag (/tf, /tf_static) looked up at the stamps of its images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from metrichmsr_ros.ros.bags.message_types import TRANSFORMS
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.types import Float64Array

OUTSIDE_NS = 100_000_000  # a transform is held for as long before its first and after its last sample
_PERSON = "body_"  # frames of people, which an earlier run of the node may have left in the bag


@dataclass(frozen=True)
class Edge:
    """One link of the tree over time: parent_from_child at sorted stamps."""

    parent: str
    stamp_ns: NDArray[np.int64]
    positions: Float64Array  # (N, 3)
    turns: Rotation
    is_static: bool

    def at(self, stamp_ns: int) -> Float64Array | None:
        """(4, 4) parent_from_child, interpolated; None further than :data:`OUTSIDE_NS` from any sample's span."""
        matrix = np.eye(4)
        if self.is_static or len(self.stamp_ns) == 1:
            if not self.is_static and abs(stamp_ns - int(self.stamp_ns[0])) > OUTSIDE_NS:
                return None
            matrix[:3, :3], matrix[:3, 3] = self.turns[0].as_matrix(), self.positions[0]
            return matrix
        first, last = int(self.stamp_ns[0]), int(self.stamp_ns[-1])
        if stamp_ns < first - OUTSIDE_NS or stamp_ns > last + OUTSIDE_NS:
            return None
        # seconds since the first sample: float64 cannot hold today's nanoseconds
        times = (self.stamp_ns - first) / 1e9
        when = min(max(stamp_ns, first), last) - first
        matrix[:3, :3] = Slerp(times, self.turns)(when / 1e9).as_matrix()
        matrix[:3, 3] = [np.interp(when / 1e9, times, axis) for axis in self.positions.T]
        return matrix


class CameraPoses:
    """A tree of frames.

    Args:
        edges: child frame -> its link to its parent.
        world: frame to express poses in; None: the topmost parent.
    """

    def __init__(self, edges: dict[str, Edge], world: str | None = None) -> None:
        self._edges, self._world = edges, world

    def world_from(self, frame: str, stamp_ns: int) -> Float64Array | None:
        """(4, 4) world_from_frame at a time; None when the frame is not in the tree or has no transform then."""
        pose = np.eye(4)
        visited = {frame}
        while frame in self._edges and frame != self._world:
            edge = self._edges[frame]
            step = edge.at(stamp_ns)
            if step is None or edge.parent in visited:
                return None
            pose, frame = step @ pose, edge.parent
            visited.add(frame)
        found = frame == self._world if self._world is not None else len(visited) > 1
        return pose if found else None


def read_camera_poses(bag: Bag, world: str | None = None) -> CameraPoses:
    """The transforms of a bag; empty where it has none."""
    names = [t.name for t in bag.topics if t.type == TRANSFORMS and t.count]
    rows: dict[str, dict[int, tuple[str, list[float], list[float], bool]]] = {}
    for recorded in bag.messages(*names):
        for item in recorded.message.transforms:
            child = item.child_frame_id.lstrip("/")
            if child.startswith(_PERSON):
                continue
            stamp = item.header.stamp.sec * 10**9 + item.header.stamp.nanosec
            move, turn = item.transform.translation, item.transform.rotation
            is_static = recorded.topic.endswith("tf_static")
            numbers = [move.x, move.y, move.z], [turn.x, turn.y, turn.z, turn.w]
            rows.setdefault(child, {})[stamp] = (item.header.frame_id.lstrip("/"), *numbers, is_static)
    return CameraPoses({child: _edge(samples) for child, samples in rows.items()}, world)


def _edge(samples: dict[int, tuple[str, list[float], list[float], bool]]) -> Edge:
    stamps = sorted(samples)
    ordered = [samples[stamp] for stamp in stamps]
    positions = np.array([sample[1] for sample in ordered])
    turns = Rotation.from_quat(np.array([sample[2] for sample in ordered]))
    return Edge(ordered[-1][0], np.array(stamps, np.int64), positions, turns, ordered[-1][3])
