"""Sketches of few faces and pixels, which the simulator of CUDA draws in seconds.

python -m helpers.small_sketches OUT    # writes the drawings of the GPU's painter
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.clothing import Cloth, random_outfit
from metrichmsr_ros.data.rendering.compiled import shading
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, box, joined, rounded, turn_about_y
from metrichmsr_ros.data.rendering.compiled.records import cloth_record, outfit_record
from metrichmsr_ros.data.rendering.compiled.zbuffer import project
from metrichmsr_ros.data.rendering.crops.backdrop import random_floor
from metrichmsr_ros.data.rendering.crops.picture import CropSources, Drawing, Painter, Sketch
from metrichmsr_ros.data.rendering.crops.window import Window
from metrichmsr_ros.data.rendering.lighting import random_light
from metrichmsr_ros.geometry.camera import Camera

MAP_SIDE = 20
"""Of the shadow maps in the simulator, px."""
_LEVEL = np.diag([1.0, -1.0, -1.0])
_FEET = np.array([[0.1, 0.0], [-0.7, -0.6]])  # m; the second is beside the shape, where the floor is seen and lit


def small_sources() -> CropSources:
    """Two textures, and no photographs."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    return CropSources(Backgrounds(), pictures)


def small_sketches() -> list[Sketch]:
    """Two of unequal sizes, without and with a floor and feet; the richer is last, behind the other's rows."""
    return [_sketch(1, Camera.from_fov(21, 24, 0.8), 1.0), _sketch(0, Camera.from_fov(26, 30, 0.8), 1.45)]


def _sketch(seed: int, camera: Camera, over: float) -> Sketch:
    rng = np.random.default_rng(seed)
    things = [
        _clothed_shape(rng),
        box(np.array([0.5, 0.3, 0.4]), np.array([0.5, 0.6, 0.3]), turn_about_y(0.4), _plain(rng)),
    ]
    mesh = joined(things[: 2 - seed])[0]
    view = PlacedCamera(camera, _LEVEL, np.array([0.1, 1.2, 2.6]))
    window = Window(camera, -0.5, -0.5, camera.width, camera.height, 1.0, over)
    placed = PlacedCamera(window.picture, view.rotation, view.eye)
    paper = rng.random((camera.height, camera.width, 3)).astype(np.float32)
    floor = random_floor(small_sources().pictures, 2.6, rng) if seed == 0 else None
    points = project(mesh.vertices, view.rotation, view.eye, window.raster.intrinsics)
    feet = _FEET if seed == 0 else _FEET[:0]
    return Sketch(mesh, points, window, placed, random_light(rng), np.array([0.0, 0.9, 0.0]), paper, floor, feet)


def _clothed_shape(rng: np.random.Generator) -> Mesh:
    """An ellipsoid as high as a person, dressed as one."""
    shape = rounded(np.array([0.0, 0.88, 0.0]), np.array([0.3, 0.85, 0.15]), np.eye(3), 0.9, _plain(rng))
    cloths = np.concatenate([_plain(rng) for _ in range(3)])
    worn, first = outfit_record(random_outfit(rng)), np.zeros(1, np.int32)
    return replace(shape, part_outfit=first, part_cloth=first, outfits=worn, cloths=cloths)


def _plain(rng: np.random.Generator) -> np.ndarray:
    """One colour with folds; the simulator takes the field `size`, which patterns need, for the size of the record."""
    return cloth_record(Cloth(rng.random(3), rng.random(3), "plain", 0.1, rng.uniform(0, 6, 3), 0.3))


def save_drawings(painter: Painter, path: Path) -> None:
    """Write the drawings of the small sketches."""
    drawings = painter.draw(small_sketches())
    np.savez(path, **{f"{name}{n}": value for n, d in enumerate(drawings) for name, value in vars(d).items()})


def drawings_in(path: Path) -> list[Drawing]:
    """What `save_drawings` wrote."""
    with np.load(path) as file:
        return [Drawing(file[f"picture{n}"], file[f"face{n}"]) for n in range(len(file.files) // 2)]


if __name__ == "__main__":
    from metrichmsr_ros.data.rendering.crops.cuda import painter

    shading.MAP_SIDE = MAP_SIDE
    painter._BLOCK, painter._LANES, painter._FACES = 16, 2, 8  # the simulator's threads are slow
    save_drawings(painter.CudaPainter(small_sources()), Path(sys.argv[1]))
