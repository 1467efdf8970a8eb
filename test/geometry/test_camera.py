"""Cameras against OpenCV, against round trips and against CameraInfo worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.camera_infos import plain_info
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.geometry.rectify import Rectifier

K = np.array([[600.0, 0, 322.5], [0, 610.0, 241.25], [0, 0, 1]])
LENSES = {
    "none": [],
    "plumb_bob": [-0.3, 0.1, 0.001, -0.002, 0.02],
    "rational_polynomial": [0.4, -0.2, 0.001, -0.0005, 0.05, 0.7, -0.1, 0.02],
    "equidistant": [0.05, -0.01, 0.003, -0.001],
}
PRISM = [0.4, -0.2, 0.001, -0.0005, 0.05, 0.7, -0.1, 0.02, 0.002, -0.001, 0.0015, 0.0005]


def lens_camera(model: str, coefficients: list[float] | None = None) -> Camera:
    return Camera(640, 480, K, model, np.array(LENSES[model] if coefficients is None else coefficients))


pixels = st.tuples(st.floats(-0.5, 639.5), st.floats(-0.5, 479.5))


@pytest.mark.parametrize("model", LENSES)
@given(pixel=pixels, depth=st.floats(0.05, 200))
@settings(max_examples=60, deadline=None)
def test_back_projected_pixels_project_to_themselves(model, pixel, depth):
    camera = lens_camera(model)
    point = camera.back_project(pixel, depth)
    assert point[2] == depth
    np.testing.assert_allclose(camera.project(point), pixel, rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", LENSES)
@given(ray=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4)), depth=st.floats(0.05, 200))
@settings(max_examples=60, deadline=None)
def test_projected_points_back_project_to_themselves(model, ray, depth):
    point = np.array([*ray, 1.0]) * depth
    camera = lens_camera(model)
    np.testing.assert_allclose(camera.back_project(camera.project(point), depth), point, rtol=0, atol=1e-7 * depth)


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [(m, d) for m, d in LENSES.items() if m != "none"]
    + [("plumb_bob", LENSES["plumb_bob"][:4]), ("rational_polynomial", PRISM), ("rational_polynomial", [*PRISM, 0, 0])],
)
def test_distortion_equals_opencv(model, coefficients):
    points = np.random.default_rng(0).uniform([-1, -0.8, 1], [1, 0.8, 2], (500, 3))
    zero = np.zeros(3)
    d = np.array(coefficients, np.float64)
    if model == "equidistant":
        expected = cv2.fisheye.projectPoints(points[:, None], zero, zero, K, d)[0][:, 0]
    else:
        expected = cv2.projectPoints(points, zero, zero, K, d)[0][:, 0]
    np.testing.assert_allclose(lens_camera(model, coefficients).project(points), expected, rtol=0, atol=1e-8)


def test_pixels_that_no_ray_reaches_are_nan():
    pincushion = Camera(640, 480, K, "plumb_bob", np.array([-0.5, 0, 0, 0, 0]))
    assert np.isnan(pincushion.back_project([5000.0, 240.0], 1.0)[:2]).all()
    assert np.isfinite(pincushion.back_project([320.0, 240.0], 1.0)).all()
    fisheye = Camera(640, 480, np.array([[150.0, 0, 320], [0, 150, 240], [0, 0, 1]]), "equidistant", np.ones(4) * 1e-4)
    assert np.isnan(fisheye.back_project([639.0, 479.0], 1.0)[:2]).all()  # theta > 90 degrees


def test_points_behind_the_camera_have_no_pixel():
    assert np.isnan(lens_camera("none").project([[0, 0, -1.0], [0, 0, 0]])).all()


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant"])
def test_rectified_image_obeys_the_pinhole(model):
    """A smooth pattern rendered into the raw image by the lens model appears where the pinhole projects it."""

    def pattern(directions):
        return 128 + 60 * np.sin(12 * directions[..., 0]) + 60 * np.cos(9 * directions[..., 1])

    camera = lens_camera(model)
    grid = np.stack(np.meshgrid(np.arange(640), np.arange(480)), axis=-1)
    raw = pattern(camera.back_project(grid, 1.0)).astype(np.uint8)
    rectifier = Rectifier(camera)
    seen = rectifier.rectify(raw)[20:-20, 20:-20]
    wanted = pattern(rectifier.camera.back_project(grid, 1.0))[20:-20, 20:-20]
    filled = seen > 0
    assert filled.mean() > 0.6
    assert np.percentile(np.abs(seen.astype(float) - wanted)[filled], 99.5) < 3


def test_rectification_with_p_and_r_equals_opencv():
    rotation, _ = cv2.Rodrigues(np.array([0.02, -0.05, 0.01]))
    p = np.array([[500.0, 0, 310, -40], [0, 500, 235, 0], [0, 0, 1, 0]])
    d = LENSES["plumb_bob"]
    camera = camera_from_info(plain_info(640, 480, "plumb_bob", d, K.ravel(), rotation.ravel(), p.ravel()))
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8), (0, 0), 5)
    rectifier = Rectifier(camera)
    maps = cv2.initUndistortRectifyMap(K, np.array(d), rotation, p[:, :3], (640, 480), cv2.CV_32FC1)
    expected = cv2.remap(image, *maps, cv2.INTER_LINEAR)
    np.testing.assert_array_equal(rectifier.camera.intrinsics, p[:, :3])
    assert not rectifier.camera.is_distorted
    difference = np.abs(rectifier.rectify(image).astype(int) - expected)  # both remap to 1/32 of a pixel
    assert difference.max() <= 4
    assert np.percentile(difference, 99.5) <= 1


def test_rectifying_an_ideal_image_returns_it():
    image = np.zeros((480, 640), np.uint8)
    assert Rectifier(lens_camera("none")).rectify(image) is image


def test_rectifying_an_image_of_another_size_is_an_error():
    with pytest.raises(CameraError, match="320x240 but its camera is 640x480"):
        Rectifier(lens_camera("plumb_bob")).rectify(np.zeros((240, 320, 3), np.uint8))


def test_field_of_view_and_long_side():
    camera = Camera.from_fov(640, 480, np.deg2rad(90))
    assert camera.intrinsics[0, 0] == pytest.approx(320)
    assert camera.fov_x == pytest.approx(np.deg2rad(90))
    # The image's edges lie half a pixel outside the outermost centres.
    np.testing.assert_allclose(camera.project([[-1, 0, 1], [1, 0, 1]])[:, 0], [-0.5, 639.5])
    fallback = Camera.long_side(480, 640)
    np.testing.assert_array_equal(fallback.intrinsics, [[640, 0, 239.5], [0, 640, 319.5], [0, 0, 1]])
    assert (camera.source, fallback.source) == ("fov", "long_side")
    with pytest.raises(CameraError, match="degrees"):
        Camera.from_fov(640, 480, 60)


def test_cameras_compare_by_value():
    assert lens_camera("plumb_bob") == lens_camera("plumb_bob")
    assert len({lens_camera("plumb_bob"), lens_camera("plumb_bob"), lens_camera("none")}) == 2
    with pytest.raises(ValueError, match="read-only"):
        lens_camera("none").intrinsics[0, 0] = 1


@pytest.mark.parametrize("model", LENSES)
def test_a_warped_image_has_the_transformed_camera(model):
    affine = np.array([[0.5, 0.1, 3], [-0.1, 0.5, 7], [0, 0, 1]])
    camera = lens_camera(model)
    smaller = camera.transformed(affine, (320, 240))
    points = np.random.default_rng(1).uniform([-0.4, -0.3, 1], [0.4, 0.3, 4], (50, 3))
    moved = camera.project(points) @ affine[:2, :2].T + affine[:2, 2]
    np.testing.assert_allclose(smaller.project(points), moved, atol=1e-9)
    assert smaller.size == (320, 240)
    np.testing.assert_allclose(smaller.back_project(moved, points[:, 2]), points, atol=1e-7)


# --- CameraInfo ---------------------------------------------------------------------------------------------------

P = [550.0, 0, 315, 0, 0, 550, 236, 0, 0, 0, 1, 0]


def test_binning_and_region_of_interest_by_hand():
    # 1280x960 calibration; the sensor sends x 200..999, y 100..699 (800x600), every second pixel.
    k = [1000.0, 0, 640, 0, 1010, 480, 0, 0, 1]
    p = [900.0, 0, 600, 0, 0, 900, 470, 0, 0, 0, 1, 0]
    lens, roi = LENSES["plumb_bob"], (200, 100, 800, 600)
    info = plain_info(1280, 960, "plumb_bob", lens, k, p=p, binning=(2, 2), roi=roi)
    raw = camera_from_info(info, image_size=(400, 300))
    np.testing.assert_allclose(raw.intrinsics, [[500, 0, 220], [0, 505, 190], [0, 0, 1]])
    np.testing.assert_allclose(raw.rectified().intrinsics, [[450, 0, 200], [0, 450, 185], [0, 0, 1]])
    assert raw.size == raw.rectified().size == (400, 300)
    rectified = camera_from_info(info, rectified=True)
    assert rectified == raw.rectified()


def test_binning_differs_by_axis():
    camera = camera_from_info(plain_info(640, 480, "", [], K.ravel(), binning=(4, 2)))
    assert camera.size == (160, 240)
    np.testing.assert_allclose(camera.intrinsics, [[150, 0, 322.5 / 4], [0, 305, 241.25 / 2], [0, 0, 1]])


@pytest.mark.parametrize(
    ("d", "p", "rectified", "expected"),
    [
        ([0.0] * 5, P, None, np.array(P).reshape(3, 4)[:, :3]),  # no lens: P
        ([0.0] * 5, [0.0] * 12, None, K),  # P left empty: K
        ([], [], None, K),  # P absent
        ([0.0] * 5, P, False, K),  # declared raw: K
        (LENSES["plumb_bob"], P, True, np.array(P).reshape(3, 4)[:, :3]),  # declared rectified: P although D != 0
        (LENSES["plumb_bob"], [0.0] * 12, True, K),
        (LENSES["plumb_bob"], P, None, K),  # raw with a lens
    ],
)
def test_matrix_chosen_for_the_image(d, p, rectified, expected):
    camera = camera_from_info(plain_info(640, 480, "plumb_bob", d, K.ravel(), p=p), rectified=rectified)
    np.testing.assert_array_equal(camera.intrinsics, expected)
    assert camera.is_distorted == (bool(np.any(d)) and not rectified)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": np.zeros(9)}, "uncalibrated"),
        ({"k": np.full(9, np.nan)}, "NaN"),
        ({"k": [600, 0, 320, 0, 600, 240, 0, 0, 0]}, "row 0 0 1"),
        ({"k": [-600, 0, 320, 0, 600, 240, 0, 0, 1]}, "mirrored"),
        ({"k": [600, 0, 320]}, "9 numbers"),
        ({"d": [np.nan] * 5}, "not finite"),
        ({"d": [0.1] * 3}, "4, 5, 8, 12 or 14"),
        ({"d": [0.1] * 14, "distortion_model": "rational_polynomial"}, "tilted"),
        ({"d": [0.1] * 5, "distortion_model": "mystery"}, "mystery"),
        ({"d": [0.1] * 5, "distortion_model": "equidistant"}, "4 coefficients"),
        ({"width": 0}, "width and height"),
        ({"image_size": (320, 240)}, "320x240 but CameraInfo describes 640x480"),
        ({"binning": (2, 1), "image_size": (640, 480)}, "binning 2x1"),
        ({"roi": (600, 0, 100, 100)}, "roi"),
        ({"p": [np.nan] * 12, "rectified": True}, "NaN"),
        ({"p": [1.0] * 5}, "12 numbers"),
        ({"d": [0.1] * 5, "r": [2.0] * 9}, "not a rotation"),
    ],
)
def test_bad_camera_info_is_an_error_that_names_the_field(change, words):
    info = {"width": 640, "height": 480, "distortion_model": "plumb_bob", "d": [0.0] * 5, "k": K.ravel()} | change
    asked = {key: info.pop(key) for key in ("image_size", "rectified") if key in info}
    with pytest.raises(CameraError, match=words):
        camera_from_info(plain_info(**info), **asked)


WRONG = {
    "R of NaN": ({"rectification": np.full((3, 3), np.nan)}, "R is not a rotation"),
    "R of zeros": ({"rectification": np.zeros((3, 3))}, "R is not a rotation"),
    "R mirrors": ({"rectification": np.diag([-1.0, 1, 1])}, "R mirrors the image"),
    "R doubles": ({"rectification": 2 * np.eye(3)}, "R is not a rotation"),
    "R of two rows": ({"rectification": np.eye(3)[:2]}, "R is not a rotation"),
    "half a pixel": ({"width": 5.5}, "image size is 5.5x480; both sides must be whole numbers"),
    "NaN pixels": ({"height": float("nan")}, "both sides must be whole numbers"),
    "pixels as text": ({"width": "640"}, "image size is '640'x480"),
    "no height": ({"height": None}, "image size is 640xNone"),
    "K of text": ({"intrinsics": [["f", 0, 0], [0, "f", 0], [0, 0, 1]]}, "K must be numbers, got"),
    "K of rows of other lengths": ({"intrinsics": [[1, 2], [3]]}, "K must be numbers, got"),
    "D of text": ({"distortion_model": "plumb_bob", "distortion": ["k1"] * 5}, "D must be numbers, got"),
    "no model": ({"distortion_model": None}, "distortion_model is None; give its name"),
}


@pytest.mark.parametrize(("changed", "told"), WRONG.values(), ids=WRONG)
def test_cameras_of_wrong_values_are_refused_by_name(changed, told):
    with pytest.raises(CameraError, match=told):
        Camera(**{"width": 640, "height": 480, "intrinsics": K, **changed})


@pytest.mark.parametrize("size", [(5.5, 4), ("5", 4), (None, 4)])
def test_sizes_are_whole_pixels_wherever_a_camera_comes_from(size):
    for make in (lambda: Camera.from_fov(*size, 1.0), lambda: Camera.long_side(*size)):
        with pytest.raises(CameraError, match="both sides must be whole numbers of pixels"):
            make()
    with pytest.raises(CameraError, match="field of view is wide"):
        Camera.from_fov(5, 4, "wide")
    assert Camera.from_fov(np.int64(6), 4.0, 1.0).size == (6, 4)
