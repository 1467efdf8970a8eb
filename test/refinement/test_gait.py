"""A walk's rhythm and a person's own gait, against walks in closed form."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.walking_tracks import exact_track, joints_cam
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.joints import MIRROR_JOINTS
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.refinement.feet import TOES, Stance, root_shifts, stance_places, stances
from metrichmsr_ros.refinement.gait import WINDOW_S, _windows, with_own_gait
from metrichmsr_ros.refinement.gait_phase import rhythm
from metrichmsr_ros.refinement.gait_pose import Strides, drawn_to_gait
from metrichmsr_ros.refinement.refine import RefineConfig, refine

FPS = 10.0
LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE, LEFT_ELBOW = 1, 2, 4, 5, 18


@cache
def body() -> BodyEngine:
    return load_body_engine("open_light")


def stamps(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * FPS)) / FPS


def walk(seconds: float = 8.0, turn_rad_s: float = 0.0) -> Strides:
    """A walk in closed form: hips swing by 0.45 rad, knees bend by up to 0.8 rad; seen from ahead, or turning."""
    t = stamps(seconds)
    phases = 2 * np.pi * 0.9 * t
    vectors = np.zeros((len(t), 24, 3))
    for hip, knee, phase in ((LEFT_HIP, LEFT_KNEE, phases), (RIGHT_HIP, RIGHT_KNEE, phases + np.pi)):
        vectors[:, hip, 0] = -0.45 * np.cos(phase)
        vectors[:, knee, 0] = 0.4 * (1 - np.sin(phase))
    angle = turn_rad_s * t
    sight = np.stack([np.sin(angle), np.zeros_like(t), -np.cos(angle)], axis=1)
    return Strides(rotations(vectors), sight, phases, np.ones(len(t)), t)


def rotations(vectors: np.ndarray) -> np.ndarray:
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape, 3)


def angles(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """(T, 24) rad between rotations."""
    between = np.swapaxes(one, -1, -2) @ two
    return Rotation.from_matrix(between.reshape(-1, 3, 3)).magnitude().reshape(between.shape[:2])


def test_the_phase_of_a_wave_that_drifts_is_found():
    t = stamps(8.0)
    true = 2 * np.pi * 0.9 * t + 0.4 * np.sin(0.5 * t) + 1.0
    noise = np.random.default_rng(0).normal(0.0, 0.05, len(t))
    found = rhythm(0.1 + 0.5 * np.cos(true) + noise, t, np.ones(len(t)))
    assert found is not None
    gap = (found.phases - true + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(gap).mean() < 0.1
    assert found.frequency_hz == pytest.approx(0.9, abs=0.05)
    assert found.unexplained < 0.2


def test_images_without_weight_do_not_disturb_the_phase():
    t = stamps(8.0)
    gaps, weights = 0.5 * np.cos(2 * np.pi * t), np.ones(len(t))
    gaps[20:35], weights[20:35] = 3.0, 0.0
    found = rhythm(gaps, t, weights)
    assert found is not None
    gap = (found.phases - 2 * np.pi * t + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(gap).max() < 0.2


def test_errors_that_last_do_not_bend_the_rhythm_at_the_end_of_a_track():
    t, late = stamps(5.0), slice(-5, None)
    true = 2 * np.pi * 0.9 * t
    gaps = 0.5 * np.cos(true)
    gaps[late] = 0.5 * np.cos(true[late] - 0.8)  # as if the last half second came late
    found = rhythm(gaps, t, np.ones(len(t)))
    assert found is not None
    gap = (found.phases - true + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(gap[late]).max() < 0.65
    assert np.abs(gap[:-5]).max() < 0.4


def test_no_rhythm_is_found_in_noise_stillness_or_few_images():
    t = stamps(8.0)
    noise = rhythm(np.random.default_rng(1).normal(0.0, 0.3, len(t)), t, np.ones(len(t)))
    assert noise is not None
    assert noise.unexplained > 0.5
    assert rhythm(np.full(len(t), 0.2), t, np.ones(len(t))) is None
    assert rhythm(np.cos(6 * t), 3 * t, np.ones(len(t))) is None


def test_an_exact_walk_stays_what_it_is():
    strides = walk()
    assert angles(drawn_to_gait(strides), strides.rotmats).max() < 0.05


def test_swings_that_seem_smaller_in_depth_are_corrected_by_other_views():
    true = walk(turn_rad_s=0.8)
    vectors = Rotation.from_matrix(true.rotmats.reshape(-1, 3, 3)).as_rotvec().reshape(*true.rotmats.shape[:3])
    in_depth = true.sight[:, 2] ** 2  # swings about x lie along the line of sight where that is z
    shrunk = vectors * (1 - 0.5 * in_depth)[:, None, None]
    seen = replace(true, rotmats=rotations(shrunk))
    legs = [LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE]
    before = angles(seen.rotmats, true.rotmats)[:, legs].mean()
    after = angles(drawn_to_gait(seen), true.rotmats)[:, legs].mean()
    assert before > 0.08
    assert after < 0.75 * before


def test_an_error_of_one_second_is_drawn_back_but_a_gesture_stays():
    true = walk()
    wrong, gesture = true.rotmats.copy(), true.rotmats.copy()
    images = slice(30, 40)
    wrong[images, LEFT_HIP] = wrong[images, LEFT_HIP] @ Rotation.from_rotvec([0.2, 0.0, 0.0]).as_matrix()
    found = drawn_to_gait(replace(true, rotmats=wrong))
    assert angles(found, true.rotmats)[images, LEFT_HIP].mean() < 0.1
    raised = Rotation.from_rotvec([0.0, 1.4, 0.0]).as_matrix()
    gesture[images, LEFT_ELBOW] = raised
    bent = angles(drawn_to_gait(replace(true, rotmats=gesture)), true.rotmats)[images, LEFT_ELBOW]
    assert bent[3:7].min() > 1.2


def test_an_arm_that_is_held_differently_all_the_time_stays_so():
    true = walk(turn_rad_s=0.8)
    posed = true.rotmats.copy()
    posed[:, LEFT_ELBOW] = Rotation.from_rotvec([0.0, 0.0, 0.6]).as_matrix()
    found = drawn_to_gait(replace(true, rotmats=posed))
    assert angles(found, true.rotmats)[:, LEFT_ELBOW].mean() > 0.45
    assert angles(found, true.rotmats)[:, MIRROR_JOINTS[LEFT_ELBOW]].mean() < 0.15


def test_the_mirror_image_of_a_walk_gives_the_mirror_image():
    rng = np.random.default_rng(2)
    strides = walk(turn_rad_s=0.8)
    noise = rotations(rng.normal(0.0, 0.1, strides.rotmats.shape[:3]))
    strides = replace(strides, rotmats=strides.rotmats @ noise)
    flip = np.diag([-1.0, 1.0, 1.0])
    mirrored = flip @ strides.rotmats[:, list(MIRROR_JOINTS)] @ flip
    other = drawn_to_gait(replace(strides, rotmats=mirrored, sight=strides.sight @ flip))
    expected = flip @ drawn_to_gait(strides)[:, list(MIRROR_JOINTS)] @ flip
    np.testing.assert_allclose(other, expected, atol=1e-6)


@pytest.mark.parametrize("seconds", [0.5, 5.0, WINDOW_S, 1.6 * WINDOW_S, 50.0])
def test_the_shares_of_windows_add_up_to_one(seconds):
    t = stamps(seconds)
    total = np.zeros(len(t))
    for images, shares in _windows(t):
        assert (shares >= 0).all()
        assert t[images][-1] - t[images][0] <= 1.5 * WINDOW_S
        total[images] += shares
    np.testing.assert_allclose(total, 1.0)


def test_somebody_who_stands_keeps_the_smoothed_pose():
    track = exact_track(body())
    still = np.zeros((len(track), 3))
    kept = with_own_gait(track, track.rotmats, still, joints_cam(track, body()))
    assert np.isnan(kept.phases).all()
    np.testing.assert_allclose(kept.rotmats, track.rotmats, atol=1e-6)


def test_a_walk_that_is_seen_wrongly_for_a_second_is_refined_by_the_rest():
    truth = exact_track(body(), images=80)
    wrong = truth.rotmats.copy()
    tilt = Rotation.from_rotvec([0.0, 0.0, 0.25]).as_matrix()  # sideways, which is in depth as the person passes by
    for hip in (LEFT_HIP, RIGHT_HIP):
        wrong[30:55, hip] = wrong[30:55, hip] @ tilt
    track = replace(truth, rotmats=wrong)
    found = refine({"p1": track}, body(), RefineConfig(floor_z=0.0))["p1"]
    before = angles(wrong, truth.rotmats)[30:55, [LEFT_HIP, RIGHT_HIP]].mean()
    after = angles(found.rotmats, truth.rotmats)[30:55, [LEFT_HIP, RIGHT_HIP]].mean()
    assert after < 0.7 * before


def feet_of_a_walk(seconds: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints (T, 24, 3), phases (T,) and which feet stand (T, 2): each 0.6 of a stride, 1 m a stride, 1 stride a s."""
    t = stamps(seconds)
    joints = np.zeros((len(t), 24, 3))
    joints[:, 0, 0] = t
    standing = np.zeros((len(t), 2), bool)
    for foot, offset in enumerate((0.0, 0.5)):
        strides, share = np.divmod(t + offset + 1e-9, 1.0)
        joints[:, TOES[foot], 0] = strides - offset + np.clip((share - 0.6) / 0.4, 0.0, 1.0)
        standing[:, foot] = share <= 0.6
    return joints, 2 * np.pi * t, standing


