"""The depth engine over time: calibration by people, its decay without them, and the fallback to human depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.depth.calibration.refiner import Refiner, RefinerConfig
from metrichmsr_ros.depth.engine import DepthEngine
from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap, IncomingDepth, stretched
from metrichmsr_ros.depth.sources.ground_plane import GroundPlane
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera(160, 120, np.array([[100.0, 0, 79.5], [0, 100, 59.5], [0, 0, 1]]))
IMAGE = np.zeros((120, 160, 3), np.uint8)
FACES = np.array([[0, 1, 2], [0, 2, 3]])
PERSON = np.array([[-0.4, -0.9, 3], [0.4, -0.9, 3], [0.4, 0.9, 3], [-0.4, 0.9, 3]])
WALL = np.where(np.abs(np.arange(160) - 79.5) < 13.4, 3.0, 6.0)[None].repeat(120, 0).astype(np.float32)


def context(factor: float, people: bool = True) -> DepthContext:
    arrived = DepthMap((WALL * factor).astype(np.float32), CAMERA, "camera/depth", is_sensor=True)
    return DepthContext((PERSON,) if people else (), incoming=arrived)


@pytest.mark.parametrize("method", ["scale", "affine", "field"])
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_people_scale_the_scene_to_metres(method, factor):
    answer = DepthEngine(IncomingDepth(), method).estimate(IMAGE, CAMERA, FACES, context(factor))
    np.testing.assert_allclose(answer.metres, WALL, rtol=0.05)
    assert (answer.source, answer.calibration) == ("camera/depth", method)


def test_a_refiner_replaces_the_closed_form():
    torch.manual_seed(0)
    network = Refiner(RefinerConfig(width=32, height=24, channels=(4, 8, 8), dim=16, layers=1, heads=2)).eval()
    answer = DepthEngine(IncomingDepth(), refiner=network).estimate(IMAGE, CAMERA, FACES, context(0.5))
    assert answer.calibration == "refiner"
    np.testing.assert_allclose(answer.metres, WALL, rtol=0.05)


def test_without_people_the_last_calibration_fades():
    engine = DepthEngine(IncomingDepth(), "scale", memory_s=10.0)
    engine.estimate(IMAGE, CAMERA, FACES, context(0.5), stamp_s=100.0)
    for later, scale in ((0.0, 2.0), (10.0, 2 ** np.exp(-1)), (40.0, 2 ** np.exp(-4))):
        answer = engine.estimate(IMAGE, CAMERA, FACES, context(0.5, people=False), stamp_s=100.0 + later)
        assert answer.calibration == "memory"
        np.testing.assert_allclose(answer.metres, WALL * 0.5 * scale, rtol=1e-4)
        assert answer.memory_left == pytest.approx(np.exp(-later / 10))
    forgotten = engine.estimate(IMAGE, CAMERA, FACES, context(0.5, people=False), stamp_s=1100.0)
    assert (forgotten.source, forgotten.calibration, forgotten.is_calibrated) == ("camera/depth", "none", False)
    np.testing.assert_array_equal(forgotten.metres, WALL * np.float32(0.5))
    engine.reset()
    answer = engine.estimate(IMAGE, CAMERA, FACES, context(0.5, people=False), stamp_s=101.0)
    assert answer.calibration == "none"
    np.testing.assert_array_equal(answer.metres, WALL * np.float32(0.5))


def test_single_images_do_not_use_earlier_calibrations():
    engine = DepthEngine(IncomingDepth(), "scale")
    engine.estimate(IMAGE, CAMERA, FACES, context(0.5))
    answer = engine.estimate(IMAGE, CAMERA, FACES, context(0.5, people=False))
    np.testing.assert_array_equal(answer.metres, WALL * np.float32(0.5))


def test_without_calibration_the_depth_is_that_of_the_source():
    answer = DepthEngine(IncomingDepth(), "none").estimate(IMAGE, CAMERA, FACES, context(0.5))
    np.testing.assert_array_equal(answer.metres, WALL * np.float32(0.5))


def test_depth_on_another_grid_is_resampled_to_the_image():
    small = DepthMap(np.full((60, 80), 1.5, np.float32), stretched(CAMERA, 80, 60), "network")
    answer = DepthEngine(IncomingDepth(), "scale").estimate(
        IMAGE, CAMERA, FACES, DepthContext((PERSON,), incoming=small)
    )
    np.testing.assert_allclose(answer.metres, 3.0, rtol=1e-5)


def test_bodies_replace_a_networks_depth_except_behind_an_occluder():
    wrong = np.full((120, 160), 4.0, np.float32)
    wrong[50:60] = 4.4
    wrong[88:] = 1.0  # a table
    answer = DepthEngine(IncomingDepth(), "scale").estimate(
        IMAGE, CAMERA, FACES, DepthContext((PERSON,), incoming=DepthMap(wrong, CAMERA, "network"))
    )
    assert answer.metres[55, 80] == pytest.approx(3)
    assert answer.metres[89, 80] == pytest.approx(0.75)
    np.testing.assert_allclose(answer.metres[:, :50], 0.75 * wrong[:, :50], rtol=1e-5)


@pytest.mark.parametrize("source", [None, IncomingDepth()])
def test_without_initial_depth_the_result_is_human_depth(source):
    answer = DepthEngine(source).estimate(IMAGE, CAMERA, FACES, DepthContext((PERSON,)))
    assert answer.source == "people"
    assert answer.metres[60, 80] == pytest.approx(3)
    assert np.isnan(answer.metres[60, 10])


def test_the_ground_lies_behind_the_people():
    answer = DepthEngine(GroundPlane()).estimate(IMAGE, CAMERA, FACES, DepthContext((PERSON,)))
    assert answer.source == "ground"
    assert answer.metres[80, 80] == pytest.approx(3)
    assert answer.metres[110, 10] == pytest.approx(0.9 / (50.5 / 100), rel=0.02)
    assert np.isnan(answer.metres[20, 10])


def test_unknown_methods_are_named():
    with pytest.raises(DepthError, match="choose from none, scale, affine, field, planes"):
        DepthEngine(None, "magic")
