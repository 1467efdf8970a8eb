"""Network inputs as arrays: geometry of the crops, and batches that are joined and selected."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.random_landmarks import landmark_set

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.inputs import inputs_from_landmarks
from metrichmsr_ros.hmr.network.batch import CropBatch


def test_crop_intrinsics_match_the_crop():
    camera = Camera.from_fov(640, 480, 1.0)
    people = [landmark_set(0), landmark_set(1)]
    batch = inputs_from_landmarks(people, camera)
    expected = people[1].crop_matrix @ camera.intrinsics
    np.testing.assert_allclose(batch.crop_intrinsics[1], expected, rtol=1e-5, atol=1e-3)
    low, high = people[1].pixels[:33].min(0), people[1].pixels[:33].max(0)
    np.testing.assert_allclose(batch.bbox[1], [*low, *high], rtol=1e-5, atol=1e-3)
    assert inputs_from_landmarks([], camera).landmarks.shape == (0, 39, 3)


def test_a_distorted_camera_is_rejected():
    camera = Camera(640, 480, np.diag([500.0, 500, 1]), "plumb_bob", np.array([0.1, 0, 0, 0, 0]), "given")
    with pytest.raises(ValueError, match="rectified"):
        inputs_from_landmarks([landmark_set(0)], camera)


def test_people_are_joined_selected_and_turned_into_tensors_and_back():
    camera = Camera.from_fov(640, 480, 1.0)
    one, two = (inputs_from_landmarks([landmark_set(seed)], camera) for seed in (0, 1))
    both = inputs_from_landmarks([landmark_set(0), landmark_set(1)], camera)
    again = [one.joined(two), both.select(np.array([1, 0])).select(np.array([1, 0])), CropBatch.of(both).inputs()]
    for found in again:
        assert found.arrays().keys() == both.arrays().keys()
        for name, values in both.arrays().items():
            np.testing.assert_array_equal(found.arrays()[name], values)
            assert found.arrays()[name].dtype == values.dtype
