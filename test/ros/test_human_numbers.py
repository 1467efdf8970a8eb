"""People of other nodes whose numbers cannot be used are left out by name, not fused or followed."""

from __future__ import annotations

import array
from collections.abc import Callable

import numpy as np
import pytest
from helpers.fused_messages import POSES, seen_by

from metrichmsr_ros.msg import HumanMesh
from metrichmsr_ros.ros.following.people import candidates_of
from metrichmsr_ros.ros.fusion.people import sightings_of
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame
from metrichmsr_ros.ros.human_numbers import unusable_numbers


def set_pose(human: HumanMesh) -> None:
    human.pose[5] = np.nan


def set_betas(human: HumanMesh) -> None:
    human.betas[0] = np.inf


def set_vertices(human: HumanMesh) -> None:
    human.vertices = array.array("f", [1.0, 2.0])


def set_orientation(human: HumanMesh) -> None:
    turn = human.body.pose.orientation
    turn.x = turn.y = turn.z = turn.w = 0.0


def set_pointing(human: HumanMesh) -> None:
    human.pointing.x = np.nan


def set_place(human: HumanMesh) -> None:
    human.body.pose.position.z = 1e300


def set_covariance(human: HumanMesh) -> None:
    human.body.covariance = np.eye(6).reshape(36) * 1e-300


def set_orientation_covariance(human: HumanMesh) -> None:
    human.body.covariance[35] = np.nan


def set_joint_confidence(human: HumanMesh) -> None:
    human.joint_confidence[2] = np.inf


@pytest.mark.parametrize(
    "lie",
    [
        set_pose,
        set_betas,
        set_vertices,
        set_orientation,
        set_pointing,
        set_place,
        set_orientation_covariance,
        set_joint_confidence,
    ],
)
def test_a_person_of_impossible_numbers_is_left_out_by_name(lie: Callable[[HumanMesh], None]) -> None:
    message, reasons = seen_by("south", 1.0), list[str]()
    lie(message.humans[0])
    frame = PlacedFrame("south", message, POSES["south"])
    assert sightings_of(frame, reasons.append) == []
    assert candidates_of(message, POSES["south"], reasons.append) == []
    assert len(reasons) == 2
    assert all(message.humans[0].id in reason for reason in reasons)


def test_a_covariance_of_nothing_is_not_fused() -> None:
    message, reasons = seen_by("south", 1.0), list[str]()
    set_covariance(message.humans[0])
    assert sightings_of(PlacedFrame("south", message, POSES["south"]), reasons.append) == []
    assert "covariance" in reasons[0]


def test_a_person_of_a_perception_node_is_used() -> None:
    message = seen_by("south", 1.0)
    assert unusable_numbers(message.humans[0]) == ""
    reasons = list[str]()
    assert len(sightings_of(PlacedFrame("south", message, POSES["south"]), reasons.append)) == 1
    assert len(candidates_of(message, POSES["south"], reasons.append)) == 1
    assert not reasons
