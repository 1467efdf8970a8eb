"""Counts of right and wrong gestures, an arm of a person at a moment each, and errors of pointing directions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.robot.gesture_scenes import Moment
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.mocap.acts.scripts import SIDES, Act
from metrichmsr_ros.pipeline.scene import PersonEstimate
from metrichmsr_ros.types import Float64Array

NAMES = {"raised": "hand_raised", "waving": "waving", "pointing": "pointing"}
"""Names of the kinds of acts that are gestures."""
BEGINS_S = {"raised": 0.6, "waving": 1.5, "pointing": 0.6}
ENDS_S = {"raised": 0.5, "waving": 1.0, "pointing": 0.5}
"""After the middle of the way to the pose, and of the way back: moments that do not count."""
LINES = ("head to wrist", "shoulder to wrist", "elbow to wrist")


@dataclass(frozen=True)
class Verdict:
    """One arm at one moment, for one gesture: what it does, and what was said."""

    moment: Moment
    side: str
    is_true: bool
    is_said: bool


def verdicts(moments: Sequence[Moment], kind: str) -> list[Verdict]:
    """All arms at all moments that count for a gesture.

    An arm that makes it but is hidden or outside the image does not count, nor does the time around begin and end. An
    arm of a person who was not found says nothing.
    """
    found = []
    for moment, last in _with_last_act(moments):
        for side in SIDES:
            is_true = _does(moment.act, kind, side)
            if is_true and moment.act is not None:
                counts = side in moment.shows and _has_begun(moment.act, kind, moment.stamp_s)
            else:
                counts = not (_does(last, kind, side) and last is not None and _has_just_ended(last, kind, moment))
            if counts:
                found.append(Verdict(moment, side, is_true, is_said(moment.found, kind, side)))
    return found


def is_said(person: PersonEstimate | None, kind: str, side: str) -> bool:
    """Whether an estimate has the gesture."""
    return person is not None and f"{NAMES[kind]}_{side}" in person.gestures


def precision_recall(found: Sequence[Verdict]) -> tuple[float, float, float]:
    """Precision, recall and F1; NaN where nothing was said or nothing is true."""
    counts = Counter((verdict.is_true, verdict.is_said) for verdict in found)
    right, false, missed = counts[True, True], counts[False, True], counts[True, False]
    nothing = float("nan")
    precision = right / (right + false) if right + false else nothing
    recall = right / (right + missed) if right + missed else nothing
    return precision, recall, 2 * right / (2 * right + false + missed) if right + false + missed else nothing


def delays(moments: Sequence[Moment], kind: str) -> list[float]:
    """Seconds from the middle of the way to the pose to the first moment at which the gesture is said, by act."""
    first: dict[tuple[int, str, float, str], float] = {}
    for moment in moments:
        act = moment.act
        for side in SIDES:
            if act is not None and act.kind == kind and side in act.sides and is_said(moment.found, kind, side):
                began = act.begins_s - act.moves_s / 2
                first.setdefault((moment.scene, moment.walker, act.begins_s, side), moment.stamp_s - began)
    return list(first.values())


def direction_errors(moments: Sequence[Moment]) -> dict[str, list[float]]:
    """Degrees between the true direction and lines through the estimated joints, where pointing is said."""
    errors = defaultdict[str, list[float]](list)
    for moment in moments:
        act, person, true = moment.act, moment.found, moment.direction
        if act is None or person is None or true is None or not act.is_held(moment.stamp_s):
            continue
        if not is_said(person, "pointing", act.sides[0]):
            continue
        wrist = _joint(person, f"{act.sides[0]}_wrist")
        starts = "head", f"{act.sides[0]}_shoulder", f"{act.sides[0]}_elbow"
        for line, start in zip(LINES, starts, strict=True):
            errors[line].append(_degrees(wrist - _joint(person, start), true))
        errors["published"].append(_degrees(person.pointing_cam.astype(np.float64), true))
    return errors


def _with_last_act(moments: Sequence[Moment]) -> Iterator[tuple[Moment, Act | None]]:
    """Each moment with the act of the same person before the present one."""
    acts = defaultdict[tuple[int, str], list[Act]](list)
    for moment in moments:
        known = acts[moment.scene, moment.walker]
        if moment.act is not None and (not known or known[-1].begins_s != moment.act.begins_s):
            known.append(moment.act)
        before = known[:-1] if moment.act is not None else known
        yield moment, before[-1] if before else None


def _does(act: Act | None, kind: str, side: str) -> bool:
    """Whether the act is this gesture of this arm; a hand that waves is raised, too."""
    return act is not None and side in act.sides and (act.kind == kind or (kind == "raised" and act.kind == "waving"))


def _has_begun(act: Act, kind: str, stamp_s: float) -> bool:
    return act.begins_s - act.moves_s / 2 + BEGINS_S[kind] <= stamp_s <= act.ends_s


def _has_just_ended(act: Act, kind: str, moment: Moment) -> bool:
    return moment.stamp_s <= act.ends_s + act.moves_s / 2 + ENDS_S[kind]


def _joint(person: PersonEstimate, name: str) -> Float64Array:
    return person.joints_cam[JOINT_NAMES.index(name)].astype(np.float64)


def _degrees(line: Float64Array, true: Float64Array) -> float:
    return float(np.degrees(np.arccos(np.clip(line @ true / np.linalg.norm(line), -1.0, 1.0))))
