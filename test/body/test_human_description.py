"""The kinematic tree against joints computed here, postures whose angles are known, and other readers of URDF."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.robot.urdf_kinematics import Urdf
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.human_description.angles import SLACK_M, shoulder_angles, tait_bryan
from metrichmsr_ros.body.human_description.link_frames import link_frames
from metrichmsr_ros.body.human_description.segments import JointFrames, drift, rest_positions, segments_of
from metrichmsr_ros.body.human_description.tree import joints_of
from metrichmsr_ros.body.human_description.urdf import urdf_text
from metrichmsr_ros.body.human_description.values import joint_values
from metrichmsr_ros.body.joints import JOINT_NAMES, PARENTS
from metrichmsr_ros.body.load import load_body_engine

AXES = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]])  # columns: REP-155's x, y, z in SMPL's axes
REP155_JOINTS = [
    *("waist", "r_head", "y_head", "p_head"),
    *(f"{side}_{name}" for side in "lr" for name in ("y_shoulder", "p_shoulder", "r_shoulder", "elbow")),
    *(f"{side}_{name}" for side in "lr" for name in ("y_hip", "p_hip", "r_hip", "knee")),
]
PLACES = {"head": "head"} | {
    f"{side[0]}_{part}": f"{side}_{part}"
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}


@pytest.fixture(scope="module")
def engine():
    return load_body_engine("open_light")


def rest(engine, seed=None):
    """Joints (24, 3) of a random shape, or of the mean one, float64."""
    betas = np.zeros((1, 10)) if seed is None else np.random.default_rng(seed).normal(0, 1, (1, 10))
    return engine.rest_joints(betas.astype(np.float32))[0].astype(np.float64)


def posed(rest_joints, pose):
    """Frames of the joints in the body frame, by the definition of SMPL's chain; the root does not matter."""
    turns, places = [np.eye(3)], [rest_joints[0]]
    for joint in range(1, 24):
        parent = PARENTS[joint]
        places.append(places[parent] + turns[parent] @ (rest_joints[joint] - rest_joints[parent]))
        turns.append(turns[parent] @ Rotation.from_rotvec(pose[3 * joint : 3 * joint + 3]).as_matrix())
    places = np.array(places)
    return JointFrames((places - places[1:3].mean(axis=0)) @ AXES, AXES.T @ np.array(turns) @ AXES)


def angles(engine, **turns):
    """Joint values of the mean body with some joints turned, in radians about SMPL's axes."""
    pose = np.zeros(72)
    for name, turn in turns.items():
        index = JOINT_NAMES.index(name)
        pose[3 * index : 3 * index + 3] = turn
    frames = posed(rest(engine), pose)
    return joint_values(segments_of(frames), frames)


def with_id(values, body_id="p1"):
    return {f"{name}_{body_id}": value for name, value in values.items()}


def many_poses():
    rng = np.random.default_rng(7)
    captured = np.load(asset_path("poses.npz"))["poses"][::200].astype(np.float64)
    arbitrary = [rng.normal(0, spread, 72) for spread in (0.2, 0.6, 1.5) for _ in range(20)]
    return [*captured, *arbitrary, np.zeros(72)]


def test_links_are_at_the_person_s_joints(engine):
    errors = []
    for seed, pose in enumerate(many_poses()):
        frames = posed(rest(engine, seed), pose)
        segments = segments_of(frames)
        values = joint_values(segments, frames)
        urdf = Urdf(urdf_text("p1", segments))
        links = urdf.frames(with_id(values))
        errors.append(
            [
                np.linalg.norm(links[f"{link}_p1"][:3, 3] - frames.positions[JOINT_NAMES.index(joint)])
                for link, joint in PLACES.items()
            ]
        )
        for link, joint in (("head", "head"), ("torso", "spine3")):
            np.testing.assert_allclose(
                links[f"{link}_p1"][:3, :3], frames.rotations[JOINT_NAMES.index(joint)], atol=1e-9
            )
        limits = {joint.name: joint.limits for joint in urdf.joints}
        assert all(limits[name][0] <= value <= limits[name][1] for name, value in with_id(values).items())
    assert np.max(errors) < 1e-3  # what the package promises
    assert np.max(errors) < SLACK_M + 1e-5  # and no more than it takes on purpose
    assert np.median(errors) < 2e-6  # the URDF's last digit


