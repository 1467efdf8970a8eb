"""Furniture stands on the floor, meshes face outwards, shadows and visible shares are those of closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.mocap.pose_bank import PoseBank, joint_positions
from metrichmsr_ros.data.rendering.compiled.meshes import box, joined, rounded, thing, turn_about_y
from metrichmsr_ros.data.rendering.compiled.shading import cast_shadows, lit_at
from metrichmsr_ros.data.rendering.compiled.visibility import share_seen
from metrichmsr_ros.data.rendering.compiled.zbuffer import fill, project
from metrichmsr_ros.data.rendering.crops.furniture import is_seated, random_fabric, random_seat, random_table
from metrichmsr_ros.data.rendering.crops.people import PeopleMaker, calm_poses
from metrichmsr_ros.data.rendering.crops.scene import row_of_seats
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior

_LEVEL = np.diag([1.0, -1.0, -1.0])
_K = np.array([[200.0, 0, 99.5], [0, 200.0, 99.5], [0, 0, 1]])


@pytest.fixture(scope="module")
def people():
    return PeopleMaker(PeoplePrior(), PoseBank.load(), False, 0).draw(24, np.random.default_rng(5))


def _fabric():
    return random_fabric(np.random.default_rng(0), 0)


def test_people_stand_on_the_floor_above_the_origin(people):
    for person in people:
        assert person.body[:, 1].min() == pytest.approx(0, abs=1e-4)
        np.testing.assert_allclose(person.joints[0, [0, 2]], 0, atol=1e-5)
        assert 1.0 < person.stature < 2.1


@pytest.mark.parametrize("corners", [1.0, 0.4])
def test_boxes_and_rounded_shapes_face_outwards(corners):
    axes, centre = turn_about_y(0.7), np.array([1.0, 2.0, 3.0])
    size = np.array([0.4, 0.6, 0.8])
    for mesh in (box(centre, size, axes, _fabric()), rounded(centre, size / 2, axes, corners, _fabric())):
        a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
        outwards = (np.cross(b - a, c - a) * ((a + b + c) / 3 - centre)).sum(1)
        assert outwards.min() > -1e-6
        assert (outwards > 1e-7).sum() >= 12
        local = (mesh.vertices - centre) @ axes
        np.testing.assert_allclose(np.abs(local).max(0), size / 2, rtol=0.02)


def test_seats_stand_on_the_floor_and_carry_the_sitter(people):
    rng = np.random.default_rng(1)
    sitters = [p for p in people if p.kind == "sitting" and p.joints[0, 1] > 0.25]
    assert sitters
    for person in sitters:
        parts = random_seat(person, rng, 0)
        points = np.concatenate([part.vertices for part in parts])
        assert points[:, 1].min() == pytest.approx(0, abs=0.08)  # a bench may be a solid block just above it
        under = parts[0].vertices
        assert under[:, 1].max() == pytest.approx(person.joints[0, 1] - 0.11, abs=1e-4)
        assert under[:, 2].min() < person.joints[0, 2] < under[:, 2].max()


def test_captured_sitters_are_seated_and_those_who_stand_are_not(people):
    sitter = next(p for p in people if p.kind == "sitting")
    assert is_seated(sitter)
    assert is_seated(replace(sitter, kind="captured")) == (0.3 < sitter.joints[0, 1] < 0.75)
    standing = [p for p in people if p.kind == "captured" and p.joints[0, 1] > 0.8]
    assert standing
    assert not any(is_seated(person) for person in standing)


def test_tables_stand_before_people_without_cutting_through_them(people):
    rng = np.random.default_rng(2)
    for person in people:
        if person.kind not in ("sitting", "captured"):
            continue
        top = random_table(person, rng, 0)[0].vertices
        height = top[:, 1].max()
        belly = person.body[(np.abs(person.body[:, 1] - height) < 0.08) & (np.abs(person.body[:, 0]) < 0.12)]
        if len(belly):
            assert top[:, 2].min() > belly[:, 2].max()


def test_a_box_casts_its_shadow_straight_down_and_nowhere_else():
    mesh = box(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.2, 1.0]), np.eye(3), _fabric())
    shadows = cast_shadows(mesh, np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.5, 0.0]), 1.5)

    def lit(x, y, z):
        return lit_at(x, y, z, shadows.depth, shadows.axes, shadows.centre, shadows.texel, 0.02)

    assert lit(0.0, 0.0, 0.0) == pytest.approx(0)
    assert lit(0.4, 0.0, -0.4) == pytest.approx(0)
    assert lit(0.6, 0.0, 0.0) == pytest.approx(1)
    assert lit(0.0, 1.2, 0.0) == pytest.approx(1)
    assert lit(9.0, 0.0, 0.0) == pytest.approx(1)


def _board(cells: int = 24):
    """A square board of 1 m that faces +z, in many small triangles."""
    across = np.linspace(-0.5, 0.5, cells + 1)
    x, y = np.meshgrid(across, across)
    corners = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    first = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    above = first + cells + 1
    faces = np.concatenate([np.stack([first, first + 1, above], 1), np.stack([first + 1, above + 1, above], 1)])
    return thing(corners, np.tile([0.0, 0, 1], (len(corners), 1)), corners, faces, _fabric())


@pytest.mark.parametrize("hidden", [0.0, 0.25, 0.5])
def test_the_share_seen_of_a_board_behind_another(hidden):
    cover = box(np.array([hidden - 1.0, 0.0, 0.02]), np.array([1.0, 2.0, 0.01]), np.eye(3), _fabric())
    mesh, owner = joined([_board(), cover])
    points = project(mesh.vertices, _LEVEL, np.array([0.0, 0.0, 1.5]), _K)
    face = np.full((200, 200), -1, np.int32)
    depth = np.full((200, 200), np.inf, np.float32)
    fill(points, mesh.faces, face, depth)
    assert share_seen(points, mesh.faces, owner[mesh.parts], face) == pytest.approx(1 - hidden, abs=0.05)


def test_the_share_seen_of_a_board_that_the_image_cuts():
    mesh, owner = joined([_board()])
    points = project(mesh.vertices, _LEVEL, np.array([0.0, 0.0, 1.5]), _K)
    points[:, 1] += 200 / 1.5 * 0.25 + 99.5 - 66.7  # a quarter of the board lies below the image
    face = np.full((200, 200), -1, np.int32)
    depth = np.full((200, 200), np.inf, np.float32)
    fill(points, mesh.faces, face, depth)
    assert share_seen(points, mesh.faces, owner[mesh.parts], face) == pytest.approx(0.75, abs=0.05)


def test_calm_poses_have_their_hands_below_the_shoulders():
    rest = OpenBody.load("open_light").joint_template.numpy().astype(np.float64)
    bank = PoseBank.load()
    calm = calm_poses(bank, rest)
    assert 0.2 < len(calm.poses) / len(bank.poses) < 0.95
    assert 0 < calm.held_out.mean() < 0.4
    joints = joint_positions(calm.poses, rest)
    assert (joints[:, [20, 21], 1].max(1) < joints[:, [16, 17], 1].min(1)).all()
    assert (joints[:, 15, 1] > joints[:, 0, 1] + 0.4).all()  # upright


def test_a_row_of_sitters_has_gaps_along_it_and_one_heading(people):
    """In the axes of the first, whose heading is half a turn more than 0.3: the others sit to its sides."""
    sitters = [number for number, person in enumerate(people) if is_seated(person)]
    heading, rows = 0.3 + np.pi, []
    for seed in range(40):
        rows += [row_of_seats(sitters[0], people, heading, np.random.default_rng(seed))]
    kept = [row for row in rows if row]
    assert 5 < len(kept) < 30  # a third of them
    for row in kept:
        assert all(is_seated(person) and person is not people[sitters[0]] for person, _, _ in row)
        places = np.array([place for _, place, _ in row]) @ turn_about_y(heading)
        assert (np.abs(places[:, 2]) < 0.4).all()
        assert (np.abs(places[:, 0]) > 0.49).all()
        assert np.allclose([turn for _, _, turn in row], heading, atol=0.8)
    stands = next(number for number, person in enumerate(people) if not is_seated(person))
    assert not any(row_of_seats(stands, people, heading, np.random.default_rng(seed)) for seed in range(40))
