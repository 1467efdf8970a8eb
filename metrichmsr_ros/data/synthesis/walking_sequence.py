"""A short rendered video with exact ground truth: people walk past a slowly moving robot camera in a room.

`make demo` plays this video through the node. World frame: x forward, y left, z up (REP-103), floor at z = 0. The
sequence is deterministic and needs only the data of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.data.rendering.painting import vertex_colours
from metrichmsr_ros.data.rendering.room import TiledRoom, render_tiled_room
from metrichmsr_ros.data.synthesis.walkers import WALKERS, Walker
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.mesh import vertex_normals
from metrichmsr_ros.geometry.raster import interpolate, rasterize
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.io.npz import read_npz
from metrichmsr_ros.types import Float64Array

# SMPL axes (y up, facing z) to the world's (z up, facing x).
_WORLD_FROM_SMPL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
# Optical axes (x right, y down, z forward) of a level camera whose optical axis is the world's x.
_WORLD_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
BODY = "open"  # body model of the people
_Room = tuple[Float64Array, NDArray[np.float32], Float64Array]  # as render_tiled_room gives it
_LIGHT_WORLD = np.array([-0.45, 0.35, 0.82])
_AMBIENT = 0.5


@dataclass(frozen=True)
class SequencePerson:
    """Truth of one person in one frame, camera optical frame, metres, radians, float32."""

    id: str
    pose: NDArray[np.float32]  # (72,)
    betas: NDArray[np.float32]  # (10,)
    transl_cam: NDArray[np.float32]  # (3,)
    joints_cam: NDArray[np.float32]  # (24, 3)
    height: float
    visible_fraction: float  # share of the body's pixels that are inside the image and not hidden by another


@dataclass(frozen=True)
class SequenceFrame:
    """One image with its truth. image: (H, W, 3) uint8 RGB; depth: (H, W) float32 m; T_world_cam: (4, 4)."""

    image: NDArray[np.uint8]
    camera: Camera
    stamp_s: float
    T_world_cam: Float64Array
    depth: NDArray[np.float32]
    people: tuple[SequencePerson, ...]


class WalkingSequence(Sequence[SequenceFrame]):
    """The sequence. Each frame is rendered on access, independently of the others.

    Args:
        num_frames: number of frames, at least 1.
        fps: frames per second of simulated time.
        size: width, height in pixels.
        fov_x: horizontal field of view, radians.
        walkers: the people and their paths. camera_height: above the floor, metres.
        camera_path: (4, 4) optical frame to world at a share of the sequence, 0 to 1; None: the demo's slow drift.
    """

    def __init__(
        self,
        num_frames: int = 120,
        fps: float = 10.0,
        size: tuple[int, int] = (640, 480),
        fov_x: float = 1.22,
        walkers: Sequence[Walker] = WALKERS,
        camera_height: float = 0.95,
        camera_path: Callable[[float], Float64Array] | None = None,
    ) -> None:
        if num_frames < 1:
            raise ValueError(f"num_frames is {num_frames}; a sequence has at least one frame")
        self.num_frames, self.fps = num_frames, fps
        self.walkers = tuple(walkers)
        self._camera_path = camera_path or partial(_drifting_camera, camera_height)
        self.camera = camera = Camera.from_fov(*size, fov_x)
        self.body = load_body_engine(BODY)
        self.faces, tables = self.body.faces, OpenTables.load(BODY)
        walk = read_npz(asset_path("walk_cycle.npz"))
        self._cycle, self._cycle_fps, self._speed = walk["pose"], float(walk["fps"]), float(walk["speed"])
        self._colours = {walker.id: vertex_colours(tables, walker.outfit) for walker in self.walkers}
        self._room: tuple[Float64Array, _Room] | None = None  # of the last pose of the camera, which often stands still
        self._noise = np.random.default_rng(0).normal(0.0, 2.0, (camera.height, camera.width, 1))

    def __len__(self) -> int:
        """Number of frames."""
        return self.num_frames

    @overload
    def __getitem__(self, index: int) -> SequenceFrame: ...

    @overload
    def __getitem__(self, index: slice) -> list[SequenceFrame]: ...

    def __getitem__(self, index: int | slice) -> SequenceFrame | list[SequenceFrame]:
        """Render one frame, or those of a slice."""
        numbers = range(self.num_frames)[index]
        return self._render(numbers) if isinstance(numbers, int) else [self._render(n) for n in numbers]

    def _render(self, number: int) -> SequenceFrame:
        stamp_s = number / self.fps
        T_world_cam = self._camera_path(number / self.num_frames)
        room_image, room_depth, points = self._empty_room(T_world_cam)
        image, depth = room_image.copy(), room_depth.copy()
        present = [walker for walker in self.walkers if stamp_s >= walker.enters_s]
        bodies = [self._posed(walker, stamp_s - walker.enters_s) for walker in present]
        for vertices_world, _, _ in bodies:
            _cast_shadow(image, points, vertices_world)
        owner = np.full(depth.shape, -1)
        alone = [self._draw(image, depth, owner, n, present[n].id, b[0], T_world_cam) for n, b in enumerate(bodies)]
        people = [
            self._truth(walker, body, T_world_cam, (owner == n).sum() / max(alone[n], 1))
            for n, (walker, body) in enumerate(zip(present, bodies, strict=True))
        ]
        return SequenceFrame(
            _expose(image, owner, self._noise), self.camera, stamp_s, T_world_cam, depth, tuple(people)
        )

    def _empty_room(self, T_world_cam: Float64Array) -> _Room:
        if self._room is None or not np.array_equal(self._room[0], T_world_cam):
            self._room = T_world_cam.copy(), render_tiled_room(TiledRoom(), self.camera, T_world_cam)
        return self._room[1]

    def _posed(self, walker: Walker, walked_s: float) -> tuple[Float64Array, NDArray[np.float32], Float64Array]:
        """Vertices in the world, pose (72,) with the root in the world, and translation in the world."""
        step = walked_s * walker.pace * self._cycle_fps
        pose = self._cycle[int(step) % len(self._cycle)].copy()
        if walker.arms is not None:
            pose = walker.arms.posed(pose, walked_s).astype(pose.dtype)
        place, heading = walker.place_after(walked_s * walker.pace * self._speed)
        root = Rotation.from_euler("z", heading) * Rotation.from_matrix(_WORLD_FROM_SMPL)
        pose[:3] = (root * Rotation.from_rotvec(pose[:3])).as_rotvec()
        betas = np.array([walker.all_betas], np.float32)
        vertices = self.body.posed(betas, rotation_matrices(pose[None]), np.zeros((1, 3), np.float32)).vertices[0]
        transl = np.array([*place, -vertices[:, 2].min()])  # the lowest sole stands on the floor
        return vertices + transl, pose, transl

    def _draw(
        self,
        image: Float64Array,
        depth: NDArray[np.float32],
        owner: NDArray[np.int64],
        number: int,
        walker_id: str,
        vertices_world: Float64Array,
        T_world_cam: Float64Array,
    ) -> int:
        """Draw one body over farther pixels; returns its pixel count if it were unoccluded and wholly in the image."""
        vertices_cam = (vertices_world - T_world_cam[:3, 3]) @ T_world_cam[:3, :3]
        raster = rasterize(vertices_cam, self.faces, self.camera)
        covered = raster.face_id >= 0
        if not covered.any():
            return 0
        attributes = np.concatenate([vertex_normals(vertices_world, self.faces), self._colours[walker_id]], axis=1)
        values = interpolate(raster, self.faces, vertices_cam, attributes)
        normals = values[:, :3] / np.maximum(np.linalg.norm(values[:, :3], axis=1, keepdims=True), 1e-9)
        light = _LIGHT_WORLD / np.linalg.norm(_LIGHT_WORLD)
        shade = _AMBIENT + (1 - _AMBIENT) * np.clip(normals @ light, 0, 1)
        near = raster.depth[covered] < depth[covered]
        rows, columns = (indices[near] for indices in np.nonzero(covered))
        image[rows, columns] = (values[:, 3:] * shade[:, None])[near]
        depth[rows, columns] = raster.depth[rows, columns]
        owner[rows, columns] = number
        return int(covered.sum() / max(_share_inside(vertices_cam, self.camera), 1e-3))

    def _truth(
        self,
        walker: Walker,
        body: tuple[Float64Array, NDArray[np.float32], Float64Array],
        T_world_cam: Float64Array,
        visible: float,
    ) -> SequencePerson:
        _, pose_world, transl_world = body
        pose = pose_world.copy()
        pose[:3] = (Rotation.from_matrix(T_world_cam[:3, :3]).inv() * Rotation.from_rotvec(pose_world[:3])).as_rotvec()
        transl = ((transl_world - T_world_cam[:3, 3]) @ T_world_cam[:3, :3]).astype(np.float32)
        betas = np.array([walker.all_betas], np.float32)
        joints = self.body.joints(betas, rotation_matrices(pose[None]), transl[None])[0]
        height = float(self.body.height(betas)[0])
        return SequencePerson(walker.id, pose, betas[0], transl, joints, height, float(visible))


def level_camera(place: tuple[float, float, float], yaw: float, pitch: float = 0.0) -> Float64Array:
    """(4, 4) optical frame to world of a camera at `place`, m, that looks along `yaw`, radians; pitch > 0: down."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("ZY", [yaw, pitch]).as_matrix() @ _WORLD_FROM_OPTICAL
    pose[:3, 3] = place
    return pose