def test_the_urdf_is_a_tree_with_rep_155_s_names_and_axes(engine):
    urdf = Urdf(urdf_text("k3fa_p1", segments_of(posed(rest(engine, 1), np.zeros(72)))))
    assert urdf.faults() == []
    assert (urdf.roots, urdf.name) == (["body_k3fa_p1"], "human_k3fa_p1")
    axes = {joint.name.removesuffix("_k3fa_p1"): joint for joint in urdf.joints}
    assert set(REP155_JOINTS) <= axes.keys()
    assert [axes[name].kind for name in ("torso", "head", "l_wrist", "r_ankle")] == ["fixed"] * 4
    x, y, z = np.eye(3)
    expected = {"waist": y, "r_head": x, "y_head": z, "p_head": -y}
    for side, sign in (("l", 1), ("r", -1)):
        arm = {"y_shoulder": -sign * z, "p_shoulder": sign * x, "r_shoulder": sign * z, "elbow": -y}
        leg = {"y_hip": -z, "p_hip": sign * x, "r_hip": -y, "knee": -y}
        expected |= {f"{side}_{name}": axis for name, axis in (arm | leg).items()}
    for name, axis in expected.items():
        np.testing.assert_array_equal(axes[name].axis, axis, err_msg=name)
    joint_of = {joint.child: joint for joint in urdf.joints}
    assert joint_of["l_shoulder_k3fa_p1"].name == "l_r_shoulder_k3fa_p1"
    assert joint_of["r_hip_k3fa_p1"].parent == "r_p_hip_k3fa_p1"


def test_without_the_further_joints_it_is_human_description_s_tree(engine):
    """Every further joint sits between two links of REP-155 and adds nothing at zero."""
    joints = joints_of(segments_of(posed(rest(engine), np.zeros(72))))
    further = [joint for joint in joints if joint.kind != "fixed" and joint.name not in REP155_JOINTS]
    assert len(further) == 2 + 6 * 3 + 8
    assert {joint.origin for joint in further} == {(0.0, 0.0, 0.0)}
    above = {joint.child: joint.parent for joint in joints}
    for joint in further:
        del above[joint.child]
    names = {joint.child: joint.parent for joint in further}

    def kept(link):
        return kept(names[link]) if link in names else link

    parents = {child: kept(parent) for child, parent in above.items()}
    assert parents["torso"] == "waist"
    assert [parents[name] for name in ("r_head", "l_y_shoulder", "r_y_shoulder")] == ["torso"] * 3
    assert [parents[name] for name in ("waist", "l_y_hip", "r_y_hip")] == ["body"] * 3


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ({"left_knee": (1.2, 0, 0)}, {"l_knee": -1.2, "r_knee": 0.0}),
        ({"right_hip": (-1.4, 0, 0), "right_knee": (1.5, 0, 0)}, {"r_r_hip": 1.4, "r_knee": -1.5}),
        ({"left_hip": (0, 0, 0.6)}, {"l_p_hip": 0.6, "r_p_hip": 0.0}),
        ({"right_hip": (0, 0, -0.6)}, {"r_p_hip": 0.6, "l_p_hip": 0.0}),
        ({"left_elbow": (0, -1.3, 0)}, {"l_elbow": 1.3}),
        ({"right_elbow": (0, 1.3, 0)}, {"r_elbow": 1.3}),
        ({}, {"l_p_shoulder": math.pi / 2, "r_p_shoulder": math.pi / 2, "l_y_shoulder": 0.0}),  # arms out to the sides
        ({"left_shoulder": (0, 0, -1.2)}, {"l_p_shoulder": math.pi / 2 - 1.2}),
        ({"right_shoulder": (0, 0, 1.2)}, {"r_p_shoulder": math.pi / 2 - 1.2}),
        ({"left_shoulder": (0, -1.5, 0)}, {"l_p_shoulder": math.pi / 2, "l_y_shoulder": 1.5}),  # to the front
        ({"right_shoulder": (0, 1.5, 0)}, {"r_p_shoulder": math.pi / 2, "r_y_shoulder": 1.5}),
        ({"left_shoulder": (0, 0, 1.4)}, {"l_p_shoulder": math.pi / 2 + 1.4}),  # above the head
        ({"spine1": (0.7, 0, 0)}, {"waist": 0.7, "waist_roll": 0.0, "waist_yaw": 0.0}),
        ({"spine2": (0, 0.4, 0)}, {"waist": 0.0, "waist_yaw": 0.4}),
        ({"neck": (0, 0.5, 0)}, {"y_head": 0.5, "r_head": 0.0, "p_head": 0.0, "waist": 0.0}),
        ({"head": (0.5, 0, 0)}, {"p_head": -0.5, "y_head": 0.0}),
        ({"head": (0, 0, 0.3)}, {"r_head": 0.3}),  # left ear up
    ],
)
def test_joint_values_of_simple_postures(engine, turns, expected):
    """Within the bends that the body has at rest: its limbs are not quite straight."""
    values = angles(engine, **turns)
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=0.2)
    at_rest = angles(engine)
    elsewhere = {"l": "r", "r": "l"}.get(next(iter(expected))[0], "l")
    if turns and all("left" in name or "right" in name for name in turns):
        same = [name for name in values if name.startswith(f"{elsewhere}_") and "elbow" in name]
        assert {name: values[name] for name in same} == pytest.approx({name: at_rest[name] for name in same}, abs=1e-6)


