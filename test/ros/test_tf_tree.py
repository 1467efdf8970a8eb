"""Frames over time against composed poses: chains, interpolation, loops, new parents, whole recordings."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.ros.tf_tree import TransformError, TransformTree

SECOND = 10**9
LEVEL = (0.0, 0.0, 0.0, 1.0)


def pose_of(translation, rotvec):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_rotvec(rotvec).as_matrix(), translation
    return pose


def quaternion_of(rotvec):
    return Rotation.from_rotvec(rotvec).as_quat().tolist()


def test_chains_of_frames_are_composed_both_ways():
    tree = TransformTree()
    tree.add("map", "base", 5 * SECOND, (1, 2, 0), quaternion_of([0, 0, 0.5]))
    tree.add("base", "head", 0, (0.1, 0, 1), quaternion_of([0, 0.2, 0]), is_static=True)
    tree.add("base", "arm", 0, (0, 0.3, 0.5), quaternion_of([0.4, 0, 0]), is_static=True)
    head = pose_of((1, 2, 0), [0, 0, 0.5]) @ pose_of((0.1, 0, 1), [0, 0.2, 0])
    np.testing.assert_allclose(tree.matrix("map", "head", 5 * SECOND), head, atol=1e-12)
    newest, stamp = tree.newest("head", "map")
    np.testing.assert_allclose(newest, np.linalg.inv(head), atol=1e-12)
    assert stamp == 5 * SECOND
    assert tree.newest("head", "arm")[1] is None
    arm = pose_of((0, 0.3, 0.5), [0.4, 0, 0])
    between = np.linalg.inv(pose_of((0.1, 0, 1), [0, 0.2, 0])) @ arm
    np.testing.assert_allclose(tree.matrix("head", "arm", 99 * SECOND), between, atol=1e-12)


def test_moving_frames_are_interpolated_and_never_extrapolated():
    tree = TransformTree()
    tree.add("map", "base", 10 * SECOND, (0, 0, 0), quaternion_of([0, 0, 0]))
    tree.add("map", "base", 11 * SECOND, (4, 0, 0), quaternion_of([0, 0, 1.0]))
    quarter = tree.matrix("map", "base", 10 * SECOND + SECOND // 4)
    np.testing.assert_allclose(quarter, pose_of((1, 0, 0), [0, 0, 0.25]), atol=1e-12)
    for seconds, nearest in ((9.25, r"its oldest is 0\.750 s newer"), (12, r"its newest is 1\.000 s older")):
        with pytest.raises(TransformError, match=f"has no transform at that time, {nearest}"):
            tree.matrix("map", "base", round(seconds * SECOND))
    np.testing.assert_allclose(tree.newest("map", "base")[0][:3, 3], [4, 0, 0])


def test_a_bag_that_loops_drops_later_transforms():
    tree = TransformTree()
    tree.add("map", "base", 100 * SECOND, (9, 0, 0), quaternion_of([0, 0, 0]))
    tree.add("map", "base", 5 * SECOND, (1, 0, 0), quaternion_of([0, 0, 0]))
    np.testing.assert_allclose(tree.newest("map", "base")[0][:3, 3], [1, 0, 0])


def test_a_single_late_transform_is_sorted_in_and_takes_nothing_away():
    tree = TransformTree()
    for second in (10, 11, 13, 14, 16):
        tree.add("map", "base", second * SECOND, (second, 0, 0), LEVEL)
    for _ in range(2):  # sent twice, it is still one
        tree.add("map", "base", 12 * SECOND, (7, 0, 0), LEVEL)
    tree.add("map", "base", 17 * SECOND, (17, 0, 0), LEVEL)
    tree.add("map", "base", 15 * SECOND, (15, 0, 0), LEVEL)  # late again, but not twice in a row
    tree.add("map", "base", 18 * SECOND, (18, 0, 0), LEVEL)
    for second in (10, 11, 13, 14, 15, 16, 17, 18):
        assert tree.matrix("map", "base", second * SECOND)[0, 3] == second
    assert tree.matrix("map", "base", 12 * SECOND)[0, 3] == 7


def test_a_short_loop_drops_later_transforms_with_its_second_one():
    tree = TransformTree()
    for second in (10, 15, 10.5, 11):
        tree.add("map", "base", round(second * SECOND), (second, 0, 0), LEVEL)
    assert tree.newest("map", "base")[1] == 11 * SECOND
    assert tree.matrix("map", "base", round(10.5 * SECOND))[0, 3] == 10.5
    with pytest.raises(TransformError, match="has no transform at that time"):
        tree.matrix("map", "base", 12 * SECOND)


def test_frames_of_people_who_left_are_dropped_and_those_of_the_camera_kept():
    tree = TransformTree()
    for second in range(60):
        tree.add("map", "camera", second * SECOND, (second, 0, 0), quaternion_of([0, 0, 0]))
        tree.add("camera", f"body_{second}", second * SECOND, (0, 0, 3), quaternion_of([0, 0, 0]))
    np.testing.assert_allclose(tree.matrix("map", "body_59", 59 * SECOND)[:3, 3], [59, 0, 3])
    tree.matrix("camera", "body_55", 55 * SECOND)
    with pytest.raises(TransformError, match="not connected"):
        tree.newest("camera", "body_40")


def test_a_short_bag_that_loops_for_long_costs_no_memory():
    tree = TransformTree()
    for _ in range(50):
        for step in range(60):
            tree.add("map", "base", step * SECOND // 10, (step, 0, 0), quaternion_of([0, 0, 0]))
    assert len(tree._moving["base"]) == 60
    np.testing.assert_allclose(tree.matrix("map", "base", 3 * SECOND)[:3, 3], [30, 0, 0])


def test_unconnected_and_circular_frames():
    tree = TransformTree()
    tree.add("map", "base", 0, (0, 0, 0), quaternion_of([0, 0, 0]), is_static=True)
    with pytest.raises(TransformError, match="not connected"):
        tree.newest("map", "moon")
    tree.add("base", "map", 0, (0, 0, 0), quaternion_of([0, 0, 0]), is_static=True)
    with pytest.raises(TransformError, match="form a loop"):
        tree.newest("map", "base")


def test_a_frame_that_gets_another_parent_keeps_no_pose_of_the_old_one():
    """A cup on a table is picked up: its parent is the table before, the hand after, and never both."""
    tree = TransformTree()
    tree.add("room", "table", 0, (5, 0, 0), LEVEL, is_static=True)
    tree.add("room", "hand", 0, (0, 7, 0), LEVEL, is_static=True)
    tree.add("table", "cup", 1 * SECOND, (0, 0, 1), LEVEL)
    tree.add("table", "cup", 2 * SECOND, (0, 0, 2), LEVEL)
    tree.add("hand", "cup", 3 * SECOND, (0, 0, 0.5), LEVEL)
    tree.add("hand", "cup", 4 * SECOND, (0, 0, 1.5), LEVEL)

    def place(seconds):
        return tree.matrix("room", "cup", round(seconds * SECOND))[:3, 3].tolist()

    assert place(1.5) == [5, 0, 1.5]
    assert place(2.5) == [5, 0, 2]  # as tf2: on the table until it is seen in the hand
    assert place(3) == [0, 7, 0.5]
    assert place(3.5) == [0, 7, 1]
    newest, stamp = tree.newest("room", "cup")
    assert (newest[:3, 3].tolist(), stamp) == ([0, 7, 1.5], 4 * SECOND)
    with pytest.raises(TransformError, match="has no transform at that time"):
        place(4.5)


def test_the_last_transform_of_a_frame_decides_whether_it_is_static():
    tree = TransformTree()
    tree.add("base", "camera", 0, (1, 0, 0), LEVEL, is_static=True)
    assert tree.newest("base", "camera")[1] is None
    tree.add("base", "camera", 5 * SECOND, (2, 0, 0), LEVEL)
    assert tree.matrix("base", "camera", 5 * SECOND)[0, 3] == 2
    with pytest.raises(TransformError, match="has no transform at that time"):
        tree.matrix("base", "camera", 9 * SECOND)
    tree.add("mast", "camera", 6 * SECOND, (3, 0, 0), LEVEL, is_static=True)
    assert tree.matrix("mast", "camera", 99 * SECOND)[0, 3] == 3
    with pytest.raises(TransformError, match="not connected"):
        tree.matrix("base", "camera", 5 * SECOND)


def test_a_transform_sent_again_replaces_the_one_of_its_stamp():
    tree = TransformTree()
    for x in (1, 2, 3):
        tree.add("map", "base", SECOND, (x, 0, 0), LEVEL)
    assert tree.matrix("map", "base", SECOND)[0, 3] == 3


def test_a_whole_recording_is_kept_in_any_order():
    tree = TransformTree(kept_s=math.inf)
    for second in (*range(50, 100), *range(50)):
        tree.add("map", "base", second * SECOND, (second, 0, 0), LEVEL)
        tree.add("base", f"body_{second}", second * SECOND, (0, 0, 3), LEVEL)
    assert tree.matrix("map", "base", 20 * SECOND + SECOND // 2)[0, 3] == 20.5
    assert tree.matrix("map", "body_70", 70 * SECOND)[:3, 3].tolist() == [70, 0, 3]


def test_the_ends_are_held_as_long_as_is_said():
    tree = TransformTree(held_s=0.1)
    tree.add("map", "base", 10 * SECOND, (1, 0, 0), LEVEL)
    tree.add("map", "base", 11 * SECOND, (3, 0, 0), LEVEL)
    assert tree.matrix("map", "base", 10 * SECOND - SECOND // 10)[0, 3] == 1
    assert tree.matrix("map", "base", 11 * SECOND + SECOND // 10)[0, 3] == 3
    for moment in (10 * SECOND - SECOND // 5, 11 * SECOND + SECOND // 5):
        with pytest.raises(TransformError, match="has no transform at that time"):
            tree.matrix("map", "base", moment)


def test_the_topmost_frame():
    tree = TransformTree()
    tree.add("base", "camera", 0, (0, 0, 0), LEVEL, is_static=True)
    tree.add("odom", "base", SECOND, (0, 0, 0), LEVEL)
    tree.add("map", "base", 2 * SECOND, (0, 0, 0), LEVEL)
    assert (tree.root("camera", SECOND), tree.root("camera", 2 * SECOND)) == ("odom", "map")
    assert tree.root("moon", SECOND) == "moon"


@pytest.mark.parametrize(
    ("translation", "quaternion"),
    [((0, 0, 0), (0, 0, 0, 0)), ((0, 0, math.nan), LEVEL), ((0, 0, 0), (0, 0, math.inf, 1))],
)
def test_what_is_not_a_pose_is_refused_by_name_and_changes_nothing(translation, quaternion):
    tree = TransformTree()
    tree.add("map", "base", SECOND, (1, 0, 0), LEVEL)
    with pytest.raises(TransformError, match="from 'base' to 'map' is not a pose"):
        tree.add("map", "base", SECOND, translation, quaternion)
    assert tree.matrix("map", "base", SECOND)[0, 3] == 1


def test_messages_are_taken_in_and_a_leading_slash_means_nothing():
    tree = TransformTree()
    header = SimpleNamespace(frame_id="/map", stamp=SimpleNamespace(sec=1, nanosec=5))
    transform = SimpleNamespace(
        translation=SimpleNamespace(x=1.0, y=2.0, z=3.0), rotation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
    )
    tree.add_stamped(SimpleNamespace(header=header, child_frame_id="/base", transform=transform))
    for target, source in (("map", "base"), ("/map", "/base")):
        assert tree.matrix(target, source, SECOND + 5)[:3, 3].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("translation", "quaternion"),
    [((1e300, 0, 0), (0, 0, 0, 1)), ((0, 0, 0), (1e200, 0, 0, 1e200)), ((0, 0, 0), (0, 5e-324, 0, 0))],
)
def test_numbers_that_no_pose_has_are_refused(translation, quaternion):
    with pytest.raises(TransformError, match="not a pose"):
        TransformTree().add("base", "camera", 0, translation, quaternion)
