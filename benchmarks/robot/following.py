"""Following each person of rendered sequences in turn, with truth: how long the right one is followed, and who else.

    python -m benchmarks.robot following

People cross, walk behind a pillar, or walk before a camera that drives. In some sequences the camera is covered for
3 s, after which the tracker gives everybody a new id. Everybody is chosen once, at the first image with an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from benchmarks.random_walkers import random_walkers
from benchmarks.robot.costmap import sequences, with_pillar
from benchmarks.robot.costmap_scores import SEEN, Step
from benchmarks.robot.fixed_frame import driving_camera
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, WalkingSequence
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.people.following.candidate import Candidate
from metrichmsr_ros.people.following.target import FollowedPerson, FollowedState, FollowStatus
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, SceneContext
from metrichmsr_ros.types import AnyArray, Float64Array

NEAR = 0.25  # of the distance, within which an estimate belongs to a person
COVERED_S = (4.0, 7.0)
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass
class Counts:
    """Images of one sequence, of all people who are followed."""

    seen: int = 0  # the person is in view and can be found
    right: int = 0  # of those: followed
    wrong: int = 0  # somebody else, or nobody, is where the followed person is said to be
    losses: int = 0
    found_again: int = 0  # after a loss, or under another id


def views() -> Iterator[tuple[str, WalkingSequence, str]]:
    """Name, sequence, and what is put before the camera: nothing, a pillar or a cover."""
    found = sequences()
    yield "two cross and leave", found["two cross and leave"], ""
    yield "one behind a pillar", found["one behind a pillar"], "pillar"
    for seed in (20, 22, 23):
        yield f"three, driving camera, seed {seed}", _driving(seed), ""
    for seed in (22, 23, 24):
        yield f"three, driving, covered for 3 s, seed {seed}", _driving(seed), "cover"


def _driving(seed: int) -> WalkingSequence:
    return random_walkers(100, 10.0, seed, camera_path=driving_camera)


def _shown(frame: SequenceFrame, before: str) -> SequenceFrame:
    if before == "pillar":
        return with_pillar(frame)
    if before == "cover" and COVERED_S[0] <= frame.stamp_s < COVERED_S[1]:
        hidden = tuple(replace(person, visible_fraction=0.0) for person in frame.people)
        return replace(frame, image=np.full_like(frame.image, 90), people=hidden)
    return frame


def steps_of(pipeline: Pipeline, sequence: WalkingSequence, before: str) -> Iterator[Step]:
    """What the pipeline sees in each image, with the floor known; no pixels are kept."""
    pipeline.reset()
    for frame in sequence:
        shown = _shown(frame, before)
        up = shown.T_world_cam[:3, :3].T @ [0.0, 0.0, 1.0]
        context = SceneContext(floor=Plane(up, -float(shown.T_world_cam[2, 3])))
        scene = pipeline.track(shown.image, shown.camera, shown.stamp_s, request=_LEAN, context=context)
        places = {person.id: _world(shown, person.joints_cam) for person in shown.people}
        yield Step(replace(shown, image=shown.image[:0], depth=shown.depth[:0]), scene, places)


def _world(frame: SequenceFrame, joints: AnyArray) -> Float64Array:
    hips = np.asarray(joints[[1, 2]].mean(axis=0), np.float64)
    return np.asarray(frame.T_world_cam[:3, :3] @ hips + frame.T_world_cam[:3, 3])


def candidates(step: Step) -> list[Candidate]:
    """The people found in an image, in the world."""
    return [_candidate(step.frame, person) for person in step.scene.people]


def _candidate(frame: SequenceFrame, person: PersonEstimate) -> Candidate:
    turn = frame.T_world_cam[:3, :3]
    covariance = turn @ person.transl_cov.astype(np.float64) @ turn.T
    return Candidate(
        person.id,
        _world(frame, person.joints_cam),
        (covariance + covariance.T) / 2 + 1e-6 * np.eye(3),
        0.0,
        person.height,
        person.betas.astype(np.float64),
        confidence=person.confidence,
        is_hidden=person.is_occluded,
    )


def follow(steps: list[Step], name: str, counts: Counts) -> None:
    """Follow the person with the true name through a sequence, and count."""
    target, was_lost, state = FollowedPerson(), False, FollowedState(FollowStatus.IDLE)
    for step in steps:
        people = candidates(step)
        if not state.id:
            chosen = next((p for p in people if not p.is_hidden and _owner(step, p.position) == name), None)
            if chosen is None:
                continue
            state = target.follow(chosen, people, step.frame.stamp_s)
        else:
            state = target.step(people, step.frame.stamp_s)
        if state.status is FollowStatus.IDLE:
            return
        _count(step, name, state, counts)
        counts.losses += state.status is FollowStatus.LOST and not was_lost
        was_lost = state.status is FollowStatus.LOST
    counts.found_again += state.found_again


def _count(step: Step, name: str, state: FollowedState, counts: Counts) -> None:
    is_right = state.position is not None and _owner(step, state.position) == name
    person = next((p for p in step.frame.people if p.id == name), None)
    if person is not None and person.visible_fraction >= SEEN and _is_found(step, name):
        counts.seen += 1
        counts.right += is_right
    counts.wrong += state.status is FollowStatus.FOLLOWING and not is_right


def _is_found(step: Step, name: str) -> bool:
    return any(not p.is_hidden and _owner(step, p.position) == name for p in candidates(step))


def _owner(step: Step, position: Float64Array) -> str:
    """Who of the true people is nearest to a place on the floor; "" if nobody is near."""
    camera = step.frame.T_world_cam[:2, 3]
    gaps = {name: float(np.linalg.norm(place[:2] - position[:2])) for name, place in step.true_points.items()}
    name = min(gaps, key=lambda key: gaps[key], default="")
    near = bool(name) and gaps[name] < NEAR * float(np.linalg.norm(step.true_points[name][:2] - camera))
    return name if near else ""


def tables() -> list[Table]:
    """Everybody of every sequence."""
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    table = Table(
        "sequence",
        "images with the person",
        "followed",
        "images with somebody else",
        "losses",
        "found again or new id",
        title="each person followed once",
    )
    for name, sequence, before in views():
        steps, counts = list(steps_of(pipeline, sequence, before)), Counts()
        for person in {person.id for step in steps for person in step.frame.people}:
            follow(steps, person, counts)
        share = f"{counts.right / counts.seen:.2f}" if counts.seen else "-"
        row = (counts.seen, share, counts.wrong, counts.losses, counts.found_again)
        table.add_row(name, *map(str, row))
    return [table]