def test_trunk_and_shoulders_shift_only_where_they_bend(engine):
    shifts = {name: value for name, value in angles(engine).items() if "_d" in name}
    assert len(shifts) == 26
    assert shifts == pytest.approx(dict.fromkeys(shifts, 0.0), abs=1e-9)
    values = angles(engine, left_collar=(0, 0, 0.3))  # the left shoulder up
    assert values["l_shoulder_dz"] > 0.02
    moved = {name for name, value in values.items() if "_d" in name and abs(value) > 1e-9}
    assert moved == {"l_shoulder_dy", "l_shoulder_dz"}


def test_segments_are_the_same_in_every_pose(engine):
    joints = rest(engine, 5)
    standing = segments_of(posed(joints, np.zeros(72)))
    for pose in many_poses()[::10]:
        frames = posed(joints, pose)
        assert drift(segments_of(frames), standing) < 1e-9
        expected = (joints - joints[1:3].mean(axis=0)) @ AXES
        np.testing.assert_allclose(rest_positions(frames), expected, atol=1e-9)
    assert standing.legs[0, 0] == pytest.approx(np.linalg.norm(joints[4] - joints[1]))


def test_links_are_at_the_joints_with_the_urdf_of_an_earlier_size_too(engine):
    known = segments_of(posed(rest(engine, 0), np.zeros(72)))
    urdf = Urdf(urdf_text("p1", known))
    for seed, pose in enumerate(many_poses()[::4]):
        frames = posed(rest(engine, seed), pose)
        links = urdf.frames(with_id(joint_values(known, frames)))
        for link, joint in PLACES.items():
            expected = frames.positions[JOINT_NAMES.index(joint)]
            np.testing.assert_allclose(links[f"{link}_p1"][:3, 3], expected, atol=SLACK_M + 1e-5)


def test_drift_bounds_how_far_links_move(engine):
    rng = np.random.default_rng(2)
    one, other = (segments_of(posed(rest(engine, seed), np.zeros(72))) for seed in (0, 1))
    bound = drift(one, other)
    assert bound > 0.01
    for _ in range(50):
        values = {joint.name: rng.uniform(-0.2, 0.2) for joint in joints_of(one) if joint.kind == "revolute"}
        values |= {joint.name: 0.0 for joint in joints_of(one) if joint.kind == "prismatic"}
        arms = [Urdf(urdf_text("p1", segments)).frames(with_id(values)) for segments in (one, other)]
        for link in ("l_ankle_p1", "r_knee_p1"):
            assert np.linalg.norm(arms[0][link][:3, 3] - arms[1][link][:3, 3]) <= bound + 3e-6


