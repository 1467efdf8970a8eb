"""Rendered sequences of two people who gesture before a camera, random by a generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.mocap.acts.scripts import SIDES, random_script
from metrichmsr_ros.data.synthesis.walkers import Walker, random_walker
from metrichmsr_ros.data.synthesis.walking_sequence import (
    SequenceFrame,
    SequencePerson,
    WalkingSequence,
    level_camera,
)

FPS, SECONDS = 10.0, 14.0
NEAR_M, FAR_M = 1.5, 8.0
VIEWS = {"front": 0.0, "side": np.pi / 2, "back": np.pi}
"""Angle between a person's front and the camera, radians."""
_TURNS = 0.5  # radians by which a person's view differs from the nominal one
_WALKS = 0.25  # share of people who walk
_LIMB_M = 0.10  # more than a forearm's radius: what is nearer than a joint by more hides it
_NEAREST_M = 0.1  # joints that are nearer to the camera's plane are not seen
FOREARMS = np.array([[JOINT_NAMES.index(f"{side}_{part}") for part in ("elbow", "wrist", "hand")] for side in SIDES])
"""(2, 3) joints of the left and the right forearm: elbow, wrist, hand."""


def gesturing_people(rng: np.random.Generator) -> tuple[dict[str, str], WalkingSequence]:
    """Two people side by side, 1.5 to 8 m away; and the name of each one's view."""
    views, people = {}, []
    for number, middle in enumerate((0.26, -0.26)):
        name = f"person{number + 1}"
        views[name] = list(VIEWS)[int(rng.integers(len(VIEWS)))]
        people.append(_person(rng, name, middle + rng.uniform(-0.06, 0.06), views[name]))
    pose = level_camera((0.0, 0.0, float(rng.uniform(0.7, 1.5))), 0.0)
    count = int(SECONDS * FPS)
    return views, WalkingSequence(count, FPS, walkers=people, camera_path=lambda progress: pose)


def _person(rng: np.random.Generator, name: str, angle: float, view: str) -> Walker:
    distance = float(np.exp(rng.uniform(np.log(NEAR_M), np.log(FAR_M))))
    walks = rng.random() < _WALKS and distance > 3.0
    start = distance * np.cos(angle), distance * np.sin(angle)
    side = 1.0 if rng.random() < 0.5 else -1.0
    heading = np.pi + angle + side * (VIEWS[view] + rng.uniform(-_TURNS, _TURNS))
    walker = random_walker(rng, name, start, 0.0)
    script = random_script(rng, SECONDS, not walks)
    if walks:  # on a small circle, so that they stay in view and turn
        return replace(walker, radius=0.5, pace=0.6, arms=script)
    return replace(walker, radius=0.0, pace=0.0, heading=heading, arms=script)


def sides_shown(frame: SequenceFrame, person: SequencePerson) -> NDArray[np.bool_]:
    """(2,) whether two of the middle of the left (right) forearm, the wrist and the hand are seen in the image."""
    elbow, wrist, hand = person.joints_cam[FOREARMS].swapaxes(0, 1).astype(np.float64)
    points = np.stack([(elbow + wrist) / 2, wrist, hand], axis=1)
    ahead = np.asarray((points[..., 2] >= _NEAREST_M).all(1))
    pixels = np.rint(frame.camera.project(np.where(ahead[:, None, None], points, 1.0))).astype(int)
    columns, rows = pixels[..., 0], pixels[..., 1]
    inside = (columns >= 0) & (rows >= 0) & (columns < frame.camera.width) & (rows < frame.camera.height)
    depth = frame.depth[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return np.asarray(ahead & ((inside & (depth > points[..., 2] - _LIMB_M)).sum(1) >= 2))
