"""The grids of the real costmap against those of the replica, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.robot.costmap_scores import Step
from benchmarks.robot.nav2.process import InstalledCostmap
from benchmarks.robot.nav2.session import active_costmap
from benchmarks.robot.nav2.stepping import SteppedCostmap
from benchmarks.robot.obstacle_layer import LayerConfig, ObstacleLayer

STEPPED = {"update_frequency": 50.0}


@dataclass(frozen=True)
class Likeness:
    """Cells in all grids, and how many are marked in both, by Nav2 alone or by the replica alone."""

    cells: int
    both: int
    nav2_alone: int
    replica_alone: int

    @property
    def equal(self) -> float:
        """Share of cells that are equal."""
        return 1.0 - (self.nav2_alone + self.replica_alone) / self.cells


def likeness(installed: InstalledCostmap, steps: list[Step], domain: int, marks_hidden: bool = False) -> Likeness:
    """Every image before the real costmap, in this ROS domain, and before the replica, with a window that is fixed."""
    config, found = LayerConfig(), np.zeros(3, np.int64)
    replica = ObstacleLayer(config)
    with active_costmap(installed, steps[0].frame.T_world_cam, domain, STEPPED) as client:
        real = SteppedCostmap(client, config)
        for step in steps:
            marked, marking, clearing = real.update(step.scene, step.frame.T_world_cam, marks_hidden)
            replica.update(marking, clearing)
            other = replica.is_marked
            found += ((marked & other).sum(), (marked & ~other).sum(), (other & ~marked).sum())
    return Likeness(len(steps) * replica.is_marked.size, *found.tolist())
