"""The picture of a scene in a window: people and things in front of a backdrop, through lens and sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.background import Backgrounds, load_backgrounds
from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.compiled.floors import compose
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh
from metrichmsr_ros.data.rendering.compiled.records import light_record
from metrichmsr_ros.data.rendering.compiled.shading import cast_shadows, shade
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, Int32, fill, project
from metrichmsr_ros.data.rendering.crops.backdrop import PICTURE_SIDE, Floor, lay_floor, random_backdrop, random_floor
from metrichmsr_ros.data.rendering.crops.degrade import Sensor
from metrichmsr_ros.data.rendering.crops.lens import random_lens, through_lens
from metrichmsr_ros.data.rendering.crops.scene import CropScene
from metrichmsr_ros.data.rendering.crops.window import Window
from metrichmsr_ros.data.rendering.lighting import Light, random_light
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.crop import apply_matrix
from metrichmsr_ros.types import Float64Array

_FLOORED = 0.55  # share of pictures with a floor; the others keep the photograph's own, with shadows on it
_DISTORTED = 0.1  # share of pictures that a distorted lens took
SHADOW_REACH = 1.7  # m around the person within which things cast shadows
_NO_PICTURES = np.zeros((1, PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)


class PainterError(MetricHMRError, RuntimeError):
    """There is no such device to draw on."""


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
class Sketch:
    """A scene in a window with all that is drawn at random: what a painter draws, on any device.

    Attributes:
        mesh: all that the window shows. points: (V, 3) its vertices in px of the window's `raster`, and their depths.
        window: the part of the image. view: the camera of its picture. light: of the scene.
        middle: (3,) m, world: what the shadow map shows the surroundings of.
        paper: (h, w, 3) float32, about 0..1: the backdrop.
        floor: None leaves the backdrop's own floor. feet: (N, 2) x and z of feet on the floor, at most two.
    """

    mesh: Mesh
    points: Float32
    window: Window
    view: PlacedCamera
    light: Light
    middle: Float64Array
    paper: Float32
    floor: Floor | None
    feet: Float64Array


@dataclass(frozen=True)
class Drawing:
    """A picture before lens and sensor, and the z-buffer behind it.

    Attributes:
        picture: (h, w, 3) float32, about 0..1.
        face: (H, W) nearest face of the mesh at each px of the window's `raster`, -1 where none is.
    """

    picture: Float32
    face: Int32


class Painter:
    """Draws scenes on the CPU; holds photographs, textures and the sensor's noise."""

    at_once = 1
    """Sketches that `draw` best gets in one call."""

    def __init__(self, sources: CropSources) -> None:
        self._sources, self._sensor = sources, Sensor()
        self._pictures = sources.pictures if len(sources.pictures) else _NO_PICTURES

    def sketch(self, scene: CropScene, mesh: Mesh, window: Window, rng: np.random.Generator) -> Sketch:
        """The scene's `mesh` with random light, backdrop and floor."""
        view, light = scene.view, random_light(rng)
        placed = PlacedCamera(window.picture, view.rotation, view.eye)
        paper = random_backdrop(self._sources.backgrounds, placed, rng)
        reach = float(np.hypot(*(scene.joints[0] - view.eye)[[0, 2]]))
        floor = random_floor(self._sources.pictures, reach, rng) if rng.random() < _FLOORED else None
        feet = scene.joints[[10, 11]][:, [0, 2]][scene.joints[[10, 11], 1] < 0.15]
        points = project(mesh.vertices, view.rotation, view.eye, window.raster.intrinsics)
        middle = np.array([scene.joints[0, 0], 0.9, scene.joints[0, 2]])
        return Sketch(mesh, points, window, placed, light, middle, paper, floor, feet)

    def draw(self, sketches: Sequence[Sketch]) -> list[Drawing]:
        """The drawings of sketches, whose backdrops may be drawn over: each is drawn once."""
        return [self._drawn(sketch) for sketch in sketches]

    def _drawn(self, sketch: Sketch) -> Drawing:
        mesh, window, view, light = sketch.mesh, sketch.window, sketch.view, sketch.light
        face = np.full((window.raster.height, window.raster.width), -1, np.int32)
        depth = np.full(face.shape, np.inf, np.float32)
        fill(sketch.points, mesh.faces, face, depth)
        shadows = cast_shadows(mesh, light.towards, sketch.middle, SHADOW_REACH)
        layer = shade(face, sketch.points, mesh, view.eye, light_record(light), shadows, self._pictures)
        cover = cv2.resize((face >= 0).astype(np.float32), window.size, interpolation=cv2.INTER_AREA)
        soft = cv2.resize(layer, window.size, interpolation=cv2.INTER_AREA)
        paper = lay_floor(sketch.paper, sketch.floor, view, shadows, lamp_share(light), sketch.feet)
        compose(paper, np.asarray(soft, np.float32), np.asarray(cover, np.float32))
        return Drawing(paper, face)

    def photograph(self, picture: Float32, window: Window, video: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
        """The picture as the sensor delivers it, some through a lens whose distortion is rectified."""
        lens = random_lens(window.image, rng) if rng.random() < _DISTORTED else None
        if lens is None:
            return self._sensor.photograph(picture, video, rng)
        edges = np.array([[-0.5, -0.5], [window.image.width - 0.5, window.image.height - 0.5]])
        sensor = apply_matrix(window.matrix, edges)
        return through_lens(
            picture, window.picture, sensor, lens, lambda bent: self._sensor.photograph(bent, video, rng)
        )


def lamp_share(light: Light) -> float:
    """How much darker a shadow on the floor is, 0..1."""
    lamp = float(light.sun.mean() * light.towards[1])
    return 0.85 * lamp / (lamp + float(light.sky.mean()))
