"""The exported data of the open body: metric size, agreement of the two meshes, a realistic population."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_JOINTS, LANDMARK_NAMES, MIRROR_JOINTS
from metrichmsr_ros.body.open_body import OpenBody, Population
from metrichmsr_ros.body.open_tables import FILES, load_arrays, to_smpl_dict

FULL, LIGHT = OpenBody.load("open"), OpenBody.load("open_light")
PEOPLE = Population.load()
SOME = torch.from_numpy(PEOPLE.betas[::40])


def test_the_files_are_small_and_hold_their_licence() -> None:
    sizes = [asset_path(name).stat().st_size for name in (*FILES.values(), "open_body_population.npz")]
    assert sum(sizes) < 12e6
    assert "CC0" in FULL.licence
    assert 11_500 < FULL.num_vertices < 13_000
    assert 1_000 < LIGHT.num_vertices < 1_500


@pytest.mark.parametrize("name", FILES)
def test_the_arrays_form_a_body_model(name: str) -> None:
    smpl = to_smpl_dict(load_arrays(FILES[name]))
    np.testing.assert_allclose(smpl["weights"].sum(1), 1.0, atol=1e-6)
    np.testing.assert_allclose(smpl["J_regressor"].sum(1), 1.0, atol=1e-9)
    assert smpl["J_regressor"].min() >= 0
    assert smpl["weights"].min() >= 0
    assert not smpl["posedirs"].any()
    assert smpl["f"].max() == len(smpl["v_template"]) - 1
    assert smpl["kintree_table"].shape == (2, 24)


@pytest.mark.parametrize("body", [FULL, LIGHT], ids=lambda body: body.name)
def test_faces_are_counter_clockwise_from_outside(body: OpenBody) -> None:
    corners = body.template[body.faces].double()
    volume = (torch.linalg.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum() / 6.0
    assert 0.04 < volume < 0.09  # cubic metres of the mean person; negative if the faces were turned inside out


@pytest.mark.parametrize("body", [FULL, LIGHT], ids=lambda body: body.name)
def test_rest_pose_is_a_t_pose_facing_z(body: OpenBody) -> None:
    joint = dict(zip(JOINT_NAMES, body.rest_joints(torch.zeros(1, 10))[0], strict=True))
    assert joint["left_shoulder"][0] > 0.1 > -0.1 > joint["right_shoulder"][0]
    assert abs(joint["left_wrist"] - joint["left_shoulder"])[1:].max() < 0.01
    assert joint["head"][1] > 0.5 > -0.7 > joint["left_ankle"][1]
    assert joint["left_foot"][2] > joint["left_ankle"][2] + 0.08
    assert abs(joint["left_ankle"][0] - joint["left_hip"][0]) < 0.02


@pytest.mark.parametrize("body", [FULL, LIGHT], ids=lambda body: body.name)
def test_joints_of_every_shape_are_symmetric_and_rooted(body: OpenBody) -> None:
    joints = body.rest_joints(SOME)
    mirrored = joints[:, list(MIRROR_JOINTS)] * torch.tensor([-1.0, 1.0, 1.0])
    assert (joints - mirrored).abs().max() < 0.003
    assert joints[:, 0].abs().max() < 1e-6


def test_both_meshes_have_the_same_joints_heights_and_landmarks() -> None:
    apart = (FULL.rest_joints(SOME) - LIGHT.rest_joints(SOME)).norm(dim=-1)
    assert apart.mean() < 0.0005
    assert apart.max() < 0.005
    assert (FULL.height(SOME) - LIGHT.height(SOME)).abs().max() < 0.010
    both = [body.landmarks(body.shaped(SOME)) for body in (FULL, LIGHT)]
    assert (both[0] - both[1]).norm(dim=-1).mean(0).max() < 0.008


def test_betas_have_unit_variance_and_the_first_is_stature() -> None:
    np.testing.assert_allclose(PEOPLE.betas.std(0), 1.0, atol=0.01)
    np.testing.assert_allclose(PEOPLE.betas.mean(0), 0.0, atol=0.01)
    assert np.corrcoef(PEOPLE.betas[:, 0], PEOPLE.height)[0, 1] > 0.95
    steps = torch.zeros(2, 10)
    steps[:, 0] = torch.tensor([-1.0, 1.0])
    short, tall = FULL.height(steps)
    assert 0.25 < tall - short < 0.50


def test_heights_match_human_statistics() -> None:
    women = PEOPLE.height[PEOPLE.is_female & ~PEOPLE.is_child]
    men = PEOPLE.height[~PEOPLE.is_female & ~PEOPLE.is_child]
    assert (women.mean(), men.mean()) == pytest.approx((1.63, 1.76), abs=0.01)
    assert (women.std(), men.std()) == pytest.approx((0.065, 0.070), abs=0.01)
    children = PEOPLE.height[PEOPLE.is_child]
    assert PEOPLE.is_child.mean() == pytest.approx(0.175, abs=0.025)
    assert children.min() < 1.0 < 1.7 < children.max()
    young = PEOPLE.age < 6
    assert PEOPLE.height[young].mean() == pytest.approx(1.06, abs=0.04)


def test_height_of_betas_is_the_height_in_the_population_table() -> None:
    np.testing.assert_allclose(FULL.height(SOME).numpy(), PEOPLE.height[::40], atol=1e-4)


def test_height_is_differentiable_and_is_head_to_heel() -> None:
    betas = SOME[:8].clone().requires_grad_()
    FULL.height(betas).sum().backward()
    assert betas.grad is not None
    assert (betas.grad[:, 0] > 0.1).all()
    mesh = FULL.shaped(SOME)
    crown = FULL.template[:, 1].argmax()
    heel = FULL.template[:, 1].masked_fill(FULL.template[:, 2] > 0.0, torch.inf).argmin()
    head_to_heel = mesh[:, crown, 1] - mesh[:, heel, 1]
    assert (FULL.height(SOME) - head_to_heel).abs().max() < 0.02


@pytest.mark.parametrize("body", [FULL, LIGHT], ids=lambda body: body.name)
def test_landmarks_lie_on_the_named_body_parts(body: OpenBody) -> None:
    rest = torch.zeros(1, 10)
    point = dict(zip(LANDMARK_NAMES, body.landmarks(body.shaped(rest))[0], strict=True))
    joints = body.rest_joints(rest)[0]
    for landmark, joint in LANDMARK_JOINTS:
        assert (point[LANDMARK_NAMES[landmark]] - joints[joint]).norm() < 0.06
    for side, sign in (("left", 1), ("right", -1)):
        assert sign * point[f"{side}_eye_outer"][0] > sign * point[f"{side}_eye_inner"][0] > 0
        assert point[f"{side}_eye"][1] > point["nose"][1] > point[f"mouth_{side}"][1]
        assert point[f"{side}_foot_index"][2] > 0.1 > point[f"{side}_heel"][2]
        assert sign * point[f"{side}_index"][0] > sign * point[f"{side}_wrist"][0] + 0.05
        assert point[f"{side}_thumb"][2] > point[f"{side}_index"][2] > point[f"{side}_pinky"][2]
