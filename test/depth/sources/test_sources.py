"""Depth sources on any grid: `resampled` gives every image pixel its depth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metrichmsr_ros.assets import AssetError, model_path
from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap, IncomingDepth, resampled, stretched
from metrichmsr_ros.depth.sources.fastdepth import FastDepth
from metrichmsr_ros.depth.sources.files import load_depth, metres
from metrichmsr_ros.depth.sources.ground_plane import GroundPlane, fit_ground, lowest_points, plane_depth
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera(160, 120, np.array([[130.0, 0, 79.5], [0, 130, 59.5], [0, 0, 1]]))
IMAGE = np.zeros((120, 160, 3), np.uint8)


def plane(camera: Camera, normal=(0.1, -0.3, 0.6), offset: float = 1.5) -> np.ndarray:
    """Depth of the plane normal . p = offset, for every pixel of `camera`; analytic, so exact on any grid."""
    grid = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    slant = camera.back_project(grid, 1.0) @ np.asarray(normal)
    return (offset / np.where(slant > 0.2, slant, np.nan)).astype(np.float32)


# --- resampling ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grid",
    [
        stretched(CAMERA, 80, 60),
        stretched(CAMERA, 224, 224),
        CAMERA.transformed([[0.7, 0, -10], [0, 0.7, -5], [0, 0, 1]], (90, 70)),  # a crop
        Camera(200, 150, np.array([[100.0, 0, 99], [0, 110, 74], [0, 0, 1]])),  # another lens
    ],
)
def test_a_plane_on_another_grid_resamples_to_the_same_plane(grid):
    answer = resampled(DepthMap(plane(grid), grid, "test"), CAMERA)
    expected = plane(CAMERA)
    both = np.isfinite(answer) & np.isfinite(expected)
    assert both.sum() > 0.3 * np.isfinite(expected).sum()
    both[:2], both[-2:], both[:, :2], both[:, -2:] = False, False, False, False  # replicated edges
    np.testing.assert_allclose(answer[both], expected[both], rtol=5e-3)


def test_stretching_equals_opencv_resize():
    image = cv2.GaussianBlur(np.random.default_rng(0).random((120, 160), np.float32), (0, 0), 4)
    grid = stretched(CAMERA, 320, 360)
    as_depth = DepthMap(image, CAMERA, "test")
    mine = resampled(as_depth, grid)
    np.testing.assert_allclose(mine, cv2.resize(image, (320, 360), interpolation=cv2.INTER_LINEAR), atol=2e-3)


def test_pixels_outside_the_depth_camera_are_unknown():
    narrow = CAMERA.transformed(np.array([[1.0, 0, -40], [0, 1, -30], [0, 0, 1]]), (80, 60))
    for is_sensor in (False, True):
        answer = resampled(DepthMap(np.full((60, 80), 2.0, np.float32), narrow, "test", is_sensor), CAMERA)
        assert np.isfinite(answer).sum() == 80 * 60
        assert np.isfinite(answer[30:90, 40:120]).all()


def test_unknown_depth_stays_unknown_and_sensor_edges_stay_sharp():
    depth = np.where(np.arange(80) < 40, 1.0, 5.0)[None].repeat(60, 0).astype(np.float32)
    depth[20:30, 10:20] = np.nan
    grid = stretched(CAMERA, 80, 60)
    sensor = resampled(DepthMap(depth, grid, "rgbd", is_sensor=True), CAMERA)
    assert set(np.unique(sensor[np.isfinite(sensor)])) == {1.0, 5.0}
    assert np.isnan(sensor[42:58, 22:38]).all()
    network = resampled(DepthMap(depth, grid, "network"), CAMERA)
    assert np.isnan(network[42:58, 22:38]).all()
    assert 1 < network[60, 80] < 5


def test_depth_of_a_distorted_depth_camera():
    lens = Camera(160, 120, CAMERA.intrinsics, "plumb_bob", np.array([-0.2, 0.05, 0, 0, 0]))
    answer = resampled(DepthMap(plane(lens), lens, "tof"), CAMERA)
    expected = plane(CAMERA)
    both = np.isfinite(answer) & np.isfinite(expected)
    assert both.sum() > 3000
    np.testing.assert_allclose(answer[both], expected[both], rtol=1e-2)


@pytest.mark.parametrize("size", [(1280, 720), (61, 47)])
def test_pixels_of_a_wide_lens_are_those_of_its_model(size):
    focal = 0.55 * size[0]
    k = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    lens = Camera(*size, k, "plumb_bob", np.array([-0.25, 0.05, 0.001, 0.0, 0.0]))
    column = np.tile(np.arange(1.0, size[0] + 1, dtype=np.float32), (size[1], 1))  # the depth names its column
    answer = resampled(DepthMap(column, lens, "tof", is_sensor=True), lens.rectified())
    rows, columns = np.nonzero(np.isfinite(answer))
    assert len(rows) > 0.97 * answer.size
    exact = lens.project(lens.rectified().back_project(np.stack([columns, rows], axis=-1), 1.0))[:, 0] + 1
    assert np.abs(answer[rows, columns] - exact).max() < 0.6  # half a pixel for the nearest one


def test_depth_of_a_turned_depth_camera():
    """A plane straight before the rectified image, as the camera sees it that the rectification turns."""
    turn = Rotation.from_rotvec([0.03, -0.06, 0.02]).as_matrix()
    lens = Camera(160, 120, CAMERA.intrinsics, "plumb_bob", np.array([-0.2, 0.05, 0, 0, 0]), rectification=turn)
    rays = lens.back_project(np.stack(np.meshgrid(np.arange(160), np.arange(120)), axis=-1), 1.0)
    depth = (2.0 / (rays @ turn[2])).astype(np.float32)
    depth[78:83, 98:103] = np.nan
    answer = resampled(DepthMap(depth, lens, "stereo", is_sensor=True), CAMERA)
    known = np.isfinite(answer)
    assert known.sum() > 10_000
    np.testing.assert_allclose(answer[known], 2.0, rtol=1e-3)
    u, v = np.rint(CAMERA.project(turn @ lens.back_project([100.0, 80.0], 1.0))).astype(int)
    assert np.isnan(answer[v, u])


def test_a_map_that_contradicts_its_camera_is_an_error():
    with pytest.raises(DepthError, match="80x60 but its camera is 160x120"):
        DepthMap(np.ones((60, 80), np.float32), CAMERA, "driver")


# --- sensor images ------------------------------------------------------------------------------------------------


def test_units_follow_the_encoding():
    millimetres = np.array([[0, 1500, 65534], [65535, 1, 0]], np.uint16)  # the largest number is no distance
    expected = [[np.nan, 1.5, 65.534], [np.nan, 0.001, np.nan]]
    np.testing.assert_allclose(metres(millimetres, "16UC1"), expected, rtol=1e-6)
    floats = np.array([[0, 1.5], [np.inf, -2]], np.float32)
    np.testing.assert_allclose(metres(floats, "32FC1"), [[np.nan, 1.5], [np.nan, np.nan]])
    assert metres(floats[..., None], "32FC1").shape == (2, 2)
    assert metres(floats, "32FC1").dtype == np.float32


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (np.zeros((2, 2), np.uint8), "8UC1"),
        (np.zeros((2, 2), np.uint16), "32FC1"),
        (np.zeros((2, 2), np.float32), "16UC1"),
        (np.zeros((2, 2, 3), np.float32), "32FC1"),
    ],
)
def test_other_encodings_are_refused(pixels, encoding):
    with pytest.raises(DepthError, match="depth image"):
        metres(pixels, encoding)


def test_depth_files(tmp_path):
    depth = np.array([[1.25, np.nan], [0.5, 3.0]], np.float32)
    np.save(tmp_path / "d.npy", depth)
    cv2.imwrite(str(tmp_path / "d.png"), np.nan_to_num(depth * 1000).astype(np.uint16))
    cv2.imwrite(str(tmp_path / "d.tiff"), depth)
    for name in ("d.npy", "d.png", "d.tiff"):
        np.testing.assert_allclose(load_depth(tmp_path / name), depth, atol=1e-6)
    (tmp_path / "bad.png").write_text("no image")
    (tmp_path / "bad.npy").write_text("no array")
    for name in ("bad.png", "bad.npy", "absent.png"):
        with pytest.raises(DepthError, match=name):
            load_depth(tmp_path / name)


def test_depth_of_a_message_is_passed_on():
    arrived = DepthMap(plane(CAMERA), CAMERA, "camera/depth")
    assert IncomingDepth().predict(IMAGE, CAMERA, DepthContext(incoming=arrived)) is arrived
    with pytest.raises(DepthError, match="connect the depth topic"):
        IncomingDepth().predict(IMAGE, CAMERA, DepthContext())


# --- ground -------------------------------------------------------------------------------------------------------


def standing(x: float, z: float, up: np.ndarray, height: float) -> np.ndarray:
    """A stick person: points from the floor 1.7 m along `up`; the floor is up . p = height."""
    foot = np.array([x, 0.0, z])
    foot += up * (height - foot @ up)
    return foot + np.linspace(0, 1.7, 400)[:, None] * up


@pytest.mark.parametrize("roll", [0.0, np.pi / 2, np.pi, -np.pi / 2])
@pytest.mark.parametrize("pitch", [0.0, 0.3])
def test_known_gravity_and_one_person_give_the_floor(pitch, roll):
    up = np.array([np.cos(pitch) * np.sin(roll), -np.cos(pitch) * np.cos(roll), -np.sin(pitch)])
    source = GroundPlane(max_depth=30.0)
    context = DepthContext((standing(0.3, 3.0, up, -1.4),), up=up)
    answer = source.predict(IMAGE, CAMERA, context)
    expected = plane_depth_by_rays(up, -1.4, 30.0)
    assert answer.source == "ground"
    both = np.isfinite(answer.depth) & np.isfinite(expected)
    assert (np.isfinite(answer.depth) != np.isfinite(expected)).mean() < 0.02
    np.testing.assert_allclose(answer.depth[both], expected[both], rtol=0.02)


def plane_depth_by_rays(up: np.ndarray, height: float, limit: float) -> np.ndarray:
    rays = CAMERA.back_project(np.stack(np.meshgrid(np.arange(160), np.arange(120)), axis=-1), 1.0)
    with np.errstate(all="ignore"):
        depth = height / (rays @ up)
    return np.where((depth > 0) & (depth <= limit), depth, np.nan)


def test_people_at_different_distances_give_the_slope_of_the_floor_without_gravity():
    pitch = np.deg2rad(15)
    up = np.array([0, -np.cos(pitch), -np.sin(pitch)])
    people = [standing(x, z, up, -1.5) for x, z in [(-2, 4), (2, 5), (0, 8), (3, 10)]]
    fitted = fit_ground(np.array([person[0] for person in people]))
    assert np.rad2deg(np.arccos(fitted.up @ up)) < 2
    assert fitted.height == pytest.approx(-1.5, abs=0.1)
    lone = fit_ground(people[0][:1])
    np.testing.assert_allclose(lone.up, [0, -1, 0], atol=1e-9)  # one person does not determine the slope


def test_lowest_points_are_the_feet():
    up = np.array([0.0, -1.0, 0.0])
    feet = lowest_points([standing(1, 4, up, -1.6), standing(0, 6, up, -1.6)])
    np.testing.assert_allclose(feet[:, 1], 1.6, atol=0.02)
    np.testing.assert_allclose(feet[:, [0, 2]], [[1, 4], [0, 6]], atol=1e-9)


def test_depth_is_unknown_above_the_horizon_and_far_away():
    depth = plane_depth(fit_ground([[0, 1.5, 4]]), CAMERA, max_depth=20)
    assert np.isnan(depth[:60]).all()
    assert np.nanmax(depth) <= 20
    assert depth[119, 80] == pytest.approx(1.5 / (59.5 / 130), rel=1e-5)


def test_without_feet_there_is_no_ground():
    with pytest.raises(DepthError, match="nobody"):
        GroundPlane().predict(IMAGE, CAMERA, DepthContext())


# --- FastDepth ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fastdepth_path():
    try:
        return model_path("fastdepth.onnx")
    except AssetError as error:
        pytest.skip(str(error))


def test_fastdepth_answers_as_in_opencv(fastdepth_path):
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (224, 224, 3), dtype=np.uint8), (0, 0), 9)
    network = cv2.dnn.readNetFromONNX(str(fastdepth_path))
    network.setInput(cv2.dnn.blobFromImage(image, 1 / 255))
    answer = FastDepth(fastdepth_path).predict(image, Camera.from_fov(224, 224, 1.0), DepthContext())
    np.testing.assert_allclose(answer.depth, network.forward().reshape(224, 224), atol=1e-4)


def test_fastdepth_gives_metres_on_the_resized_image(fastdepth_path):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8), (0, 0), 20)
    camera = Camera.from_fov(640, 480, 1.0)
    answer = FastDepth(fastdepth_path).predict(image, camera, DepthContext())
    assert answer.depth.shape == (224, 224)
    assert answer.camera == stretched(camera, 224, 224)
    assert 0.2 < np.nanmedian(answer.depth) < 10
    full = resampled(answer, camera)
    expected = cv2.resize(answer.depth, (640, 480), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(full, expected, atol=0.02)
