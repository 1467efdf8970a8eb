"""Somebody who becomes hidden before the costmap, again and again: how often the marks are lost, which are to stay."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray

from benchmarks.robot.costmap_scores import Step
from benchmarks.robot.nav2.client import CostmapClient
from benchmarks.robot.nav2.clouds import CloudMessages, messages_of, observation_of
from benchmarks.robot.obstacle_layer import ObstacleLayer
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.types import Float64Array

TIMES = 200
_WAIT_S = 0.1  # after an image's clouds: some updates
_LOST = 0.1  # of the cells
_AHEAD_S = 5  # of the clouds, for the transforms


def lost(client: CostmapClient, step: Step, bodies_first: bool) -> int:
    """How often of `TIMES` marks of the people of a step are lost when they become hidden.

    Args:
        client: of an active costmap.
        step: an image with people.
        bodies_first: the order in which the two clouds of an image are sent.
    """
    pose, count = step.frame.T_world_cam, 0
    hidden = replace(step.scene, people=[replace(person, is_occluded=True) for person in step.scene.people])
    client.send_pose(pose, client.now())
    for _ in range(TIMES):
        cells = _cells(_show(client, step.scene, pose, bodies_first), pose)
        if client.last is None or not client.last[cells].all():
            _show(client, step.scene, pose, bodies_first)  # a cloud can get lost: best effort
        _show(client, hidden, pose, bodies_first)
        count += int(client.last is not None and client.last[cells].mean() < 1.0 - _LOST)
    return count


def _show(client: CostmapClient, scene: Scene, pose: Float64Array, bodies_first: bool) -> CloudMessages:
    """Send the clouds of an image, whose transform is already there, and let the costmap update."""
    stamp = client.now()
    clouds = messages_of(scene, client.header(stamp))
    client.send_pose(pose, Time(sec=stamp.sec + _AHEAD_S, nanosec=stamp.nanosec))
    client.send(clouds, bodies_first)
    client.until_time(time.monotonic() + _WAIT_S)
    return clouds


def _cells(clouds: CloudMessages, pose: Float64Array) -> NDArray[np.bool_]:
    """(X, Y) cells that the bodies mark."""
    return ObstacleLayer().update(observation_of(clouds.bodies, pose), None)
