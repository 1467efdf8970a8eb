"""Draw whole scenes: cameras from robot to ceiling, people of all shapes near and far, seats and things in the way."""

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
from metrichmsr_ros.data.rendering.bodies import BodyMesh, ColouredBox, Figure, PlacedCamera, render
from metrichmsr_ros.data.rendering.clothing import random_outfit
from metrichmsr_ros.data.rendering.lighting import random_light
from metrichmsr_ros.data.rendering.sensor import photograph
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import Raster

_CAMERA_FROM_WORLD = np.diag([1.0, -1.0, -1.0])  # a level camera looks along the world's -z
_SIZES = ((640, 480), (640, 360), (848, 480), (480, 640), (960, 540), (1280, 720), (320, 240))
_SIZE_SHARES = (0.42, 0.12, 0.16, 0.1, 0.1, 0.05, 0.05)
_SMALL_PX = 110  # below this height the light mesh shows all there is to see


@dataclass(frozen=True)
class RenderedPerson:
    """Exact truth of one person in the camera frame (SMPL's pose, metres).

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
    """One rendered picture HWC uint8 RGB, its camera and everybody in it."""

    image: np.ndarray
    camera: Camera
    people: tuple[RenderedPerson, ...]


@dataclass(frozen=True)
class _Placed:
    pose_world: np.ndarray  # (72,)
    betas: np.ndarray
    root: np.ndarray  # (3,) world
    kind: str


class SceneMaker:
    """Makes scenes; holds the bodies, poses, population and backgrounds it draws from.

    Shapes, like poses and backgrounds, are split: every eighth member of the population is held out.
    """

    def __init__(self, backgrounds: Backgrounds, held_out: bool, bank: PoseBank | None = None) -> None:
        """`held_out`: True makes validation scenes, from shapes, clips and backgrounds that training never sees."""
        body, light_body = load_body("open"), load_body("open_light")
        if not isinstance(body, OpenBody) or not isinstance(light_body, OpenBody):
            raise TypeError("the data engine renders the open body")
        self._body, self._light_body = body, light_body
        self._meshes = {b: BodyMesh(b.template.numpy(), b.faces.numpy()) for b in (body, light_body)}
        self._bank = bank or PoseBank.load()
        population = Population.load()
        member = np.arange(len(population.betas)) % 8 == 7
        self._betas = population.betas[member == held_out].astype(np.float64)
        self._backgrounds, self._held_out = backgrounds, held_out

    def make(self, rng: np.random.Generator) -> RenderedScene:
        """One scene; the same state of `rng` gives the same scene."""
        count = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.3, 0.13, 0.07]))
        people = [self._person(rng) for _ in range(count)]
        figures: list[Figure] = []
        while not figures:
            view = _look(self._camera(rng), people[0], rng)
            people = _apart([people[0], *(_scattered(p, view, rng) for p in people[1:])])
            posed = [self._posed(p, self._mesh_for(p, view), view, rng) for p in people]
            if _landmarks_inside(posed[0][1], view.camera) < 0.35:
                continue
            shown = [(f, t) for f, t in posed if t.joints[:, 2].min() > 0.25 and _landmarks_inside(t, view.camera) > 0]
            figures, truths = [f for f, _ in shown], [t for _, t in shown]
        boxes = self._things(people, view, rng)
        background = random_background(self._backgrounds, view.camera, view.rotation, view.eye, rng)
        picture, raster = render(figures, boxes, background, view, random_light(rng), floor=rng.random() < 0.85)
        image = photograph(picture, rng)
        fractions = [_visible_fraction(f, number, raster, view) for number, f in enumerate(figures)]
        truths = [replace(t, visible_fraction=s) for t, s in zip(truths, fractions, strict=True)]
        return RenderedScene(image, view.camera, tuple(truths))

    def _camera(self, rng: np.random.Generator) -> Camera:
        width, height = _SIZES[rng.choice(len(_SIZES), p=_SIZE_SHARES)]
        long_side = max(width, height)
        fov = np.deg2rad(rng.uniform(25, 120) if rng.random() < 0.4 else np.clip(rng.normal(65, 14), 30, 110))
        focal = long_side / 2 / np.tan(fov / 2)
        k = np.array([[focal, 0, (width - 1) / 2], [0, focal * rng.normal(1, 0.004), (height - 1) / 2], [0, 0, 1.0]])
        k[:2, 2] += rng.normal(0, 0.012, 2) * long_side
        return Camera(width, height, k, "none", np.zeros(0), "given")

    def _person(self, rng: np.random.Generator) -> _Placed:
        pose, kind = random_pose(self._bank, rng, self._held_out)
        heading = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(0, 0.7)
        root = Rotation.from_euler("y", heading) * Rotation.from_rotvec(pose[:3])
        pose[:3] = root.as_rotvec()
        betas = self._betas[rng.integers(len(self._betas))] + rng.normal(0, 0.1, 10)
        lowest = self._world_vertices(pose, betas, self._light_body)[:, 1].min()
        lift = rng.uniform(0, 0.4) if rng.random() < 0.06 else 0.0
        if kind == "sitting":
            lift += rng.uniform(-0.02, 0.05)
        return _Placed(pose, betas, np.array([0.0, lift - lowest, 0.0]), kind)

    def _world_vertices(self, pose: np.ndarray, betas: np.ndarray, body: OpenBody) -> np.ndarray:
        with torch.no_grad():
            out = body(_row(betas), _row(pose), torch.zeros(1, 3))
        vertices: np.ndarray = out.vertices[0].numpy().astype(np.float64)
        return vertices

    def _mesh_for(self, person: _Placed, view: PlacedCamera) -> OpenBody:
        depth = float(view.to_camera(person.root)[2])
        small = 1.7 * view.camera.intrinsics[1, 1] / max(depth, 0.3) < _SMALL_PX
        return self._light_body if small else self._body

    def _posed(
        self, person: _Placed, body: OpenBody, view: PlacedCamera, rng: np.random.Generator
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

    def _things(self, people: list[_Placed], view: PlacedCamera, rng: np.random.Generator) -> list[ColouredBox]:
        """Seats under sitting people, and sometimes things between them and the camera."""
        things = []
        for person in people:
            if person.kind == "sitting" and rng.random() < 0.8:
                top = max(0.05, person.root[1] - 0.13)
                size = np.array([rng.uniform(0.4, 0.7), top, rng.uniform(0.35, 0.6)])
                facing = Rotation.from_rotvec(person.pose_world[:3]).apply([0.0, 0, 1])
                heading = float(np.arctan2(facing[0], facing[2]))
                centre = person.root * [1, 0, 1] - 0.1 * facing * [1, 0, 1] + [0, top / 2, 0]
                things.append(ColouredBox.upright(centre, size, heading, _dull(rng)))
        if rng.random() < 0.14:
            for _ in range(int(rng.integers(1, 3))):
                target = people[rng.integers(len(people))].root
                share = rng.uniform(0.25, 0.85)
                place = view.eye + share * (target - view.eye) + rng.normal(0, 0.35, 3)
                size = rng.uniform([0.1, 0.3, 0.1], [1.0, 1.3, 0.6])
                place[1] = size[1] / 2 if rng.random() < 0.8 else rng.uniform(0.5, 1.8)
                if np.linalg.norm(place - view.eye) > 0.5 + size.max() / 2:
                    things.append(ColouredBox.upright(place, size, rng.uniform(0, 3.2), _dull(rng)))
        return things


def _dull(rng: np.random.Generator) -> np.ndarray:
    """A furniture colour (3,)."""
    return np.clip(rng.uniform(0.08, 0.9) + rng.normal(0, 0.08, 3), 0.03, 0.97)


def _row(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))[None]


def _look(camera: Camera, person: _Placed, rng: np.random.Generator) -> PlacedCamera:
    """A camera that stands on any side of the person, 0.8-15 m away, and has some part of the person in view."""
    distance = float(np.exp(rng.uniform(np.log(1.2), np.log(7.0)))) if rng.random() < 0.88 else rng.uniform(3.0, 15.0)
    height = float(
        rng.choice([rng.uniform(0.25, 1.0), rng.normal(1.5, 0.25), rng.uniform(1.9, 3.2)], p=[0.35, 0.4, 0.25])
    )
    eye = np.array([0.0, height, distance]) + person.root * [1, 0, 1]
    # Where in the picture a point of the person is to appear: mostly well inside.
    target = person.root + np.array([0.0, rng.normal(0.05, 0.3), 0.0])
    spread = 0.45 if rng.random() < 0.85 else 0.9
    place = (rng.uniform(-spread, spread, 2) * camera.size + np.array(camera.size)) / 2
    wanted = np.linalg.inv(camera.intrinsics) @ np.array([*place, 1.0])
    roll = rng.normal(0, 0.04) if rng.random() < 0.92 else rng.normal(0, 0.3)
    towards = target - eye
    yaw = np.arctan2(-towards[0], -towards[2]) + np.arctan2(wanted[0], 1.0)
    pitch = np.arctan2(towards[1], np.hypot(towards[0], towards[2])) + np.arctan2(wanted[1], 1.0)
    world_from_level = Rotation.from_euler("YX", [yaw, pitch]).as_matrix()
    rotation = Rotation.from_euler("z", roll).as_matrix() @ _CAMERA_FROM_WORLD @ world_from_level.T
    return PlacedCamera(camera, rotation, eye)


def _scattered(person: _Placed, view: PlacedCamera, rng: np.random.Generator) -> _Placed:
    """The person moved somewhere on the floor in view: near others, or anywhere up to 12 m away."""
    if rng.random() < 0.5:
        place = rng.normal(0, 0.9, 2)
    else:
        pixel = np.array([rng.uniform(0, view.camera.width), view.camera.intrinsics[1, 2], 1.0])
        ray = view.rotation.T @ np.linalg.inv(view.camera.intrinsics) @ pixel
        level = ray[[0, 2]] / (np.linalg.norm(ray[[0, 2]]) + 1e-9)
        place = view.eye[[0, 2]] + level * rng.uniform(1.2, 12.0)
    return _Placed(person.pose_world, person.betas, np.array([place[0], person.root[1], place[1]]), person.kind)


def _apart(people: list[_Placed], gap: float = 0.5) -> list[_Placed]:
    """Those people who do not stand in one another, the first ones first; `gap` in metres on the floor."""
    kept: list[_Placed] = []
    for person in people:
        if all(np.linalg.norm((person.root - other.root)[[0, 2]]) > gap for other in kept):
            kept.append(person)
    return kept


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
    """Share of the landmarks that lie in front of the camera and inside its picture, whether hidden or not."""
    front = truth.landmarks[:, 2] > 0.2
    pixels = camera.project(np.where(front[:, None], truth.landmarks, [0.0, 0.0, 1.0]))
    inside = (pixels >= 0).all(1) & (pixels <= np.array(camera.size) - 1.0).all(1)
    return float((front & inside).mean())
