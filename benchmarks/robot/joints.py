"""Calibration of what is stated about joints and orientations, on rendered sequences with truth.

    python -m benchmarks.robot joints

Sequences: random walkers before a camera that drifts and one that drives, the demo, and a walker whom a board hides for
a second. None was used to fit the numbers (`scripts/fit_joint_covariance.py` has walkers of other seeds). A share of
0.683 inside one deviation is right: of an axis of the camera, and of the ellipsoid (squared Mahalanobis distance below
3.527). A joint is visible if it is inside the image and nothing in the renderer's depth is before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from rich.table import Table
from scipy.spatial.transform import Rotation

from benchmarks.hidden_people import covered, passing_walker
from benchmarks.joint_visibility import joints_in_view
from benchmarks.random_walkers import random_walkers
from benchmarks.robot.fixed_frame import driving_camera
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, WalkingSequence
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import AnyArray, Float64Array

FPS, FRAMES = 10.0, 50
DRIFTING, DRIVING, HIDDEN = (20, 21, 22), (23, 24), (5, 6)  # seeds
HIDDEN_FRAMES = slice(20, 30)
BOARD_M = 0.5
NEAR = 0.25  # of the distance, within which an estimate belongs to a person
INSIDE = 3.527  # 68.3 % of a chi-squared with 3 degrees of freedom
EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass(frozen=True, eq=False)
class Found:
    """One estimate of one true person; errors in the camera frame.

    Attributes:
        person: the estimate.
        relative, absolute: (24, 3) m, errors of joints against the middle of the hips, and of their places.
        turn: (3,) rad, error of the root's orientation.
        inside, visible: (24,) bool, of the true joints.
    """

    person: PersonEstimate
    relative: Float64Array
    absolute: Float64Array
    turn: Float64Array
    inside: AnyArray
    visible: AnyArray


def sequences() -> Iterator[Sequence[SequenceFrame]]:
    """All sequences, rendered as they are asked for."""
    for seed in DRIFTING:
        yield random_walkers(FRAMES, FPS, seed)
    for seed in DRIVING:
        yield random_walkers(FRAMES, FPS, seed, camera_path=driving_camera)
    yield WalkingSequence(FRAMES, FPS / 2)
    for seed in HIDDEN:
        yield hidden_walk(seed)


def hidden_walk(seed: int) -> list[SequenceFrame]:
    """A walker who is wholly behind a board for a second."""
    frames = list(WalkingSequence(HIDDEN_FRAMES.stop + 5, FPS, walkers=[passing_walker(seed)]))
    for number in range(len(frames))[HIDDEN_FRAMES]:
        frame = frames[number]
        image = covered(frame.image, frame.people[0], frame.camera)
        board = (image != frame.image).any(axis=-1)
        frames[number] = replace(frame, image=image, depth=np.where(board, np.float32(BOARD_M), frame.depth))
    return frames


def measure(pipeline: Pipeline, sequence: Sequence[SequenceFrame]) -> list[Found]:
    """Every estimate of a true person in a sequence."""
    pipeline.reset()
    found = []
    for frame in sequence:
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
        for true in frame.people:
            near = min(scene.people, key=lambda person: _gap(person, true), default=None)
            if near is not None and _gap(near, true) < NEAR:
                found.append(_compared(near, true, frame))
    return found


def _gap(person: PersonEstimate, true: SequencePerson) -> float:
    return float(np.linalg.norm(person.transl_cam - true.transl_cam) / np.linalg.norm(true.transl_cam))


def _compared(person: PersonEstimate, true: SequencePerson, frame: SequenceFrame) -> Found:
    absolute = person.joints_cam.astype(np.float64) - true.joints_cam
    turn = Rotation.from_rotvec(person.pose[:3]) * Rotation.from_rotvec(true.pose[:3]).inv()
    inside, visible = joints_in_view(true.joints_cam, frame.depth, frame.camera)
    return Found(person, absolute - absolute[[1, 2]].mean(axis=0), absolute, turn.as_rotvec(), inside, visible)


def shares(errors: Float64Array, covariances: Float64Array) -> list[float]:
    """Shares of errors (N, 3) inside one deviation of x, y, z, and inside the ellipsoid, of covariances (N, 3, 3)."""
    axes = errors**2 < np.diagonal(covariances, axis1=1, axis2=2)
    square = (errors * np.linalg.solve(covariances, errors[..., None])[..., 0]).sum(-1)
    return [*axes.mean(axis=0).tolist(), float((square < INSIDE).mean())]


Choice = Callable[[Found], AnyArray]
JOINTS: Mapping[str, Choice] = {
    "all joints of people seen": lambda one: np.full(24, not one.person.is_occluded),
    "visible": lambda one: one.visible & (not one.person.is_occluded),
    "behind something": lambda one: one.inside & ~one.visible & (not one.person.is_occluded),
    "outside the image": lambda one: ~one.inside & (not one.person.is_occluded),
    "joints of hidden people, predicted": lambda one: np.full(24, one.person.is_occluded),
}


def joint_table(found: list[Found]) -> Table:
    """Relative and absolute joints inside one deviation."""
    columns = ("joints", "number", "x", "y", "z", "ellipsoid", "absolute: x", "y", "z", "ellipsoid", "median error, mm")
    table = Table(*columns, title=f"joints inside one stated deviation, {len(found)} estimates (right: 0.683)")
    for name, choose in JOINTS.items():
        chosen = [choose(one) for one in found]
        covariances = np.concatenate([one.person.joint_cov[mask] for one, mask in zip(found, chosen, strict=True)])
        roots = [np.repeat(one.person.transl_cov[None], m.sum(), axis=0) for one, m in zip(found, chosen, strict=True)]
        relative = np.concatenate([one.relative[mask] for one, mask in zip(found, chosen, strict=True)])
        absolute = np.concatenate([one.absolute[mask] for one, mask in zip(found, chosen, strict=True)])
        if not len(relative):
            continue
        inside = shares(relative, covariances.astype(np.float64))
        inside += shares(absolute, covariances + np.concatenate(roots).astype(np.float64))
        median = 1000 * float(np.median(np.linalg.norm(relative, axis=1)))
        table.add_row(name, str(len(relative)), *(f"{share:.2f}" for share in inside), f"{median:.0f}")
    return table


def orientation_table(found: list[Found]) -> Table:
    """Orientations of bodies inside one deviation."""
    columns = ("people", "number", "x", "y", "z", "ellipsoid", "median error, rad", "median stated yaw, rad")
    table = Table(*columns, title="orientations inside one stated deviation (right: 0.683)")
    for name, is_hidden in (("seen", False), ("hidden, predicted", True)):
        chosen = [one for one in found if one.person.is_occluded == is_hidden]
        if not chosen:
            continue
        turns = np.array([one.turn for one in chosen])
        covariances = np.array([one.person.orientation_cov for one in chosen], np.float64)
        median = float(np.median(np.linalg.norm(turns, axis=1)))
        yaw = float(np.median(np.sqrt(covariances[:, 1, 1])))
        inside = (f"{share:.2f}" for share in shares(turns, covariances))
        table.add_row(name, str(len(chosen)), *inside, f"{median:.2f}", f"{yaw:.2f}")
    return table


def confidence_table(found: list[Found]) -> Table:
    """Stated and true shares of visible joints; expected calibration error in the title."""
    stated = np.concatenate([one.person.joint_confidence for one in found if not one.person.is_occluded])
    true = np.concatenate([one.visible for one in found if not one.person.is_occluded])
    rows, error = [], 0.0
    for low, high in pairwise(EDGES):
        chosen = (stated >= low) & ((stated < high) | (high == 1))
        if chosen.any():
            said, seen = float(stated[chosen].mean()), float(true[chosen].mean())
            error += float(chosen.mean()) * abs(said - seen)
            rows.append((f"{low:.1f}-{high:.1f}", str(int(chosen.sum())), f"{said:.2f}", f"{seen:.2f}"))
    title = f"joint_confidence of people seen: expected calibration error {error:.3f}"
    table = Table("confidence", "joints", "stated", "visible", title=title)
    for row in rows:
        table.add_row(*row)
    return table


def tables() -> list[Table]:
    """Calibration of joints, orientations and confidence."""
    pipeline = Pipeline.from_preset("embedded")
    found = [one for sequence in sequences() for one in measure(pipeline, sequence)]
    return [joint_table(found), orientation_table(found), confidence_table(found)]
