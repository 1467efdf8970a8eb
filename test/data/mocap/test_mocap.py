"""Motion capture readers with tiny files of known content, and retargeting that keeps limb directions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.joints import PARENTS as BODY_PARENTS
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.mocap.bvh import read_bvh
from metrichmsr_ros.data.mocap.clip import Clip, MotionError, resample
from metrichmsr_ros.data.mocap.cmu import read_amc, read_expmap
from metrichmsr_ros.data.mocap.deepmimic import read_deepmimic
from metrichmsr_ros.data.mocap.pose_bank import PoseBank, distinct, joint_positions, without_heading
from metrichmsr_ros.data.mocap.pose_sampler import KINDS, limit_hinges, random_pose
from metrichmsr_ros.data.mocap.read import read_motion_folder
from metrichmsr_ros.data.mocap.retarget import PARENTS, retarget, shortest_turn

BVH = """HIERARCHY
ROOT pelvis
{
  OFFSET 0 1 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT thigh
  {
    OFFSET 0.1 0 0
    CHANNELS 3 Xrotation Yrotation Zrotation
    End Site
    {
      OFFSET 0 -0.4 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
0 1 0 0 0 0 0 0 0
0 1 0.5 90 0 0 90 0 0
"""

ASF = """:units
  length 0.45
:root
  order TX TY TZ RX RY RZ
:bonedata
  begin
    name lfemur
    direction 0 -1 0
    axis 0 0 0 XYZ
    dof rx ry rz
  end
  begin
    name ltibia
    direction 0 -1 0
    axis 0 0 30 XYZ
    dof rx
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""


@pytest.fixture(scope="module")
def rest():
    return load_body("open_light").joint_template.numpy().astype(np.float64)


def test_bvh_rotations_chain_in_channel_order(tmp_path):
    (tmp_path / "a.bvh").write_text(BVH)
    clip = read_bvh(tmp_path / "a.bvh")
    assert clip.fps == pytest.approx(25.0)
    assert clip.root[1] == pytest.approx([0, 1, 0.5])
    about_z = Rotation.from_euler("z", 90, degrees=True)
    about_x = Rotation.from_euler("x", 90, degrees=True)
    np.testing.assert_allclose(clip.rotations[1, 0], about_z.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(clip.rotations[1, 1], (about_z * about_x).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(clip.directions[clip.bone("thigh")], [0, -1, 0])


def test_a_bvh_with_wrong_columns_is_named(tmp_path):
    (tmp_path / "a.bvh").write_text(
        BVH.replace("0 1 0 0 0 0 0 0 0\n", "1 2 3\n").replace("0 1 0.5 90 0 0 90 0 0\n", "")
    )
    with pytest.raises(MotionError, match=r"expected \(T, 9\)"):
        read_bvh(tmp_path / "a.bvh")


def test_amc_turns_in_the_bones_own_axes(tmp_path):
    (tmp_path / "01.asf").write_text(ASF)
    (tmp_path / "01_01.amc").write_text(":DEGREES\n1\nroot 0 45 0 0 0 0\nlfemur 10 20 30\nltibia 40\n")
    clip = read_amc(tmp_path / "01_01.amc")
    femur = Rotation.from_euler("xyz", [10, 20, 30], degrees=True)
    axis = Rotation.from_euler("z", 30, degrees=True)
    knee = axis * Rotation.from_euler("x", 40, degrees=True) * axis.inv()
    np.testing.assert_allclose(clip.rotations[0, clip.bone("ltibia")], (femur * knee).as_matrix(), atol=1e-12)
    assert clip.root[0, 1] == pytest.approx(45 * 0.0254 / 0.45)


def test_expmap_is_the_inverse_rotation_of_row_vectors(tmp_path):
    folder = tmp_path / "train" / "walking"
    folder.mkdir(parents=True)
    row = np.zeros((1, 117))
    row[0, 3 + 3 * 2 : 6 + 3 * 2] = [0, 0, 0.366519]  # the calibration pose: left thigh vertical
    np.savetxt(folder / "walking_1.txt", row, delimiter=",")
    clip = read_expmap(folder / "walking_1.txt")
    thigh = clip.bone("LeftUpLeg")
    direction = clip.rotations[0, thigh] @ clip.directions[thigh]
    np.testing.assert_allclose(direction, [0, -1, 0], atol=0.03)


def test_arms_hang_down_in_deepmimics_rest_pose(tmp_path, rest):
    row = [0.033, 0, 0.9, 0] + [1, 0, 0, 0] * 4 + [-1.0] + [1, 0, 0, 0] * 2 + [1.2] + [1, 0, 0, 0] + [0.0]
    row += [1, 0, 0, 0] * 2 + [0.0]
    path = tmp_path / "humanoid3d_test.txt"
    path.write_text(json.dumps({"Loop": "none", "Frames": [row, row]}))
    joints = joint_positions(retarget(read_deepmimic(path), rest), rest)[0]
    assert joints[20, 1] < joints[18, 1] < joints[16, 1]  # left wrist below elbow below shoulder
    assert joints[21, 2] > joints[19, 2] + 0.1  # right elbow bent: its wrist comes forward
    assert joints[8, 2] < joints[5, 2] - 0.1  # right knee bent: its ankle goes back
    assert joints[16, 0] > 0 > joints[17, 0]  # left stays left


def test_unknown_skeleton_and_empty_folder_are_named(tmp_path, rest):
    clip = Clip("other/x", 30.0, ("a",), np.zeros((1, 3)), np.eye(3)[None, None], np.zeros((1, 3)))
    with pytest.raises(MotionError, match="unknown skeleton type"):
        retarget(clip, rest)
    with pytest.raises(MotionError, match="no motion files"):
        read_motion_folder(tmp_path)


def test_the_kinematic_tree_is_that_of_the_body():
    assert PARENTS == BODY_PARENTS


def test_shortest_turn():
    a, b = np.array([0.6, 0.8, 0]), np.array([0, 0.6, -0.8])
    turn = shortest_turn(a, b)
    np.testing.assert_allclose(turn @ a, b, atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def test_resample_keeps_every_nth_frame():
    clip = Clip(
        "a/b", 120.0, ("x",), np.zeros((1, 3)), np.tile(np.eye(3), (10, 1, 1, 1)), np.arange(30.0).reshape(10, 3)
    )
    slow = resample(clip, 40.0)
    assert slow.fps == pytest.approx(40.0)
    np.testing.assert_array_equal(slow.root, clip.root[::3])


def test_distinct_frames_are_those_with_movement():
    joints = np.zeros((5, 24, 3))
    joints[3:] += 0.1
    assert distinct(joints, 0.05).tolist() == [0, 3]


def test_heading_is_taken_out_and_tilt_stays():
    tilt = Rotation.from_euler("x", 0.4)
    poses = np.zeros((3, 72))
    for row, heading in enumerate((0.3, 2.0, -1.5)):
        poses[row, :3] = (Rotation.from_euler("y", heading) * tilt).as_rotvec()
    np.testing.assert_allclose(without_heading(poses)[:, :3], np.tile(tilt.as_rotvec(), (3, 1)), atol=1e-9)


def test_the_pose_bank_is_small_upright_and_split_by_clip(rest):
    assert asset_path("poses.npz").stat().st_size < 2_500_000
    bank = PoseBank.load()
    assert len(bank.poses) > 5000
    assert 0.03 < bank.held_out.mean() < 0.3
    assert not set(bank.sources[bank.held_out]) & set(bank.sources[~bank.held_out])
    joints = joint_positions(bank.poses[::20], rest)
    assert (joints[:, 15, 1] > 0.3).mean() > 0.85  # most stand: head above pelvis
    facing = Rotation.from_rotvec(bank.poses[:, :3]).apply([0, 0, 1.0])
    assert np.abs(np.arctan2(facing[:, 0], facing[:, 2])[np.abs(facing[:, 1]) < 0.7]).max() < 1e-2


def test_the_walk_bends_knees_backwards_and_loops(rest):
    bank = PoseBank.load()
    joints = joint_positions(bank.walk.astype(np.float64), rest)
    for hip, knee, ankle in ((1, 4, 7), (2, 5, 8)):
        thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        bend = np.cross(thigh, shin)[:, 0]  # about +x, the body's left: the shin is behind the thigh
        assert bend.max() > 0.02
        assert bend.min() > -0.02
    assert bank.walk_root[-1, 2] > 0.8
    assert np.abs(joints[0] - joints[-1]).max() < 0.15


def test_random_poses_repeat_and_keep_to_limits():
    bank = PoseBank.load()
    first = [random_pose(bank, np.random.default_rng([7, i]), False) for i in range(60)]
    again = random_pose(bank, np.random.default_rng([7, 3]), False)
    np.testing.assert_array_equal(first[3][0], again[0])
    assert {kind for _, kind in first} <= set(KINDS)
    for pose, _ in first:
        joints = pose.reshape(24, 3)
        assert np.isfinite(pose).all()
        assert joints[[4, 5], 0].min() >= -0.051
        assert np.linalg.norm(joints[[18, 19]], axis=1).max() <= 2.6501


def test_hinges_are_clipped():
    joints = np.zeros((24, 3))
    joints[4], joints[18] = (-1.0, 2.0, 0.0), (0.0, -4.0, 0.0)
    limit_hinges(joints)
    np.testing.assert_allclose(joints[4], [-0.05, 0.3, 0.0])
    np.testing.assert_allclose(joints[18], [0, -2.65, 0])


@pytest.mark.parametrize("content", [None, b"no npz at all", b""])
def test_a_file_that_is_not_a_pose_bank_is_refused(tmp_path, content):
    path = tmp_path / "poses.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MotionError, match=r"poses.npz: not a bank of poses; make one"):
        PoseBank.load(path)
