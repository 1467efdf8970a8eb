"""The benchmark on surfaces: offsets of parts that were moved by known amounts, and what does not count."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.real.surfaces import PARTS, PartError, errors_of, parts_of_faces, table_of
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many

CAMERA = Camera(120, 160, np.array([[200.0, 0, 60], [0, 200.0, 80], [0, 0, 1]]))
JOINTS = ("head", "spine2", "left_elbow")
DISTANCE = 2.0


def square(x: float, y: float, side: float) -> np.ndarray:
    """(4, 3) m, facing the camera at `DISTANCE`."""
    return np.array(
        [[x, y, DISTANCE], [x + side, y, DISTANCE], [x + side, y + side, DISTANCE], [x, y + side, DISTANCE]]
    )


@pytest.fixture
def body():
    """Vertices (12, 3), faces (6, 3) and weights (12, 24): a head over a trunk, and a forearm beside it."""
    vertices = np.concatenate([square(-0.15, -0.5, 0.3), square(-0.25, -0.15, 0.5), square(0.3, 0.0, 0.25)])
    faces = np.array([[4 * part + i for i in face] for part in range(3) for face in ((0, 1, 2), (0, 2, 3))])
    weights = np.zeros((12, 24), np.float32)
    for part, joint in enumerate(JOINTS):
        weights[4 * part : 4 * part + 4, JOINT_NAMES.index(joint)] = 1.0
    return vertices.astype(np.float32), faces, weights


def measured(vertices: np.ndarray, faces: np.ndarray, *offsets: float) -> np.ndarray:
    """Depth (H, W) of the body whose head, trunk and forearm are moved away by `offsets` before a wall at 5 m."""
    raster = rasterize_many([(vertices, faces)], CAMERA)
    moved = raster.depth + np.array(offsets, np.float32)[np.maximum(raster.face_id, 0) // 2]
    return np.where(raster.covered, moved, 5.0).astype(np.float32)


def test_parts_are_those_of_the_strongest_joint(body) -> None:
    _, faces, weights = body
    names = list(PARTS)
    assert [names[part] for part in parts_of_faces(faces, weights)] == ["head"] * 2 + ["trunk"] * 2 + ["forearms"] * 2


def test_offsets_are_relative_to_the_trunk(body) -> None:
    """The whole body is 0.4 m too near, the head 5 cm more, the forearm 10 cm less."""
    vertices, faces, weights = body
    depth = measured(vertices, faces, 0.45, 0.40, 0.30)
    found = errors_of([vertices], 0, faces, parts_of_faces(faces, weights), depth, CAMERA)
    assert {name: offset for name, (_, offset) in found.items()} == pytest.approx(
        {"trunk": 0.0, "head": 0.05, "forearms": -0.10}, abs=1e-5
    )
    assert all(on_body == 1.0 for on_body, _ in found.values())


def test_a_wall_behind_is_not_the_part(body) -> None:
    vertices, faces, weights = body
    depth = measured(vertices, faces, 0.0, 0.0, 3.0)
    on_body, offset = errors_of([vertices], 0, faces, parts_of_faces(faces, weights), depth, CAMERA)["forearms"]
    assert on_body == 0.0
    assert np.isnan(offset)


def test_people_behind_others_and_unmeasured_ones_have_no_parts(body) -> None:
    vertices, faces, weights = body
    parts = parts_of_faces(faces, weights)
    before = (vertices - np.array([0, 0, 0.5])).astype(np.float32)
    depth = measured(vertices, faces, 0.0, 0.0, 0.0)
    assert not errors_of([vertices, before], 0, faces, parts, depth, CAMERA)
    assert not errors_of([vertices], 0, faces, parts, np.full_like(depth, np.nan), CAMERA)


def test_table_has_medians_by_group() -> None:
    errors = [PartError("head", "whole", 1.0, 0.02), PartError("head", "feet cut", 0.8, -0.04)]
    errors += [PartError("head", "seated", 0.9, float("nan"))]
    cells = list(zip(*(column.cells for column in table_of(errors).columns), strict=True))
    assert cells == [("standing", "head", "2", "0.90", "-1.0", "3.0")]
