"""Gestures of stick figures: when they begin and end, at several frame rates, from any side, and what is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.stick_figures import (
    HANGING,
    MIRROR,
    OTHERS,
    POINTING,
    RAISED,
    figure,
    front_view,
    mirrored,
    names_between,
    side_view,
    true_odds,
    watch,
    wave,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from metrichmsr_ros.people.gestures.arm_network import ArmOdds
from metrichmsr_ros.people.gestures.recognition import NAMES, NONE, GestureRecogniser, still_gestures
from metrichmsr_ros.people.gestures.sights import HIDDEN, ArmSight

EVEN = ArmOdds(0.0, 0.0), ArmOdds(0.0, 0.0)
BEGIN_S, END_S, LAST_S = 1.0, 4.0, 6.0
POSES = {"hand_raised": lambda seconds: RAISED, "pointing": lambda seconds: POINTING, "waving": wave(RAISED, 1.2)}
EXPECTED = {"hand_raised": {"hand_raised"}, "pointing": {"pointing"}, "waving": {"hand_raised", "waving"}}
LATE_S = {"hand_raised": 0.75, "pointing": 0.75, "waving": 1.8}  # the latest begin, at 5 images a second


def acting(gesture, left=True, right=False):
    """Joints over time: arms hang, make the gesture from `BEGIN_S` to `END_S`, and hang again."""

    def at(seconds):
        bones = POSES[gesture](seconds) if BEGIN_S <= seconds < END_S else HANGING
        return figure(bones if left else HANGING, bones if right else HANGING)

    return at


def stamps(fps, last_s=LAST_S):
    return [number / fps for number in range(round(last_s * fps))]


@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("gesture", list(POSES))
def test_a_gesture_begins_and_ends(gesture, side, fps):
    said = watch(acting(gesture, side == "left", side == "right"), stamps(fps))
    expected = {f"{name}_{side}" for name in EXPECTED[gesture]}
    assert all(names == set() for names in names_between(said, 0.0, BEGIN_S + 0.15))
    assert all(names == expected for names in names_between(said, BEGIN_S + LATE_S[gesture], END_S - 0.01))
    assert all(names == set() for names in names_between(said, END_S + 0.55, LAST_S))
    assert {name for one in said for name in one.gestures.names} == expected


@pytest.mark.parametrize("gesture", ["hand_raised", "pointing"])
def test_a_held_pose_is_found_at_two_images_a_second(gesture):
    said = watch(acting(gesture), stamps(2.0))
    assert all(names == {f"{gesture}_left"} for names in names_between(said, BEGIN_S + 0.6, END_S - 0.01))


@pytest.mark.parametrize("gesture", list(POSES))
def test_missing_images_change_little(gesture):
    kept = np.random.default_rng(3).random(90) > 0.4
    some = [stamp for stamp, keep in zip(stamps(15.0), kept, strict=True) if keep]
    said = watch(acting(gesture), some)
    expected = {f"{name}_left" for name in EXPECTED[gesture]}
    assert all(names == expected for names in names_between(said, BEGIN_S + 1.8, END_S - 0.01))
    assert all(names == set() for names in names_between(said, END_S + 0.6, LAST_S))


@pytest.mark.parametrize("gesture", list(POSES))
def test_a_mirrored_person_uses_the_other_hand(gesture):
    at = acting(gesture)
    as_is, mirror = watch(at, stamps(15.0)), watch(lambda seconds: mirrored(at(seconds)), stamps(15.0))
    for one, other in zip(as_is, mirror, strict=True):
        assert {name.replace("left", "right") for name in one.gestures.names} == set(other.gestures.names)
        np.testing.assert_allclose(np.array(one.gestures.pointing) * MIRROR, other.gestures.pointing, atol=1e-12)


@pytest.mark.parametrize("gesture", list(POSES))
def test_both_hands(gesture):
    said = watch(acting(gesture, right=True), stamps(15.0))
    expected = {f"{name}_{side}" for name in EXPECTED[gesture] for side in ("left", "right")}
    assert names_between(said, END_S - 0.2, END_S - 0.01)[-1] == expected


@pytest.mark.parametrize("gesture", list(POSES))
def test_arms_that_the_image_does_not_show_make_no_gesture(gesture):
    said = watch(acting(gesture), stamps(15.0), hidden=True)
    assert all(one.gestures == NONE for one in said)


@pytest.mark.parametrize("name", list(OTHERS))
def test_other_poses_are_no_gestures(name):
    said = watch(lambda seconds: figure(OTHERS[name], OTHERS[name]), stamps(10.0))
    assert all(one.gestures == NONE for one in said)


def test_the_arms_of_a_walk_are_no_gestures():
    def at(seconds):
        swing = 0.5 * np.sin(2 * np.pi * 0.9 * seconds)
        left = (0.1, -np.cos(swing), np.sin(swing)), (0.1, -np.cos(swing + 0.3), np.sin(swing + 0.3))
        right = (0.1, -np.cos(-swing), np.sin(-swing)), (0.1, -np.cos(0.3 - swing), np.sin(0.3 - swing))
        return figure(left, right)

    assert all(one.gestures == NONE for one in watch(at, stamps(15.0)))


def test_an_arm_that_passes_by_is_no_gesture():
    """From hanging, over straight ahead, to hanging in 0.8 s."""

    def at(seconds):
        angle = -np.pi / 2 * np.cos(np.clip((seconds - 1.0) / 0.8, 0, 1) * 2 * np.pi)
        bone = (0.1, np.sin(angle), np.cos(angle))
        return figure((bone, bone))

    assert all(one.gestures == NONE for one in watch(at, stamps(30.0, 3.0)))


def test_a_wave_seen_from_the_side_goes_up_and_down_in_the_image():
    tilted = RAISED[0], (0.4, 1.0, 0.1)
    said = watch(lambda seconds: figure(wave(tilted, 1.5)(seconds)), stamps(15.0), view=side_view)
    assert "waving_left" in said[-1].gestures.names
    still = watch(lambda seconds: figure(tilted), stamps(15.0), view=side_view)
    assert not any("waving_left" in one.gestures.names for one in still)


@pytest.mark.parametrize(("hertz", "waves"), [(0.2, False), (0.6, True), (1.0, True), (2.0, True), (3.0, True)])
def test_waves_are_between_half_and_three_hertz(hertz, waves):
    said = watch(lambda seconds: figure(wave(RAISED, hertz)(seconds)), stamps(20.0, 8.0))
    assert ("waving_left" in said[-1].gestures.names) == waves
    assert "hand_raised_left" in said[-1].gestures.names


def test_a_hand_that_trembles_is_raised_and_does_not_wave():
    said = watch(lambda seconds: figure(wave(RAISED, 2.0, 0.06)(seconds)), stamps(20.0))
    assert set(said[-1].gestures.names) == {"hand_raised_left"}


def seen_swings(swing, fps=10.0, noise=0.01):
    """Names at the end of 4 s in which the hand is up and the image shows a swing over time."""
    rng, recogniser, joints = np.random.default_rng(1), GestureRecogniser(), figure(RAISED)
    for stamp in stamps(fps, 4.0):
        sights = ArmSight(True, True, (swing(stamp) + rng.normal(0.0, noise), 0.4)), HIDDEN
        said = recogniser.update("a1", joints, sights, true_odds(joints), stamp)
    return set(said.names)


@pytest.mark.parametrize("fps", [8.0, 15.0, 30.0])
@pytest.mark.parametrize("hertz", [0.8, 1.5, 2.2])
def test_a_wave_from_the_side_is_small_in_the_image_and_found(hertz, fps):
    swing = 0.32 * np.cos(np.radians(75))
    assert "waving_left" in seen_swings(lambda seconds: swing * np.sin(2 * np.pi * hertz * seconds), fps)


@pytest.mark.parametrize("fps", [8.0, 15.0, 30.0])
def test_a_wave_of_somebody_who_walks_and_turns_is_found(fps):
    def swing(seconds):
        gait, wave = 0.03 * np.sin(2 * np.pi * 1.9 * seconds), 0.3 * np.sin(2 * np.pi * 1.2 * seconds)
        return 0.2 * np.sin(0.8 * seconds) + gait + wave

    assert "waving_left" in seen_swings(swing, fps)


@pytest.mark.parametrize("fps", [8.0, 15.0, 30.0])
def test_a_raised_hand_of_somebody_who_walks_and_turns_does_not_wave(fps):
    def swing(seconds):
        return 0.3 * np.sin(0.8 * seconds) + 0.03 * np.sin(2 * np.pi * 1.9 * seconds)

    assert seen_swings(swing, fps, 0.02) == {"hand_raised_left"}


@pytest.mark.parametrize(("hidden_s", "goes_on"), [(0.25, True), (0.65, False)])
def test_a_wave_goes_on_while_the_arm_is_hidden_for_a_moment_and_not_for_longer(hidden_s, goes_on):
    recogniser, joints = GestureRecogniser(), figure(RAISED)
    said = {}
    for stamp in stamps(10.0, 4.0):
        sight = (
            HIDDEN
            if 2.0 < stamp < 2.05 + hidden_s
            else ArmSight(True, True, (0.3 * np.sin(2 * np.pi * 1.5 * stamp), 0.4))
        )
        said[round(stamp, 1)] = set(recogniser.update("a1", joints, (sight, HIDDEN), true_odds(joints), stamp).names)
    assert "waving_left" in said[2.0]
    assert "waving_left" in said[2.2]
    assert ("waving_left" in said[2.5]) == ("waving_left" in said[2.8]) == goes_on
    assert "waving_left" in said[3.9]


def test_one_image_in_which_the_arm_seems_to_hang_does_not_end_a_wave():
    def at(seconds):
        return figure(HANGING if seconds == 2.0 else wave(RAISED, 1.5)(seconds))

    said = watch(at, stamps(10.0, 4.0))
    assert all("waving_left" in names for names in names_between(said, 1.8, 4.0))


def test_people_point_along_the_line_from_head_to_wrist():
    joints = figure(right=POINTING)
    line = joints[21] - joints[15]
    gestures = still_gestures(joints, front_view(joints), true_odds(joints))
    assert gestures.names == ("pointing_right",)
    np.testing.assert_allclose(gestures.pointing, line / np.linalg.norm(line), atol=1e-12)
    assert still_gestures(joints, (HIDDEN, HIDDEN), true_odds(joints)) == NONE


def test_a_single_image_shows_raised_hands():
    joints = figure(RAISED, RAISED)
    assert still_gestures(joints, front_view(joints), true_odds(joints)).names == (
        "hand_raised_left",
        "hand_raised_right",
    )


def test_people_who_are_gone_are_forgotten():
    joints, recogniser = figure(RAISED), GestureRecogniser()
    for stamp in (0.0, 0.2, 0.4):
        recogniser.update("a1", joints, front_view(joints), true_odds(joints), stamp)
    recogniser.forget_all_but({"b2"})
    assert recogniser.update("a1", joints, front_view(joints), true_odds(joints), 0.6) == NONE


@pytest.mark.parametrize("later", [3.0, -1.0])
def test_after_a_gap_or_a_jump_back_a_pose_counts_anew(later):
    joints, recogniser = figure(RAISED), GestureRecogniser()
    said = [recogniser.update("a1", joints, front_view(joints), true_odds(joints), stamp) for stamp in (0.0, 0.2, 0.4)]
    assert said[-1].names == ("hand_raised_left",)
    assert recogniser.update("a1", joints, front_view(joints), true_odds(joints), later) == NONE


def test_people_do_not_share_a_state():
    recogniser, up, down = GestureRecogniser(), figure(RAISED), figure()
    for stamp in (0.0, 0.2, 0.4):
        raised = recogniser.update("a1", up, front_view(up), true_odds(up), stamp)
        other = recogniser.update("b2", down, front_view(down), true_odds(down), stamp)
    assert (raised.names, other) == (("hand_raised_left",), NONE)


def test_a_body_without_extent_or_with_numbers_that_are_none_makes_no_gesture():
    for joints in (np.zeros((24, 3)), np.full((24, 3), np.nan)):
        assert still_gestures(joints, front_view(figure()), EVEN) == NONE
        assert GestureRecogniser().update("a1", joints, front_view(figure()), EVEN, 0.0) == NONE


@settings(max_examples=25, deadline=None)
@given(
    gesture=st.sampled_from(list(POSES)),
    yaw=st.floats(-np.pi, np.pi),
    place=st.tuples(*[st.floats(-10.0, 10.0)] * 3),
    size=st.floats(0.6, 1.3),
)
def test_gestures_do_not_depend_on_where_people_stand_how_they_turn_and_how_tall_they_are(gesture, yaw, place, size):
    at, turn = acting(gesture), Rotation.from_euler("y", yaw)
    recogniser, moved = GestureRecogniser(), GestureRecogniser()
    for stamp in stamps(10.0, 3.0):
        joints = at(stamp)
        here = recogniser.update("a1", joints, front_view(joints), true_odds(joints), stamp)
        there = moved.update("a1", turn.apply(size * joints) + place, front_view(joints), true_odds(joints), stamp)
        assert there.names == here.names
        np.testing.assert_allclose(there.pointing, turn.apply(here.pointing), atol=1e-6)
    assert here.names != ()
    assert set(here.names) <= set(NAMES)


def said_with(odds_at, fps=10.0, last_s=3.0, bones=POINTING):
    """Names at each moment, s, of a person whose left arm holds a pose, with odds over time."""
    recogniser, joints, said = GestureRecogniser(), figure(bones), {}
    for stamp in stamps(fps, last_s):
        gestures = recogniser.update("a1", joints, front_view(joints), (odds_at(stamp), EVEN[1]), stamp)
        said[round(stamp, 1)] = set(gestures.names)
    return said


def test_who_points_goes_on_while_the_odds_are_a_little_against_it():
    said = said_with(lambda stamp: ArmOdds(1.0 if stamp < 1 else -0.3 if stamp < 2 else -1.5, -4.0))
    assert said[0.9] == said[1.9] == {"pointing_left"}
    assert said[2.5] == set()
    assert said_with(lambda stamp: ArmOdds(-0.3, -4.0))[2.9] == set()


def test_what_the_heavier_network_says_holds_until_the_arm_moves():
    """Its views come in one image, at 0.5 s; the arm moves at 2 s."""
    recogniser, said = GestureRecogniser(), {}
    for stamp in stamps(10.0, 4.0):
        joints = figure(POINTING if stamp < 2 else ((1.0, 0.1, 0.3), (1.0, 0.1, 0.3)))
        odds = ArmOdds(-1.0, -4.0, (2.0, 0.0) if stamp == 0.5 else None)
        said[round(stamp, 1)] = set(recogniser.update("a1", joints, front_view(joints), (odds, EVEN[1]), stamp).names)
    assert said[0.4] == set()
    assert said[1.0] == said[1.9] == {"pointing_left"}
    assert said[2.5] == said[3.9] == set()


def test_a_single_image_adds_what_the_heavier_network_changes():
    joints = figure(POINTING)
    for more, names in ((None, ()), ((2.0, 0.0), ("pointing_left",)), ((0.0, 5.0), ("hand_raised_left",))):
        odds = ArmOdds(-1.0, -4.0, more), ArmOdds(-4.0, -4.0)
        assert still_gestures(joints, front_view(joints), odds).names == names


def test_odds_that_are_no_numbers_make_no_gesture():
    assert said_with(lambda stamp: ArmOdds(math.nan, math.nan))[2.9] == set()


def test_the_odds_say_whether_an_arm_is_seen_and_landmarks_whether_a_wave_is():
    recogniser, joints, said = GestureRecogniser(), figure(POINTING, RAISED), []
    for stamp in stamps(10.0, 4.0):
        unseen = ArmSight(True, False, (0.3 * math.sin(2 * math.pi * 1.5 * stamp), 0.4))
        said.append(recogniser.update("a1", joints, (unseen, unseen), true_odds(joints), stamp).names)
    assert set(said[-1]) == {"pointing_left", "hand_raised_right"}
    outside = ArmSight(False, False, (0.0, 0.0))
    assert recogniser.update("b2", joints, (outside, outside), true_odds(joints), 4.0) == NONE
    assert still_gestures(joints, (outside, outside), true_odds(joints)) == NONE
