"""What is drawn is where the camera, the bodies and the floor are, in metres and with z up."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from benchmarks.conversion.moving_people import forward, moving_person
from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.viewer.frames import ViewFrame, ViewPerson, cloud_of, image_of, jpeg_of
from metrichmsr_ros.viewer.people_table import people_table
from metrichmsr_ros.viewer.scene.drawn import Drawer
from metrichmsr_ros.viewer.scene.floor import FloorFit, SceneFloor, measured_floor
from metrichmsr_ros.viewer.scene.paths import Paths
from metrichmsr_ros.viewer.scene.placement import moved, quaternion, scene_from_camera
from metrichmsr_ros.viewer.scene.rays import cloud_hit, floor_hit, mesh_hit
from metrichmsr_ros.viewer.scene.shapes import bones, ellipsoid, path

POSE = np.eye(4)
POSE[:3, :3] = Rotation.from_euler("zyx", [0.7, -0.2, 1.9]).as_matrix()
POSE[:3, 3] = [4.0, -2.0, 1.5]


def person(name: str = "p1", *, height: float = np.nan, seed: int = 1) -> ViewPerson:
    found = moving_person(name, range(3), seed)
    return ViewPerson(
        name, 0.9, False, found.pose[1], found.betas[1], found.transl[1], found.joints[1], np.eye(3) * 0.01, height
    )


def test_the_ellipsoid_holds_95_percent():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    covariance, centre = root @ root.T, np.array([1.0, 2.0, 3.0])
    shape = ellipsoid(centre, covariance)
    points = rng.multivariate_normal(centre, covariance, 40_000)
    w, x, y, z = shape.wxyz
    own = Rotation.from_quat([x, y, z, w]).inv().apply(points - shape.centre) / shape.radii
    assert np.mean(np.linalg.norm(own, axis=1) < 1) == pytest.approx(0.95, abs=0.004)


@pytest.mark.parametrize("covariance", [np.full((3, 3), np.nan), np.zeros((3, 3)), np.diag([1.0, 1.0, -1.0])])
def test_what_is_no_covariance_has_no_ellipsoid(covariance):
    assert ellipsoid(np.zeros(3), covariance) is None


def test_bones_join_joints_with_their_parents():
    joints = np.random.default_rng(0).normal(size=(24, 3))
    lines = bones(joints)
    assert lines.shape == (23, 2, 3)
    for line, joint in zip(lines, range(1, 24), strict=True):
        np.testing.assert_array_equal(line, [joints[joint], joints[PARENTS[joint]]])


def test_paths_have_gaps_and_a_limit():
    times = np.array([0.0, 0.1, 0.2, 5.0, 5.1])
    points = np.arange(15.0).reshape(5, 3)
    np.testing.assert_array_equal(path(points, times), np.stack([points[[0, 1, 3]], points[[1, 2, 4]]], axis=1))
    many = path(np.arange(30_000.0).reshape(-1, 3), np.arange(10_000) / 10)
    assert 200 <= len(many) <= 300
    np.testing.assert_array_equal(many[-1, 1], [29_997, 29_998, 29_999])  # it ends where the person is


def test_without_poses_the_scene_stands_on_the_camera():
    pose = scene_from_camera(ViewFrame(0, 0.0), in_world=False)
    np.testing.assert_allclose(moved(pose, [1.0, 2.0, 3.0]), [1.0, 3.0, -2.0])  # right, ahead, up
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    assert scene_from_camera(ViewFrame(0, 0.0), in_world=True) is None
    assert scene_from_camera(ViewFrame(0, 0.0, world_from_camera=POSE), in_world=True) is POSE


def test_quaternions_are_of_w_x_y_z():
    w, *xyz = quaternion(Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix())
    np.testing.assert_allclose([w, *xyz], [np.sqrt(0.5), 0, 0, np.sqrt(0.5)])


def test_bodies_are_posed_and_placed_by_the_camera():
    someone = person()
    frame = ViewFrame(0, 0.0, (someone,), world_from_camera=POSE)
    drawn = Drawer(load_body_engine("open_light"), True, True).draw(frame)
    tables = OpenTables.load("open_light")
    _, expected = forward(tables, someone.betas, someone.pose, someone.transl)
    np.testing.assert_allclose(drawn.people[0].vertices, moved(POSE, expected), atol=1e-4)
    np.testing.assert_allclose(drawn.people[0].joints, moved(POSE, someone.joints), atol=1e-6)
    np.testing.assert_allclose(drawn.people[0].uncertainty.radii, 0.27955, atol=1e-4)
    rest = tables.template + tables.directions @ someone.betas
    assert drawn.people[0].person.height == pytest.approx(np.ptp(rest[:, 1]), abs=1e-4)


def test_without_a_body_only_joints_are_drawn():
    drawn = Drawer(None, False, True).draw(ViewFrame(0, 0.0, (person(height=1.7),)))
    assert drawn.people[0].vertices.shape == (0, 3)
    assert drawn.people[0].person.height == 1.7
    assert drawn.floor.height == pytest.approx(drawn.people[0].joints[:, 2].min(), abs=0.02)


def test_without_the_pose_of_the_camera_nothing_is_placed():
    drawn = Drawer(None, True, True).draw(ViewFrame(0, 0.0, (person(),)))
    assert (drawn.pose, drawn.people, drawn.floor) == (None, (), None)


def test_the_floor_is_under_all_feet_of_a_video_and_of_one_photograph():
    low, high = person(), person("p2")
    joints = high.joints - np.array([0, 10.0, 0], np.float32)  # 10 m higher
    high = ViewPerson("p2", 0.9, False, high.pose, high.betas, high.transl, joints, high.covariance)
    first, second = ViewFrame(0, 0.0, (low,)), ViewFrame(1, 1.0, (high,))
    for is_video, far in ((True, 5.0), (False, 10.0)):
        drawer = Drawer(None, False, is_video)
        below = [drawer.draw(frame).floor.below(np.zeros(3))[2] for frame in (first, second)]
        assert below[1] - below[0] == pytest.approx(far, abs=2.0)


def test_a_measured_floor_is_placed_by_the_camera():
    up = np.array([0.1, -0.9, -0.2]) / np.linalg.norm([0.1, -0.9, -0.2])
    floor = measured_floor(Plane(up, -1.4), POSE)
    points = np.random.default_rng(0).normal(size=(5, 3))
    points += (-1.4 - points @ up)[:, None] * up  # on the plane, in the camera frame
    np.testing.assert_allclose(moved(POSE, points) @ floor.up, floor.height, atol=1e-9)
    assert floor.is_measured
    w, *xyz = floor.wxyz
    np.testing.assert_allclose(Rotation.from_quat([*xyz, w]).apply([0, 0, 1]), floor.up, atol=1e-9)
    assert floor.up @ floor.below(np.ones(3)) == pytest.approx(floor.height)


def test_feet_of_a_level_scene_give_its_height():
    fit = FloorFit(is_level=True)
    assert fit.floor() is None
    for x in range(4):
        fit.add(np.array([x, 0.5 * x, -0.8]))
    np.testing.assert_allclose(fit.floor().below(np.array([2.0, 1.0, 5.0])), [2.0, 1.0, -0.8], atol=0.02)


def test_a_ray_meets_the_first_surface():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    origin, direction = np.array([3.0, 0.1, 0.0]), np.array([-1.0, 0.0, 0.0])
    assert mesh_hit(origin, direction, ball.vertices, ball.faces) == pytest.approx(3 - np.sqrt(0.24), abs=0.005)
    assert mesh_hit(origin, -direction, ball.vertices, ball.faces) is None
    assert mesh_hit(np.array([3.0, 0.7, 0.0]), direction, ball.vertices, ball.faces) is None


def test_a_ray_meets_the_cloud_and_the_floor():
    origin, direction = np.array([0.0, 0.0, 2.0]), np.array([0.6, 0.0, -0.8])
    points = np.array([[3.0, 0.01, -2.0], [0.6, 0.0, 1.2], [0.6, 0.5, 1.2]])
    assert cloud_hit(origin, direction, points) == pytest.approx(1.0)
    assert cloud_hit(origin, -direction, points) is None
    floor = SceneFloor(np.array([0.0, 0.0, 1.0]), 0.4, False)
    assert floor_hit(origin, direction, floor) == pytest.approx(2.0)
    assert floor_hit(origin, -direction, floor) is None
    assert floor_hit(origin, np.array([1.0, 0, 0]), floor) is None


def test_the_cloud_projects_to_its_pixels_and_leaves_edges_out():
    camera = Camera.from_fov(80, 60, 1.0)
    depth = np.full((60, 80), 2.0, np.float32)
    depth[:, 40:] = 5.0
    depth[0] = np.nan
    image = np.zeros((60, 80, 3), np.uint8)
    image[..., 0] = np.arange(80)
    cloud = cloud_of(depth, image, camera)
    pixels = np.rint(camera.project(cloud.points)).astype(int)
    np.testing.assert_array_equal(cloud.colours[:, 0], pixels[:, 0])
    np.testing.assert_allclose(cloud.points[:, 2], np.where(pixels[:, 0] < 40, 2.0, 5.0))
    assert not np.isin(pixels[:, 0], [39, 40]).any()
    assert pixels[:, 1].min() >= 1
    large = cloud_of(np.full((1000, 1000), 2.0), None, Camera.from_fov(1000, 1000, 1.0))
    assert 15_000 < len(large.points) <= 20_000


def test_pictures_are_kept_small():
    image = np.zeros((900, 1440, 3), np.uint8)
    image[..., 1] = 200
    kept = image_of(jpeg_of(image))
    assert kept.shape == (450, 720, 3)
    np.testing.assert_allclose(kept.reshape(-1, 3).mean(0), [0, 200, 0], atol=3)


def test_paths_follow_people_in_the_scene():
    frames = [ViewFrame(index, index / 10, (person(seed=index),)) for index in range(1, 5)]
    paths = Paths(in_world=False)
    for frame in frames:
        paths.add(frame)
    assert len(paths) == 4
    assert [len(paths.of("p1", index)) for index in range(4)] == [0, 1, 2, 3]
    x, y, z = frames[3].people[0].joints[0]
    np.testing.assert_allclose(paths.of("p1", 3)[-1, 1], [x, z, -y], atol=1e-6)
    assert paths.of("nobody", 3).shape == (0, 2, 3)


def test_the_table_lists_the_nearest_first():
    near, far = person("a|b", height=1.755), person("p2")
    away = far.joints + np.array([0, 0, 50], np.float32)
    far = ViewPerson("p2", np.nan, True, far.pose, far.betas, far.transl, away, far.covariance)
    rows = people_table(ViewFrame(0, 0.0, (far, near))).splitlines()[2:]
    metres = np.linalg.norm(near.joints[0])
    assert rows[0] == f"| a\\|b | {metres:.2f} m | 1.75 m | 90% | yes |".replace("1.75", f"{1.755:.2f}")
    assert rows[1].startswith("| p2 | 5")
    assert rows[1].endswith(" m |  |  | predicted |")
    assert people_table(ViewFrame(0, 0.0)) == "Nobody is found in this frame."
    assert "cut \\*off" in people_table(ViewFrame(0, 0.0, problem="cut *off"))
