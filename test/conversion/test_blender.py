"""GLB and BVH files as Blender itself imports and poses them.

They run where Blender's Python package is installed (`pip install bpy`: GPL, 370 MB, not a dependency of this project).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.conversion.moving_people import MovingPerson, forward, moving_camera, moving_person, write_replay
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.types import AnyArray, Float64Array

bpy: Any = pytest.importorskip("bpy", reason="Blender's Python package bpy is not installed")

COUNT, FPS = 40, 25
TABLES = OpenTables.load("open_light")
CAMERAS = moving_camera(COUNT)
METRES = 1e-4


@pytest.fixture(scope="module")
def walker() -> MovingPerson:
    return moving_person("p1", range(3, 30), 1)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory, walker: MovingPerson) -> Path:
    return write_replay(tmp_path_factory.mktemp("replay") / "out", [walker], COUNT, CAMERAS, fps=float(FPS))


def in_world(person: MovingPerson, row: int) -> tuple[AnyArray, AnyArray]:
    """Joints (24, 3) and vertices (V, 3) in m, z up: the axes of Blender."""
    matrices, vertices = forward(TABLES, person.betas[row], person.pose[row], person.transl[row])
    place = CAMERAS[person.frame[row]]
    return (place @ matrices)[:, :3, 3], vertices @ place[:3, :3].T + place[:3, 3]


@pytest.fixture
def scene() -> Any:
    """An empty scene at the frame rate of the files."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = FPS
    return bpy.context.scene


def bones(armature: Any) -> Float64Array:
    """Joints (24, 3) of an armature in Blender's world; a name may have the person in front."""
    of_name = {bone.name.split("/")[-1]: bone for bone in armature.pose.bones}
    return np.array([(armature.matrix_world @ of_name[name].matrix).translation for name in JOINT_NAMES])


def only(kind: str, vertices: int = 0) -> Any:
    """The one object of a kind, meshes with at least so many vertices."""
    (found,) = [
        item for item in bpy.data.objects if item.type == kind and len(getattr(item.data, "vertices", ())) >= vertices
    ]
    return found


def test_blender_poses_the_mesh_of_a_glb(replay: Path, walker: MovingPerson, tmp_path: Path, scene: Any) -> None:
    convert(replay, "glb", tmp_path, ConvertOptions(frame="world"))
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "walk.mcap.glb"))
    body, armature = only("MESH", len(TABLES.template)), only("ARMATURE")
    for row in range(0, len(walker.frame), 5):
        scene.frame_set(int(walker.frame[row]))
        joints, vertices = in_world(walker, row)
        graph = bpy.context.evaluated_depsgraph_get()
        posed = body.evaluated_get(graph)
        points = np.array([posed.matrix_world @ vertex.co for vertex in posed.to_mesh().vertices])
        assert np.abs(points - vertices).max() < METRES
        assert np.abs(bones(armature.evaluated_get(graph)) - joints).max() < METRES


def test_blender_hides_a_body_where_it_is_missing(
    replay: Path, walker: MovingPerson, tmp_path: Path, scene: Any
) -> None:
    convert(replay, "glb", tmp_path, ConvertOptions(frame="world"))
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "walk.mcap.glb"))
    body = only("MESH", len(TABLES.template))
    for frame, is_there in ((0, False), (int(walker.frame[0]), True), (int(walker.frame[-1]) + 3, False)):
        scene.frame_set(frame)
        posed = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.array([posed.matrix_world @ vertex.co for vertex in posed.to_mesh().vertices])
        assert (np.ptp(points, axis=0).max() > 0.5) == is_there


def test_blender_poses_the_skeleton_of_a_bvh(replay: Path, walker: MovingPerson, tmp_path: Path, scene: Any) -> None:
    convert(replay, "bvh", tmp_path, ConvertOptions(frame="world"))
    bpy.ops.import_anim.bvh(filepath=str(tmp_path / "walk.mcap/p1.bvh"))
    armature = only("ARMATURE")
    for row in range(len(walker.frame)):
        scene.frame_set(1 + row)
        assert np.abs(bones(armature) - in_world(walker, row)[0]).max() < METRES
