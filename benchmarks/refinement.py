"""What `annotate --refine` makes of a recording, against the node's estimates, on rendered sequences with truth.

    python -m benchmarks.refinement [--test-time-augmentation flip]

Three errors a sequence: of the node, which sees each image once and knows only the past; of `annotate`, which also sees
the mirrored image; and of its tracks after two-sided refinement. With `--test-time-augmentation none` the first two are
the same, and the rest is what refinement does alone. The people are random and were not used to set anything. All know
the floor and the camera's poses, then none knows the floor. Root error: joint 0. MPJPE: joints about the root. Jitter:
third derivative of the joints in the world. Slide: how far a foot moves over the floor while the true one stands, in a
step. Errors are those of people who are seen, jitter is that of whole tracks.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.hidden_people import covered, passing_walker
from benchmarks.random_walkers import random_walkers
from benchmarks.robot.fixed_frame import driving_sequence
from metrichmsr_ros import OutputRequest, PersonEstimate, Pipeline
from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, WalkingSequence
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.evaluation.metrics.world import jitter
from metrichmsr_ros.evaluation.trajectories import to_world
from metrichmsr_ros.pipeline.scene import SceneContext
from metrichmsr_ros.pipeline.views import Augmentation
from metrichmsr_ros.refinement.estimates import track_of
from metrichmsr_ros.refinement.feet import TOES
from metrichmsr_ros.refinement.refine import RefineConfig, refine
from metrichmsr_ros.types import Float64Array, ImageArray

FPS, IMAGES = 10.0, 100
WALKERS, DRIVING, OCCLUDED = (50, 51, 52), (53, 54, 55), (60, 61, 62, 63)
COVERED = slice(15, 27)  # images of the walks behind a board
NEAR = 0.1  # radians between the directions of an estimate and of its person
LEAST_IMAGES = 15  # shorter tracks are not judged
VISIBLE = 0.3  # share of the body, from which an estimate counts
STILL_M = 0.02  # a true foot that moves less stands
_LEAN = OutputRequest(vertices=False, depth=False)

Shot = tuple[ImageArray, SequenceFrame]  # the image to be looked at, and the truth


@dataclass(frozen=True)
class Pipelines:
    """With the settings of the node, and with those of `annotate`."""

    node: Pipeline
    annotate: Pipeline


@dataclass
class Sight:
    """One true person as one id, image by image."""

    frames: list[SequenceFrame] = field(default_factory=list)
    estimates: list[PersonEstimate] = field(default_factory=list)
    truth: list[SequencePerson] = field(default_factory=list)


@dataclass
class Errors:
    """Of estimates: root (m) and MPJPE (mm) in each image, jitter (10 m/s^3), slides of feet (cm) in each step."""

    root: list[float] = field(default_factory=list)
    mpjpe: list[float] = field(default_factory=list)
    jitter: list[float] = field(default_factory=list)
    slides: list[float] = field(default_factory=list)

    def add(self, sight: Sight, joints_cam: Float64Array) -> None:
        """Add one person in T images: joints (T, 24, 3)."""
        true = np.stack([person.joints_cam for person in sight.truth]).astype(np.float64)
        counts = np.array(
            [
                not e.is_occluded and p.visible_fraction > VISIBLE
                for e, p in zip(sight.estimates, sight.truth, strict=True)
            ]
        )
        apart = joints_cam - true
        self.root += np.linalg.norm(apart[counts, 0], axis=-1).tolist()
        about = apart[counts] - apart[counts, :1]
        self.mpjpe += (1e3 * np.linalg.norm(about, axis=-1).mean(axis=-1)).tolist()
        poses = np.stack([frame.T_world_cam for frame in sight.frames])
        ours, theirs = to_world(joints_cam, poses), to_world(true, poses)
        self.jitter += jitter(ours, FPS).tolist()
        for toe in TOES:
            for first, last in _stances(theirs[:, toe], counts):
                steps = ours[first : last + 1, toe, :2] - ours[first, toe, :2]
                self.slides.append(100 * float(np.linalg.norm(steps, axis=-1).max()))

    def cells(self) -> list[float]:
        """Means, in the units of the table."""
        return [float(np.mean(values)) for values in (self.root, self.mpjpe, self.jitter, self.slides)]


def _stances(places: Float64Array, counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last image of each time in which a true foot stands and its person is seen."""
    first = 0
    while first < len(places):
        last = first
        while (
            last + 1 < len(places) and counts[last + 1] and np.linalg.norm(places[last + 1] - places[first]) < STILL_M
        ):
            last += 1
        if last - first >= 2:
            yield first, last
        first = last + 1