def test_link_frames_are_those_of_the_urdf(engine):
    frames = posed(rest(engine, 3), many_poses()[5])
    segments = segments_of(frames)
    values = joint_values(segments, frames)
    expected = Urdf(urdf_text("p1", segments)).frames(with_id(values))
    known = {"body": np.eye(4)}
    for frame in link_frames(joints_of(segments), values):
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = Rotation.from_quat(frame.rotation).as_matrix(), frame.translation
        known[frame.child] = known[frame.parent] @ step
        np.testing.assert_allclose(known[frame.child], expected[f"{frame.child}_p1"], atol=5e-6)


def test_a_limb_that_is_almost_straight_does_not_twist(engine):
    """Noise of a hundredth of a degree at the elbow must not turn the upper arm."""
    still = angles(engine, left_elbow=(0, -0.001, 0))
    rng = np.random.default_rng(4)
    for _ in range(20):
        noisy = angles(engine, left_elbow=(0, -0.001, rng.normal(0, 2e-4)))
        assert noisy["l_r_shoulder"] == pytest.approx(still["l_r_shoulder"], abs=5e-3)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
def test_three_turns_are_found_again_at_right_angles_too(axes):
    rng = np.random.default_rng(0)
    for middle in (*rng.uniform(-1.5, 1.5, 5), math.pi / 2, -math.pi / 2, 0.0):
        first, last = rng.uniform(-3, 3, 2)
        turns = [Rotation.from_rotvec(np.eye(3)[a] * t) for a, t in zip(axes, (first, middle, last), strict=True)]
        rotation = (turns[0] * turns[1] * turns[2]).as_matrix()
        found = [Rotation.from_rotvec(np.eye(3)[a] * t) for a, t in zip(axes, tait_bryan(rotation, axes), strict=True)]
        np.testing.assert_allclose((found[0] * found[1] * found[2]).as_matrix(), rotation, atol=1e-8)


@pytest.mark.parametrize("sign", [1, -1])
def test_shoulder_angles_are_found_again_where_people_reach(sign):
    rng = np.random.default_rng(0)
    for pitch in (*rng.uniform(0.2, 3.0, 8), 0.0, math.pi):
        given = rng.uniform(-1.0, 1.4), float(pitch), rng.uniform(-1.5, 1.4)
        turned = [
            Rotation.from_rotvec(np.array(axis) * angle * sign)
            for axis, angle in zip(((0, 0, -1), (1, 0, 0), (0, 0, 1)), given, strict=True)
        ]
        rotation = (turned[0] * turned[1] * turned[2]).as_matrix()
        found = shoulder_angles(rotation, sign)
        again = [
            Rotation.from_rotvec(np.array(axis) * angle * sign)
            for axis, angle in zip(((0, 0, -1), (1, 0, 0), (0, 0, 1)), found, strict=True)
        ]
        np.testing.assert_allclose((again[0] * again[1] * again[2]).as_matrix(), rotation, atol=1e-8)
        if math.sin(pitch) > 0.1:
            assert found == pytest.approx(given, abs=1e-8)


def test_names_are_escaped(engine):
    urdf = Urdf(urdf_text('a"<b>&1', segments_of(posed(rest(engine), np.zeros(72)))))
    assert urdf.roots == ['body_a"<b>&1']


def test_other_readers_place_the_links_there_too(engine):
    yourdfpy = pytest.importorskip("yourdfpy", reason="yourdfpy, another reader of URDF, is not installed")
    frames = posed(rest(engine, 2), many_poses()[12])
    segments = segments_of(frames)
    values = with_id(joint_values(segments, frames))
    robot = yourdfpy.URDF.load(io.BytesIO(urdf_text("p1", segments).encode()), load_meshes=False)
    assert robot.validate()
    robot.update_cfg(values)
    for link, joint in PLACES.items():
        found = robot.get_transform(f"{link}_p1", "body_p1")[:3, 3]
        np.testing.assert_allclose(found, frames.positions[JOINT_NAMES.index(joint)], atol=1e-3)


def test_the_urdf_is_read_by_ros_s_own_parser(engine):
    parser = pytest.importorskip("urdf_parser_py.urdf", reason="urdf_parser_py is not installed")
    robot = parser.URDF.from_xml_string(urdf_text("p1", segments_of(posed(rest(engine), np.zeros(72)))))
    assert robot.get_root() == "body_p1"
    assert {f"{name}_p1" for name in REP155_JOINTS} <= {joint.name for joint in robot.joints}
