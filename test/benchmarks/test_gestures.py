"""The scores of gestures: which moments count, and what precision, recall, delays and directions are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.fake_pipeline import make_person

from benchmarks.robot.gesture_scenes import Moment, estimate_of, scene
from benchmarks.robot.gesture_scores import delays, direction_errors, precision_recall, verdicts
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.mocap.acts.scripts import HANGING, Act

AHEAD = np.array([0.0, 0.0, -1.0])
RAISED = Act("raised", ("left",), 2.0, 4.0, 0.4, (HANGING,))
POINTING = Act("pointing", ("right",), 2.0, 4.0, 0.4, (HANGING,), direction=AHEAD)


def moments(act, said_at=lambda stamp: (), shows=("left", "right"), lost=lambda stamp: False, **changes):
    """Ten a second for 6 s: the act while it begins, is held and ends; what is said at each stamp."""
    found = []
    for number in range(60):
        stamp = number / 10
        person = None if lost(stamp) else make_person(gestures=said_at(stamp), **changes)
        now = act if act.share(stamp) > 0 else None
        direction = None if now is None else now.direction
        found.append(Moment(0, "p", "front", False, stamp, now, 3.0, shows, direction, person))
    return found


def test_the_true_time_counts_after_its_begin_and_nothing_around_its_end():
    found = verdicts(moments(RAISED), "raised")
    left = {round(v.moment.stamp_s, 1): v.is_true for v in found if v.side == "left"}
    assert [stamp for stamp, is_true in left.items() if is_true] == [round(2.4 + n / 10, 1) for n in range(17)]
    assert max(stamp for stamp, is_true in left.items() if not is_true and stamp < 2) == pytest.approx(1.5)
    assert min(stamp for stamp, is_true in left.items() if not is_true and stamp > 2) == pytest.approx(4.8)
    assert sum(v.side == "right" for v in found) == 60
    assert not any(v.is_true for v in found if v.side == "right")


def test_precision_and_recall_of_one_that_is_late_and_goes_on():
    def said(stamp):
        return ("hand_raised_left",) if 3.15 < stamp < 5.05 else ()

    found = verdicts(moments(RAISED, said), "raised")
    true = 17  # 2.4 to 4.0
    right = 9  # 3.2 to 4.0
    false = 3  # 4.8 to 5.0
    expected = right / (right + false), right / true, 2 * right / (right + false + true)
    assert precision_recall(found) == pytest.approx(expected)
    assert delays(moments(RAISED, said), "raised") == pytest.approx([3.2 - 1.8])


def test_the_other_hand_and_another_gesture_are_false():
    found = verdicts(moments(RAISED, lambda stamp: ("hand_raised_right", "waving_left")), "raised")
    assert precision_recall(found)[:2] == (0.0, 0.0)
    precision, recall, f1 = precision_recall(verdicts(moments(RAISED, lambda stamp: ("waving_left",)), "waving"))
    assert (precision, f1) == (0.0, 0.0)
    assert math.isnan(recall)


def test_an_arm_that_is_not_shown_does_not_count_and_a_person_who_is_not_found_is_missed():
    assert not any(verdict.is_true for verdict in verdicts(moments(RAISED, shows=("right",)), "raised"))
    lost = verdicts(moments(RAISED, lambda stamp: ("hand_raised_left",), lost=lambda stamp: stamp > 1.5), "raised")
    assert precision_recall(lost)[1] == 0.0


def test_who_waves_raises_a_hand():
    waving = Act("waving", ("left",), 2.0, 4.0, 0.4, (HANGING,))
    assert any(verdict.is_true for verdict in verdicts(moments(waving), "raised"))


def test_errors_of_directions_are_angles():
    joints = np.zeros((24, 3), np.float32)
    joints[JOINT_NAMES.index("right_wrist")] = (0, 0, -1)
    joints[JOINT_NAMES.index("head")] = (-1, 0, -1)
    joints[JOINT_NAMES.index("right_elbow")] = (0, -1, -2)
    pointing = np.array([0, np.sin(0.2), -np.cos(0.2)], np.float32)
    seen = moments(POINTING, lambda stamp: ("pointing_right",), joints_cam=joints, pointing_cam=pointing)
    errors = direction_errors(seen)
    assert {line: round(float(np.median(values))) for line, values in errors.items()} == {
        "head to wrist": 90, "shoulder to wrist": 0, "elbow to wrist": 135, "published": 11,
    }  # fmt: skip
    assert len(errors["published"]) == 21
    assert not direction_errors(moments(POINTING))


def test_scenes_are_the_same_for_the_same_seed():
    views, sequence = scene(3)
    again, same = scene(3)
    assert (views, [w.start for w in sequence.walkers]) == (again, [w.start for w in same.walkers])
    assert all(1.5 <= np.hypot(*walker.start) <= 8.0 for walker in sequence.walkers)


def test_an_estimate_belongs_to_the_person_in_its_direction_however_far_away_it_is():
    place = np.array([-1.5, 0.5, 4.5])
    far, beside = (make_person(id, transl_cam=(scale * place + shift).astype(np.float32)) for id, scale, shift in (
        ("far", 1.5, np.zeros(3)), ("beside", 1.0, np.array([1.5, 0.0, 0.0])),
    ))  # fmt: skip
    assert estimate_of(place, [beside, far]) is far
    assert estimate_of(place, [beside]) is None
    nearer = make_person("nearer", transl_cam=place.astype(np.float32))
    assert estimate_of(place, [far, nearer]) is nearer
