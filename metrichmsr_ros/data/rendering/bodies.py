"""Render clothed bodies and boxes with light and shadows in front of a background: an image and its z-buffer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.data.rendering.background import world_rays
from metrichmsr_ros.data.rendering.clothing import Outfit
from metrichmsr_ros.data.rendering.lighting import Light, ShadowMap, shade
from metrichmsr_ros.data.rendering.painting import cloth_offsets, paint
from metrichmsr_ros.data.rendering.skirts import hanging_garment
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.mesh import face_normals, summed_normals
from metrichmsr_ros.geometry.raster import Raster, interpolate, rasterize_many

_CAMERA_FROM_WORLD = np.diag([1.0, -1.0, -1.0])  # the optical axis of a level camera is the world's -z


@dataclass(frozen=True)
class Figure:
    """A posed body in the world: vertices (V, 3), its mesh and its outfit."""

    vertices: np.ndarray
    mesh: BodyMesh
    outfit: Outfit


@dataclass(frozen=True)
class ColouredBox:
    """A box in the world: 8 corners (8, 3) in `BOX_FACES` order, and its colour (3,)."""

    corners: np.ndarray
    colour: np.ndarray

    @classmethod
    def upright(cls, centre: np.ndarray, size: np.ndarray, heading: float, colour: np.ndarray) -> ColouredBox:
        """A box of edges `size` (3,) around `centre` (3,), rotated by `heading` about y."""
        signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
        cos, sin = np.cos(heading), np.sin(heading)
        turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
        return cls((signs * size) @ turn.T + centre, colour)


@dataclass(frozen=True)
class PlacedCamera:
    """A pinhole camera in the world (y up): world-to-camera rotation (3, 3) and camera position `eye` (3,)."""

    camera: Camera
    rotation: np.ndarray
    eye: np.ndarray

    @classmethod
    def aimed(cls, camera: Camera, eye: np.ndarray, target: np.ndarray, place: np.ndarray, roll: float) -> PlacedCamera:
        """The camera at `eye` (3,) that shows the world point `target` (3,) near the pixel `place` (2,).

        `roll` in radians, about the optical axis.
        """
        wanted = np.linalg.inv(camera.intrinsics) @ np.array([*place, 1.0])
        towards = target - eye
        yaw = np.arctan2(-towards[0], -towards[2]) + np.arctan2(wanted[0], 1.0)
        pitch = np.arctan2(towards[1], np.hypot(towards[0], towards[2])) + np.arctan2(wanted[1], 1.0)
        world_from_level = Rotation.from_euler("YX", [yaw, pitch]).as_matrix()
        rotation = Rotation.from_euler("z", roll).as_matrix() @ _CAMERA_FROM_WORLD @ world_from_level.T
        return cls(camera, rotation, eye)

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in the camera's optical frame."""
        moved: np.ndarray = (points - self.eye) @ self.rotation.T
        return moved


_BOX_DIGITS = "012 132 465 567 041 145 236 376 024 264 153 357"
BOX_FACES = np.array([[int(digit) for digit in face] for face in _BOX_DIGITS.split()])


