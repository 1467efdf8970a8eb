"""Arms are posed as their directions say, hands reach their places, fingers point at targets, scripts are in order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.mocap.acts.arm_poses import (
    EYE,
    FINGERTIP_M,
    FORE_M,
    SHOULDER,
    UPPER_M,
    arm,
    between,
    pointing,
    reaching,
    turned,
    with_arm,
)
from metrichmsr_ros.data.mocap.acts.scripts import ACTS, GESTURES, HANGING, ArmScript, acting, random_script
from metrichmsr_ros.geometry.rotations import rotation_matrices

DIRECTIONS = st.tuples(st.floats(-0.6, 1.0), st.floats(-1.0, 1.0), st.floats(-0.5, 1.0)).filter(
    lambda way: np.linalg.norm(way) > 0.3
)


@pytest.fixture(scope="module")
def body():
    return load_body_engine("open")


def bones_of(body, pose, side):
    """(2, 3) unit vectors along upper arm and forearm of the posed body."""
    zeros = np.zeros((1, 10), np.float32), np.zeros((1, 3), np.float32)
    joints = body.joints(zeros[0], rotation_matrices(np.asarray(pose, np.float32)[None]), zeros[1])[0]
    shoulder, elbow, wrist = (joints[JOINT_NAMES.index(f"{side}_{part}")] for part in ("shoulder", "elbow", "wrist"))
    bones = np.stack([elbow - shoulder, wrist - elbow])
    return bones / np.linalg.norm(bones, axis=1, keepdims=True)


@settings(max_examples=30, deadline=None)
@given(upper=DIRECTIONS, fore=DIRECTIONS, side=st.sampled_from(["left", "right"]))
@example(upper=(-0.5, 0.0, 0.0), fore=(0.0, 0.0, 1.0), side="left")  # the opposite of the arm at rest
def test_the_posed_body_has_the_arm(body, upper, fore, side):
    bones = arm(upper, fore)
    if bones[0] @ bones[1] < -0.9:
        return  # no elbow bends so far
    way = 1.0 if side == "left" else -1.0
    posed = bones_of(body, with_arm(np.zeros(72), bones, side), side)
    np.testing.assert_allclose(posed, bones * (way, 1, 1), atol=2e-3)


@given(st.tuples(st.floats(0.0, 0.5), st.floats(0.1, 0.8), st.floats(0.05, 0.4)))
def test_a_hand_reaches_its_place(place):
    bones = reaching(place, (0.3, -1.0, -0.2))
    wrist = SHOULDER + UPPER_M * bones[0] + FORE_M * bones[1]
    distance = np.linalg.norm(np.subtract(place, SHOULDER))
    if 0.09 < distance < 0.999 * (UPPER_M + FORE_M):
        np.testing.assert_allclose(wrist, place, atol=1e-6)
    elif distance >= UPPER_M + FORE_M:
        np.testing.assert_allclose(np.cross(wrist - SHOULDER, np.subtract(place, SHOULDER)), 0, atol=1e-6)


@given(DIRECTIONS)
def test_the_eyes_see_the_fingertip_on_the_target(direction):
    bones = pointing(direction)
    fingertip = SHOULDER + UPPER_M * bones[0] + (FORE_M + FINGERTIP_M) * bones[1]
    line = (fingertip - EYE) / np.linalg.norm(fingertip - EYE)
    np.testing.assert_allclose(line, np.array(direction) / np.linalg.norm(direction), atol=1e-9)


def test_arms_move_from_one_pose_to_the_other_and_waves_keep_the_upper_arm():
    up = arm((0.3, 0.9, 0.1), (0.0, 1.0, 0.0))
    np.testing.assert_allclose(between(HANGING, up, 0.0), HANGING)
    np.testing.assert_allclose(between(HANGING, up, 1.0), up)
    steps = [between(HANGING, up, share) for share in np.linspace(0, 1, 50)]
    turns = [np.arccos(np.clip((a * b).sum(1), -1, 1)).max() for a, b in pairwise(steps)]
    assert max(turns) < 0.25
    waved = turned(up, 0.4)
    np.testing.assert_allclose(waved[0], up[0])
    assert np.arccos(waved[1] @ up[1]) == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(5))
def test_random_scripts_are_in_order_and_have_gestures_and_others(seed):
    script = random_script(np.random.default_rng(seed), 60.0, is_standing=True)
    for act, later in pairwise(script.acts):
        assert act.begins_s < act.ends_s
        assert act.ends_s + act.moves_s < later.begins_s - later.moves_s
        assert script.act((act.begins_s + act.ends_s) / 2) is act
    kinds = {act.kind for act in script.acts}
    assert kinds <= set(ACTS)
    assert kinds & set(GESTURES)
    assert kinds - set(GESTURES)
    assert script.act(0.0) is None


def test_between_acts_a_walk_swings_its_arms_and_who_stands_lets_them_hang(body):
    pose = np.random.default_rng(0).normal(0, 0.3, 72)
    np.testing.assert_array_equal(ArmScript((), is_standing=False).posed(pose, 1.0), pose)
    standing = ArmScript((), is_standing=True).posed(pose, 1.0)
    np.testing.assert_array_equal(standing[:3], pose[:3])
    standing[:3] = 0
    np.testing.assert_allclose(bones_of(body, standing, "left"), HANGING, atol=2e-3)


def test_an_act_changes_arms_alone_and_differs_each_time():
    rest, rng = np.random.default_rng(3).normal(0, 0.2, 72), np.random.default_rng(1)
    posed = np.stack([acting(rest, rng) for _ in range(60)]).reshape(60, 24, 3)
    arms = [JOINT_NAMES.index(f"{s}_{n}") for s in ("left", "right") for n in ("collar", "shoulder", "elbow", "wrist")]
    others = [joint for joint in range(24) if joint not in arms]
    changed = (posed != rest.reshape(24, 3)).any(2)
    assert not changed[:, others].any()
    assert changed[:, arms].any(1).all()
    assert len(np.unique(posed.reshape(60, -1), axis=0)) == 60
