"""A sequence in real time before the costmap, as a camera shows it; every grid that comes is scored afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.robot.costmap_scores import Record, Scorer, Step
from benchmarks.robot.nav2.client import CostmapClient, seconds_of
from benchmarks.robot.nav2.clouds import CloudMessages, messages_of, observation_of
from benchmarks.robot.obstacle_layer import LayerConfig, ObstacleLayer

AFTER_S = 0.2  # after the last image; later its marks would count as a trail


@dataclass(frozen=True)
class Shown:
    """An image's clouds at the time of their stamp, s of the ROS clock."""

    stamp_s: float
    step: Step
    clouds: CloudMessages


@dataclass(frozen=True)
class Grid:
    """Marked cells (X, Y) at the time of their stamp, s of the ROS clock."""

    stamp_s: float
    is_marked: NDArray[np.bool_]


def play(client: CostmapClient, config: LayerConfig, steps: list[Step], marks_hidden: bool = False) -> Record:
    """Publish the clouds of each image at its time, and score what the costmap makes of them.

    A grid is compared with the newest image of its time. Delays are from the stamp of an image to that of a grid.

    Args:
        client: of an active costmap.
        config: the window of the client's grids.
        steps: images with truth, stamps from 0.
        marks_hidden: the node's parameter `body_points_hidden`.
    """
    shown, grids = show(client, steps, marks_hidden)
    scorer, replica = Scorer(config), ObstacleLayer(config)
    waiting = shown[::-1]
    newest: Step | None = None
    for grid in grids:
        while waiting and waiting[-1].stamp_s <= grid.stamp_s:
            image = waiting.pop()
            newest = image.step
            bodies = observation_of(image.clouds.bodies, newest.frame.T_world_cam)
            scorer.renew(replica.update(bodies, None), image.stamp_s)
            scorer.appear(newest, image.stamp_s)
        if newest is not None:
            scorer.score(newest, grid.is_marked, grid.stamp_s)
    return scorer.record


def show(client: CostmapClient, steps: list[Step], marks_hidden: bool) -> tuple[list[Shown], list[Grid]]:
    """Publish each image's clouds at its time, `AFTER_S` longer than the last; returns them and the grids that came."""
    shown: list[Shown] = []
    grids: list[Grid] = []
    client.on_grid = lambda marked, stamp_s: grids.append(Grid(stamp_s, marked))
    begin = time.monotonic()
    for step in steps:
        client.until_time(begin + step.frame.stamp_s)
        stamp = client.now()
        clouds = messages_of(step.scene, client.header(stamp), marks_hidden)
        client.send_pose(step.frame.T_world_cam, stamp)
        client.send(clouds)
        shown.append(Shown(seconds_of(stamp), step, clouds))
    client.until_time(begin + steps[-1].frame.stamp_s + AFTER_S)
    return shown, grids
