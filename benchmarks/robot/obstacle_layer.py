"""The rule by which an obstacle layer of Nav2 marks and clears, in NumPy, as the layer of Nav2 1.3.13 does.

Each source keeps its newest cloud only (`observation_persistence` 0). An update first clears the cells of the line from
each clearing cloud's sensor to each of its points, at most `raytrace_max_range` long. It then marks the cells of the
points of the marking clouds that lie between the heights and within `obstacle_max_range` of the sensor, on the floor.
Jazzy's Nav2 before 1.3.11 measures that range in three dimensions, and marks from a sensor outside the window, too.

The window does not roll: it is as large as the room, so that nothing is forgotten at its edge. Nav2 brings points into
its frame in float32, here they are float64. `benchmarks.robot.nav2.costmap` compares both, cell by cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.types import Float64Array


@dataclass(frozen=True)
class LayerConfig:
    """Parameters by the names of Nav2, m; those of `config/nav2/people_costmap.yaml`.

    Attributes:
        origin: x, y of the window's corner.
        size: of the window along x and y.
    """

    origin: tuple[float, float] = (-4.0, -7.0)
    size: tuple[float, float] = (14.0, 14.0)
    resolution: float = 0.05
    min_obstacle_height: float = -0.5
    max_obstacle_height: float = 2.5
    obstacle_max_range: float = 8.0
    raytrace_max_range: float = 10.0

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along x and y."""
        x, y = (round(side / self.resolution) for side in self.size)
        return x, y

    def cells(self, points: Float64Array) -> NDArray[np.int64]:
        """(N, 2) cells of points (N, 2 or more), m, also outside the window."""
        return np.floor((points[:, :2] - self.origin) / self.resolution).astype(np.int64)

    def inside(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(N,) whether cells (N, 2) lie in the window."""
        return np.all((cells >= 0) & (cells < self.shape), axis=1)


@dataclass(frozen=True, eq=False)
class Observation:
    """A cloud in the costmap's frame: the sensor's place (3,) and points (N, 3), m."""

    origin: Float64Array
    points: Float64Array


class ObstacleLayer:
    """One layer's grid.

    Attributes:
        is_marked: (X, Y) the cells.
    """

    def __init__(self, config: LayerConfig | None = None) -> None:
        self.config = config or LayerConfig()
        self.is_marked = np.zeros(self.config.shape, bool)

    def update(self, marking: Observation | None, clearing: Observation | None) -> NDArray[np.bool_]:
        """Clear, then mark; returns the cells (X, Y) that are marked by this cloud. None: nothing was received yet."""
        if clearing is not None:
            self._clear(clearing)
        marked = np.zeros_like(self.is_marked)
        if marking is not None:
            marked[tuple(self._obstacles(marking).T)] = True
        self.is_marked |= marked
        return marked

    def _obstacles(self, seen: Observation) -> NDArray[np.int64]:
        if not self._sees_from_inside(seen):
            return np.zeros((0, 2), np.int64)
        heights = seen.points[:, 2]
        is_between = (heights >= self.config.min_obstacle_height) & (heights <= self.config.max_obstacle_height)
        is_near = np.linalg.norm(seen.points[:, :2] - seen.origin[:2], axis=1) <= self.config.obstacle_max_range
        cells = self.config.cells(seen.points[is_between & is_near])
        return cells[self.config.inside(cells)]

    def _clear(self, seen: Observation) -> None:
        if not self._sees_from_inside(seen):
            return
        start = self.config.cells(seen.origin[None])
        ends = self.config.cells(self._cut(seen.origin[:2], seen.points[:, :2]))
        ends = ends[self.config.inside(ends)]
        cells = line_cells(start[0], ends, int(np.ceil(self.config.raytrace_max_range / self._cell)))
        self.is_marked[tuple(cells.T)] = False

    def _sees_from_inside(self, seen: Observation) -> bool:
        """Whether the sensor lies in the window; from outside, nothing is traced and nothing is marked."""
        return bool(self.config.inside(self.config.cells(seen.origin[None]))[0])

    @property
    def _cell(self) -> float:
        return self.config.resolution

    def _cut(self, origin: Float64Array, ends: Float64Array) -> Float64Array:
        """Ends of the lines, drawn in to the window: side by side, as Nav2 does, and 1 mm inside the upper two."""
        low = np.asarray(self.config.origin)
        high = low + self.config.size
        step, cut = ends - origin, ends.copy()
        with np.errstate(divide="ignore", invalid="ignore"):
            for is_beyond, edge, place in ((np.less, low, low), (np.greater, high, high - 1e-3)):
                for axis in (0, 1):
                    is_out = is_beyond(cut[:, axis], edge[axis])
                    share = (edge[axis] - origin[axis]) / step[:, axis]
                    across = origin[1 - axis] + step[:, 1 - axis] * share
                    cut[:, 1 - axis] = np.where(is_out, across, cut[:, 1 - axis])
                    cut[:, axis] = np.where(is_out, place[axis], cut[:, axis])
        return cut


def line_cells(start: NDArray[np.int64], ends: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """(M, 2) all cells of the lines from one cell (2,) to each of N cells (N, 2), at most `most` cells long.

    Bresenham's lines: one cell a step along the longer axis, beginning with half an error.
    """
    step = ends - start
    size, sign = np.abs(step), np.where(step > 0, 1, -1)
    is_x = size[:, 0] >= size[:, 1]
    long, short = size.max(axis=1), size.min(axis=1)
    share = np.minimum(1.0, most / np.maximum(np.hypot(*step.T), 1e-9))
    last = (share * long).astype(np.int64)
    number = np.arange(int(last.max(initial=0)) + 1)
    across = (long[:, None] // 2 + number * short[:, None]) // np.maximum(long, 1)[:, None]
    along = np.broadcast_to(number, across.shape)
    x, y = np.where(is_x[:, None], along, across), np.where(is_x[:, None], across, along)
    cells = start + np.stack([x, y], axis=-1) * sign[:, None]
    return cells[number <= last[:, None]].astype(np.int64)
