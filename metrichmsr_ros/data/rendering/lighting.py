"""Lighting of rendered people: light from sky and ground, one sun or lamp, and its shadows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many


@dataclass(frozen=True)
class Light:
    """One lighting of a scene, in world axes (y up).

    Attributes:
        towards: (3,) unit vector to the lamp.
        sun: colour (3,) of the lamp.
        sky: colour (3,) of the light from above.
        ground: colour (3,) of the light from below.
        gloss: strength of highlights.
    """

    towards: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    gloss: float


def random_light(rng: np.random.Generator) -> Light:
    """A random light, from diffuse indoor light to a low sun."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.arcsin(rng.uniform(0.25, 0.98))
    towards = np.array([np.cos(elevation) * np.cos(azimuth), np.sin(elevation), np.cos(elevation) * np.sin(azimuth)])
    share = rng.beta(1.5, 1.5)  # of the lamp in the total light
    level = rng.uniform(0.75, 1.25)
    tint = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.75, 1.05)])
    return Light(
        towards,
        sun=level * 1.1 * share * tint,
        sky=level * (1 - 0.6 * share) * tint[::-1] ** 0.5,
        ground=level * (1 - 0.6 * share) * rng.uniform(0.3, 0.7) * tint,
        gloss=float(rng.uniform(0, 0.15)),
    )


class ShadowMap:
    """Depth from the lamp's position; tells which points are lit."""

    def __init__(self, meshes: list[tuple[np.ndarray, np.ndarray]], light: Light, size: int = 224) -> None:
        """`meshes`: (vertices in the world (V, 3), faces (F, 3)) that cast shadows."""
        points = np.concatenate([v for v, _ in meshes])
        centre = (points.min(0) + points.max(0)) / 2
        radius = float(np.linalg.norm(points - centre, axis=1).max()) + 0.05
        self._distance = 20.0 * radius  # far enough for almost parallel light
        forward = -light.towards
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right = right / np.linalg.norm(right) if np.linalg.norm(right) > 1e-3 else np.array([1.0, 0.0, 0.0])
        self._rotation = np.stack([right, np.cross(forward, right), forward])  # world -> lamp
        self._eye = centre + light.towards * self._distance
        self._camera = Camera.from_fov(size, size, 2.0 * float(np.arctan(radius / self._distance)))
        self._texel = 2 * radius / size
        raster = rasterize_many([((v - self._eye) @ self._rotation.T, f) for v, f in meshes], self._camera, True)
        self._depth = np.where(np.isnan(raster.depth), np.inf, raster.depth)

    def lit(self, points: np.ndarray, bias: float = 0.02) -> np.ndarray:
        """(N,) float32: 1 for world points (N, 3) in the light of the lamp, 0 in shadow."""
        seen = (points - self._eye) @ self._rotation.T
        focal = self._camera.intrinsics[0, 0]
        half = (self._camera.width - 1) / 2
        u = np.rint(seen[:, 0] / seen[:, 2] * focal + half).astype(np.int64)
        v = np.rint(seen[:, 1] / seen[:, 2] * focal + half).astype(np.int64)
        inside = (u >= 0) & (v >= 0) & (u < self._camera.width) & (v < self._camera.width)
        nearest = self._depth[np.clip(v, 0, self._camera.width - 1), np.clip(u, 0, self._camera.width - 1)]
        hidden = inside & (seen[:, 2] > nearest + bias + self._texel)
        return 1.0 - hidden.astype(np.float32)


def shade(colour: np.ndarray, normals: np.ndarray, view: np.ndarray, lit: np.ndarray, light: Light) -> np.ndarray:
    """Lit colours (N, 3) float32.

    Args:
        colour: (N, 3) colour of the surface, 0..1.
        normals: (N, 3) unit normals, world axes.
        view: (N, 3) unit vectors from the surface to the camera.
        lit: (N,) visible share of the lamp, 0..1.
        light: the light.
    """
    up = 0.5 + 0.5 * normals[:, 1:2]
    facing = np.maximum(normals @ light.towards, 0) * lit
    half = view + light.towards
    half /= np.linalg.norm(half, axis=1, keepdims=True) + 1e-9
    highlight = light.gloss * lit * np.maximum((normals * half).sum(1), 0) ** 24
    radiance = up * light.sky + (1 - up) * light.ground + facing[:, None] * light.sun
    return (colour * radiance + highlight[:, None] * light.sun).astype(np.float32)
