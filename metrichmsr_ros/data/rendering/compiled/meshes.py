"""Meshes of a scene: bodies with clothes, things people wear, furniture; joined into one for the z-buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.compiled.records import CLOTH, OUTFIT, Records
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32, Int32
from metrichmsr_ros.types import Float64Array


@dataclass(frozen=True)
class Mesh:
    """Triangles with all that shading needs.

    Attributes:
        vertices: (V, 3) m, world, y up. normals: (V, 3) unit vectors.
        places: (V, 3) m: point on the body's template, or in an object's own axes; colours are functions of it.
        faces: (F, 3), counter-clockwise seen from outside. parts: (F,) number of the part of each face.
        part_outfit: (P,) row of `outfits` of each part, -1 for objects.
        part_cloth: (P,) row of `cloths` that colours an object or whose phase folds a body's clothes.
        outfits: (O,) of `OUTFIT`. cloths: (C,) of `CLOTH`.
    """

    vertices: Float32
    normals: Float32
    places: Float32
    faces: Int32
    parts: Int32
    part_outfit: Int32
    part_cloth: Int32
    outfits: Records
    cloths: Records

    def turned(self, heading: float, place: Float64Array) -> Mesh:
        """The mesh rotated by `heading` (radians) about y, then moved by `place` (3,)."""
        turn = turn_about_y(heading).astype(np.float32)
        moved = self.vertices @ turn.T + np.asarray(place, np.float32)
        return replace(self, vertices=moved, normals=self.normals @ turn.T)


class Surface(NamedTuple):
    """The arrays that compiled functions take of a `Mesh`; `points` (V, 3) are from `zbuffer.project`."""

    points: Float32
    faces: Int32
    vertices: Float32
    normals: Float32
    places: Float32
    parts: Int32
    part_outfit: Int32
    part_cloth: Int32
    outfits: Records
    cloths: Records


def surface_of(mesh: Mesh, points: Float32) -> Surface:
    """A mesh whose vertices appear at `points` (V, 3)."""
    return Surface(
        points,
        mesh.faces,
        mesh.vertices,
        mesh.normals,
        mesh.places,
        mesh.parts,
        mesh.part_outfit,
        mesh.part_cloth,
        mesh.outfits,
        mesh.cloths,
    )


def turn_about_y(heading: float) -> Float64Array:
    """Rotation (3, 3) by `heading` radians about the vertical axis; it moves +z towards +x."""
    cos, sin = np.cos(heading), np.sin(heading)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def joined(meshes: Sequence[Mesh]) -> tuple[Mesh, Int32]:
    """One mesh of all, and the number of the mesh that each part comes from (P,). A single mesh is not copied."""
    if len(meshes) == 1:
        return meshes[0], np.zeros(len(meshes[0].part_outfit), np.int32)
    starts = np.cumsum([[0, 0, 0, 0]] + [_counts(mesh) for mesh in meshes], axis=0).astype(np.int32)
    faces, parts, part_outfit, part_cloth, outfits, owner = [], [], [], [], [], []
    for number, (mesh, (vertex, part, outfit, cloth)) in enumerate(zip(meshes, starts[:-1], strict=True)):
        faces.append(mesh.faces + vertex)
        parts.append(mesh.parts + part)
        part_outfit.append(np.where(mesh.part_outfit < 0, -1, mesh.part_outfit + outfit).astype(np.int32))
        part_cloth.append(mesh.part_cloth + cloth)
        worn = mesh.outfits.copy()
        worn["first_cloth"] += cloth
        outfits.append(worn)
        owner.append(np.full(len(mesh.part_outfit), number, np.int32))
    whole = Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.places for mesh in meshes]),
        np.concatenate(faces),
        np.concatenate(parts),
        np.concatenate(part_outfit),
        np.concatenate(part_cloth),
        np.concatenate(outfits, dtype=OUTFIT),
        np.concatenate([mesh.cloths for mesh in meshes], dtype=CLOTH),
    )
    return whole, np.concatenate(owner)


def _counts(mesh: Mesh) -> list[int]:
    return [len(mesh.vertices), len(mesh.part_outfit), len(mesh.outfits), len(mesh.cloths)]


def thing(vertices: Float64Array, normals: Float64Array, places: Float64Array, faces: Int32, cloth: Records) -> Mesh:
    """The mesh of one object of one fabric, `cloth` (1,)."""
    return Mesh(
        np.asarray(vertices, np.float32),
        np.asarray(normals, np.float32),
        np.asarray(places, np.float32),
        np.asarray(faces, np.int32),
        np.zeros(len(faces), np.int32),
        np.array([-1], np.int32),
        np.zeros(1, np.int32),
        np.zeros(0, OUTFIT),
        np.asarray(cloth, CLOTH),
    )


def box(centre: Float64Array, size: Float64Array, axes: Float64Array, cloth: Records) -> Mesh:
    """A box of edges `size` (3,) around `centre` (3,); the columns of `axes` (3, 3) are its axes in the world."""
    places = _BOX_CORNERS * np.asarray(size)
    return thing(places @ axes.T + centre, _BOX_NORMALS @ axes.T, places, _BOX_FACES, cloth)


def rounded(centre: Float64Array, radii: Float64Array, axes: Float64Array, corners: float, cloth: Records) -> Mesh:
    """A superellipsoid: `corners` 1 is an ellipsoid, towards 0 a box with round edges."""
    unit, faces = _SPHERE
    places = np.sign(unit) * np.abs(unit) ** corners
    places = places * np.asarray(radii)
    return thing(places @ axes.T + centre, unit @ axes.T, places, faces, cloth)


def _box_table() -> tuple[Float64Array, Float64Array, NDArray[np.int32]]:
    """Corners (24, 3) of the unit box, four for each side, their normals (24, 3) and the faces (12, 3)."""
    corners: list[Float64Array] = []
    normals: list[Float64Array] = []
    faces: list[list[int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal = np.eye(3)[axis] * sign
            u = np.eye(3)[(axis + 1) % 3]
            v = np.cross(normal, u)
            start = len(corners)
            corners += [0.5 * (normal + a * u + b * v) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            normals += [normal] * 4
            faces += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    return np.array(corners), np.array(normals), np.array(faces, np.int32)


def _sphere_table(rings: int = 9, around: int = 16) -> tuple[Float64Array, NDArray[np.int32]]:
    """Points (N, 3) of the unit sphere, poles on y, and its faces."""
    polar = np.linspace(0, np.pi, rings)[:, None]
    turn = np.arange(around)[None] * (2 * np.pi / around)
    points = np.stack(
        np.broadcast_arrays(np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)), -1
    ).reshape(-1, 3)
    here = (np.arange(rings - 1)[:, None] * around + np.arange(around)[None]).ravel()
    there = (np.arange(rings - 1)[:, None] * around + (np.arange(around)[None] + 1) % around).ravel()
    first = np.stack([here, here + around, there], 1)
    second = np.stack([there, here + around, there + around], 1)
    return points, np.concatenate([first, second]).astype(np.int32)


_BOX_CORNERS, _BOX_NORMALS, _BOX_FACES = _box_table()
_SPHERE = _sphere_table()
