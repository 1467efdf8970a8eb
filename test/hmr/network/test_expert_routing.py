"""Routing equals the combine weights of landmark and patch tokens, and figures and tables show the same values."""

from __future__ import annotations

import csv
import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from helpers.random_batches import random_batch
from helpers.small_networks import TINY_MOE, TINY_VITPOSE, model_of

from metrichmsr_ros.cli.expert_routing import person_routings, write_tables
from metrichmsr_ros.config import build
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.expert_routing import RoutingError, at_pixels, patch_maps, patch_routing, spread_over
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.visual.expert_routing import colours


def test_routing_is_a_distribution_over_experts_and_people_do_not_mix():
    model, batch = model_of(), random_batch(5)
    weights = patch_routing(model, batch)
    assert weights.shape[0] == 5
    assert weights.shape[2] == 4
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    alone = [patch_routing(model, batch.select(slice(i, i + 1)))[0] for i in range(5)]
    np.testing.assert_allclose(weights, alone, atol=1e-5)


def test_patch_maps_keep_rows_and_columns():
    weights = np.arange(12 * 2, dtype=np.float32).reshape(12, 2)
    maps = patch_maps(weights, (48, 64))
    assert maps.shape == (2, 4, 3)
    assert maps[1, 2, 1] == weights[2 * 3 + 1, 1]
    with pytest.raises(RoutingError, match="do not fill"):
        patch_maps(weights, (64, 64))


def test_maps_are_interpolated_between_patch_centres():
    maps = patch_maps(np.arange(12, dtype=np.float64).reshape(12, 1), (48, 64))
    pixels = np.array([[7.5, 7.5], [23.5, 7.5], [15.5, 15.5], [-5.0, -5.0], [47.0, 63.0]])
    np.testing.assert_allclose(at_pixels(maps, pixels)[:, 0], [0.0, 1.0, 2.0, 0.0, 11.0])


def test_landmark_maps_hold_each_landmarks_weight_at_its_pixel():
    points = np.array([[10.0, 10.0], [50.0, 40.0], [np.nan, np.nan]])
    weights = np.array([[0.9, 0.1], [0.3, 0.7], [np.nan, np.nan]])
    maps, opacity = spread_over(points, weights, (64, 48))
    np.testing.assert_allclose(maps[:, 10, 10], weights[0], atol=1e-6)
    np.testing.assert_allclose(maps[:, 40, 50], weights[1], atol=1e-6)
    np.testing.assert_allclose(opacity[10, 10], 1.0, atol=1e-6)
    assert opacity[40, 10] < 0.01


def test_routing_of_a_network_without_routed_experts_is_an_error():
    with pytest.raises(RoutingError, match="has no routed experts in Patch MoE layers"):
        patch_routing(model_of(moe=TINY_MOE | {"routed_experts": 0}), random_batch(1))


def scene_with_one_person():
    """One person 3 m away in an image of noise, its landmarks spread over the crop, one of them outside it."""
    rng = np.random.default_rng(0)
    camera = Camera.from_fov(320, 240, 1.0)
    landmarks = SimpleNamespace(
        maps=None,
        crop_landmarks=rng.uniform(20, 230, (39, 3)),
        visibility=np.ones(39),
        presence=np.where(np.arange(39) == 4, 0.1, 0.9),
        world=rng.normal(0, 0.3, (39, 3)),
        pixels=rng.uniform(60, 180, (39, 2)),
        crop_matrix=np.array([[2.0, 0, -60], [0, 2, -10], [0, 0, 1]]),
        heavy=False,
        bbox=lambda: np.array([60.0, 20.0, 180.0, 220.0]),
    )
    joints = rng.uniform(-0.4, 0.4, (24, 3)) + np.array([0, 0, 3.0])
    person = SimpleNamespace(id="p1", landmarks=landmarks, joints_cam=joints)
    return SimpleNamespace(people=[person], image=rng.integers(0, 256, (240, 320, 3), np.uint8), camera=camera)


def test_person_of_landmarks_is_drawn_with_the_weights_of_its_landmarks():
    model, scene = model_of(), scene_with_one_person()
    (routing,) = person_routings(model, scene, "photo")
    assert routing.name == "photo_p1"
    assert routing.weights.shape == (33, 4)
    assert np.isnan(routing.weights[4]).all()
    picture = routing.draw((0.0, 1.0))
    assert picture.dtype == np.uint8
    assert picture.shape[1] > 5 * 250  # the crop and four experts side by side


def test_person_of_patches_is_drawn_with_the_patch_grid():
    pytest.importorskip("transformers")
    model = MetricHMR(build(ModelConfig, TINY_VITPOSE)).eval()
    (routing,) = person_routings(model, scene_with_one_person(), "photo")
    assert routing.crop.shape == (64, 48, 3)
    assert routing.maps.shape == (4, 64, 48)
    np.testing.assert_allclose(routing.maps.sum(0), 1, atol=1e-5)
    seen = np.isfinite(routing.joints[:, 0])
    assert seen.any()
    np.testing.assert_allclose(routing.weights[seen].sum(1), 1, atol=1e-5)
    assert routing.draw((0.2, 0.3)).ndim == 3


def test_tables_hold_the_mean_over_people_with_the_joint_in_view(tmp_path):
    weights = np.full((2, 33, 2), np.nan)
    weights[:, 11], weights[0, 12] = [[0.2, 0.8], [0.4, 0.6]], [0.9, 0.1]
    files = write_tables(tmp_path, weights, (0.1, 0.9))
    rows = list(csv.DictReader((tmp_path / "routing.csv").open()))
    assert [(r["joint"], r["people"], r["expert 1"]) for r in rows] == [
        ("left_shoulder", "2", "0.3"),
        ("right_shoulder", "1", "0.9"),
    ]
    assert float(rows[0]["expert 1 deviation"]) == pytest.approx(0.1)
    assert "| left shoulder | 2 | 0.300 | **0.700** |" in (tmp_path / "routing.md").read_text()
    assert cv2.imread(str(files[0])) is not None


def test_colours_span_the_scale():
    low, high = colours(np.array([0.2, 0.3]), (0.2, 0.3)).astype(int)
    assert high.sum() > low.sum() + 200


def test_crops_of_boxes_match_their_intrinsics():
    """The crop of a network over pixels has the intrinsics of its crop camera."""
    from metrichmsr_ros.hmr.inputs import crop_inputs
    from metrichmsr_ros.hmr.network.batch import CropBatch

    scene = scene_with_one_person()
    config = build(ModelConfig, {"image_encoder": {"kind": "vitpose", "crop_size": [48, 64]}, "conditioning": "none"})
    batch = CropBatch.of(crop_inputs(config, scene.image, [scene.people[0].landmarks], scene.camera))
    assert batch.image.shape == (1, 3, 64, 48)
    corners = torch.tensor([[60.0, 20.0, 1.0], [180.0, 220.0, 1.0]])
    matrix = batch.crop_intrinsics[0] @ torch.linalg.inv(batch.intrinsics[0])
    inside = corners @ matrix.T
    assert (inside[:, :2] > 0).all()
    assert (inside[:, :2] < torch.tensor([48.0, 64.0])).all()
    distorted = dataclasses.replace(scene.camera, distortion_model="plumb_bob", distortion=np.array([0.1, 0, 0, 0, 0]))
    with pytest.raises(ValueError, match="distorted"):
        crop_inputs(config, scene.image, [scene.people[0].landmarks], distorted)
