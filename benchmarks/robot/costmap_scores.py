"""What a costmap says of people, scored against their true places: first marks, marked cells, and trails."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from benchmarks.robot.obstacle_layer import LayerConfig
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.types import Float64Array

STALE_S = 0.5  # cells that no cloud has had for longer are a trail
SEEN = 0.5  # share of a body's pixels, from which it counts as in view
NEAR_M = 0.3  # usual inflation: marked within it of a true cell
SETTLED_S = 0.5  # after the appearance, before shares are measured


@dataclass(frozen=True)
class Step:
    """One image: its truth and what the pipeline found."""

    frame: SequenceFrame
    scene: Scene
    true_points: dict[str, Float64Array]  # (V, 3) world, by person


@dataclass(frozen=True)
class Record:
    """One way on one sequence.

    Attributes:
        delays_s: of each person from the appearance to the first marked cell among the person's own.
        exact: share of true cells that are marked, of each person in view and grid.
        near: the same, marked within `NEAR_M`.
        trail: cells of a trail in each grid.
        beside: cells beside the view that have stayed marked as long, in each grid.
        far: marked cells farther than `NEAR_M` from everybody, in each grid.
    """

    delays_s: list[float] = field(default_factory=list)
    exact: list[float] = field(default_factory=list)
    near: list[float] = field(default_factory=list)
    trail: list[int] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)
    far: list[int] = field(default_factory=list)


class Scorer:
    """Scores the grids of one sequence, which come in the order of time.

    Args:
        config: the window of the grids.
    """

    def __init__(self, config: LayerConfig) -> None:
        self._config = config
        self._renewed = np.full(config.shape, -np.inf)
        self._appeared: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._found = Record()

    @property
    def record(self) -> Record:
        """The scores of all grids so far."""
        self._found.delays_s[:] = [self._delays.get(id, np.inf) for id in self._appeared]
        return self._found

    def renew(self, cells: NDArray[np.bool_], now: float) -> None:
        """Take the cells (X, Y) in which a cloud that was published at `now`, s, has points."""
        self._renewed[cells] = now

    def appear(self, step: Step, now: float) -> None:
        """Note who is in view from `now` on, s."""
        for person in step.frame.people:
            if person.visible_fraction >= SEEN and self._is_in_range(step, person.id):
                self._appeared.setdefault(person.id, now)

    def score(self, step: Step, is_marked: NDArray[np.bool_], now: float) -> None:
        """Score a grid (X, Y) of the time `now`, s, by the truth of the newest image."""
        near = binary_dilation(is_marked, self._disc)
        anybody = np.zeros_like(is_marked)
        for person in step.frame.people:
            cells = self._cells(step.true_points[person.id])
            anybody[tuple(cells.T)] = True
            if person.visible_fraction < SEEN or not self._is_in_range(step, person.id):
                continue
            share = float(is_marked[tuple(cells.T)].mean())
            since = self._appeared[person.id]
            if share > 0:
                self._delays.setdefault(person.id, now - since)
            if now - since >= SETTLED_S:
                self._found.exact.append(share)
                self._found.near.append(float(near[tuple(cells.T)].mean()))
        stale, in_view = is_marked & (now - self._renewed > STALE_S), self._view(step.frame)
        self._found.trail.append(int((stale & in_view).sum()))
        self._found.beside.append(int((stale & ~in_view).sum()))
        self._found.far.append(int((is_marked & ~binary_dilation(anybody, self._disc)).sum()))

    @property
    def _disc(self) -> NDArray[np.bool_]:
        radius = NEAR_M / self._config.resolution
        side = np.arange(-int(radius), int(radius) + 1)
        return np.hypot(side[:, None], side) <= radius

    def _cells(self, points: Float64Array) -> NDArray[np.int64]:
        cells = np.unique(self._config.cells(points), axis=0)
        return cells[self._config.inside(cells)]

    def _is_in_range(self, step: Step, id: str) -> bool:
        """Whether a person stands well inside what the layer marks."""
        gap = step.true_points[id][:, :2] - step.frame.T_world_cam[:2, 3]
        return bool(np.linalg.norm(gap, axis=1).max() < self._config.obstacle_max_range - 1.0)

    def _view(self, frame: SequenceFrame) -> NDArray[np.bool_]:
        """(X, Y) cells whose middle lies between the sides of the image; for a level camera."""
        grid = np.moveaxis(np.indices(self._config.shape), 0, -1) + 0.5
        places = grid * self._config.resolution + self._config.origin
        places = np.concatenate([places, np.zeros((*self._config.shape, 1))], -1)
        columns = frame.camera.project((places - frame.T_world_cam[:3, 3]) @ frame.T_world_cam[:3, :3])[..., 0]
        return (columns >= -0.5) & (columns <= frame.camera.width - 0.5)
