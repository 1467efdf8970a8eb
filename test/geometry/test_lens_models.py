"""The lens by its model: other programs' names, padded coefficients, fisheyes without coefficients, turning points."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.camera_infos import plain_info

from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.geometry.rectify import Rectifier

K = np.array([[150.0, 0, 255.5], [0, 150.0, 255.5], [0, 0, 1]])
P = [150.0, 0, 255.5, 0, 0, 150.0, 255.5, 0, 0, 0, 1, 0]
FISHEYE = [-0.002, 0.037, -0.036, 0.006]
BROWN = [-0.3, 0.1, 0.001, -0.002, 0.02]
RATIONAL = [0.4, -0.2, 0.001, -0.0005, 0.05, 0.7, -0.1, 0.02]


def camera_of(model, d, **fields):
    return camera_from_info(plain_info(512, 512, model, d, K.ravel(), p=P), **fields)


@pytest.mark.parametrize(
    ("name", "d", "model"),
    [
        *((n, FISHEYE, "equidistant") for n in ("fisheye", "kannala_brandt", "KANNALA_BRANDT4", "Kannala Brandt4")),
        *((n, FISHEYE, "equidistant") for n in ("equidistant ", "EQUIDISTANT", "equi", "opencv-fisheye", "kb4")),
        *((n, BROWN, "plumb_bob") for n in ("plumb_bob ", "Plumb_Bob", "brown_conrady", "opencv", "radtan", "RadTan")),
        ("plumb_bob\0", BROWN, "plumb_bob"),
        *((n, RATIONAL, "rational_polynomial") for n in ("rational", "RATIONAL_POLYNOMIAL", "full_opencv")),
        *(
            (n, FISHEYE, "equidistant")
            for n in ("KannalaBrandt", "Equidistant4", "opencvFisheye", "pinhole-equidistant")
        ),
        *((n, BROWN, "plumb_bob") for n in ("PlumbBob", "plumb bob", "rad_tan", "BrownConrady", "opencvPinhole")),
        *((n, RATIONAL, "rational_polynomial") for n in ("RationalPolynomial", "rational-polynomial", "Full OpenCV")),
    ],
)
def test_names_of_other_programs(name, d, model):
    camera = camera_of(name, d)
    assert (camera.distortion_model, camera.distortion.tolist()) == (model, d)
    assert camera == Camera(512, 512, K, model, np.array(d), "camera_info", K)
    assert Camera(512, 512, K, name, np.array(d)) == Camera(512, 512, K, model, np.array(d))


@pytest.mark.parametrize(
    "name", ["", " ", "none", "None", "NONE", "pinhole", "Pinhole", "inverse_brown_conrady", "Inverse Brown Conrady"]
)
def test_models_that_are_the_pinhole_without_coefficients(name):
    for d in ([], [0.0] * 4, [0.0] * 5):
        assert not camera_of(name, d).is_distorted
    with pytest.raises(CameraError, match=r"takes no coefficients, got \[-0.3, .*: (write|it maps)"):
        camera_of(name, BROWN)


@pytest.mark.parametrize(
    "name",
    ["omnidirectional", "double_sphere", "DoubleSphere", "eucm", "FTheta", "f-theta", "fov", "mei", "FISHEYE62"],
)
def test_other_projections_are_refused_with_and_without_coefficients(name):
    for d in ([], [0.0] * 4, FISHEYE):
        with pytest.raises(CameraError, match="another projection"):
            camera_of(name, d)
    assert camera_of(name, FISHEYE, rectified=True) == Camera(512, 512, K, source="camera_info")  # no lens left


@pytest.mark.parametrize(
    ("model", "d", "kept"),
    [
        *(("equidistant", FISHEYE + [0.0] * n, FISHEYE) for n in (0, 1, 4, 8, 10)),
        ("equidistant", [0.1, 0, 0, 0, 0], [0.1, 0, 0, 0]),
        ("equidistant", [], [0.0] * 4),
        ("equidistant", [0.0], [0.0] * 4),
        ("equidistant", [0.0] * 5, [0.0] * 4),
        *(("plumb_bob", BROWN + [0.0] * n, BROWN) for n in (0, 1, 2, 4, 5, 6, 8, 11)),
        ("plumb_bob", [*BROWN[:4], 0.0, 0.0], BROWN[:4]),
        *(("rational_polynomial", RATIONAL + [0.0] * n, RATIONAL) for n in (0, 1, 3, 5, 7)),
        ("none", [0.0] * 5, []),
    ],
)
def test_zeros_that_pad_coefficients_do_not_count(model, d, kept):
    camera = Camera(512, 512, K, model, np.array(d))
    held = camera.distortion.tolist()
    assert held[: len(kept)] == kept
    assert not any(held[len(kept) :])
    points = np.random.default_rng(0).uniform([-0.4, -0.4, 1], [0.4, 0.4, 3], (50, 3))
    reference = Camera(512, 512, K, model, np.array(kept))
    np.testing.assert_array_equal(camera.project(points), reference.project(points))


@pytest.mark.parametrize("tail", [0, 1, 4, 10])
@pytest.mark.parametrize(("model", "d"), [("equidistant", FISHEYE), ("plumb_bob", BROWN)])
def test_camera_infos_whose_coefficients_are_padded_describe_the_same_lens(model, d, tail):
    """The intrinsics of a tracking camera; unpadded coefficients are compared as the camera stores them."""
    k = [286.0, 0, 424.5, 0, 286.7, 408.2, 0, 0, 1]
    padded, plain = (camera_from_info(plain_info(848, 800, model, numbers, k)) for numbers in (d + [0.0] * tail, d))
    pixels = np.random.default_rng(1).uniform([300, 300], [550, 500], (40, 2))
    np.testing.assert_array_equal(padded.back_project(pixels, 2.0), plain.back_project(pixels, 2.0))
    assert padded.distortion_model == model


@pytest.mark.parametrize(
    ("model", "d"),
    [
        ("equidistant", [*FISHEYE, 0.1]),
        ("equidistant", [0.1, 0.1]),
        ("plumb_bob", [0.1] * 3),
        ("plumb_bob", [0.1, 0.0]),
        ("plumb_bob", [0.1] * 15),
        ("equidistant", [np.nan] * 5),
    ],
)
def test_coefficients_that_say_something_keep_their_length(model, d):
    with pytest.raises(CameraError, match=r"coefficients"):
        camera_of(model, d)


@pytest.mark.parametrize("d", [[], [0.0] * 4, [0.0] * 5])
@pytest.mark.parametrize("name", ["equidistant", "fisheye"])
def test_a_fisheye_without_coefficients_is_a_fisheye(name, d):
    camera = camera_of(name, d)
    assert camera.is_distorted
    ray = camera.back_project([455.5, 255.5], 1.0)  # 200 pixels from the middle: theta = 200 / 150 rad
    assert np.arctan2(ray[0], 1.0) == pytest.approx(200 / 150)
    rectifier = Rectifier(camera)
    assert not rectifier.camera.is_distorted
    raw = np.zeros((512, 512), np.uint8)
    raw[:, round(255.5 + 150 * np.arctan(1.0)) :] = 255  # what lies more than 45 degrees to the right
    row = rectifier.rectify(raw)[255]
    assert abs(int(np.argmax(row > 127)) - (255.5 + 150 * 1.0)) <= 2  # a raw pixel there is two rectified ones


# One coefficient of each model has a closed form: r (1 + k r^2) turns where 3 k r^2 = -1, and so does theta.
@pytest.mark.parametrize("k1", [-0.2, -0.5, -1.3])
def test_nothing_is_drawn_beyond_the_turning_point(k1):
    turns = np.sqrt(-1 / (3 * k1))
    v, u = np.mgrid[:512, :512]
    radius = np.hypot(u - 255.5, v - 255.5) / 150
    for model, d, beyond in (
        ("plumb_bob", [k1, 0, 0, 0, 0], radius > turns),
        ("rational_polynomial", [k1, 0, 0, 0, 0, 0, 0, 0], radius > turns),
        ("equidistant", [k1, 0, 0, 0], np.arctan(radius) > turns),
    ):
        drawn = Rectifier(Camera(512, 512, K, model, np.array(d))).rectify(np.full((512, 512), 255, np.uint8))
        assert beyond.any() or model == "equidistant"
        assert not drawn[beyond].any()
        assert drawn[~beyond].mean() > 250


def test_a_denominator_turns_where_the_formula_says():
    """r / (1 + k4 r^2) has its summit at r^2 = 1 / k4."""
    camera = Camera(512, 512, K, "rational_polynomial", np.array([0, 0, 0, 0, 0, 1.5, 0, 0]))
    summit = np.sqrt(1 / 1.5)
    assert np.isfinite(camera.project([summit - 1e-6, 0, 1])).all()
    assert np.isnan(camera.project([summit + 1e-6, 0, 1])).all()
    assert np.isfinite(camera.back_project([255.5 + 150 * summit / 2 - 0.01, 255.5], 1.0)).all()
    assert np.isnan(camera.back_project([255.5 + 150 * summit / 2 + 0.01, 255.5], 1.0)[:2]).all()


def test_a_model_that_grows_again_stays_black_beyond_its_first_turn():
    """r (1 - r^2 + 0.21 r^4) turns at r^2 = 0.357 and grows again from 2.5 on."""
    camera = Camera(512, 512, K, "plumb_bob", np.array([-1.0, 0.21, 0, 0, 0]))
    first, second = np.sort(np.sqrt(np.roots([5 * 0.21, -3, 1]).real))
    assert np.isfinite(camera.project([0.99 * first, 0, 1])).all()
    for radius in (1.01 * first, 1.01 * second, 3 * second):
        assert np.isnan(camera.project([radius, 0, 1])).all()


def test_lenses_that_never_turn_are_drawn_to_the_corners():
    for model, d in (("plumb_bob", [0.2, 0.05, 0, 0, 0]), ("equidistant", [0.05, 0.01, 0.0, 0.0])):
        far = Camera(512, 512, K, model, np.array(d)).project([5.0, 5.0, 1.0])
        assert np.isfinite(far).all()


@pytest.mark.parametrize(
    ("model", "d"),
    [
        ("rational_polynomial", [1.0, 0, 0, 0, 0, 0, 0, 5e-324]),
        ("plumb_bob", [0.3, 1e-300, 0, 0, -1e-300]),
        ("equidistant", [0.1, 0, 0, 1e-310]),
    ],
)
def test_coefficients_of_next_to_nothing_turn_no_lens(model, d):
    largest = np.abs(d).max()
    plain = [number if abs(number) == largest else 0.0 for number in d]
    points = np.array([[0.1, 0.2, 1.0], [0.3, -0.1, 1.0]])
    found = camera_of(model, d, rectified=False).project(points)
    np.testing.assert_allclose(found, camera_of(model, plain, rectified=False).project(points))


def test_coefficients_beyond_any_lens_are_refused():
    with pytest.raises(CameraError, match="beyond any lens"):
        camera_of("plumb_bob", [1e200, 0, 0, 0, 0])