class BodyMesh:
    """Faces and template of a body model."""

    def __init__(self, template: np.ndarray, faces: np.ndarray) -> None:
        """`template` (V, 3): the mean body in its rest pose; `faces` (F, 3)."""
        self.template = np.asarray(template, np.float64)
        self.faces = np.asarray(faces, np.int64)

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Unit vertex normals (V, 3), the area-weighted mean of the adjacent faces."""
        normals = summed_normals(vertices, self.faces)
        # `vertex_normals` differs in the last bits, which would change the images of a seed.
        unit: np.ndarray = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
        return unit


def render(
    figures: list[Figure],
    boxes: list[ColouredBox],
    background: np.ndarray,
    view: PlacedCamera,
    light: Light,
    floor: bool = True,
) -> tuple[np.ndarray, Raster]:
    """Draw a scene.

    Args:
        figures: clothed people; they have the first mesh ids of the z-buffer.
        boxes: boxes; they have the next mesh ids.
        background: (H, W, 3) float32 in 0..1.
        view: the camera.
        light: the light.
        floor: whether people and boxes cast shadows on the ground y = 0.

    Returns:
        Image (H, W, 3) float32, about 0..1 (not clipped), and the z-buffer of the clothed meshes, in which a skirt or
        coat has the mesh id of its wearer.
    """
    wearers, garments = _garments(figures)
    worn = [*figures, *garments]
    surfaces = [_clothed_vertices(figure) for figure in figures] + [garment.vertices for garment in garments]
    world = [(surface, figure.mesh.faces) for surface, figure in zip(surfaces, worn, strict=True)]
    world += [(b.corners, BOX_FACES) for b in boxes]
    raster = rasterize_many([(view.to_camera(v), f) for v, f in world], view.camera, cull_back=True)
    shadows = ShadowMap(world, light)
    paper = _floor_shadows(background, figures, view, light, shadows) if floor else background
    layer = np.zeros_like(paper)
    for number, (figure, surface) in enumerate(zip(worn, surfaces, strict=True)):
        where = raster.mesh_id == number
        if where.any():
            layer[where] = _figure_pixels(figure, surface, number, raster, view, light, shadows)
    for number, item in enumerate(boxes, start=len(worn)):
        where = raster.mesh_id == number
        if where.any():
            layer[where] = _box_pixels(item, raster.face_id[where], light)
    mask = raster.covered.astype(np.float32)
    soft, edge = cv2.GaussianBlur(layer, (3, 3), 0.55), cv2.GaussianBlur(mask, (3, 3), 0.55)
    count = len(figures)
    owner = np.array([*range(count), *wearers, *range(count, count + len(boxes)), -1], np.int32)  # last: no mesh
    return paper * (1 - edge[..., None]) + soft, replace(raster, mesh_id=owner[raster.mesh_id])


def _clothed_vertices(figure: Figure) -> np.ndarray:
    """Vertices (V, 3) of the body with its close-fitting clothes."""
    off = cloth_offsets(figure.mesh.template, figure.outfit)
    surface: np.ndarray = figure.vertices + off[:, None] * figure.mesh.normals(figure.vertices)
    return surface


def _garments(figures: list[Figure]) -> tuple[list[int], list[Figure]]:
    """Indices of the figures with a skirt or long coat, and these garments."""
    wearers, garments = [], []
    for number, figure in enumerate(figures):
        hem = figure.outfit.hangs_to
        if hem is None:
            continue
        off = float(figure.outfit.thickness[:2].max()) + 0.005
        garment = hanging_garment(figure.mesh.template, figure.vertices, hem, off, figure.outfit.flare)
        if garment is not None:
            wearers.append(number)
            garments.append(Figure(garment.vertices, BodyMesh(garment.template, garment.faces), figure.outfit))
    return wearers, garments


def _figure_pixels(
    figure: Figure,
    vertices: np.ndarray,
    number: int,
    raster: Raster,
    view: PlacedCamera,
    light: Light,
    shadows: ShadowMap,
) -> np.ndarray:
    mesh = figure.mesh
    attributes = np.concatenate([mesh.template, mesh.normals(vertices), vertices], 1).astype(np.float32)
    seen = interpolate(raster, mesh.faces, view.to_camera(vertices), attributes, number)
    place, normals, points = seen[:, :3], seen[:, 3:6], seen[:, 6:]
    colour, folds = paint(place, figure.outfit)
    normals = normals + folds[:, None] * _creases(place, figure.outfit)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    towards = view.eye.astype(np.float32) - points
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    lit = shadows.lit(points + 0.015 * normals)
    return shade(colour, normals, towards, lit, light)


def _creases(place: np.ndarray, outfit: Outfit) -> np.ndarray:
    """Tilt (N, 3) of the normals on creased cloth: three waves of 6 to 20 cm."""
    phase = outfit.trousers.phase
    lean = np.zeros_like(place)
    for wave, pace in enumerate((32.0, 57.0, 98.0)):
        direction = np.sin(phase + 2.1 * wave)
        direction = (direction / (np.linalg.norm(direction) + 1e-6)).astype(np.float32)
        warp = place @ direction + 0.04 * np.sin(19 * place[:, 1] + phase[wave % 3])
        lean += np.cos(pace * warp + phase[2])[:, None] * direction / (1 + wave)
    return lean


def _box_pixels(item: ColouredBox, faces: np.ndarray, light: Light) -> np.ndarray:
    normals = face_normals(item.corners, BOX_FACES)
    colours = np.broadcast_to(item.colour, normals.shape)
    shaded = shade(colours, normals, normals, np.ones(len(normals), np.float32), light)
    return shaded[faces]


def _floor_shadows(
    background: np.ndarray, figures: list[Figure], view: PlacedCamera, light: Light, shadows: ShadowMap
) -> np.ndarray:
    """The background with shadows of people and boxes on the floor, computed at a quarter of the resolution."""
    rays = world_rays(view.camera, view.rotation, 4)
    shape = rays.shape[:2]
    rays = rays.reshape(-1, 3)
    with np.errstate(divide="ignore"):
        reach = -view.eye[1] / rays[:, 1]
    hits = np.flatnonzero((rays[:, 1] < -1e-3) & (reach < 30))
    darkness = np.zeros(len(rays), np.float32)
    if not len(hits):
        return background
    points = view.eye + reach[hits, None] * rays[hits]
    lamp = float(light.sun.mean() * light.towards[1])
    ambient = float(light.sky.mean())
    darkness[hits] = (1 - shadows.lit(points, 0.01)) * lamp / (lamp + ambient)
    for figure in figures:
        low = figure.vertices[figure.vertices[:, 1] < figure.vertices[:, 1].min() + 0.06]
        if low[:, 1].min() < 0.05:
            spread = 0.08 + low[:, (0, 2)].std(0).max()
            gap = ((points[:, (0, 2)] - low[:, (0, 2)].mean(0)) ** 2).sum(1) / (2 * spread**2)
            darkness[hits] = 1 - (1 - darkness[hits]) * (1 - 0.35 * np.exp(-gap))
    soft = cv2.GaussianBlur(darkness.reshape(shape), (0, 0), 0.8)
    full = cv2.resize(soft, (background.shape[1], background.shape[0]), interpolation=cv2.INTER_LINEAR)
    return background * (1 - 0.85 * full[..., None])
