"""The mirror image of poses and points: an involution that equals mirroring the mesh itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from metrichmsr_ros.body.joints import (
    JOINT_NAMES,
    LANDMARK_NAMES,
    MIRROR_JOINTS,
    MIRROR_LANDMARKS,
    PARENTS,
    mirror_name,
    mirror_points,
    mirror_pose,
)
from metrichmsr_ros.body.load import load_body

MIRROR = torch.tensor([-1.0, 1.0, 1.0])


def test_the_kinematic_tree_is_that_of_smpl() -> None:
    assert len(JOINT_NAMES) == len(PARENTS) == 24
    assert all(parent < child for child, parent in enumerate(PARENTS))
    chain = [JOINT_NAMES.index("left_hand")]
    while PARENTS[chain[-1]] >= 0:
        chain.append(PARENTS[chain[-1]])
    assert [JOINT_NAMES[j] for j in chain] == [
        *("left_hand", "left_wrist", "left_elbow", "left_shoulder", "left_collar"),
        *("spine3", "spine2", "spine1", "pelvis"),
    ]


@pytest.mark.parametrize(("order", "names"), [(MIRROR_JOINTS, JOINT_NAMES), (MIRROR_LANDMARKS, LANDMARK_NAMES)])
def test_swapping_sides_twice_changes_nothing(order: tuple[int, ...], names: tuple[str, ...]) -> None:
    assert [order[order[k]] for k in range(len(names))] == list(range(len(names)))
    assert all(names[order[k]] == mirror_name(names[k]) for k in range(len(names)))
    assert sum(order[k] == k for k in range(len(names))) == sum("left" not in n and "right" not in n for n in names)


def test_mirroring_keeps_the_tree() -> None:
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            assert PARENTS[MIRROR_JOINTS[child]] == MIRROR_JOINTS[parent]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31 - 1))
def test_mirror_is_an_involution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose, points = rng.normal(size=(2, 72)), rng.normal(size=(2, 24, 3))
    np.testing.assert_array_equal(mirror_pose(mirror_pose(pose)), pose)
    np.testing.assert_array_equal(mirror_points(mirror_points(points)), points)


def test_a_mirrored_pose_poses_the_mirrored_body() -> None:
    """On both meshes, vertices under the mirrored pose are the mirror image of the posed vertices."""
    for name in ("open", "open_light"):
        body = load_body(name)
        generator = torch.Generator().manual_seed(3)
        betas, pose, transl = (torch.randn(2, n, generator=generator) for n in (10, 72, 3))
        _, partner = cKDTree(body.shaped(betas)[0].numpy()).query((body.shaped(betas)[0] * MIRROR).numpy())
        straight = body(betas, pose, transl)
        flipped = body(betas, mirror_pose(pose), transl * MIRROR)
        torch.testing.assert_close(flipped.joints, mirror_points(straight.joints), atol=1e-5, rtol=0)
        torch.testing.assert_close(flipped.vertices, straight.vertices[:, partner] * MIRROR, atol=1e-5, rtol=0)


def test_numpy_and_torch_agree_and_keep_their_type() -> None:
    pose = np.random.default_rng(0).normal(size=(3, 72)).astype(np.float32)
    mirrored = mirror_pose(torch.from_numpy(pose))
    assert mirror_pose(pose).dtype == np.float32
    np.testing.assert_array_equal(mirror_pose(pose), mirrored.numpy())


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match="last dimension is 69"):
        mirror_pose(np.zeros((1, 69)))
    with pytest.raises(ValueError, match=r"expected \(\.\.\., 24, 3\)"):
        mirror_points(np.zeros((1, 33, 3)))
