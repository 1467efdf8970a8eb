"""A rendered room with walkers and four cameras at its corners, and what the pipeline sees in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np

from metrichmsr_ros.data.rendering.clothing import PlainOutfit
from metrichmsr_ros.data.synthesis.walkers import WALKERS, Walker, random_walker
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, WalkingSequence, level_camera
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import Float64Array

FPS = 10.0
SIZE = (480, 360)
FOV_X = 1.05  # radians: no camera sees the whole room, so people pass from one to the next
HEIGHT_M = 1.4
_LEAN = OutputRequest(vertices=False, depth=False)

CAMERAS: dict[str, Float64Array] = {
    "south_west": level_camera((-1.5, -3.8, HEIGHT_M), 0.25 * pi, 0.08),
    "south_east": level_camera((7.0, -3.8, HEIGHT_M), 0.75 * pi, 0.08),
    "north_east": level_camera((7.0, 3.8, HEIGHT_M), 1.25 * pi, 0.08),
    "north_west": level_camera((-1.5, 3.8, HEIGHT_M), 1.75 * pi, 0.08),
}
"""Pose of each camera's optical frame in the world."""

PEOPLE: tuple[Walker, ...] = (
    Walker("anna", WALKERS[0].betas, WALKERS[0].outfit, (2.75, 0.0), 0.4, -1, radius=2.2, pace=1.1),
    Walker("ben", WALKERS[1].betas, WALKERS[1].outfit, (-1.0, 1.2), -0.12, -1, pace=0.9),
    Walker(
        "carla",
        (-1.2, 0.6),
        PlainOutfit(shirt=(208, 180, 72), trousers=(40, 44, 52), skin=(196, 150, 118), hair=(40, 30, 26)),
        (3.4, 4.0),
        -pi / 2 - 0.1,
        -1,
        pace=0.85,
    ),
)
"""One walks on a circle, two walk across the room."""


@dataclass(frozen=True)
class View:
    """What one camera saw at one moment: its name, the moment in s, its pose (4, 4), the people found and the truth."""

    camera: str
    stamp_s: float
    T_world_cam: Float64Array
    people: list[PersonEstimate]
    frame: SequenceFrame


def random_people(seed: int) -> tuple[Walker, ...]:
    """Three random people who start in the middle of the room."""
    rng = np.random.default_rng(3000 + seed)
    places = rng.uniform((1.0, -1.8), (4.5, 1.8), (3, 2)).tolist()
    return tuple(random_walker(rng, f"walker{number + 1}", (x, y), -1.0) for number, (x, y) in enumerate(places))


def views_of(pipeline: Pipeline, camera: str, num_frames: int, people: tuple[Walker, ...] = PEOPLE) -> list[View]:
    """The pipeline's people in every image of one camera."""
    pipeline.reset()
    pose, views = CAMERAS[camera], []
    sequence = WalkingSequence(num_frames, FPS, SIZE, FOV_X, walkers=people, camera_path=lambda progress: pose)
    for frame in sequence:
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
        views.append(View(camera, frame.stamp_s, frame.T_world_cam, scene.people, frame))
    return views
