"""The depth engine over time: calibration by people, its decay without them, and the fallback to human depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.depth.calibration.network import Refiner, TorchRefiner
from metrichmsr_ros.depth.calibration.refiner import RefinerConfig
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
    answer = DepthEngine(IncomingDepth(), refiner=TorchRefiner(network)).estimate(IMAGE, CAMERA, FACES, context(0.5))
    assert answer.calibration == "refiner"
    np.testing.assert_allclose(answer.metres, WALL, rtol=0.05)


def test_without_people_the_last_calibration_fades():
    engine = DepthEngine(IncomingDepth(), "scale", memory_s=10.0)
    first = engine.estimate(IMAGE, CAMERA, FACES, context(0.5), stamp_s=100.0)
    found = float(np.median(first.metres / WALL)) * 2
    assert found == pytest.approx(2, rel=0.05)
    for later, scale in ((0.0, found), (10.0, found ** np.exp(-1)), (40.0, found ** np.exp(-4))):
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
    small = DepthMap(WALL[::2, ::2] / 2, stretched(CAMERA, 80, 60), "network")
    answer = DepthEngine(IncomingDepth(), "scale").estimate(
        IMAGE, CAMERA, FACES, DepthContext((PERSON,), incoming=small)
    )
    np.testing.assert_allclose(answer.metres[:, :60], 6.0, rtol=0.05)
    np.testing.assert_allclose(answer.metres[33:87, 70:90], 3.0, rtol=1e-5)


def network(depth: np.ndarray, *people: np.ndarray) -> DepthContext:
    return DepthContext(people, incoming=DepthMap(depth.astype(np.float32), CAMERA, "network"))


def test_bodies_replace_a_networks_depth_except_behind_an_occluder():
    wrong = WALL * 4 / 3
    wrong[50:60] *= 1.1
    wrong[80:] = 1.0  # a table
    answer = DepthEngine(IncomingDepth(), "scale").estimate(IMAGE, CAMERA, FACES, network(wrong, PERSON))
    assert answer.metres[55, 80] == pytest.approx(3)
    gain = answer.metres[82, 80]
    assert gain == pytest.approx(0.75, rel=0.1)
    np.testing.assert_allclose(answer.metres[:, :50], gain * wrong[:, :50], rtol=1e-5)


def test_a_source_that_does_not_see_people_keeps_its_own_scale():
    """A wavy depth of 4 m shows nothing of the person 3 m away, who only covers its pixels."""
    v, u = np.mgrid[:120, :160]
    wavy = 4 * np.exp(0.1 * np.sin(u / 5) * np.sin(v / 4))
    answer = DepthEngine(IncomingDepth(), "scale").estimate(IMAGE, CAMERA, FACES, network(wavy, PERSON))
    assert answer.metres[60, 80] == pytest.approx(3)
    assert answer.confirmed < 0.75
    share = answer.metres[:, :50] / wavy[:, :50]
    np.testing.assert_allclose(share, share[0, 0], rtol=1e-5)
    assert 0.75**0.75 < share[0, 0] < 1


def far_behind(z: float, x: float) -> np.ndarray:
    return PERSON * [0.5, 0.5, 1] + [x, 0, z - 3]


def test_people_who_contradict_each_other_change_nothing_and_are_not_remembered():
    depth = WALL.copy()
    depth[:, 120:140] = 5.0
    engine = DepthEngine(IncomingDepth(), "scale")
    people = (PERSON * [1, 1, 0.5], far_behind(9.0, 4.5))  # at 1.5 m where it shows 3, at 9 m where it shows 5
    answer = engine.estimate(IMAGE, CAMERA, FACES, network(depth, *people), stamp_s=1.0)
    np.testing.assert_allclose(answer.metres[:, :50], 6.0, rtol=0.02)
    assert answer.confirmed < 0.1
    assert "contradict each other" in answer.calibration_problem
    later = engine.estimate(IMAGE, CAMERA, FACES, network(depth), stamp_s=1.1)
    assert later.calibration == "none"
    np.testing.assert_array_equal(later.metres, depth)


def test_without_calibration_not_even_bodies_change_the_depth():
    answer = DepthEngine(IncomingDepth(), "none").estimate(IMAGE, CAMERA, FACES, network(WALL / 2, PERSON))
    np.testing.assert_array_equal(answer.metres, WALL / 2)


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


def test_the_ground_says_what_it_takes_for_granted_and_what_would_tell():
    unknown = DepthEngine(GroundPlane()).estimate(IMAGE, CAMERA, FACES, DepthContext((PERSON,)))
    assert "taken as upright" in unknown.assumption
    assert "ground_frame" in unknown.assumption
    up = np.array([0.0, -1.0, 0.0], np.float32)
    known = DepthEngine(GroundPlane()).estimate(IMAGE, CAMERA, FACES, DepthContext((PERSON,), up=up))
    assert known.assumption == ""


def test_unknown_methods_are_named():
    with pytest.raises(DepthError, match="choose from none, scale, affine, field, planes"):
        DepthEngine(None, "magic")
