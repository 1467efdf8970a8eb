"""Size, facing, feet and whole tracks, on a walking person with exact truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.walking_tracks import disturbed, exact_track, joints_cam
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.refinement.facing import exchanged, other_side
from metrichmsr_ros.refinement.feet import TOES, stances
from metrichmsr_ros.refinement.legs import LEGS, reach
from metrichmsr_ros.refinement.refine import RefineConfig, refine
from metrichmsr_ros.refinement.size import floor_scale, shared_camera_height

ON_FLOOR = RefineConfig(floor_z=0.0)


@cache
def body() -> BodyEngine:
    return load_body_engine("open_light")


def errors(track, truth):
    """Mean error of the root in metres, and of the joints about it in metres."""
    gap = track - truth
    return np.linalg.norm(gap[:, 0], axis=1).mean(), np.linalg.norm(gap - gap[:, :1], axis=2).mean()


def heights_of(track):
    return body().height(track.betas.astype(np.float32)).astype(np.float64)


def test_exact_estimates_stay_what_they_are():
    track = exact_track(body())
    found = refine({"p1": track}, body(), ON_FLOOR)["p1"]
    root, joints = errors(found.joints_cam, joints_cam(track, body()))
    assert root < 0.03
    assert joints < 0.02
    assert not found.turned.any()
    assert found.height == pytest.approx(float(heights_of(track)[0]), rel=0.01)


@pytest.mark.parametrize("scale", [0.92, 1.1])
def test_the_floor_gives_the_size_and_so_the_distance(scale):
    truth = exact_track(body())
    wrong = disturbed(truth, body(), scale=scale)
    found = refine({"p1": wrong}, body(), ON_FLOOR)["p1"]
    before, _ = errors(joints_cam(wrong, body()), joints_cam(truth, body()))
    after, _ = errors(found.joints_cam, joints_cam(truth, body()))
    assert before > 0.25
    assert after < 0.1
    assert found.height == pytest.approx(float(heights_of(truth)[0]), rel=0.02)


def test_noise_and_jitter_fall_and_the_covariance_with_them():
    truth = exact_track(body())
    noisy = disturbed(truth, body(), position_m=0.1, pose_rad=0.1)
    found = refine({"p1": noisy}, body(), ON_FLOOR)["p1"]
    true = joints_cam(truth, body())
    before, after = errors(joints_cam(noisy, body()), true), errors(found.joints_cam, true)
    assert after[0] < 0.6 * before[0]
    assert after[1] < 0.6 * before[1]
    jitter = [np.abs(np.diff(path, n=3, axis=0)).mean() for path in (joints_cam(noisy, body()), found.joints_cam)]
    assert jitter[1] < 0.3 * jitter[0]
    assert (np.trace(found.transl_cov, axis1=1, axis2=2) < np.trace(noisy.transl_cov, axis1=1, axis2=2)).all()


def test_feet_that_stand_do_not_slide():
    truth = exact_track(body())
    noisy = disturbed(truth, body(), position_m=0.05, pose_rad=0.05)
    found = refine({"p1": noisy}, body(), ON_FLOOR)["p1"]
    world = noisy.to_world(found.joints_cam)
    slides = []
    for foot, toe in enumerate(TOES):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], found.stance[:, foot].astype(int), [0]])))
        for first, after in edges.reshape(-1, 2):
            places = world[first:after, toe]
            slides.append(float(np.linalg.norm(places - places[0], axis=1).max()))
    assert len(slides) >= 4
    assert max(slides) < 0.01


def test_a_size_needs_feet_that_are_seen_and_a_floor_below():
    track = exact_track(body())
    heights = heights_of(track)
    scale = floor_scale(track, body(), heights, 0.0)
    assert scale is not None
    assert scale.log_scale == pytest.approx(0.0, abs=0.01)
    blind = replace(track, feet_seen=np.zeros_like(track.feet_seen))
    assert floor_scale(blind, body(), heights, 0.0) is None
    assert floor_scale(track, body(), heights, 3.0) is None  # a floor above the camera
    assert floor_scale(track, body(), heights, -2.5) is None  # somebody of over 5 m


def test_people_who_share_an_unknown_floor_keep_their_mean_size_and_get_their_ratio():
    tall, short = exact_track(body(), height=1.9), exact_track(body(), height=1.5)
    as_1_7 = {
        "tall": disturbed(tall, body(), scale=1.7 / 1.9),
        "short": disturbed(short, body(), scale=1.7 / 1.5),
    }
    found = refine(as_1_7, body(), RefineConfig(floor_z=None))
    ratio = found["tall"].height / found["short"].height
    assert ratio == pytest.approx(1.9 / 1.5, rel=0.06)
    assert 1.6 < np.sqrt(found["tall"].height * found["short"].height) < 1.8
    alone = refine({"tall": as_1_7["tall"]}, body(), RefineConfig(floor_z=None))["tall"]
    assert alone.height == pytest.approx(1.7, rel=0.02)
    apart = refine(as_1_7, body(), RefineConfig(floor_z=None, shares_floor=False))
    assert apart["tall"].height / apart["short"].height == pytest.approx(1.0, abs=0.02)
    assert shared_camera_height([]) is None


def test_the_other_side_is_its_own_inverse_and_looks_the_same_from_afar():
    track = exact_track(body(), images=5)
    turned = other_side(track.rotmats)
    np.testing.assert_allclose(other_side(turned), track.rotmats, atol=1e-6)
    seen = joints_cam(track, body()) - track.transl_cam[:, None]
    seen -= seen[:, :1]
    other = joints_cam(replace(track, rotmats=turned), body()) - track.transl_cam[:, None]
    other -= other[:, :1]
    swapped = other[:, [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]]
    # x and y of the body stay, its z changes sign
    axes = track.rotmats[:, 0]
    one, two = seen @ axes, swapped @ axes
    np.testing.assert_allclose(one[..., :2], two[..., :2], atol=0.02)
    np.testing.assert_allclose(one[..., 2], -two[..., 2], atol=0.02)


@pytest.mark.parametrize("wrong", [slice(20, 26), slice(0, 8), slice(35, 60)])
def test_front_and_back_are_decided_by_the_whole_track(wrong):
    truth = exact_track(body())
    rotmats = truth.rotmats.copy()
    rotmats[wrong] = other_side(rotmats[wrong])
    velocities = np.tile([0.0, 1.2, 0.0], (len(truth), 1))
    expected = np.zeros(len(truth), bool)
    expected[wrong] = True
    np.testing.assert_array_equal(exchanged(truth.with_rotmats(rotmats), velocities), expected)
    assert not exchanged(truth, velocities).any()
    assert not exchanged(truth, np.zeros_like(velocities)).any()


def test_somebody_who_turns_about_within_two_seconds_is_not_exchanged():
    truth = exact_track(body())
    angles = np.clip((truth.stamps_s - 0.5) / 1.5, 0, 1) * np.pi
    about = Rotation.from_rotvec(
        np.outer(angles, [0.0, 1.0, 0.0])
    ).as_matrix()  # the camera's y is the world's vertical
    rotmats = truth.rotmats.copy()
    rotmats[:, 0] = about @ rotmats[:, 0]
    assert not exchanged(truth.with_rotmats(rotmats), np.zeros((len(truth), 3))).any()


@pytest.mark.parametrize("side", [0, 1])
def test_legs_reach_near_places_and_the_foot_keeps_its_orientation(side):
    track = exact_track(body(), images=8)
    joints = joints_cam(track, body())
    targets = joints[:, TOES[side]] + np.random.default_rng(side).normal(0, 0.02, (8, 3)) + [0, -0.05, 0]
    posed = reach(track.rotmats, joints, targets, side)
    found = joints_cam(track.with_rotmats(posed), body())
    np.testing.assert_allclose(found[:, TOES[side]], targets, atol=1e-4)
    chain = [0, *LEGS[side]]
    before, after = (np.eye(3),) * 2
    for joint in chain:
        before, after = before @ track.rotmats[:, joint], after @ posed[:, joint]
    np.testing.assert_allclose(before, after, atol=1e-6)
    untouched = [joint for joint in range(24) if joint not in LEGS[side]]
    np.testing.assert_array_equal(posed[:, untouched], track.rotmats[:, untouched])


def test_a_leg_goes_towards_what_it_cannot_reach():
    track = exact_track(body(), images=4)
    joints = joints_cam(track, body())
    targets = joints[:, TOES[0]] + [0.0, 2.0, 0.0]
    posed = reach(track.rotmats, joints, targets, 0)
    found = joints_cam(track.with_rotmats(posed), body())
    assert np.isfinite(found).all()
    hip, knee, ankle = LEGS[0]
    long = np.linalg.norm(joints[:, knee] - joints[:, hip], axis=1)
    long += np.linalg.norm(joints[:, ankle] - joints[:, knee], axis=1)
    np.testing.assert_allclose(np.linalg.norm(found[:, ankle] - found[:, hip], axis=1), long, rtol=1e-4)


def test_stances_alternate_and_none_is_found_of_somebody_who_is_not_seen():
    track = exact_track(body())
    world = track.to_world(joints_cam(track, body()))
    found = stances(world, track.stamps_s, track.is_seen)
    assert {stance.foot for stance in found} == {0, 1}
    for stance in found:
        places = world[stance.first : stance.last + 1, TOES[stance.foot], :2]
        assert np.linalg.norm(places - places.mean(axis=0), axis=1).max() < 0.2
    assert stances(world, track.stamps_s, np.zeros(len(track), bool)) == []


def test_people_who_were_never_seen_are_left_out_and_single_images_are_kept():
    track = exact_track(body(), images=6)
    unseen = replace(track, is_seen=np.zeros(6, bool))
    one = exact_track(body(), images=1)
    found = refine({"ghost": unseen, "once": one}, body(), ON_FLOOR)
    assert found.keys() == {"once"}
    np.testing.assert_allclose(found["once"].joints_cam, joints_cam(one, body()), atol=1e-3)
    assert refine({}, body()) == {}
