"""What the arms of a rendered person do over time, one act after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from metrichmsr_ros.data.mocap.acts.arm_poses import MIRROR, arm, between, pointing, reaching, turned, with_arm
from metrichmsr_ros.types import Float64Array, FloatingArray

SIDES = ("left", "right")
_SCATTER = 0.1  # of a bone's direction in single poses
_GESTURES = 0.6  # share of acts that are gestures
HANGING = arm((0.17, -0.98, 0.0), (0.08, -0.98, 0.2))


@dataclass(frozen=True)
class Act:
    """One thing that arms do: they move to a pose, hold it, and come back.

    Attributes:
        kind: a gesture ("raised", "waving", "pointing") or another act of `ACTS`.
        sides: the arms that do it, "left" and "right".
        begins_s, ends_s: from when to when the pose is held.
        moves_s: time that the way there takes, and the way back.
        poses: (2, 3) of the arm, one or two, between which a hand goes back and forth.
        hertz: how often in a second.
        swing_rad: amplitude of a wave.
        direction: (3,) in which the person points, in the axes of the chest; None: nowhere.
    """

    kind: str
    sides: tuple[str, ...]
    begins_s: float
    ends_s: float
    moves_s: float
    poses: tuple[Float64Array, ...]
    hertz: float = 0.0
    swing_rad: float = 0.0
    direction: Float64Array | None = None

    def is_held(self, seconds: float) -> bool:
        """Whether the pose is held at this time."""
        return self.begins_s <= seconds <= self.ends_s

    def share(self, seconds: float) -> float:
        """How far the arms are on their way, 0: hanging, 1: held."""
        away = max(self.begins_s - seconds, seconds - self.ends_s, 0.0)
        return max(1.0 - away / self.moves_s, 0.0)

    def arm(self, seconds: float) -> Float64Array:
        """(2, 3) where the pose is held."""
        phase = 2 * np.pi * self.hertz * (seconds - self.begins_s)
        bones = between(self.poses[0], self.poses[-1], float(0.5 - 0.5 * np.cos(phase)))
        return turned(bones, self.swing_rad * float(np.sin(phase))) if self.swing_rad else bones


@dataclass(frozen=True)
class ArmScript:
    """The acts of one person, in order of time. Between them the arms hang, or swing with the walk."""

    acts: tuple[Act, ...]
    is_standing: bool

    def act(self, seconds: float) -> Act | None:
        """The act that is held, begun or ended at this time."""
        return next((act for act in self.acts if act.share(seconds) > 0), None)

    def posed(self, pose: FloatingArray, seconds: float) -> FloatingArray:
        """The pose (72,) of a walk with this script's arms; who stands keeps its root alone."""
        if self.is_standing:
            pose = np.concatenate([pose[:3], np.zeros_like(pose[3:])])
        act = self.act(seconds)
        for side in SIDES:
            if act is not None and side in act.sides:
                pose = with_arm(pose, between(HANGING, act.arm(seconds), act.share(seconds)), side)
            elif self.is_standing:
                pose = with_arm(pose, HANGING, side)
        return pose


def random_script(rng: np.random.Generator, seconds: float, is_standing: bool) -> ArmScript:
    """Acts drawn at random until the time is over; three in five are gestures."""
    acts: list[Act] = []
    now = rng.uniform(0.8, 1.6)
    while now < seconds:
        act = _any_act(rng)
        moves = float(rng.uniform(0.35, 0.7))
        acts.append(replace(act, begins_s=now + moves, ends_s=now + moves + act.ends_s, moves_s=moves))
        now = acts[-1].ends_s + moves + rng.uniform(0.3, 1.2)
    return ArmScript(tuple(acts), is_standing)


def acting(pose: FloatingArray, rng: np.random.Generator) -> FloatingArray:
    """The pose (72,) with its arms at a moment of an act drawn at random, whose bones are turned a little."""
    act = _any_act(rng)
    upper, fore = act.arm(float(rng.uniform(0, act.ends_s)))
    for side in act.sides:
        bones = arm(upper + rng.normal(0, _SCATTER, 3), fore + rng.normal(0, _SCATTER, 3))
        pose = with_arm(pose, bones, side)
    return pose


def _any_act(rng: np.random.Generator) -> Act:
    names = GESTURES if rng.random() < _GESTURES else OTHERS
    return ACTS[names[int(rng.integers(len(names)))]](rng)


