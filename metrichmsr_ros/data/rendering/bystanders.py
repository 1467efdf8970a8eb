"""Open bodies in a synthetic scene, and the same bodies with the errors of a network's estimates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array

_LEFT_RIGHT_HIP, _KNEES, _SHOULDERS, _ELBOWS = (1, 2), (4, 5), (16, 17), (18, 19)


def stand_people(
    rng: np.random.Generator,
    body: BodyModel,
    camera: Camera,
    camera_from_world: Float64Array,
    eye: Float64Array,
    reach: float,
    count: int,
) -> tuple[list[Float64Array], list[Float64Array], NDArray[np.int64]]:
    """Place `count` people on the floor inside the view.

    Returns:
        Lists of true and of misestimated vertices (V, 3) in the camera frame, metres, and the faces (F, 3).
    """
    pose = _random_poses(rng, count)
    betas = rng.normal(0, 1, (count, 10)) * ([1.0] * 3 + [0.3] * 7)
    angle = rng.uniform(-0.42, 0.42, count) * camera.fov_x
    distance = np.exp(rng.uniform(np.log(1.3), np.log(max(reach - 0.5, 2.5)), count))
    heading = rng.uniform(0, 2 * np.pi, count)
    truth = _posed(body, betas, pose, heading)
    guess = _posed(
        body,
        betas + rng.normal(0, 0.25, betas.shape),
        pose + rng.normal(0, 0.05, pose.shape),
        heading + rng.normal(0, 0.1, count),
    )
    true_vertices, guessed_vertices = [], []
    for person in range(count):
        floor = np.array([distance[person] * np.cos(angle[person]), distance[person] * np.sin(angle[person]), 0])
        floor[2] = -truth[person][:, 2].min()
        error = np.exp(rng.normal(0, 0.04)), rng.normal(0, 0.01, 3)
        true_vertices.append((truth[person] + floor - eye) @ camera_from_world.T)
        guessed = (guess[person] + floor - eye) @ camera_from_world.T
        centre = guessed.mean(axis=0)
        guessed_vertices.append(guessed + centre * (error[0] - 1) + error[1] * centre[2])
    return true_vertices, guessed_vertices, body.faces.numpy()


def _random_poses(rng: np.random.Generator, count: int) -> Float64Array:
    """Standing and walking people, (count, 24, 3) axis-angle: arms down, legs in stride, a few seated."""
    pose = rng.normal(0, 0.08, (count, 24, 3))
    pose[:, 0] = 0
    swing = rng.normal(0, 0.3, count)
    for sign, hip, knee, shoulder, elbow in zip((1, -1), _LEFT_RIGHT_HIP, _KNEES, _SHOULDERS, _ELBOWS, strict=True):
        pose[:, hip, 0] += sign * swing
        pose[:, knee, 0] += np.abs(rng.normal(0, 0.3, count))
        pose[:, shoulder, 2] += -sign * rng.uniform(0.3, 1.4, count)
        pose[:, elbow, 1] += -sign * np.abs(rng.normal(0, 0.5, count))
    seated = rng.random(count) < 0.15
    for hip, knee in zip(_LEFT_RIGHT_HIP, _KNEES, strict=True):
        pose[seated, hip, 0] -= 1.4
        pose[seated, knee, 0] += 1.4
    return pose


def _posed(body: BodyModel, betas: Float64Array, pose: Float64Array, heading: Float64Array) -> list[Float64Array]:
    """Vertices (V, 3) of each person in world axes (z up), rotated by `heading` radians, pelvis at the origin."""
    with torch.inference_mode():
        rest = torch.zeros(len(betas), 3)
        posed = body(torch.from_numpy(betas).float(), torch.from_numpy(pose.reshape(-1, 72)).float(), rest)
    z_up = posed.vertices.double().numpy()[..., (2, 0, 1)]
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)  # row vectors
    z_up[..., :2] = z_up[..., :2] @ turn
    return list(z_up)
