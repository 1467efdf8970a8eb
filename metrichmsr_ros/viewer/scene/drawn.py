"""Turn a frame into what is drawn of it: arrays in the axes of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.depth.sources.ground_plane import lowest_points
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.types import Float32Array, Float64Array
from metrichmsr_ros.viewer.frames import PointCloud, ViewFrame, ViewPerson
from metrichmsr_ros.viewer.scene.floor import FloorFit, SceneFloor, measured_floor
from metrichmsr_ros.viewer.scene.placement import moved, scene_from_camera
from metrichmsr_ros.viewer.scene.rays import cloud_hit, floor_hit, mesh_hit
from metrichmsr_ros.viewer.scene.shapes import Ellipsoid, ellipsoid


@dataclass(frozen=True, eq=False)
class DrawnPerson:
    """One person in the scene.

    Attributes:
        person: the person, with a height if the body is known.
        vertices: (V, 3) float32; V = 0 without a body.
        joints: (24, 3).
        uncertainty: of the position; None if unknown.
    """

    person: ViewPerson
    vertices: Float32Array
    joints: Float64Array
    uncertainty: Ellipsoid | None


@dataclass(frozen=True, eq=False)
class DrawnFrame:
    """One frame in the scene.

    Attributes:
        frame: the frame, its people with heights.
        pose: (4, 4) scene_from_camera; None: unknown, then nothing but the table can be shown.
        people: everybody; empty without a pose.
        cloud: the depth of the scene.
        floor: measured or fitted; None before anybody is seen.
    """

    frame: ViewFrame
    pose: Float64Array | None
    people: tuple[DrawnPerson, ...]
    cloud: PointCloud | None
    floor: SceneFloor | None

    def hit(self, origin: Float64Array, direction: Float64Array, faces: NDArray[np.int64]) -> Float64Array | None:
        """The point (3,) that a ray meets first, on a body, the cloud or the floor; None if it meets nothing."""
        found = [mesh_hit(origin, direction, person.vertices, faces) for person in self.people if len(person.vertices)]
        found += [cloud_hit(origin, direction, self.cloud.points)] if self.cloud is not None else []
        found += [floor_hit(origin, direction, self.floor)] if self.floor is not None else []
        met = [along for along in found if along is not None]
        return origin + min(met) * direction if met else None


class Drawer:
    """Draws frames of one recording.

    Args:
        body: poses the bodies; None: only joints are drawn.
        in_world: the scene is the fixed frame of the camera's poses.
        is_video: all frames are of one place, whose floor is under the feet of all of them.
    """

    def __init__(self, body: BodyEngine | None, in_world: bool, is_video: bool) -> None:
        self.faces = np.zeros((0, 3), np.int64) if body is None else body.faces
        self._body, self._in_world, self._is_video = body, in_world, is_video
        self._fit = FloorFit(in_world)
        self._fitted = set[int]()

    def draw(self, frame: ViewFrame) -> DrawnFrame:
        """The frame in the scene."""
        pose = scene_from_camera(frame, self._in_world)
        people = self._measured(frame.people)
        frame = replace(frame, people=people)
        if pose is None:
            return DrawnFrame(frame, None, (), None, self._fit.floor())
        meshes = self._posed(people)
        drawn = tuple(_drawn(person, mesh, pose) for person, mesh in zip(people, meshes, strict=True))
        cloud = frame.cloud
        if cloud is not None:
            cloud = PointCloud(moved(pose, cloud.points).astype(np.float32), cloud.colours)
        return DrawnFrame(frame, pose, drawn, cloud, self._floor(frame, drawn, pose))

    def _measured(self, people: Sequence[ViewPerson]) -> tuple[ViewPerson, ...]:
        """The people, whose heights are of their bodies where the source does not say them."""
        if self._body is None or not people:
            return tuple(people)
        heights = self._body.height(np.stack([person.betas for person in people]).astype(np.float32))
        return tuple(
            person if np.isfinite(person.height) else replace(person, height=float(height))
            for person, height in zip(people, heights, strict=True)
        )

    def _posed(self, people: Sequence[ViewPerson]) -> Sequence[Float32Array]:
        if self._body is None or not people:
            return [np.zeros((0, 3), np.float32)] * len(people)
        betas, pose, transl = (
            np.stack([getattr(person, name) for person in people]).astype(np.float32)
            for name in ("betas", "pose", "transl")
        )
        return list(self._body.posed(betas, rotation_matrices(pose), transl).vertices)

    def _floor(self, frame: ViewFrame, people: Sequence[DrawnPerson], pose: Float64Array) -> SceneFloor | None:
        if frame.floor is not None:
            return measured_floor(frame.floor, pose)
        if not self._is_video:
            self._fit, self._fitted = FloorFit(self._in_world), set()
        if frame.number not in self._fitted:
            self._fitted.add(frame.number)
            seen = [person for person in people if not person.person.is_occluded]
            shapes = [person.vertices if len(person.vertices) else person.joints for person in seen]
            for foot in lowest_points(shapes, [0.0, 0.0, 1.0]) if shapes else ():
                self._fit.add(foot)
        return self._fit.floor()


def _drawn(person: ViewPerson, mesh: Float32Array, pose: Float64Array) -> DrawnPerson:
    joints = moved(pose, person.joints)
    turned = pose[:3, :3] @ person.covariance @ pose[:3, :3].T
    vertices = moved(pose, mesh).astype(np.float32)
    return DrawnPerson(person, vertices, joints, ellipsoid(joints[0], turned))
