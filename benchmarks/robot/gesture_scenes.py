"""Rendered people who gesture before a camera, random by a seed, and what the pipeline finds of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.random_walkers import random_walker
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.mocap.acts.scripts import SIDES, Act, random_script
from metrichmsr_ros.data.synthesis.walkers import Walker
from metrichmsr_ros.data.synthesis.walking_sequence import (
    SequenceFrame,
    SequencePerson,
    WalkingSequence,
    level_camera,
)
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import Float64Array, FloatingArray

FPS, SECONDS = 10.0, 14.0
NEAR_M, FAR_M = 1.5, 8.0
VIEWS = {"front": 0.0, "side": np.pi / 2, "back": np.pi}
"""Angle between a person's front and the camera, radians."""
NEAR_RAD = 0.15
"""Angle at the camera within which an estimate belongs to a person. Distances do not count: one camera places a short
person too far away, who gestures all the same."""
_TURNS = 0.5  # radians by which a person's view differs from the nominal one
_WALKS = 0.25  # share of people who walk
_SPINE = tuple(JOINT_NAMES.index(name) for name in ("pelvis", "spine1", "spine2", "spine3"))
_LIMB_M = 0.10  # more than a forearm's radius: what is nearer than a joint by more hides it
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass(frozen=True)
class Moment:
    """One true person at one moment, and what the pipeline says of them.

    Attributes:
        scene: seed of the sequence. walker: the true person. view: name of the nominal view. is_walking: or stands.
        stamp_s: s. act: what the arms do; None: they hang, or swing.
        distance: of the true root, m.
        shows: the sides, "left" and "right", whose forearm is inside the image and not hidden.
        direction: (3,) true pointing direction, camera optical frame; None where the person does not point.
        found: the estimate; None where nobody was found there.
    """

    scene: int
    walker: str
    view: str
    is_walking: bool
    stamp_s: float
    act: Act | None
    distance: float
    shows: tuple[str, ...]
    direction: Float64Array | None
    found: PersonEstimate | None


def gesturing_people(seed: int) -> tuple[dict[str, str], WalkingSequence]:
    """Two people side by side, 1.5 to 8 m away; and the name of each one's view."""
    rng = np.random.default_rng(7000 + seed)
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


def moments(pipeline: Pipeline, seed: int, fps: float = FPS) -> Iterator[Moment]:
    """Every person at every moment of a sequence, in order of time."""
    pipeline.reset()
    views, sequence = gesturing_people(seed)
    acting = {walker.id: walker for walker in sequence.walkers}
    for frame in sequence[:: round(FPS / fps)]:
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
        for person in frame.people:
            yield _moment(seed, views[person.id], acting[person.id], frame, person, scene.people)


def _moment(
    seed: int, view: str, walker: Walker, frame: SequenceFrame, person: SequencePerson, found: list[PersonEstimate]
) -> Moment:
    assert walker.arms is not None
    act = walker.arms.act(frame.stamp_s)
    ahead = None if act is None or act.direction is None else chest_axes(person).apply(act.direction)
    return Moment(
        seed,
        person.id,
        "walking" if walker.pace > 0 else view,
        walker.pace > 0,
        frame.stamp_s,
        act,
        float(np.linalg.norm(person.transl_cam)),
        tuple(side for side in SIDES if _shows(frame, person, side)),
        ahead,
        estimate_of(person.transl_cam, found),
    )


def chest_axes(person: SequencePerson) -> Rotation:
    """From the axes of the chest to the camera's optical frame."""
    rotations = [Rotation.from_rotvec(person.pose[3 * joint : 3 * joint + 3]) for joint in _SPINE]
    return rotations[0] * rotations[1] * rotations[2] * rotations[3]


def _shows(frame: SequenceFrame, person: SequencePerson, side: str) -> bool:
    """Whether two of the middle of the forearm, the wrist and the hand are seen in the image."""
    elbow, wrist, hand = (person.joints_cam[JOINT_NAMES.index(f"{side}_{n}")] for n in ("elbow", "wrist", "hand"))
    points = np.array([(elbow + wrist) / 2, wrist, hand], np.float64)
    if (points[:, 2] < 0.1).any():
        return False
    columns, rows = np.rint(frame.camera.project(points)).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < frame.camera.width) & (rows < frame.camera.height)
    depth = frame.depth[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return int((inside & (depth > points[:, 2] - _LIMB_M)).sum()) >= 2


def estimate_of(place: FloatingArray, found: Sequence[PersonEstimate]) -> PersonEstimate | None:
    """Who is found in the direction of a true root (3,) m; of several the nearest to it, None where nobody is."""
    there = [one for one in found if _angle(one.transl_cam, place) < NEAR_RAD]
    return min(there, key=lambda one: float(np.linalg.norm(one.transl_cam - place)), default=None)


def _angle(one: FloatingArray, other: FloatingArray) -> float:
    return float(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other))