def walking() -> Iterator[list[Shot]]:
    """Three people who hide one another, before a camera that drifts slowly."""
    for seed in WALKERS:
        yield [(frame.image, frame) for frame in random_walkers(IMAGES, FPS, seed)]


def driving() -> Iterator[list[Shot]]:
    """The same before a camera that drives and turns."""
    for seed in DRIVING:
        yield [(frame.image, frame) for frame in driving_sequence(seed)]


def occluded() -> Iterator[list[Shot]]:
    """One person who passes behind a board for 1.2 s."""
    for seed in OCCLUDED:
        frames = list(WalkingSequence(40, FPS, walkers=[passing_walker(seed)]))
        hidden = range(*COVERED.indices(len(frames)))
        yield [(covered(f.image, f.people[0], f.camera) if n in hidden else f.image, f) for n, f in enumerate(frames)]


GROUPS = {"walkers": walking, "behind a board": occluded, "driving camera": driving}


def sights(pipeline: Pipeline, shots: Sequence[Shot], knows_floor: bool) -> dict[str, Sight]:
    """What the pipeline finds, by true person and id."""
    pipeline.reset()
    found = defaultdict[str, Sight](Sight)
    for image, frame in shots:
        pose = frame.T_world_cam
        floor = Plane(pose[2, :3].copy(), -float(pose[2, 3])) if knows_floor else None
        scene = pipeline.track(image, frame.camera, frame.stamp_s, request=_LEAN, context=SceneContext(floor=floor))
        for estimate in scene.people:
            angles = {p.id: _angle(estimate.joints_cam[0], p.joints_cam[0]) for p in frame.people}
            name = min(angles, key=lambda key: angles[key])
            if angles[name] < NEAR:
                sight = found[f"{name} {estimate.id}"]
                sight.frames.append(frame)
                sight.estimates.append(estimate)
                sight.truth.append(next(p for p in frame.people if p.id == name))
    return {name: sight for name, sight in found.items() if len(sight.frames) >= LEAST_IMAGES}


def _angle(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.arccos(np.clip(one @ two / np.linalg.norm(one) / np.linalg.norm(two), -1, 1)))


def measure(pipelines: Pipelines, shots: Sequence[Shot], knows_floor: bool, errors: tuple[Errors, ...]) -> None:
    """Add one sequence to the errors of the node, of `annotate` and of the refined tracks."""
    for sight in sights(pipelines.node, shots, knows_floor).values():
        errors[0].add(sight, _joints(sight))
    found = sights(pipelines.annotate, shots, knows_floor)
    tracks = {
        name: track_of(
            sight.estimates,
            [frame.stamp_s for frame in sight.frames],
            [frame.T_world_cam for frame in sight.frames],
            sight.frames[0].camera,
        )
        for name, sight in found.items()
    }
    refined = refine(tracks, load_body_engine("open"), RefineConfig(floor_z=0.0 if knows_floor else None))
    for name, sight in found.items():
        errors[1].add(sight, _joints(sight))
        errors[2].add(sight, refined[name].joints_cam)


def _joints(sight: Sight) -> Float64Array:
    return np.stack([estimate.joints_cam for estimate in sight.estimates]).astype(np.float64)


def table(pipelines: Pipelines, knows_floor: bool) -> Table:
    """A row for each group of sequences."""
    result = Table(
        "sequences", "people x images", "root, m", "MPJPE, mm", "jitter, 10 m/s^3", "slide, cm",
        title=f"node -> annotate -> refined; the floor is {'known' if knows_floor else 'not known'}",
    )  # fmt: skip
    for name, make in GROUPS.items():
        errors = Errors(), Errors(), Errors()
        for shots in make():
            measure(pipelines, shots, knows_floor, errors)
        cells = [_change(*values) for values in zip(*(part.cells() for part in errors), strict=True)]
        result.add_row(name, f"{len(errors[0].root)}, {len(errors[1].root)}", *cells)
    return result


def _change(node: float, annotated: float, refined: float) -> str:
    return f"{node:.3g} -> {annotated:.3g} -> {refined:.3g} ({100 * (refined / node - 1):+.1f} %)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = AnnotateOptions().test_time_augmentation
    choices = "none", "flip", "full"
    parser.add_argument(
        "--test-time-augmentation", choices=choices, default=usual, help=f"of annotate; default {usual}"
    )
    augmentation = parser.parse_args().test_time_augmentation
    pipelines = Pipelines(_pipeline("none"), _pipeline(augmentation))
    for knows_floor in (True, False):
        Console(width=None if sys.stdout.isatty() else 150).print(table(pipelines, knows_floor))


def _pipeline(augmentation: Augmentation) -> Pipeline:
    return Pipeline.from_preset("embedded", test_time_augmentation=augmentation, num_threads=1)


if __name__ == "__main__":
    main()
