"""People in an obstacle layer of Nav2, by its rule of marking and clearing, on rendered sequences with truth.

    python -m benchmarks.robot costmap

The pipeline's people of each image, with the floor known, go into `benchmarks.robot.obstacle_layer` as the clouds
`~/body_points` and `~/clearing_points`, one update an image (10 Hz, or 30 Hz in the sequences that say so). No latency
of the computer is added. A trail is a cell in the camera's view that has stayed marked for more than 0.5 s since any
cloud had a point in it. Cells beside the view may stay: the robot remembers whom it has turned away from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.ndimage import binary_dilation

from benchmarks.random_walkers import random_walkers
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
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene, SceneContext
from metrichmsr_ros.types import Float64Array

STALE_S = 0.5  # cells that no cloud has had for longer are a trail
SEEN = 0.5  # share of a body's pixels, from which it counts as in view
NEAR_M = 0.3  # usual inflation: marked within it of a true cell
SETTLED_S = 0.5  # after the appearance, before shares are measured
PILLAR = (4.0, -0.35, 0.35)  # distance and sides, m
PILLAR_RGB = (150, 146, 140)
HEIGHT_M = 0.95
_MESHES = OutputRequest(vertices=True, depth=False)
WAYS = ("no clearing", "body_points also clears", "clearing_points", "clearing_points, hidden are marked")


@dataclass(frozen=True)
class Step:
    """One image: its truth and what the pipeline found."""

    frame: SequenceFrame
    scene: Scene
    true_points: dict[str, Float64Array]  # (V, 3) world, by person


@dataclass(frozen=True)
class Record:
    """One way on one sequence.

    Attributes:
        delays_s: of each person from the appearance to the first marked cell among the person's own.
        exact: share of true cells that are marked, of each person in view and update.
        near: the same, marked within `NEAR_M`.
        trail: cells of a trail at each update.
        beside: cells beside the view that have stayed marked as long, at each update.
        far: marked cells farther than `NEAR_M` from everybody, at each update.
    """

    delays_s: list[float]
    exact: list[float]
    near: list[float]
    trail: list[int]
    beside: list[int]
    far: list[int]


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
    renewed = np.full(layer.is_marked.shape, -np.inf)
    appeared: dict[str, float] = {}
    delays: dict[str, float] = {}
    found = Record([], [], [], [], [], [])
    for step in steps:
        now = step.frame.stamp_s
        renewed[layer.update(*clouds(step, way))] = now
        near = binary_dilation(layer.is_marked, _disc(NEAR_M / layer.config.resolution))
        anybody = np.zeros_like(layer.is_marked)
        for person in step.frame.people:
            cells = _cells(layer, step.true_points[person.id])
            anybody[tuple(cells.T)] = True
            if person.visible_fraction < SEEN or not _is_in_range(layer, step, person.id):
                continue
            share = float(layer.is_marked[tuple(cells.T)].mean())
            since = appeared.setdefault(person.id, now)
            if share > 0:
                delays.setdefault(person.id, now - since)
            if now - since >= SETTLED_S:
                found.exact.append(share)
                found.near.append(float(near[tuple(cells.T)].mean()))
        stale, in_view = layer.is_marked & (now - renewed > STALE_S), _view(layer, step.frame)
        found.trail.append(int((stale & in_view).sum()))
        found.beside.append(int((stale & ~in_view).sum()))
        around = binary_dilation(anybody, _disc(NEAR_M / layer.config.resolution))
        found.far.append(int((layer.is_marked & ~around).sum()))
    found.delays_s.extend(delays.get(id, np.inf) for id in appeared)
    return found


def _cells(layer: ObstacleLayer, points: Float64Array) -> NDArray[np.int64]:
    cells = np.unique(layer.cells(points), axis=0)
    return cells[layer.inside(cells)]


def _is_in_range(layer: ObstacleLayer, step: Step, id: str) -> bool:
    """Whether a person stands well inside what the layer marks."""
    gap = step.true_points[id][:, :2] - step.frame.T_world_cam[:2, 3]
    return bool(np.linalg.norm(gap, axis=1).max() < layer.config.obstacle_max_range - 1.0)


def _view(layer: ObstacleLayer, frame: SequenceFrame) -> NDArray[np.bool_]:
    """(X, Y) cells whose middle lies between the sides of the image; for a level camera."""
    grid = np.moveaxis(np.indices(layer.is_marked.shape), 0, -1) + 0.5
    places = np.concatenate([grid * layer.config.resolution + layer.config.origin, np.zeros((*grid.shape[:2], 1))], -1)
    columns = frame.camera.project((places - frame.T_world_cam[:3, 3]) @ frame.T_world_cam[:3, :3])[..., 0]
    return (columns >= -0.5) & (columns <= frame.camera.width - 0.5)


def _disc(radius: float) -> NDArray[np.bool_]:
    side = np.arange(-int(radius), int(radius) + 1)
    return np.hypot(side[:, None], side) <= radius


def tables() -> list[Table]:
    """Every way on every sequence."""
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    table = Table(
        "sequence",
        "clearing",
        "first mark, s",
        "cells marked",
        f"within {NEAR_M:.1f} m",
        "trail, mean",
        "most",
        "beside, most",
        f"farther than {NEAR_M:.1f} m, mean",
        title="people in an obstacle layer, cells of 5 cm",
    )
    for name, sequence in sequences().items():
        steps = [_light(step) for step in steps_of(pipeline, sequence, has_pillar="pillar" in name)]
        for way in WAYS:
            table.add_row(name if way == WAYS[0] else "", way, *_texts(record(steps, way)))
    return [table]


def _texts(found: Record) -> list[str]:
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
