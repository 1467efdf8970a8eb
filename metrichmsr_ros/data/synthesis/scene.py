"""Random scenes: cameras from robot to ceiling height, people of all shapes and distances, seats and occluders."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody, Population
from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.mocap.pose_sampler import random_pose
from metrichmsr_ros.data.rendering.background import Backgrounds, random_background
from metrichmsr_ros.data.rendering.bodies import BodyMesh, Figure, PlacedCamera, render
from metrichmsr_ros.data.rendering.clothing import random_outfit
from metrichmsr_ros.data.rendering.lighting import random_light
from metrichmsr_ros.data.rendering.sensor import photograph
from metrichmsr_ros.data.synthesis.placement import (
    PlacedPerson,
    apart,
    counter_before,
    place_camera,
    random_camera,
    random_things,
    scattered,
)
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import Raster

_SMALL_PX = 110  # for people smaller than this in the image, the light mesh is detailed enough


@dataclass(frozen=True)
class RenderedPerson:
    """Ground truth of one person in the camera frame (SMPL's pose, metres).

    Attributes:
        pose: (72,). betas: (10,). transl: (3,), also the root joint. joints: (24, 3). landmarks: (33, 3), BlazePose's.
        height: standing, m. visible_fraction: share of the body's near side that the image shows.
    """

    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    joints: np.ndarray
    landmarks: np.ndarray
    height: float
    visible_fraction: float


@dataclass(frozen=True)
class RenderedScene:
    """One rendered image HWC uint8 RGB, its camera, its people, and depth (H, W) m, NaN at the background."""

    image: np.ndarray
    camera: Camera
    people: tuple[RenderedPerson, ...]
    depth: np.ndarray


class SceneMaker:
    """Makes scenes at random from bodies, poses, a population of shapes, and backgrounds.

    Shapes, like poses and backgrounds, are split: every eighth member of the population is held out.
    """

    def __init__(
        self, backgrounds: Backgrounds, held_out: bool, bank: PoseBank | None = None, counter_share: float = 0.0
    ) -> None:
        """Make scenes in front of `backgrounds`, of the poses of `bank`.

        Args:
            held_out: True makes validation scenes, from shapes, clips and backgrounds that training does not use.
            counter_share: share of scenes with a counter, table or low wall before the first person.
        """
        body, light_body = load_body("open"), load_body("open_light")
        if not isinstance(body, OpenBody) or not isinstance(light_body, OpenBody):
            raise TypeError("the data engine needs the open body")
        self._body, self._light_body = body, light_body
        self._meshes = {b: BodyMesh(b.template.numpy(), b.faces.numpy()) for b in (body, light_body)}
        self._bank = bank or PoseBank.load()
        population = Population.load()
        member = np.arange(len(population.betas)) % 8 == 7
        self._betas = population.betas[member == held_out].astype(np.float64)
        self._backgrounds, self._held_out, self._counter_share = backgrounds, held_out, counter_share

    def make(self, rng: np.random.Generator) -> RenderedScene:
        """One scene; the same state of `rng` gives the same scene."""
        count = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.3, 0.13, 0.07]))
        people = [self._person(rng) for _ in range(count)]
        figures: list[Figure] = []
        while not figures:
            view = place_camera(random_camera(rng), people[0], rng)
            people = apart([people[0], *(scattered(p, view, rng) for p in people[1:])])
            posed = [self._posed(p, self._mesh_for(p, view), view, rng) for p in people]
            if _landmarks_inside(posed[0][1], view.camera) < 0.35:
                continue
            shown = [(f, t) for f, t in posed if t.joints[:, 2].min() > 0.25 and _landmarks_inside(t, view.camera) > 0]
            figures, truths = [f for f, _ in shown], [t for _, t in shown]
        boxes = random_things(people, view, rng)
        if self._counter_share and rng.random() < self._counter_share:
            boxes += filter(None, [counter_before(people[0], view, rng)])
        background = random_background(self._backgrounds, view.camera, view.rotation, view.eye, rng)
        picture, raster = render(figures, boxes, background, view, random_light(rng), floor=rng.random() < 0.85)
        image = photograph(picture, rng)
        fractions = [_visible_fraction(f, number, raster, view) for number, f in enumerate(figures)]
        truths = [replace(t, visible_fraction=s) for t, s in zip(truths, fractions, strict=True)]
        return RenderedScene(image, view.camera, tuple(truths), raster.depth)

    def _person(self, rng: np.random.Generator) -> PlacedPerson:
        pose, kind = random_pose(self._bank, rng, self._held_out)
        heading = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(0, 0.7)
        root = Rotation.from_euler("y", heading) * Rotation.from_rotvec(pose[:3])
        pose[:3] = root.as_rotvec()
        betas = self._betas[rng.integers(len(self._betas))] + rng.normal(0, 0.1, 10)
        lowest = self._world_vertices(pose, betas, self._light_body)[:, 1].min()
        lift = rng.uniform(0, 0.4) if rng.random() < 0.06 else 0.0
        if kind == "sitting":
            lift += rng.uniform(-0.02, 0.05)
        return PlacedPerson(pose, betas, np.array([0.0, lift - lowest, 0.0]), kind)

    def _world_vertices(self, pose: np.ndarray, betas: np.ndarray, body: OpenBody) -> np.ndarray:
        with torch.no_grad():
            out = body(_row(betas), _row(pose), torch.zeros(1, 3))
        vertices: np.ndarray = out.vertices[0].numpy().astype(np.float64)
        return vertices

    def _mesh_for(self, person: PlacedPerson, view: PlacedCamera) -> OpenBody:
        depth = float(view.to_camera(person.root)[2])
        small = 1.7 * view.camera.intrinsics[1, 1] / max(depth, 0.3) < _SMALL_PX
        return self._light_body if small else self._body

    def _posed(
        self, person: PlacedPerson, body: OpenBody, view: PlacedCamera, rng: np.random.Generator
    ) -> tuple[Figure, RenderedPerson]:
        vertices = self._world_vertices(person.pose_world, person.betas, body) + person.root
        figure = Figure(vertices, self._meshes[body], random_outfit(rng))
        pose = person.pose_world.copy()
        pose[:3] = (Rotation.from_matrix(view.rotation) * Rotation.from_rotvec(pose[:3])).as_rotvec()
        transl = view.to_camera(person.root)
        with torch.no_grad():
            joints = body.joints(_row(person.betas), _row(pose), _row(transl))[0].numpy()
            height = float(body.height(_row(person.betas))[0])
            landmarks = body.landmarks(torch.from_numpy(view.to_camera(vertices)).float()).numpy()
        return figure, RenderedPerson(pose, person.betas, transl, joints, landmarks, height, 0.0)


def _row(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))[None]


def _visible_fraction(figure: Figure, number: int, raster: Raster, view: PlacedCamera) -> float:
    """Share of the vertices on the body's near side whose pixel shows this body."""
    points = view.to_camera(figure.vertices)
    normals = figure.mesh.normals(figure.vertices) @ view.rotation.T
    near = (normals * points).sum(1) < 0
    pixels = np.rint(view.camera.project(np.where(points[:, 2:] > 0.1, points, [0.0, 0.0, 1.0]))).astype(np.int64)
    width, height = view.camera.size
    inside = (pixels >= 0).all(1) & (pixels[:, 0] < width) & (pixels[:, 1] < height) & (points[:, 2] > 0.1)
    seen = np.zeros(len(points), bool)
    seen[inside] = raster.mesh_id[pixels[inside, 1], pixels[inside, 0]] == number
    return float((seen & near).sum() / max(1, near.sum()))


def _landmarks_inside(truth: RenderedPerson, camera: Camera) -> float:
    """Share of the landmarks in front of the camera and inside the image, whether occluded or not."""
    front = truth.landmarks[:, 2] > 0.2
    pixels = camera.project(np.where(front[:, None], truth.landmarks, [0.0, 0.0, 1.0]))
    inside = (pixels >= 0).all(1) & (pixels <= np.array(camera.size) - 1.0).all(1)
    return float((front & inside).mean())