def _held(rng: np.random.Generator, kind: str, sides: tuple[str, ...], bones: Float64Array) -> Act:
    return Act(kind, sides, 0.0, float(rng.uniform(1.5, 3.0)), 0.5, (bones,))


def _one_side(rng: np.random.Generator) -> tuple[str, ...]:
    return (SIDES[int(rng.integers(2))],)


def _raised_arm(rng: np.random.Generator) -> Float64Array:
    """Straight up, or the forearm alone, or anything between."""
    height, forward = rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.5)
    return arm((0.9 - 0.65 * height, -0.1 + height, forward), (rng.uniform(-0.1, 0.3), 1.0, 0.4 * forward))


def _raised(rng: np.random.Generator) -> Act:
    sides = SIDES if rng.random() < 1 / 3 else _one_side(rng)
    return _held(rng, "raised", sides, _raised_arm(rng))


def _waving(rng: np.random.Generator) -> Act:
    act = _held(rng, "waving", _one_side(rng), _raised_arm(rng))
    hertz, swing_rad = float(rng.uniform(0.8, 2.2)), float(rng.uniform(0.35, 0.65))
    return replace(act, ends_s=float(rng.uniform(2.0, 3.5)), hertz=hertz, swing_rad=swing_rad)


def _pointing(rng: np.random.Generator) -> Act:
    side, rise = rng.uniform(-0.4, 1.4), rng.uniform(-0.45, 0.35)
    ahead = np.array([np.sin(side) * np.cos(rise), np.sin(rise), np.cos(side) * np.cos(rise)])
    act = _held(rng, "pointing", _one_side(rng), pointing(ahead))
    return replace(act, direction=ahead * MIRROR if act.sides == ("right",) else ahead)


def _phone(rng: np.random.Generator) -> Act:
    return _held(rng, "phone", _one_side(rng), reaching((0.12, 0.64, 0.09), (0.7, -0.6, 0.4)))


def _scratching(rng: np.random.Generator) -> Act:
    act = _held(rng, "scratching", _one_side(rng), reaching((0.08, 0.76, 0.10), (1.0, -0.2, 0.4)))
    there = reaching((0.12, 0.70, 0.06), (1.0, -0.2, 0.4))
    return replace(act, poses=(*act.poses, there), hertz=float(rng.uniform(1.0, 2.5)))


def _hand_on_face(rng: np.random.Generator) -> Act:
    return _held(rng, "hand on face", _one_side(rng), reaching((0.04, 0.58, 0.20), (0.5, -0.8, 0.3)))


def _crossed(rng: np.random.Generator) -> Act:
    return _held(rng, "arms crossed", SIDES, arm((0.35, -0.85, 0.4), (-0.95, 0.1, 0.35)))


def _hips(rng: np.random.Generator) -> Act:
    return _held(rng, "hands on hips", SIDES, reaching((0.19, 0.06, 0.04), (1.0, 0.0, -0.4)))


def _carrying(rng: np.random.Generator) -> Act:
    return _held(rng, "carrying", SIDES, reaching((0.14, rng.uniform(0.1, 0.3), 0.36), (0.5, -1.0, -0.3)))


def _reaching(rng: np.random.Generator) -> Act:
    place = rng.uniform(0.0, 0.3), rng.uniform(0.15, 0.5), rng.uniform(0.30, 0.40)
    return replace(_held(rng, "reaching", _one_side(rng), reaching(place, (0.3, -1.0, 0.0))), ends_s=0.5)


def _talking(rng: np.random.Generator) -> Act:
    near, far = reaching((0.2, 0.2, 0.25), (0.5, -1.0, -0.2)), reaching((0.35, 0.38, 0.28), (0.5, -1.0, -0.2))
    act = _held(rng, "talking with the hands", SIDES, near)
    return replace(act, poses=(near, far), hertz=float(rng.uniform(0.5, 1.5)))


ACTS: dict[str, Callable[[np.random.Generator], Act]] = {
    "raised": _raised,
    "waving": _waving,
    "pointing": _pointing,
    "phone": _phone,
    "scratching": _scratching,
    "hand on face": _hand_on_face,
    "arms crossed": _crossed,
    "hands on hips": _hips,
    "carrying": _carrying,
    "reaching": _reaching,
    "talking with the hands": _talking,
}
GESTURES = ("raised", "waving", "pointing")
OTHERS = tuple(name for name in ACTS if name not in GESTURES)
