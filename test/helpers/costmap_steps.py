"""A person of a few points before a level camera, as the costmap's measurements take it."""

from __future__ import annotations

import numpy as np

from benchmarks.robot.costmap_scores import Step
from helpers.fake_pipeline import make_person
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, level_camera
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import Scene

CAMERA = Camera.from_fov(640, 480, 1.2)


def step_at(stamp_s: float, place: tuple[float, float], is_seen: bool) -> Step:
    """A person of 9 points at `place` (x, y), m, before a level camera; found where it truly is, or not."""
    pose = level_camera((0.0, 0.0, 1.0), 0.0)
    points = np.array([[place[0] + x, place[1] + y, 0.9] for x in (-0.1, 0.0, 0.1) for y in (-0.1, 0.0, 0.1)])
    in_camera = ((points - pose[:3, 3]) @ pose[:3, :3]).astype(np.float32)
    none = np.zeros(0, np.float32)
    joints = np.tile(in_camera.mean(axis=0), (24, 1))
    person = SequencePerson("anna", none, none, joints[0], joints, 1.7, 1.0)
    depth = np.zeros((0, 0), np.float32)
    frame = SequenceFrame(np.zeros((0, 0, 3), np.uint8), CAMERA, stamp_s, pose, depth, (person,))
    people = [make_person("p1", vertices_cam=in_camera, joints_cam=joints)] if is_seen else []
    scene = Scene(stamp_s, CAMERA, frame.image, people, SceneDepth.not_requested(CAMERA))
    return Step(frame, scene, {"anna": points})


def walk() -> list[Step]:
    """Somebody walks across the view in 2 s, 10 images a second; the first two images do not show it."""
    return [step_at(n / 10, (3.02, -0.98 + n / 10), is_seen=n >= 2) for n in range(20)]
