"""The nodes of the scene in viser: made when they first appear, changed in place, removed with their person."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.viewer.frames import PointCloud, image_of
from metrichmsr_ros.viewer.people_table import distance
from metrichmsr_ros.viewer.scene.drawn import DrawnFrame, DrawnPerson
from metrichmsr_ros.viewer.scene.floor import SceneFloor
from metrichmsr_ros.viewer.scene.paths import Paths
from metrichmsr_ros.viewer.scene.placement import quaternion
from metrichmsr_ros.viewer.scene.shapes import bones
from metrichmsr_ros.visual.overlay import person_colour

_FRUSTUM, _OPACITY = 0.4, 0.8  # m; bodies let joints shine through
_JOINT, _BONE, _PATH, _POINT = 0.018, 0.008, 0.015, 0.012  # m
_GRID_M = 20.0


@dataclass
class Shown:
    """Which parts are shown."""

    picture: bool = True
    bodies: bool = True
    joints: bool = True
    labels: bool = True
    depth: bool = True
    uncertainty: bool = True
    paths: bool = True
    floor: bool = True


PARTS = tuple(field.name for field in fields(Shown))


class SceneNodes:
    """Draws frames into the scene of a viser server.

    Args:
        scene: `ViserServer.scene`.
        faces: (F, 3) of every body; F = 0: no bodies.
        shown: which parts are shown; read at every frame.
    """

    def __init__(self, scene: Any, faces: NDArray[np.int64], shown: Shown) -> None:
        self._scene, self._faces, self._shown = scene, faces.astype(np.uint32), shown
        self._people: dict[str, PersonNodes] = {}
        self._nodes: dict[str, Any] = {}
        self._camera: Camera | None = None

    def draw(self, drawn: DrawnFrame, paths: Paths, index: int) -> None:
        """Show one frame, the `index`-th, instead of the one before."""
        present = {person.person.id for person in drawn.people}
        for gone in self._people.keys() - present:
            self._people.pop(gone).remove()
        for person in drawn.people:
            name = person.person.id
            nodes = self._people.get(name) or self._people.setdefault(name, PersonNodes(self._scene, name, self._faces))
            nodes.draw(person, paths.of(name, index), self._shown)
        self._draw_camera(drawn)
        self._draw_cloud(drawn.cloud if self._shown.depth else None)
        self._draw_floor(drawn.floor if self._shown.floor else None, drawn)

    def _drop(self, name: str) -> None:
        if name in self._nodes:
            self._nodes.pop(name).remove()

    def _draw_camera(self, drawn: DrawnFrame) -> None:
        camera, pose = drawn.frame.camera, drawn.pose
        if camera is None or pose is None:
            self._drop("camera")
            return
        if camera != self._camera:
            self._drop("camera")
            self._camera = camera
        if "camera" not in self._nodes:
            fov, aspect = 2 * math.atan(camera.height / 2 / camera.intrinsics[1, 1]), camera.width / camera.height
            self._nodes["camera"] = self._scene.add_camera_frustum(
                "/camera", fov, aspect, scale=_FRUSTUM, thickness=0.008, color=(60, 60, 60), cast_shadow=False
            )
        node, frame = self._nodes["camera"], drawn.frame
        node.wxyz, node.position = quaternion(pose[:3, :3]), pose[:3, 3]
        node.image = image_of(frame.picture) if frame.picture and self._shown.picture else None

    def _draw_cloud(self, cloud: PointCloud | None) -> None:
        if cloud is None:
            self._drop("cloud")
        elif "cloud" in self._nodes:
            self._nodes["cloud"].points, self._nodes["cloud"].colors = cloud.points, cloud.colours
        else:
            self._nodes["cloud"] = self._scene.add_point_cloud(
                "/cloud", cloud.points, cloud.colours, point_size=_POINT, point_shape="square", precision="float32"
            )

    def _draw_floor(self, floor: SceneFloor | None, drawn: DrawnFrame) -> None:
        if floor is None or drawn.pose is None:
            self._drop("floor")
            return
        if "floor" not in self._nodes:
            self._nodes["floor"] = self._scene.add_grid(
                "/floor", _GRID_M, _GRID_M, cell_size=0.5, section_size=1.0, plane_opacity=0.35, shadow_opacity=0.0,
                plane_color=(238, 240, 244), section_color=(150, 150, 160), cell_color=(205, 205, 212),
                fade_distance=30.0,
            )  # fmt: skip
        around = [person.joints[0] for person in drawn.people] or [drawn.pose[:3, 3]]
        node = self._nodes["floor"]
        # on whole metres, so that the squares stay where they are while people walk
        node.position, node.wxyz = floor.below(np.round(np.mean(around, axis=0) / 5) * 5), floor.wxyz


class PersonNodes:
    """The nodes of one person.

    Args:
        scene: `ViserServer.scene`. name: id of the person. faces: (F, 3) uint32.
    """

    def __init__(self, scene: Any, name: str, faces: NDArray[np.uint32]) -> None:
        self._scene, self._faces = scene, faces
        self._root = f"/people/{name.replace('/', '_') or '_'}"
        self._colour = tuple(int(value) for value in person_colour(name))
        self._frame = scene.add_frame(self._root, show_axes=False)
        self._nodes: dict[str, Any] = {}

    def remove(self) -> None:
        """Remove all of them."""
        self._frame.remove()
        self._nodes.clear()

    def draw(self, drawn: DrawnPerson, path: Float64Array, shown: Shown) -> None:
        """Show the person as in one frame, with the lines of the path (M, 2, 3)."""
        opacity = _OPACITY / 2 if drawn.person.is_occluded else _OPACITY
        self._body(drawn, opacity, shown.bodies and len(drawn.vertices) > 0)
        self._joints(drawn.joints, shown.joints)
        self._uncertainty(drawn, shown.uncertainty and drawn.uncertainty is not None)
        self._path(path, shown.paths and len(path) > 0)
        self._label(drawn, shown.labels)

    def _is_kept(self, part: str, visible: bool) -> bool:
        """Whether the node exists; shows or hides it."""
        node = self._nodes.get(part)
        if node is not None and node.visible != visible:
            node.visible = visible
        return node is not None

    def _body(self, drawn: DrawnPerson, opacity: float, visible: bool) -> None:
        if self._is_kept("body", visible) and visible:
            self._nodes["body"].vertices, self._nodes["body"].opacity = drawn.vertices, opacity
        elif visible:
            self._nodes["body"] = self._scene.add_mesh_simple(
                f"{self._root}/body", drawn.vertices, self._faces, color=self._colour, opacity=opacity
            )

    def _joints(self, joints: Float64Array, visible: bool) -> None:
        lines = bones(joints).astype(np.float32)
        if self._is_kept("bones", visible) and self._is_kept("joints", visible):
            if visible:
                self._nodes["bones"].points, self._nodes["joints"].points = lines, joints.astype(np.float32)
        elif visible:
            dark = tuple(value // 3 for value in self._colour)
            self._nodes["bones"] = self._scene.add_line_segments(f"{self._root}/bones", lines, dark, thickness=_BONE)
            self._nodes["joints"] = self._scene.add_point_cloud(
                f"{self._root}/joints", joints.astype(np.float32), dark, point_size=_JOINT, point_shape="circle",
                precision="float32",
            )  # fmt: skip

    def _uncertainty(self, drawn: DrawnPerson, visible: bool) -> None:
        shape = drawn.uncertainty
        if shape is None or not visible:
            self._is_kept("uncertainty", False)
            return
        if not self._is_kept("uncertainty", True):
            self._nodes["uncertainty"] = self._scene.add_icosphere(
                f"{self._root}/uncertainty", 1.0, color=self._colour, opacity=0.18, cast_shadow=False
            )
        node = self._nodes["uncertainty"]
        node.position, node.wxyz, node.scale = shape.centre, shape.wxyz, tuple(shape.radii.tolist())

    def _path(self, path: Float64Array, visible: bool) -> None:
        if self._is_kept("path", visible) and visible:
            self._nodes["path"].points = path.astype(np.float32)
        elif visible:
            self._nodes["path"] = self._scene.add_line_segments(
                f"{self._root}/path", path.astype(np.float32), self._colour, thickness=_PATH
            )

    def _label(self, drawn: DrawnPerson, visible: bool) -> None:
        person = drawn.person
        height = f", {person.height:.2f} m tall" if math.isfinite(person.height) else ""
        text = f"{person.id}: {distance(person):.2f} m away{height}"
        if not self._is_kept("label", visible) and visible:
            self._nodes["label"] = self._scene.add_label(f"{self._root}/label", text, anchor="bottom-center")
        if visible:
            top = drawn.joints[np.argmax(drawn.joints[:, 2])] + [0.0, 0.0, 0.2]
            self._nodes["label"].text, self._nodes["label"].position = text, top
