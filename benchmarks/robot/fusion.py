"""Fusion of four cameras on a rendered room with truth: error, stated deviations, ids, and a camera that was moved.

    python -m benchmarks.robot fusion

The pipeline runs for each camera on its own; its people go through `metrichmsr_ros.fusion` as in the node. Errors are
those of the middle of the hips, and compared on the same people at the same times. Constants of the fusion were set on
the first sequence; the people of the others are random and were not used for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from rich.table import Table
from scipy.spatial.transform import Rotation

from benchmarks.robot.four_cameras import CAMERAS, PEOPLE, View, random_people, views_of
from metrichmsr_ros.evaluation.metrics.tracking import TrackingFrame, match_people, tracking_errors
from metrichmsr_ros.fusion.people_fusion import PeopleFusion
from metrichmsr_ros.fusion.sighting import CameraSighting
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import PersonEstimate
from metrichmsr_ros.types import AnyArray, Float64Array

FRAMES = 100
NEAR_M = 2.5  # an estimate farther than this from everybody is nobody's: single cameras are up to 2 m wrong
INSIDE = 3.527  # 68.3 % of a chi-squared with 3 degrees of freedom
MOVED_M = 0.3  # errors of extrinsics in the second table

VISIBLE = 0.3  # share of the body that is in the image and not hidden, from which a person counts
TURNED_DEG = 5.0

RANDOM_SEEDS = (1, 2, 3)

Key = tuple[int, float, str]  # sequence, time and true person
Views = Mapping[str, Sequence[View]]  # of one sequence, by camera


class Estimate(NamedTuple):
    """One estimate: id, place (3,) m and its covariance (3, 3) m^2, world."""

    id: str
    place: Float64Array
    spread: Float64Array


@dataclass
class Found:
    """Estimates of one sequence matched with true people.

    Attributes:
        sequence: its number.
        errors: (3,) m, by time and person.
        covariances: (3, 3) m^2, as stated.
        frames: all of them, for ids.
    """

    sequence: int
    errors: dict[Key, Float64Array] = field(default_factory=dict)
    covariances: dict[Key, Float64Array] = field(default_factory=dict)
    frames: list[TrackingFrame] = field(default_factory=list)
    _last: dict[str, str] = field(default_factory=dict)

    def add(self, view: View, names: Sequence[str], estimates: Sequence[Estimate]) -> None:
        """Match the estimates of one moment with the true people `names`, who keep their ids where possible."""
        truth = truth_of(view)
        gaps = np.array([[float(np.linalg.norm(truth[n] - e.place)) for e in estimates] for n in names])
        keep = [[self._last.get(n) == e.id for e in estimates] for n in names]
        self.frames.append(TrackingFrame(list(names), [e.id for e in estimates], gaps))
        pairs = match_people(gaps, NEAR_M, keep) if names and estimates else []
        self._last = {names[row]: estimates[column].id for row, column in pairs}
        for row, column in pairs:
            key, estimate = (self.sequence, view.stamp_s, names[row]), estimates[column]
            self.errors[key], self.covariances[key] = estimate.place - truth[names[row]], estimate.spread


class Result:
    """What one camera or the fusion found in several sequences.

    Args:
        parts: one for each sequence.
    """

    def __init__(self, parts: Sequence[Found]) -> None:
        self.errors = {key: error for part in parts for key, error in part.errors.items()}
        self._covariances = {key: spread for part in parts for key, spread in part.covariances.items()}
        self._tracking = [tracking_errors(part.frames, NEAR_M) for part in parts]

    def mean_error(self, keys: set[Key]) -> float:
        """Mean distance from the truth, m."""
        return float(np.mean([np.linalg.norm(self.errors[key]) for key in keys])) if keys else float("nan")

    @property
    def inside(self) -> float:
        """Share of errors inside one stated standard deviation."""
        return float(np.mean([_squared(error, self._covariances[k]) < INSIDE for k, error in self.errors.items()]))

    @property
    def mistakes(self) -> tuple[int, int, int]:
        """Misses, false alarms and switches of ids."""
        found = self._tracking
        return sum(t.misses for t in found), sum(t.false_positives for t in found), sum(t.switches for t in found)


def sighting(view: View, person: PersonEstimate, pose: Float64Array) -> CameraSighting:
    """A person of a view in the world, with the camera at `pose`."""
    place = hips(person.joints_cam)
    turn = pose[:3, :3]
    return CameraSighting(
        camera=view.camera,
        id=person.id,
        stamp_s=view.stamp_s,
        position=turn @ place + pose[:3, 3],
        covariance=_symmetric(turn @ person.transl_cov.astype(np.float64) @ turn.T),
        origin=pose[:3, 3],
        height=person.height,
        betas=person.betas,
        quality=person.confidence * float(person.bbox[3] - person.bbox[1]),
        confidence=person.confidence,
        is_hidden=person.is_occluded,
    )


def hips(joints: AnyArray) -> Float64Array:
    """(3,) middle of the hip joints."""
    return np.asarray(joints[[1, 2]].mean(axis=0), np.float64)


def truth_of(view: View) -> dict[str, Float64Array]:
    """Everybody's hips in the world."""
    pose = view.T_world_cam
    return {person.id: pose[:3, :3] @ hips(person.joints_cam) + pose[:3, 3] for person in view.frame.people}


