"""Dressed, posed people, ready to be placed in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.base import chain
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.mocap.acts.scripts import acting
from metrichmsr_ros.data.mocap.pose_bank import PoseBank, joint_positions
from metrichmsr_ros.data.mocap.pose_sampler import random_pose
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, joined
from metrichmsr_ros.data.rendering.compiled.surface import dress
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, skin, vertex_normals
from metrichmsr_ros.data.rendering.crops.accessories import PosedSkeleton, random_accessories
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior, ShapeSampler
from metrichmsr_ros.data.rendering.crops.wardrobe import Clothes, random_clothes
from metrichmsr_ros.data.rendering.skirts import hanging_garment
from metrichmsr_ros.types import Float64Array

_MOST_JOINTS = 7  # that move one vertex
_SITTING = 0.24  # share of people who are drawn sitting, beside those of the pose sampler
_CALM = 0.5  # share of all people with arms below the shoulders, whom robots meet more often than dancers
_STANDING = ("captured", "joined", "reaching")
_CHILD_M = 1.45


@dataclass(frozen=True)
class Person:
    """A person who faces +z, with the lowest point of the body on the floor y = 0 and the root above the origin.

    Attributes:
        kind: of the pose, one of `pose_sampler.KINDS`.
        rotations: (24, 3, 3) of the joints, the root's in the world. betas: (10,).
        joints: (24, 3) m; the first is the root.
        body: (V, 3) the body's own vertices, without clothes, m.
        stature: m, at rest.
        clothes: what the person wears.
        mesh: body with clothes, and all that is worn and carried.
    """

    kind: str
    rotations: Float64Array
    betas: Float64Array
    joints: Float64Array
    body: Float32
    stature: float
    clothes: Clothes
    mesh: Mesh


class PeopleMaker:
    """Draws people from one side of the split of shapes and poses."""

    def __init__(self, prior: PeoplePrior, bank: PoseBank, held_out: bool, pictures: int) -> None:
        """`pictures`: number of textures for prints; `held_out`: shapes and poses for validation."""
        self._shapes, self._held_out, self._pictures = ShapeSampler(prior, held_out), held_out, pictures
        self._acting = prior.acting
        body = OpenBody.load("open")
        self._template = body.template.numpy()
        self._directions = body.directions.numpy()
        self._faces = body.faces.numpy().astype(np.int32)
        self._rest = body.joint_template.numpy().astype(np.float64)
        self._joint_directions = body.joint_directions.numpy().astype(np.float64)
        order = np.argsort(-body.weights.numpy(), axis=1)[:, :_MOST_JOINTS]
        self._movers = order.astype(np.int32)
        self._weights = np.take_along_axis(body.weights.numpy(), order, 1)
        self._bank, self._calm = bank, calm_poses(bank, self._rest)
        self._mean_height = float(np.ptp(self._template[:, 1]))

    def draw(self, count: int, rng: np.random.Generator) -> list[Person]:
        """`count` people."""
        poses, kinds = zip(*(self._pose(rng) for _ in range(count)), strict=True)
        betas = np.stack([self._shapes.draw(rng) for _ in range(count)])
        rotations = Rotation.from_rotvec(np.reshape(poses, (-1, 3))).as_matrix().reshape(count, 24, 3, 3)
        rest = self._rest + np.einsum("jck,nk->njc", self._joint_directions, betas)
        world, joints = (t.numpy() for t in chain(torch.from_numpy(rotations), torch.from_numpy(rest)))
        return [self._person(kinds[n], rotations[n], betas[n], rest[n], world[n], joints[n], rng) for n in range(count)]

    def _pose(self, rng: np.random.Generator) -> tuple[Float64Array, str]:
        calm = rng.random() < _CALM
        kind = "sitting" if rng.random() < _SITTING else "captured" if calm else None
        pose, kind = random_pose(self._calm if calm else self._bank, rng, self._held_out, kind)
        if kind != "lying" and rng.random() < self._acting:
            pose = acting(pose, rng)
        return pose, kind

    def _person(
        self,
        kind: str,
        rotations: Float64Array,
        betas: Float64Array,
        rest: Float64Array,
        world: Float64Array,
        joints: Float64Array,
        rng: np.random.Generator,
    ) -> Person:
        shaped = self._template + (betas.astype(np.float32) @ self._directions).reshape(-1, 3)
        moves = np.concatenate([world, (joints - (world @ rest[..., None])[..., 0])[..., None]], 2)
        body = skin(shaped, self._movers, self._weights, moves.astype(np.float32))
        floor = np.array([0.0, float(body[:, 1].min()), 0.0])
        body, joints = body - floor.astype(np.float32), joints - floor
        stature = float(np.ptp(shaped[:, 1]))
        clothes = random_clothes(rng, self._pictures, stature < _CHILD_M)
        skeleton = PosedSkeleton(self._rest, joints, world, stature / self._mean_height)
        worn = random_accessories(skeleton, clothes.outfit, rng, kind in _STANDING)
        mesh = clothed(body, self._template, self._faces, clothes, worn)
        return Person(kind, rotations, betas, joints, body, stature, clothes, mesh)


def calm_poses(bank: PoseBank, rest: Float64Array) -> PoseBank:
    """The poses of a bank with an upright trunk and both hands below the shoulders; `rest` (24, 3) joints, m."""
    joints = joint_positions(bank.poses, rest)
    low = joints[:, [20, 21], 1].max(1) < joints[:, [16, 17], 1].min(1) - 0.1
    upright = joints[:, 12, 1] - joints[:, 0, 1] > 0.9 * np.linalg.norm(rest[12] - rest[0])
    calm = low & upright
    return replace(bank, poses=bank.poses[calm], held_out=bank.held_out[calm], sources=bank.sources[calm])


def clothed(body: Float32, template: Float32, faces: np.ndarray, clothes: Clothes, worn: Sequence[Mesh]) -> Mesh:
    """The mesh of a posed body (V, 3) with its clothes, its skirt or coat, and the things it wears."""
    surface = dress(body, vertex_normals(body, faces), template, clothes.worn, clothes.cloths)
    layers = [_body_part(surface, vertex_normals(surface, faces), template, faces, clothes)]
    outfit = clothes.outfit
    if outfit.hangs_to is not None:
        off = float(outfit.thickness[:2].max()) + 0.005
        garment = hanging_garment(
            template.astype(np.float64), body.astype(np.float64), outfit.hangs_to, off, outfit.flare
        )
        if garment is not None:
            tube, tube_faces = garment.vertices.astype(np.float32), garment.faces.astype(np.int32)
            layers.append(
                _body_part(
                    tube, vertex_normals(tube, tube_faces), garment.template.astype(np.float32), tube_faces, clothes
                )
            )
    return joined([*layers, *worn])[0]


def _body_part(vertices: Float32, normals: Float32, places: Float32, faces: np.ndarray, clothes: Clothes) -> Mesh:
    return Mesh(
        vertices,
        normals,
        places,
        faces,
        np.zeros(len(faces), np.int32),
        np.zeros(1, np.int32),
        np.zeros(1, np.int32),
        clothes.worn,
        clothes.cloths,
    )
