"""Dressed people for tests of the crop generator, as the exact renderer and as the generator see them."""

from __future__ import annotations

import numpy as np
import torch

from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.mocap.pose_sampler import random_pose
from metrichmsr_ros.data.rendering.bodies import BodyMesh, Figure, PlacedCamera
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh
from metrichmsr_ros.data.rendering.crops.people import clothed
from metrichmsr_ros.data.rendering.crops.wardrobe import as_clothes
from metrichmsr_ros.geometry.camera import Camera


def dressed(rng: np.random.Generator) -> tuple[Figure, Mesh]:
    """One random person in the world, standing on the floor, for the exact renderer and for the generator."""
    from metrichmsr_ros.data.rendering.clothing import random_outfit

    body = OpenBody.load("open")
    pose = torch.from_numpy(random_pose(PoseBank.load(), rng, held_out=False)[0][None]).float()
    betas = torch.from_numpy(rng.normal(0, 1, (1, 10))).float()
    vertices = body(betas, pose, torch.zeros(1, 3)).vertices[0].numpy()
    vertices = vertices - [0, vertices[:, 1].min(), 0]
    template, faces = body.template.numpy(), body.faces.numpy()
    outfit = random_outfit(rng)
    mesh = clothed(vertices.astype(np.float32), template, faces.astype(np.int32), as_clothes(outfit), [])
    return Figure(vertices.astype(np.float64), BodyMesh(template, faces), outfit), mesh


def view_of(rng: np.random.Generator, side: int = 320) -> PlacedCamera:
    """A camera 2.2 to 4 m in front of the origin that looks level along -z."""
    camera = Camera.from_fov(side, side, float(np.deg2rad(rng.uniform(45, 70))))
    eye = np.array([rng.normal(0, 0.1), rng.uniform(0.8, 1.3), rng.uniform(2.2, 4.0)])
    return PlacedCamera(camera, np.diag([1.0, -1.0, -1.0]), eye)
