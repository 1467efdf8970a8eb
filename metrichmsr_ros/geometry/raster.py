"""The z-buffer: triangle meshes seen by a pinhole camera -> metric depth and face ids, exact at pixel centres.

Every pixel centre inside a mesh's outline is covered, one on an edge that two triangles share belongs to exactly one
of them, and depth is perspective-correct. `scanline` holds the algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.scanline import nearest_faces
from metrichmsr_ros.types import Float64Array, IndexArray

_CHUNK = 8192  # pixels at a time: the temporary arrays stay in the cache


@dataclass(frozen=True, eq=False)
class Raster:
    """Meshes rendered by a camera: depth, faces and mesh indices per pixel.

    Attributes:
        camera: the pinhole camera that rendered them.
        depth: (H, W) float32 metres along z, NaN where empty.
        face_id: (H, W) int32 index into the faces of the pixel's own mesh, -1 where empty.
        mesh_id: (H, W) int32 index of the mesh, -1 where empty.
    """

    camera: Camera
    depth: NDArray[np.float32]
    face_id: NDArray[np.int32]
    mesh_id: NDArray[np.int32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(H, W) bool, true where any mesh is visible."""
        return self.face_id >= 0


def rasterize(vertices_cam: ArrayLike, faces: ArrayLike, camera: Camera, cull_back: bool = False) -> Raster:
    """Z-buffer of one mesh.

    Args:
        vertices_cam: (V, 3) metres, camera frame.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        camera: undistorted camera of the image to fill.
        cull_back: leave out back faces. Correct only for closed meshes that do not contain the camera.

    Raises:
        CameraError: the camera has lens distortion.
        ValueError: a vertex is not finite.
    """
    return rasterize_many([(vertices_cam, faces)], camera, cull_back)


def rasterize_many(meshes: Sequence[tuple[ArrayLike, ArrayLike]], camera: Camera, cull_back: bool = False) -> Raster:
    """Z-buffer of several (vertices_cam, faces) meshes that occlude each other; see `rasterize`."""
    if camera.is_distorted:
        raise CameraError("the z-buffer needs a pinhole camera: rectify the image and pass camera.rectified()")
    vertices, faces, first = _joined(meshes)
    depth, winner = nearest_faces(vertices, faces, camera.intrinsics, camera.size, cull_back)
    if len(meshes) == 1:
        return Raster(camera, depth, winner, np.minimum(winner, 0))
    mesh_id = (np.searchsorted(first, winner, side="right") - 1).astype(np.int32)
    return Raster(camera, depth, np.where(winner < 0, -1, winner - first[mesh_id]).astype(np.int32), mesh_id)


def interpolate(
    raster: Raster, faces: ArrayLike, vertices_cam: ArrayLike, attributes: ArrayLike, mesh: int = 0
) -> NDArray[Any]:
    """Perspective-correct vertex attributes at the pixels where mesh number `mesh` is visible.

    Args:
        raster: from `rasterize` or `rasterize_many`.
        faces, vertices_cam: the arrays of that mesh as given to `rasterize`.
        attributes: (V, C), for example colours or normals.

    Returns:
        (N, C) in the order of `np.nonzero(raster.mesh_id == mesh)`, in the dtype of floating `attributes`.
    """
    corners = np.asarray(faces)
    triangles = np.asarray(vertices_cam, np.float64)[corners]  # (F, 3, 3)
    values = np.asarray(attributes)
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    v, u = np.nonzero(raster.mesh_id == mesh)
    face = raster.face_id[v, u]
    # A ray d meets the plane of a, b, c at barycentrics proportional to d.(b x c), d.(c x a), d.(a x b).
    volumes = np.cross(triangles[:, (1, 2, 0)], triangles[:, (2, 0, 1)]) @ np.linalg.inv(raster.camera.intrinsics)
    result = np.empty((len(face), values.shape[1]), values.dtype)
    for start in range(0, len(face), _CHUNK):
        part = slice(start, start + _CHUNK)
        volume = volumes.take(face[part], axis=0)  # (n, 3, 3)
        weights = volume[:, :, 0] * u[part, None] + volume[:, :, 1] * v[part, None] + volume[:, :, 2]
        weights = (weights / weights.sum(axis=1, keepdims=True)).astype(values.dtype)
        a, b, c = corners.take(face[part], axis=0).T
        result[part] = weights[:, :1] * values[a] + weights[:, 1:2] * values[b] + weights[:, 2:] * values[c]
    return result


def _joined(meshes: Sequence[tuple[ArrayLike, ArrayLike]]) -> tuple[Float64Array, IndexArray, IndexArray]:
    """One vertex array, one face array, and the first face of each mesh."""
    vertices = [np.asarray(v, np.float64).reshape(-1, 3) for v, _ in meshes]
    faces = [np.asarray(f, np.int64).reshape(-1, 3) for _, f in meshes]
    for number, mesh in enumerate(vertices):
        if not np.isfinite(mesh).all():
            raise ValueError(f"mesh {number} has vertices that are not finite; leave it out")
    vertex_start = np.cumsum([0, *(len(v) for v in vertices)])
    shifted = [f + start for f, start in zip(faces, vertex_start, strict=False)]
    first = np.cumsum([0, *(len(f) for f in faces)])
    return (
        np.concatenate(vertices) if vertices else np.zeros((0, 3)),
        np.concatenate(shifted) if shifted else np.zeros((0, 3), np.int64),
        first,
    )