def single(views: Sequence[View], sequence: int = 0) -> Found:
    """What one camera finds of the people whom it sees."""
    found = Found(sequence)
    for view in views:
        seen = [sighting(view, person, view.T_world_cam) for person in view.people if not person.is_occluded]
        visible = [person.id for person in view.frame.people if person.visible_fraction > VISIBLE]
        found.add(view, visible, [Estimate(s.id, s.position, s.covariance) for s in seen])
    return found


@dataclass
class Fused:
    """What all cameras find together; `passed`: times that the pose of a person passed to another camera."""

    found: Found
    fusion: PeopleFusion
    passed: int = 0


def fused(views: Views, poses: Mapping[str, Float64Array], sequence: int = 0) -> Fused:
    """Fuse all cameras, with their people placed by `poses`."""
    result, best = Fused(Found(sequence), PeopleFusion()), dict[str, str]()
    for moment in zip(*views.values(), strict=True):
        sightings = [sighting(view, person, poses[view.camera]) for view in moment for person in view.people]
        people = [p for p in result.fusion.step(sightings, moment[0].stamp_s) or () if not p.is_hidden]
        visible = {p.id for view in moment for p in view.frame.people if p.visible_fraction > VISIBLE}
        places = [Estimate(p.id, p.motion.position, p.motion.covariance[:3, :3]) for p in people]
        result.found.add(moment[0], sorted(visible), places)
        result.passed += sum(best.get(p.id, p.best.camera) != p.best.camera for p in people)
        best |= {p.id: p.best.camera for p in people}
    return result


def _squared(error: Float64Array, covariance: Float64Array) -> float:
    return float(error @ np.linalg.solve(covariance, error))


def _symmetric(matrix: Float64Array) -> Float64Array:
    return np.asarray((matrix + matrix.T) / 2)


def error_table(sequences: Sequence[Views], what: str) -> Table:
    """Each camera, and the fusion on the same people at the same times."""
    runs = [fused(views, CAMERAS, number) for number, views in enumerate(sequences)]
    together = Result([run.found for run in runs])
    alone = {c: Result([single(views[c], n) for n, views in enumerate(sequences)]) for c in CAMERAS}
    passed = sum(run.passed for run in runs)
    table = Table(title=f"root error over {len(alone)} cameras, {what}; a pose passed to another camera {passed} times")
    table.add_column("camera")
    for name in ("people", "error, mm", "fused, same people", "ratio", "inside 1 sigma", "misses", "extra", "switches"):
        table.add_column(name, justify="right")
    for camera, found in alone.items():
        shared = found.errors.keys() & together.errors.keys()
        own, both = found.mean_error(shared), together.mean_error(shared)
        table.add_row(camera, *_cells(found, own), f"{1e3 * both:.0f}", f"{both / own:.2f}", *_more_cells(found))
    best = min(found.mean_error(set(found.errors)) for found in alone.values())
    error = together.mean_error(set(together.errors))
    table.add_row("fused", *_cells(together, error), "", f"{error / best:.2f}", *_more_cells(together))
    return table


def _cells(found: Result, error: float) -> tuple[str, str]:
    return str(len(found.errors)), f"{1e3 * error:.0f}"


def _more_cells(found: Result) -> tuple[str, ...]:
    return f"{found.inside:.2f}", *map(str, found.mistakes)


def extrinsics_table(views: Views) -> Table:
    """Which cameras are named when one of them is not where its extrinsics say."""
    table = Table("camera", "error of its extrinsics", "named, with the offset, m", title="extrinsics that disagree")
    for camera, (text, poses) in [("none", ("none", CAMERAS)), *_wrong_extrinsics()]:
        offsets = fused(views, poses).fusion.disagreements.offsets()
        named = [f"{o.camera} ({', '.join(f'{x:.2f}' for x in o.offset)})" for o in offsets]
        table.add_row(camera, text, ", ".join(named) or "none")
    return table


def _wrong_extrinsics() -> Iterator[tuple[str, tuple[str, Mapping[str, Float64Array]]]]:
    """Each camera in turn, moved to its right or turned to its left."""
    for camera, pose in CAMERAS.items():
        moved, turned = pose.copy(), pose.copy()
        moved[:3, 3] += MOVED_M * pose[:3, 0]
        turned[:3, :3] = Rotation.from_euler("z", TURNED_DEG, degrees=True).as_matrix() @ pose[:3, :3]
        yield camera, (f"{MOVED_M} m to the right", {**CAMERAS, camera: moved})
        yield camera, (f"{TURNED_DEG:g} degrees to the left", {**CAMERAS, camera: turned})


def tables() -> list[Table]:
    """Render, estimate and fuse."""
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none", num_threads=1)
    sets = [PEOPLE, *(random_people(seed) for seed in RANDOM_SEEDS)]
    first, *others = ({camera: views_of(pipeline, camera, FRAMES, people) for camera in CAMERAS} for people in sets)
    return [
        error_table([first], "the people on whom the fusion was set"),
        error_table(others, f"{len(others)} sequences of random people"),
        extrinsics_table(first),
    ]
