"""Arms that are held out: when a further look is asked for, and how long what it says is applied."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.hmr.temporal.arm_memory import ArmMemory, directions

LEFT = [JOINT_NAMES.index(f"left_{part}") for part in ("collar", "shoulder", "elbow", "wrist")]


def seen(row, side):
    return True


def person(elevation=0.0, bend=0.0, side="left"):
    """(24, 3, 3): one arm before the body at an elevation, its forearm bent upwards; the other hangs. Radians."""
    pose = np.zeros((24, 3))
    sign = 1.0 if side == "left" else -1.0
    out, other = (16, 17) if side == "left" else (17, 16)
    pose[other] = (0, 0, sign * np.pi / 2)
    ahead = Rotation.from_euler("y", -sign * np.pi / 2)
    pose[out] = (Rotation.from_euler("x", -elevation) * ahead).as_rotvec()
    pose[out + 2] = (0, 0, sign * bend)
    return Rotation.from_rotvec(pose).as_matrix().astype(np.float32)


def hanging():
    pose = np.zeros((24, 3))
    pose[16], pose[17] = (0, 0, -np.pi / 2), (0, 0, np.pi / 2)
    return Rotation.from_rotvec(pose).as_matrix().astype(np.float32)


def asked(memory, rotmats, stamps, is_seen=seen):
    """At which stamps a further look is asked for; nothing is learnt."""
    return [stamp for stamp in stamps if memory.asks(rotmats[None], ["a"], is_seen, stamp) is not None]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("elevation", "is_out"), [(-1.2, False), (-0.5, True), (0.0, True), (1.3, True)])
def test_directions_are_those_of_the_bodys_joints(side, elevation, is_out):
    rotmats = person(elevation, 0.4, side)[None]
    arms = directions(rotmats)
    joints = load_body_engine("open_light").joints(np.zeros((1, 10), np.float32), rotmats, np.zeros((1, 3), np.float32))
    column = ("left", "right").index(side)
    elbow, wrist = (joints[0, JOINT_NAMES.index(f"{side}_{part}")] for part in ("elbow", "wrist"))
    true = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    assert arms.forearm[0, column] @ true > np.cos(0.15)  # the open body's arms are not exactly straight at rest
    assert arms.is_out[0].tolist() == [is_out and side == one for one in ("left", "right")]


def test_an_arm_that_is_held_out_is_looked_at_after_a_moment_and_again_while_nothing_is_learnt():
    assert asked(ArmMemory(), person(), [0.0, 0.1, 0.2, 0.3]) == [0.2, 0.3]


@pytest.mark.parametrize("rotmats", [hanging(), person(bend=2.6)], ids=["hanging", "hand at the head"])
def test_other_arms_are_not_looked_at(rotmats):
    assert not asked(ArmMemory(), rotmats, np.arange(0.0, 3.0, 0.1))


def test_an_arm_that_moves_or_that_the_image_does_not_show_is_not_looked_at():
    memory = ArmMemory()
    for number, stamp in enumerate(np.arange(0.0, 2.0, 0.1)):
        assert memory.asks(person(0.5 * (number % 2))[None], ["a"], seen, stamp) is None
    assert not asked(ArmMemory(), person(), np.arange(0.0, 2.0, 0.1), is_seen=lambda row, side: False)


def test_what_was_learnt_is_applied_until_the_arm_moves():
    memory = ArmMemory()
    light, better = person(elevation=0.3, bend=0.5), person(elevation=0.1, bend=0.0)
    asked(memory, light, [0.0, 0.1, 0.2])
    memory.learn("a", light, better, 0.2)
    assert asked(memory, light, [0.3, 1.0, 1.6, 1.8]) == [1.8]
    np.testing.assert_allclose(memory.corrected(light[None], {0: "a"})[0], better, atol=1e-5)
    nearly = person(elevation=0.4, bend=0.5)
    assert memory.asks(nearly[None], ["a"], seen, 1.9) is not None
    straight = memory.corrected(nearly[None], {0: "a"})[0]
    assert Rotation.from_matrix(straight[LEFT[2]]).magnitude() < 0.01  # the elbow
    elsewhere = person(elevation=1.0, bend=0.5)
    assert not asked(memory, elsewhere, [2.0])
    np.testing.assert_array_equal(memory.corrected(elsewhere[None], {0: "a"})[0], elsewhere)


def test_only_the_arm_that_is_out_is_corrected_and_only_of_that_person():
    memory = ArmMemory()
    light = person(bend=0.5)
    both = np.stack([light, light])
    for stamp in (0.0, 0.1, 0.2):
        memory.asks(both, ["a", "b"], seen, stamp)
    better = Rotation.from_rotvec(np.full((24, 3), 0.2)).as_matrix().astype(np.float32)
    memory.learn("a", light, better, 0.2)
    first, second = memory.corrected(both, {0: "a", 1: "b"})
    np.testing.assert_array_equal(second, light)
    others = [joint for joint in range(24) if joint not in LEFT]
    np.testing.assert_array_equal(first[others], light[others])
    np.testing.assert_allclose(first[LEFT], better[LEFT], atol=1e-5)
    memory.forget_all_but({"b"})
    np.testing.assert_array_equal(memory.corrected(both, {0: "a", 1: "b"})[0], light)


def test_one_person_an_image_the_longest_due():
    memory = ArmMemory()
    assert memory.asks(person()[None], ["a"], seen, 0.0) is None
    two = np.stack([person(), person()])
    assert memory.asks(two, ["b", "a"], seen, 0.2) == 1
    memory.learn("a", two[1], two[1], 0.2)
    assert memory.asks(two, ["b", "a"], seen, 0.5) == 0
