"""People in an obstacle layer of Nav2, by its rule of marking and clearing, on rendered sequences with truth.

    python -m benchmarks.robot costmap

The pipeline's people of each image, with the floor known, go into `benchmarks.robot.obstacle_layer` as the clouds
`~/body_points` and `~/clearing_points`, one update an image (10 Hz, or 30 Hz in the sequences that say so). No latency
of the computer is added. A trail is a cell in the camera's view that has stayed marked for more than 0.5 s since any
cloud had a point in it. Cells beside the view may stay: the robot remembers whom it has turned away from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from rich.table import Table

from benchmarks.random_walkers import random_walkers
from benchmarks.robot.costmap_scores import NEAR_M, Record, Scorer, Step
from benchmarks.robot.fixed_frame import driving_camera
from benchmarks.robot.obstacle_layer import Observation, ObstacleLayer
from metrichmsr_ros.data.synthesis.walkers import WALKERS, Walker
from metrichmsr_ros.data.synthesis.walking_sequence import (
    SequenceFrame,
    SequencePerson,
    WalkingSequence,
    level_camera,
)
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.people.tracking.clearing import clearing_points, is_between_sides
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, SceneContext
from metrichmsr_ros.types import Float64Array

PILLAR = (4.0, -0.35, 0.35)  # distance and sides, m
PILLAR_RGB = (150, 146, 140)
HEIGHT_M = 0.95
_MESHES = OutputRequest(vertices=True, depth=False)
WAYS = ("no clearing", "body_points also clears", "clearing_points", "clearing_points, hidden are marked")


def _walker(id: str, look: int, start: tuple[float, float], heading: float, enters_s: float = -1.0) -> Walker:
    return Walker(id, WALKERS[look].betas, WALKERS[look].outfit, start, heading, enters_s)


def sequences() -> dict[str, WalkingSequence]:
    """By name: people who cross and leave, come and go, walk behind a pillar, and random ones before a robot."""

    def still(progress: float) -> Float64Array:
        return level_camera((0.0, 0.0, HEIGHT_M), 0.0)

    leaving = [
        _walker("anna", 0, (3.5, 1.2), -np.pi / 2),
        _walker("ben", 1, (5.5, -4.6), np.pi / 2),
    ]
    coming = [_walker("anna", 0, (7.0, 1.0), np.pi), _walker("ben", 1, (2.2, -0.8), 0.1)]
    behind = [_walker("anna", 0, (5.5, 2.0), -np.pi / 2), _walker("ben", 1, (3.2, -1.2), np.pi / 2, 1.5)]
    found = {
        "two cross and leave": WalkingSequence(60, 10.0, walkers=leaving, camera_path=still),
        "two cross and leave, 30 Hz": WalkingSequence(180, 30.0, walkers=leaving, camera_path=still),
        "one comes, one goes": WalkingSequence(40, 10.0, walkers=coming, camera_path=still),
        "one behind a pillar": WalkingSequence(50, 10.0, walkers=behind, camera_path=still),
    }
    for seed in (20, 22):
        found[f"three, driving camera, seed {seed}"] = random_walkers(100, 10.0, seed, camera_path=driving_camera)
    return found


def with_pillar(frame: SequenceFrame) -> SequenceFrame:
    """The frame with a pillar that hides what is farther; for a level camera. People behind it are less visible."""
    distance, right, left = PILLAR
    edges = frame.camera.project([[-left, 0.0, distance], [-right, 0.0, distance]])[:, 0]
    columns = np.arange(frame.camera.width)
    is_pillar = (columns >= edges.min()) & (columns <= edges.max()) & (frame.depth > distance)
    image = frame.image.copy()
    image[is_pillar] = PILLAR_RGB
    people = tuple(_behind(person, frame, edges) for person in frame.people)
    return SequenceFrame(image, frame.camera, frame.stamp_s, frame.T_world_cam, frame.depth, people)


def _behind(person: SequencePerson, frame: SequenceFrame, edges: Float64Array) -> SequencePerson:
    pixels = frame.camera.project(person.joints_cam)[:, 0]
    is_hidden = (pixels > edges.min()) & (pixels < edges.max()) & (person.joints_cam[:, 2] > PILLAR[0])
    visible = person.visible_fraction * float(1.0 - is_hidden.mean())
    return SequencePerson(
        person.id, person.pose, person.betas, person.transl_cam, person.joints_cam, person.height, visible
    )


def steps_of(pipeline: Pipeline, sequence: WalkingSequence, has_pillar: bool = False) -> Iterator[Step]:
    """What the pipeline sees in each image, with the floor known."""
    pipeline.reset()
    for frame in sequence:
        shown = with_pillar(frame) if has_pillar else frame
        floor = Plane(shown.T_world_cam[:3, :3].T @ [0.0, 0.0, 1.0], -float(shown.T_world_cam[2, 3]))
        scene = pipeline.track(
            shown.image, shown.camera, shown.stamp_s, request=_MESHES, context=SceneContext(floor=floor)
        )
        truth = {person.id: _world(shown, _mesh(sequence, person)) for person in shown.people}
        yield Step(shown, scene, truth)


def _light(step: Step) -> Step:
    """Without the pixels, which are no longer needed."""
    none = np.zeros((0, 0), np.float32)
    frame = replace(step.frame, image=none.astype(np.uint8), depth=none)
    return Step(frame, replace(step.scene, image=frame.image), step.true_points)


def _mesh(sequence: WalkingSequence, person: SequencePerson) -> Float64Array:
    posed = sequence.body.posed(person.betas[None], rotation_matrices(person.pose[None]), person.transl_cam[None])
    return np.asarray(posed.vertices[0], np.float64)


def _world(frame: SequenceFrame, points: Float64Array) -> Float64Array:
    pose = frame.T_world_cam
    return np.asarray(points @ pose[:3, :3].T + pose[:3, 3], np.float64)


def clouds(step: Step, way: str) -> tuple[Observation, Observation | None]:
    """The marking and the clearing cloud of one image in the world."""
    marks_hidden = way == WAYS[3]
    camera = step.scene.camera
    people = [
        p for p in step.scene.people if not p.is_occluded or (marks_hidden and is_between_sides(camera, _hips(p)))
    ]
    meshes = [np.asarray(p.vertices_cam, np.float64) for p in people]
    origin = step.frame.T_world_cam[:3, 3]
    marking = Observation(origin, _world(step.frame, np.concatenate([np.zeros((0, 3)), *meshes])))
    if way == WAYS[0]:
        return marking, None
    if way == WAYS[1]:
        return marking, marking
    hidden = [] if marks_hidden else [_hips(p) for p in step.scene.people if p.is_occluded]
    ends = clearing_points(camera, np.asarray(hidden, np.float64).reshape(-1, 3))
    return marking, Observation(origin, _world(step.frame, ends.astype(np.float64)))


def _hips(person: PersonEstimate) -> Float64Array:
    return np.asarray(person.joints_cam[[1, 2]].mean(axis=0), np.float64)


def record(steps: list[Step], way: str) -> Record:
    """Marks and clears a layer with every image, and compares it with the truth."""
    layer = ObstacleLayer()
    scorer = Scorer(layer.config)
    for step in steps:
        now = step.frame.stamp_s
        scorer.appear(step, now)
        scorer.renew(layer.update(*clouds(step, way)), now)
        scorer.score(step, layer.is_marked, now)
    return scorer.record


def tables() -> list[Table]:
    """Every way on every sequence."""
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    table = Table("sequence", "clearing", *score_columns(), title="people in an obstacle layer, cells of 5 cm")
    for name, sequence in sequences().items():
        steps = light_steps(pipeline, name, sequence)
        for way in WAYS:
            table.add_row(name if way == WAYS[0] else "", way, *texts(record(steps, way)))
    return [table]


def light_steps(pipeline: Pipeline, name: str, sequence: WalkingSequence) -> list[Step]:
    """The steps of a sequence of this name, without their images."""
    return [_light(step) for step in steps_of(pipeline, sequence, has_pillar="pillar" in name)]


def score_columns() -> list[str]:
    """Names of the columns of `texts`."""
    near = f"{NEAR_M:.1f} m"
    shares = ["cells marked", f"within {near}"]
    return ["first mark, s", *shares, "trail, mean", "most", "beside, most", f"farther than {near}, mean"]


def texts(found: Record) -> list[str]:
    """A record as columns of a table."""
    delays = ", ".join(f"{delay:.1f}" if np.isfinite(delay) else "never" for delay in found.delays_s)
    shares = [f"{np.mean(values):.2f}" if values else "-" for values in (found.exact, found.near)]
    return [
        delays,
        *shares,
        f"{np.mean(found.trail):.1f}",
        str(max(found.trail)),
        str(max(found.beside)),
        f"{np.mean(found.far):.1f}",
    ]
