"""Rendered people who gesture before a camera, random by a seed, and what the pipeline finds of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.mocap.acts.scripts import SIDES, Act
from metrichmsr_ros.data.synthesis.acts.scenes import FPS, gesturing_people, sides_shown
from metrichmsr_ros.data.synthesis.walkers import Walker
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, WalkingSequence
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import Float64Array, FloatingArray

NEAR_RAD = 0.15
"""Angle at the camera within which an estimate belongs to a person. Distances do not count: one camera places a short
person too far away, who gestures all the same."""
_SPINE = tuple(JOINT_NAMES.index(name) for name in ("pelvis", "spine1", "spine2", "spine3"))
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


def scene(seed: int) -> tuple[dict[str, str], WalkingSequence]:
    """The sequence of a seed, and the name of each person's view. Training draws its sequences in another way."""
    return gesturing_people(np.random.default_rng(7000 + seed))


def moments(pipeline: Pipeline, seed: int, fps: float = FPS) -> Iterator[Moment]:
    """Every person at every moment of a sequence, in order of time."""
    pipeline.reset()
    views, sequence = scene(seed)
    acting = {walker.id: walker for walker in sequence.walkers}
    for frame in sequence[:: round(FPS / fps)]:
        seen = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
        for person in frame.people:
            yield _moment(seed, views[person.id], acting[person.id], frame, person, seen.people)


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
        tuple(side for side, shown in zip(SIDES, sides_shown(frame, person), strict=True) if shown),
        ahead,
        estimate_of(person.transl_cam, found),
    )


def chest_axes(person: SequencePerson) -> Rotation:
    """From the axes of the chest to the camera's optical frame."""
    rotations = [Rotation.from_rotvec(person.pose[3 * joint : 3 * joint + 3]) for joint in _SPINE]
    return rotations[0] * rotations[1] * rotations[2] * rotations[3]


def estimate_of(place: FloatingArray, found: Sequence[PersonEstimate]) -> PersonEstimate | None:
    """Who is found in the direction of a true root (3,) m; of several the nearest to it, None where nobody is."""
    there = [one for one in found if _angle(one.transl_cam, place) < NEAR_RAD]
    return min(there, key=lambda one: float(np.linalg.norm(one.transl_cam - place)), default=None)


def _angle(one: FloatingArray, other: FloatingArray) -> float:
    return float(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other))