def test_one_step_that_seems_to_slide_stands_as_in_all_strides():
    joints, phases, standing = feet_of_a_walk(8.0)
    joints[31:36, TOES[0], 0] += np.array([0.1, 0.25, 0.35, 0.5, 0.6])
    seen, t = np.ones(len(joints), bool), stamps(8.0)
    found = {name: np.zeros_like(standing) for name in ("alone", "averaged")}
    for name, known in (("alone", None), ("averaged", phases)):
        for stance in stances(joints, t, seen, known):
            found[name][stance.images, stance.foot] = True
    step = slice(31, 36)
    assert standing[step, 0].all()
    assert not found["alone"][step, 0].all()
    assert found["averaged"][step, 0].all()
    assert (found["averaged"] == standing).mean() > 0.85


def test_feet_stand_as_seen_where_no_rhythm_is_known():
    joints, _, _ = feet_of_a_walk(4.0)
    seen, t = np.ones(len(joints), bool), stamps(4.0)
    assert stances(joints, t, seen, np.full(len(t), np.nan)) == stances(joints, t, seen)


def test_a_foot_stands_on_while_its_person_is_hidden_for_part_of_the_step():
    joints, phases, standing = feet_of_a_walk(8.0)
    seen, t = np.ones(len(joints), bool), stamps(8.0)
    seen[28:34] = False  # ends in the middle of a step of the left foot, whose stance is that of images 30 to 36
    found = stances(joints, t, seen, phases)
    assert any(s.foot == 0 and s.first <= 31 and s.last >= 35 for s in found)
    assert not any(s.foot == 0 and s.first < 34 <= s.last for s in stances(joints, t, seen))
    seen[28:38] = False
    for stance in stances(joints, t, seen, phases):
        assert seen[stance.images].any()
        assert standing[stance.images, stance.foot].mean() > 0.7


def test_a_foot_that_seems_to_move_in_one_image_of_its_step_did_not_swing():
    joints, _, _ = feet_of_a_walk(4.0)
    joints[23, TOES[0], 0] += 0.1
    joints[24:27, TOES[0], 0] += 0.2  # two steps of 0.1 m at the speed of the root, which makes image 23 fast
    found = [s for s in stances(joints, stamps(4.0), np.ones(len(joints), bool)) if s.foot == 0]
    assert sum(s.first <= 23 <= s.last for s in found) == 1
    assert len(found) == 4


def test_feet_of_images_in_which_nobody_is_seen_move_neither_the_root_nor_the_place():
    t = stamps(1.0)
    joints = np.zeros((len(t), 24, 3))
    seen = np.ones(len(t), bool)
    seen[:4] = False
    joints[:4, TOES[0], 0] = 0.5
    found = [Stance(0, 0, len(t) - 1)]
    np.testing.assert_allclose(root_shifts(joints, t, found, seen, 0.2), 0.0, atol=1e-9)
    np.testing.assert_allclose(stance_places(joints, found, seen), 0.0, atol=1e-9)
    assert np.abs(root_shifts(joints, t, found, np.ones(len(t), bool), 0.2)).max() > 0.05
