"""The generator: (seed, step) -> pictures of people with truth, the same on every machine.

    maker = CropMaker(CropSources.load(Path("photographs")), StaturePrior())
    for crop in maker.make(seed=0, step=0):
        ...

Each step draws `PEOPLE` people; each is the subject of one picture and a passer-by of some others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.rendering.background import Backgrounds, load_backgrounds
from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, joined, turn_about_y
from metrichmsr_ros.data.rendering.compiled.records import light_record
from metrichmsr_ros.data.rendering.compiled.shading import cast_shadows, shade
from metrichmsr_ros.data.rendering.compiled.visibility import joints_seen, share_seen
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, fill, project
from metrichmsr_ros.data.rendering.crops.backdrop import (
    PICTURE_SIDE,
    lay_floor,
    random_backdrop,
    random_floor,
)
from metrichmsr_ros.data.rendering.crops.degrade import Sensor
from metrichmsr_ros.data.rendering.crops.framing import Framing, joints_inside
from metrichmsr_ros.data.rendering.crops.people import PeopleMaker
from metrichmsr_ros.data.rendering.crops.regions import body_points, seen_region, true_region
from metrichmsr_ros.data.rendering.crops.scene import CropScene, random_scene
from metrichmsr_ros.data.rendering.crops.stature import StaturePrior
from metrichmsr_ros.data.rendering.lighting import random_light
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.types import Float64Array

PEOPLE = 16
"""People, and so crops, of one step."""
_PATCH_SIDE = 300  # px of the picture across the region at most: more than the landmark network reads
_RASTER_SIDE = 360  # px of the z-buffer across the region at most
_COMPANY = 3  # people drawn for one crop of `make_one`
_ALONE = 1  # tells the random numbers of `make_one` from those of `make`
_MARGIN = 1.25  # of the picture around the region, for a second look through a corrected region
_FAR_PX = 110  # people smaller than this are often seen through a video codec


@dataclass(frozen=True)
class CropSources:
    """Photographs for backgrounds and (N, 256, 256, 3) uint8 textures for cloth, floors and furniture."""

    backgrounds: Backgrounds
    pictures: NDArray[np.uint8]

    @classmethod
    def load(cls, folder: Path | None, held_out: bool) -> CropSources:
        """Read a folder: square images of at most 512 px under `textures/` are textures, the others backgrounds.

        Raises:
            BackgroundsError: `folder` does not exist or holds an image that cannot be read.
        """
        if folder is None:
            return cls(Backgrounds(), np.zeros((0, PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8))
        folder = Path(folder)
        sides = [folder / name for name in ("photos", "textures")]
        photographs = load_backgrounds(sides[0] if sides[0].is_dir() else folder, held_out, 800)
        textures = load_backgrounds(sides[1], held_out, PICTURE_SIDE).photographs if sides[1].is_dir() else ()
        square = [cv2.resize(t, (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_AREA) for t in textures]
        empty = np.zeros((0, PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)
        return cls(photographs, np.stack(square).astype(np.uint8) if square else empty)


@dataclass(frozen=True)
class RenderedCrop:
    """One picture of one person, with truth in the camera's optical frame, metres.

    Attributes:
        number: of the person among the people of the step.
        picture: (h, w, 3) uint8 RGB: the part of the image around the region, at the image's own resolution or less.
        to_picture: (3, 3) image px to px of `picture`.
        region: the region that BlazePose would look at, in image px.
        camera: the whole image's camera.
        rotations: (24, 3, 3) of the joints, the root's in the camera frame. betas: (10,).
        joints: (24, 3), the first is the root and equals SMPL's translation.
        stature: m. up: (3,) the world's vertical in the camera frame.
        framing: of the person in the image. kind: of the pose, one of `pose_sampler.KINDS`.
        facing: cosine between the pelvis' front and the direction to the camera; -1 is seen from behind.
        share: share of the person's surface towards the camera that is seen: inside the image and not occluded.
        seen: (24,) whether each joint is inside the image and nothing but the person's own body lies before it.
        others: other people in the scene. table: True where a table or counter stands before the person.
        video: True where the picture went through a strong codec.
    """

    number: int
    picture: NDArray[np.uint8]
    to_picture: Float64Array
    region: Roi
    camera: Camera
    rotations: Float64Array
    betas: Float64Array
    joints: Float64Array
    stature: float
    up: Float64Array
    framing: Framing
    kind: str
    facing: float
    share: float
    seen: NDArray[np.bool_]
    others: int
    table: bool
    video: bool


class CropMaker:
    """Makes crops of people from one side of the split of shapes, poses and photographs."""

    def __init__(
        self,
        sources: CropSources,
        prior: StaturePrior | None = None,
        held_out: bool = False,
        bank: PoseBank | None = None,
    ) -> None:
        """`prior`: None takes the default shares; `bank`: None takes the package's poses."""
        self._sources, self._held_out = sources, held_out
        self._people = PeopleMaker(prior or StaturePrior(), bank or PoseBank.load(), held_out, len(sources.pictures))
        self._sensor = Sensor()

    def make(self, seed: int, step: int) -> Iterator[RenderedCrop]:
        """The crops of one step; people of whom nearly nothing is seen are left out."""
        rng = np.random.default_rng([seed, int(self._held_out), step])
        people = self._people.draw(PEOPLE, rng)
        for number in range(PEOPLE):
            one = np.random.default_rng([seed, int(self._held_out), step, number])
            crop = self._crop(number, random_scene(number, people, one, len(self._sources.pictures)), one)
            if crop is not None:
                yield crop

    def make_one(self, seed: int, index: int) -> RenderedCrop:
        """Crop `index` of an endless sequence; enough of the person is seen, and fewer passers-by than in `make`."""
        for attempt in count():
            rng = np.random.default_rng([seed, int(self._held_out), index, attempt, _ALONE])
            people = self._people.draw(_COMPANY, rng)
            crop = self._crop(0, random_scene(0, people, rng, len(self._sources.pictures)), rng)
            if crop is not None:
                return crop
        raise AssertionError("unreachable")

    def _crop(self, number: int, scene: CropScene, rng: np.random.Generator) -> RenderedCrop | None:
        view, camera = scene.view, scene.view.camera
        seen = view.to_camera(scene.joints)
        if seen[:, 2].min() < 0.2:
            return None
        pixels = camera.project(seen)
        turned = scene.person.body[::12] @ turn_about_y(scene.heading).T
        points = body_points(view.to_camera(turned), float(seen[0, 2]))
        size = (camera.width, camera.height)
        inside = float(joints_inside(pixels, seen[:, 2], size).mean())
        region = seen_region(true_region(camera.project(points), pixels), inside, rng)
        window = _Window.around(region, camera)
        if window is None or inside < 0.12:
            return None
        mesh, owner = joined(_in_sight(scene, window, view))
        picture, face, points_px = self._draw(scene, mesh, window, rng)
        share = share_seen(points_px, mesh.faces, owner[mesh.parts], face)
        if share < 0.12:
            return None
        video = bool(region.size < _FAR_PX * 2.5 and rng.random() < 0.5)
        rotations = scene.person.rotations.copy()
        rotations[0] = view.rotation @ turn_about_y(scene.heading) @ rotations[0]
        ray = -seen[0] / np.linalg.norm(seen[0])
        raster = window.raster_camera(camera)
        return RenderedCrop(
            number=number,
            picture=self._sensor.photograph(picture, video, rng),
            to_picture=window.matrix(),
            region=region,
            camera=camera,
            rotations=rotations,
            betas=scene.person.betas,
            joints=seen,
            stature=scene.person.stature,
            up=view.rotation[:, 1],
            framing=scene.framing,
            kind=scene.person.kind,
            facing=float(rotations[0][:, 2] @ ray),
            share=share,
            seen=joints_seen(raster.project(seen), owner[mesh.parts], face) & joints_inside(pixels, seen[:, 2], size),
            others=scene.others,
            table=scene.table,
            video=video,
        )

    def _draw(
        self, scene: CropScene, mesh: Mesh, window: _Window, rng: np.random.Generator
    ) -> tuple[Float32, NDArray[np.int32], Float32]:
        """The picture before the sensor, the faces in the z-buffer, and the projected vertices."""
        view, light = scene.view, random_light(rng)
        raster, patch = window.raster_camera(view.camera), window.patch_camera(view.camera)
        face = np.full((raster.height, raster.width), -1, np.int32)
        depth = np.full(face.shape, np.inf, np.float32)
        points = project(mesh.vertices, view.rotation, view.eye, raster.intrinsics)
        fill(points, mesh.faces, face, depth)
        shadows = cast_shadows(mesh, light.towards, np.array([scene.joints[0, 0], 0.9, scene.joints[0, 2]]), 1.7)
        pictures = self._sources.pictures if len(self._sources.pictures) else _NO_PICTURES
        layer = shade(face, points, mesh, view.eye, light_record(light), shadows, pictures)
        size = (patch.width, patch.height)
        cover = cv2.resize((face >= 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        soft = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
        placed = PlacedCamera(patch, view.rotation, view.eye)
        paper = random_backdrop(self._sources.backgrounds, placed, rng)
        reach = float(np.hypot(*(scene.joints[0] - view.eye)[[0, 2]]))
        floor = random_floor(self._sources.pictures, reach, rng) if rng.random() < 0.55 else None
        lamp = float(light.sun.mean() * light.towards[1])
        lamp = 0.85 * lamp / (lamp + float(light.sky.mean()))
        feet = scene.joints[[10, 11]][:, [0, 2]][scene.joints[[10, 11], 1] < 0.15]
        paper = lay_floor(paper, floor, placed, shadows, lamp, feet)
        return np.asarray(paper * (1 - cover[..., None]) + soft, np.float32), face, points


_NO_PICTURES = np.zeros((1, PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)


@dataclass(frozen=True)
class _Window:
    """The part of an image that is drawn: corner and size in image px, `scale` of the picture, and of the z-buffer."""

    left: float
    top: float
    width: float
    height: float
    scale: float
    over: float

    @classmethod
    def around(cls, region: Roi, camera: Camera) -> _Window | None:
        """The window of a region with a margin, inside the image; None where they hardly overlap."""
        corners = (region.corners() - region.centre) * _MARGIN + region.centre
        low = np.clip(np.floor(corners.min(0)), 0, np.array([camera.width, camera.height]))
        high = np.clip(np.ceil(corners.max(0)), 0, np.array([camera.width, camera.height]))
        if (high - low).min() < 8:
            return None
        scale = min(1.0, _PATCH_SIDE / region.size, 630 / float((high - low).max()))
        over = float(np.clip(_RASTER_SIDE / (region.size * scale), 1.0, 2.0))
        return cls(low[0] - 0.5, low[1] - 0.5, high[0] - low[0], high[1] - low[1], scale, over)

    def size(self) -> tuple[int, int]:
        """(w, h) px of the picture."""
        return max(4, round(self.width * self.scale)), max(4, round(self.height * self.scale))

    def matrix(self) -> Float64Array:
        """(3, 3) image px to picture px."""
        width, height = self.size()
        across, down = width / self.width, height / self.height
        return np.array([[across, 0, -across * self.left - 0.5], [0, down, -down * self.top - 0.5], [0, 0, 1.0]])

    def patch_camera(self, camera: Camera) -> Camera:
        """The camera of the picture."""
        return _cut(camera, self.matrix(), self.size())

    def raster_camera(self, camera: Camera) -> Camera:
        """The camera of the z-buffer, which is finer than the picture."""
        width, height = self.size()
        fine = (round(width * self.over), round(height * self.over))
        across, down = fine[0] / width, fine[1] / height
        finer = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])
        return _cut(camera, finer @ self.matrix(), fine)


def _cut(camera: Camera, matrix: Float64Array, size: tuple[int, int]) -> Camera:
    return Camera(size[0], size[1], matrix @ camera.intrinsics, "none", np.zeros(0), "given")


def _in_sight(scene: CropScene, window: _Window, view: PlacedCamera) -> list[Mesh]:
    """The person, and what is near it or in the window."""
    kept = [scene.meshes[0]]
    for mesh in scene.meshes[1:]:
        sample = view.to_camera(mesh.vertices[:: max(1, len(mesh.vertices) // 64)].astype(np.float64))
        if sample[:, 2].max() < 0.1:
            continue
        pixels = view.camera.project(np.maximum(sample, [-np.inf, -np.inf, 0.1]))
        low, high = pixels.min(0), pixels.max(0)
        edge = np.array([window.left, window.top])
        if (high > edge).all() and (low < edge + np.array([window.width, window.height])).all():
            kept.append(mesh)
    return kept