def _drifting_camera(height: float, progress: float) -> Float64Array:
    """(4, 4) optical frame to world of a camera that drifts sideways and turns a little; 0 <= progress <= 1."""
    yaw, pitch = 0.10 * np.sin(2 * np.pi * progress), 0.02 * np.sin(5 * np.pi * progress)
    return level_camera((0.5 * progress, 0.6 * (0.5 - progress), height), yaw, pitch)


def _cast_shadow(image: Float64Array, points: Float64Array, vertices_world: Float64Array) -> None:
    """Draw a soft shadow on the floor around the body's lowest parts."""
    low = vertices_world[vertices_world[:, 2] < 0.25][:, :2]
    centre, spread = low.mean(axis=0), low.std(axis=0).max() + 0.16
    floor = points[..., 2] < 1e-6
    gap = np.linalg.norm(points[floor][:, :2] - centre, axis=1) / spread
    image[floor] *= (1 - 0.45 * np.exp(-0.5 * gap**2))[:, None]


def _share_inside(vertices_cam: Float64Array, camera: Camera) -> float:
    ahead = vertices_cam[:, 2] > 0.05
    pixels = camera.project(vertices_cam[ahead])
    inside = ((pixels >= 0) & (pixels < camera.size)).all(axis=1)
    return float(inside.sum() / len(vertices_cam))


def _expose(image: Float64Array, owner: NDArray[np.int64], noise: Float64Array) -> NDArray[np.uint8]:
    """Soften silhouettes as a lens does, add sensor noise, and quantise."""
    edge = cv2.morphologyEx((owner + 1).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    soft = cv2.GaussianBlur(image, (3, 3), 0.8)
    image[edge] = soft[edge]
    return np.clip(image + noise, 0, 255).astype(np.uint8)
