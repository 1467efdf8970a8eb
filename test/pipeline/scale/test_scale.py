"""Scale from floor, depth and earlier frames against closed forms and bodies at known places."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.body.resize import Resizer
from metrichmsr_ros.depth.sources.base import DepthMap
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.pipeline.scale.depth_sensor import depth_of_bodies
from metrichmsr_ros.pipeline.scale.evidence import RECALL_STD, ScaleEvidence, SizeMemory, corrected_scale
from metrichmsr_ros.pipeline.scale.fusion import ScaleCorrector
from metrichmsr_ros.pipeline.scale.ground_contact import feet_on_floor
from metrichmsr_ros.pipeline.scene import SceneContext

CAMERA = Camera.from_fov(320, 240, 1.0)
FLOOR = Plane(np.array([0.0, -1.0, 0.0]), -1.2)  # level camera, 1.2 m above the floor


@pytest.fixture(scope="module")
def body():
    return load_body_engine("open_light")


def standing(body, distance, betas=None):
    """An upright body that faces the camera, its lowest vertex on the floor: betas, rotmats, transl, output."""
    betas = np.zeros((1, 10), np.float32) if betas is None else betas
    rotmats = np.tile(np.eye(3, dtype=np.float32), (1, 24, 1, 1))
    rotmats[:, 0] = np.diag([1, -1, -1])
    at_zero = body.posed(betas, rotmats, np.zeros((1, 3), np.float32)).vertices[0]
    transl = np.array([[0.2, 1.2 - at_zero[:, 1].max(), distance]], np.float32)
    return betas, rotmats, transl, body.posed(betas, rotmats, transl)


def all_seen(pixels=(100.0, 100.0), visibility=1.0):
    return SimpleNamespace(pixels=np.full((39, 2), pixels), visibility=np.full(39, visibility))


@given(st.floats(-0.2, 0.2), st.floats(0.01, 0.3), st.floats(0.06, 0.3))
def test_one_measurement_is_the_product_of_two_gaussians(log_scale, noise, prior):
    fix = corrected_scale(prior, 0.5, [ScaleEvidence(log_scale, noise, 0.0, "depth")])
    if abs(log_scale) > 2.5 * math.hypot(noise, prior):
        assert (fix.scale, fix.std, fix.sources) == (1.0, prior, ())
        return
    precision = prior**-2 + noise**-2
    assert fix.scale == pytest.approx(math.exp(log_scale * noise**-2 / precision))
    assert fix.std == pytest.approx(precision**-0.5)
    assert fix.variance_left == pytest.approx(1 / (precision * prior**2))


def test_without_evidence_the_networks_size_is_kept():
    fix = corrected_scale(0.1, 0.5, [None, None], SizeMemory())
    assert (fix.scale, fix.std, fix.sources) == (1.0, 0.1, ())


def test_bias_does_not_average_out_and_noise_does():
    memory = SizeMemory()
    for _ in range(1000):
        corrected_scale(0.1, 0.5, [ScaleEvidence(0.05, 0.1, 0.04, "floor")], memory)
    remembered = memory.recall(0.5)
    assert remembered.bias == pytest.approx(0.04)
    assert remembered.noise == pytest.approx(math.hypot(RECALL_STD, 0.1 / math.sqrt(1000)))  # posture, nearly alone
    assert remembered.log_scale == pytest.approx(0.05)
    assert memory.recall(0.45).log_scale == pytest.approx(0.10)  # the network takes the same person for smaller


def test_an_estimated_size_is_kept_while_nothing_is_measured():
    memory = SizeMemory()
    corrected_scale(0.1, 0.5, [ScaleEvidence(0.08, 0.01, 0.0, "depth")], memory)
    fix = corrected_scale(0.1, 0.5, [None], memory)
    assert fix.sources == ("memory",)
    assert 0.06 < math.log(fix.scale) < 0.08


def test_another_person_under_the_same_id_is_recognised():
    memory = SizeMemory()
    for _ in range(20):
        corrected_scale(0.1, 0.5, [ScaleEvidence(0.15, 0.01, 0.0, "depth")], memory)
    corrected_scale(0.1, 0.5, [ScaleEvidence(-0.15, 0.01, 0.0, "depth")], memory)
    assert memory.recall(0.5).log_scale == pytest.approx(-0.15)


@pytest.mark.parametrize("scale", [0.85, 1.0, 1.15])
def test_feet_on_the_floor_give_the_scale_of_a_body(body, scale):
    _, _, _, posed = standing(body, 4.0)
    wrong = posed.vertices[0] / scale, posed.joints[0] / scale
    evidence = feet_on_floor(*wrong, all_seen(), FLOOR, CAMERA)
    assert evidence.log_scale == pytest.approx(math.log(scale), abs=1e-5)


def test_feet_that_give_no_scale(body):
    _, _, _, posed = standing(body, 4.0)
    mesh = posed.vertices[0], posed.joints[0]
    assert feet_on_floor(*mesh, all_seen(visibility=0.1), FLOOR, CAMERA) is None
    assert feet_on_floor(*mesh, all_seen(pixels=(100.0, 500.0)), FLOOR, CAMERA) is None
    ceiling = Plane(np.array([0.0, -1.0, 0.0]), 0.5)
    assert feet_on_floor(*mesh, all_seen(), ceiling, CAMERA) is None


def test_a_camera_near_the_floor_is_less_certain(body):
    _, _, _, posed = standing(body, 4.0)
    mesh = posed.vertices[0], posed.joints[0]
    raised = [feet_on_floor(v - np.array([0, 0.9, 0]), j, all_seen(), Plane(FLOOR.up, -0.3), CAMERA) for v, j in [mesh]]
    assert raised[0].std > 3 * feet_on_floor(*mesh, all_seen(), FLOOR, CAMERA).std


def depth_of(body, vertices, wall=8.0):
    raster = rasterize_many([(mesh, body.faces) for mesh in vertices], CAMERA)
    return np.where(raster.covered, raster.depth, np.float32(wall))


@pytest.mark.parametrize("spoil", ["clean", "holes", "noise", "in front"])
def test_measured_depth_gives_the_scale_of_a_body(body, spoil):
    _, _, _, posed = standing(body, 4.0)
    mesh = posed.vertices[0]
    depth, rng = depth_of(body, [mesh]), np.random.default_rng(0)
    if spoil == "holes":
        depth[rng.random(depth.shape) < 0.4] = np.nan
    elif spoil == "noise":
        depth = (depth * rng.normal(1, 0.01, depth.shape)).astype(np.float32)
    elif spoil == "in front":
        depth[190:] = 1.5  # a table hides the legs
    evidence = depth_of_bodies([mesh / 1.08], body.faces, [0.1], DepthMap(depth, CAMERA, "test", True), CAMERA)
    assert evidence[0].log_scale == pytest.approx(math.log(1.08), abs=0.006)


def test_depth_of_something_else_gives_no_scale(body):
    _, _, _, posed = standing(body, 4.0)
    mesh = posed.vertices[0]
    for values in (np.nan, 8.0, 1.0):
        empty = DepthMap(np.full((240, 320), values, np.float32), CAMERA, "test", True)
        assert depth_of_bodies([mesh], body.faces, [0.1], empty, CAMERA) == [None]


def test_two_people_are_measured_separately(body):
    near, far = (standing(body, z)[3].vertices[0] for z in (3.0, 5.0))
    far = far - np.array([0.9, 0, 0], np.float32)
    depth = DepthMap(depth_of(body, [near, far]), CAMERA, "test", True)
    found = depth_of_bodies([near / 0.95, far / 1.1], body.faces, [0.1, 0.1], depth, CAMERA)
    assert [e.log_scale for e in found] == pytest.approx([math.log(0.95), math.log(1.1)], abs=0.006)


@pytest.mark.parametrize("scale", [0.85, 0.95, 1.1, 1.2])
def test_resized_bodies_are_nearly_scaled_ones(body, scale):
    betas = (np.random.default_rng(0).normal(size=(5, 10)) * 0.7).astype(np.float32)
    resized = Resizer(body)(betas, np.full(5, scale, np.float32))
    upright, origin = np.tile(np.eye(3, dtype=np.float32), (5, 24, 1, 1)), np.zeros((5, 3), np.float32)
    apart = body.posed(resized, upright, origin).vertices - scale * body.posed(betas, upright, origin).vertices
    assert np.linalg.norm(apart, axis=-1).mean() < 0.05 * abs(scale - 1)  # of a body 1.7 m tall
    np.testing.assert_allclose(body.height(resized), scale * body.height(betas), rtol=0.08 * abs(scale - 1))
    assert np.abs(resized - betas).max() < 15 * abs(scale - 1)


def test_scaling_moves_people_to_their_true_distance_and_reports_its_deviation(body):
    """A network that took a tall person for an average one, nearer by."""
    tall = np.zeros((1, 10), np.float32)
    tall[0, 0] = 1.5
    _, rotmats, transl, posed = standing(body, 4.0, tall)
    average = np.zeros((1, 10), np.float32)
    guess = transl * body.height(average) / body.height(tall)
    seen = body.posed(average, rotmats, guess)
    deviation = np.array([[0.1, 0.02]], np.float32) * np.linalg.norm(guess)
    estimate = HMREstimate(rotmats, average, guess, deviation)
    depth = DepthMap(depth_of(body, [posed.vertices[0]]), CAMERA, "test", True)
    fixer = ScaleCorrector(body)
    for context in (SceneContext(floor=FLOOR), SceneContext(depth=depth), SceneContext(FLOOR, depth)):
        (fixed, (fix,)) = fixer.fix(estimate, seen, [all_seen()], CAMERA, context)
        before, after = (float(np.linalg.norm(t - transl)) for t in (guess, fixed.transl))
        assert after < 0.35 * before
        assert abs(float(body.height(fixed.betas)[0] / body.height(tall)[0]) - 1) < 0.03
        sight = fixed.transl[0] / np.linalg.norm(fixed.transl[0])
        along = float(sight @ fixed.transl_cov[0] @ sight)
        assert math.sqrt(along) == pytest.approx(fix.std * float(np.linalg.norm(fixed.transl)), rel=1e-4)
        assert fix.variance_left < 0.5
        np.testing.assert_allclose(CAMERA.project(fixed.transl), CAMERA.project(guess), atol=1e-3)
    unknown, (fix,) = fixer.fix(estimate, seen, [all_seen()], CAMERA, SceneContext())
    np.testing.assert_allclose(unknown.transl, guess, atol=1e-6)
    assert fix.scale == 1.0


def test_more_images_a_second_do_not_make_a_remembered_size_more_certain(body):
    _, rotmats, transl, seen = standing(body, 4.0)
    estimate = HMREstimate(rotmats, np.zeros((1, 10), np.float32), transl, np.full((1, 2), 0.4, np.float32))
    known = []
    for rate in (10, 60):
        fixer = ScaleCorrector(body)
        for number in range(rate // 2):
            fixer.fix(estimate, seen, [all_seen()], CAMERA, SceneContext(floor=FLOOR), ["p1"], number / rate)
        _, (fix,) = fixer.fix(estimate, seen, [all_seen()], CAMERA, SceneContext(), ["p1"], 0.5)
        assert fix.sources == ("memory",)
        known.append(fix.std)
    assert known[1] == pytest.approx(known[0], rel=0.05)


@pytest.mark.parametrize("rate", [4, 10, 30])
def test_errors_of_the_floor_that_last_half_a_second_make_no_size_too_certain(body, rate):
    """The floor is off by what its evidence states as noise and bias, anew every half second and for each person."""
    _, rotmats, transl, seen = standing(body, 4.0)
    estimate = HMREstimate(rotmats, np.zeros((1, 10), np.float32), transl, np.full((1, 2), 0.8, np.float32))
    stated = feet_on_floor(seen.vertices[0], seen.joints[0], all_seen(), FLOOR, CAMERA)
    rng, fixer, scores = np.random.default_rng(1), ScaleCorrector(body), {0.9: [], 1.9: []}
    for person in range(100):
        mount = rng.normal(0, stated.bias)
        offs = mount + rng.normal(0, stated.noise, 4)  # of four halves of a second
        for number in range(2 * rate):
            floor = Plane(FLOOR.up, FLOOR.height * math.exp(offs[2 * number // rate]))
            fixed = fixer.fix(
                estimate, seen, [all_seen()], CAMERA, SceneContext(floor=floor), [str(person)], number / rate
            )
            for at in scores:
                if number == int(at * rate):
                    scores[at].append(math.log(fixed[1][0].scale) / fixed[1][0].std)
    for of_one_time in scores.values():
        assert 0.5 < np.mean(np.square(of_one_time)) < 1.2


def test_a_size_measured_again_after_a_while_counts_as_news(body):
    """Though the person was seen all the time: the feet were not."""
    _, rotmats, transl, seen = standing(body, 4.0)
    estimate = HMREstimate(rotmats, np.zeros((1, 10), np.float32), transl, np.full((1, 2), 0.4, np.float32))
    fixer, stds = ScaleCorrector(body), []
    for number in range(31):
        feet = all_seen(visibility=1.0 if number in (0, 30) else 0.0)
        fixer.fix(estimate, seen, [feet], CAMERA, SceneContext(floor=FLOOR), ["p1"], number / 10)
        _, (remembered,) = fixer.fix(estimate, seen, [feet], CAMERA, SceneContext(), ["p1"], number / 10)
        stds.append(remembered.std)
    assert stds[30] < 0.9 * stds[29]


def floor_evidence(log_scale: float, bias: float = 0.015) -> ScaleEvidence:
    return ScaleEvidence(log_scale, 0.03, bias, "floor")


def test_a_child_on_the_floor_is_small_whatever_the_prior_says():
    memory = SizeMemory()
    first = corrected_scale(0.06, 0.5, [floor_evidence(-0.28)], memory)
    assert first.sources == ("floor",)
    assert -0.28 <= np.log(first.scale) < -0.25
    later = corrected_scale(0.06, 0.5, [None], memory)
    assert later.sources == ("memory",)
    assert -0.28 <= np.log(later.scale) < -0.25


def test_somebody_on_a_platform_is_not_enlarged():
    fix = corrected_scale(0.06, 0.5, [floor_evidence(+0.28)], SizeMemory())
    assert fix.scale == 1.0
    assert fix.sources == ()


def test_a_mount_that_is_two_degrees_off_makes_no_children():
    fix = corrected_scale(0.03, 0.5, [floor_evidence(-0.25, bias=0.05)], SizeMemory())
    assert fix.scale == 1.0


def test_a_depth_sensor_that_contradicts_the_prior_sees_something_else():
    fix = corrected_scale(0.06, 0.5, [ScaleEvidence(-0.28, 0.02, 0.01, "depth")], SizeMemory())
    assert fix.scale == 1.0


def test_the_floor_below_gives_way_to_a_more_precise_depth():
    depth = ScaleEvidence(0.0, 0.005, 0.0, "depth")
    fix = corrected_scale(0.06, 0.5, [floor_evidence(-0.3), depth])
    assert fix.sources == ("depth",)
    assert fix.scale == pytest.approx(1.0, abs=0.01)


def test_an_estimate_of_size_in_memory_is_nearly_reached():
    memory = SizeMemory()
    for _ in range(50):
        fix = corrected_scale(0.06, 0.5, [floor_evidence(-0.1)], memory)
    assert np.log(fix.scale) == pytest.approx(-0.1, abs=0.012)


@pytest.mark.parametrize("front", ["nothing", "a table", "a pole", "holes"])
def test_a_child_whose_whole_body_is_measured_is_small_whatever_the_prior_says(body, front):
    """Measured whole it is a child; behind a table it may be anything."""
    mesh = standing(body, 3.0)[3].vertices[0]
    depth = depth_of(body, [mesh])
    if front == "a table":
        depth[150:] = 2.0
    elif front == "a pole":
        depth[:, 155:161] = 2.0
    elif front == "holes":
        depth[np.random.default_rng(0).random(depth.shape) < 0.4] = np.nan
    (evidence,) = depth_of_bodies([mesh / 0.75], body.faces, [0.04], DepthMap(depth, CAMERA, "test", True), CAMERA)
    scale = corrected_scale(0.04, 0.5, [evidence]).scale
    assert scale == (1.0 if front == "a table" else pytest.approx(0.75, abs=0.01))


def test_a_wall_behind_is_no_giant(body):
    mesh = standing(body, 3.0)[3].vertices[0]
    wall = DepthMap(np.full((240, 320), 4.2, np.float32), CAMERA, "test", True)
    assert depth_of_bodies([mesh], body.faces, [0.04], wall, CAMERA) == [None]
