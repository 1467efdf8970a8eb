"""The graph of the open bodies gives what torch gives, for both meshes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.engine import BodyError
from metrichmsr_ros.body.onnx_engine import OnnxBody
from metrichmsr_ros.body.open_body import OpenBody

SAME = {"rtol": 0, "atol": 1e-5}  # metres


@pytest.fixture(scope="module", params=["open", "open_light"])
def pair(request):
    return OnnxBody(request.param), OpenBody.load(request.param)


def people(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(count * 24, random_state=seed).as_matrix().reshape(count, 24, 3, 3)
    arrays = rng.normal(0, 1.5, (count, 10)), rotations, rng.normal(0, 3, (count, 3))
    betas, rotmats, transl = (array.astype(np.float32) for array in arrays)
    return betas, rotmats, transl


@pytest.mark.parametrize("count", [1, 2, 7])
@torch.inference_mode()
def test_meshes_and_joints_equal_torch(pair, count):
    body, truth = pair
    arrays = people(count, count)
    expected, found = truth(*map(torch.from_numpy, arrays)), body.posed(*arrays)
    np.testing.assert_allclose(found.vertices, expected.vertices.numpy(), **SAME)
    np.testing.assert_allclose(found.joints, expected.joints.numpy(), **SAME)
    np.testing.assert_allclose(body.joints(*arrays), expected.joints.numpy(), **SAME)


@torch.inference_mode()
def test_shapes_at_rest_equal_torch(pair):
    body, truth = pair
    betas = people(5)[0]
    np.testing.assert_allclose(body.rest_joints(betas), truth.rest_joints(torch.from_numpy(betas)).numpy(), **SAME)
    np.testing.assert_allclose(body.height(betas), truth.height(torch.from_numpy(betas)).numpy(), **SAME)


def test_both_describe_the_same_body(pair):
    body, truth = pair
    assert (body.name, body.num_vertices) == (truth.name, truth.num_vertices)
    assert (body.joint_names, body.parents) == (truth.joint_names, truth.parents)
    np.testing.assert_array_equal(body.faces, truth.faces.numpy())


def test_nobody_is_no_error(pair):
    body, _ = pair
    posed = body.posed(*(array[:0] for array in people(1)))
    assert posed.vertices.shape == (0, body.num_vertices, 3)
    assert posed.joints.shape == (0, 24, 3)


def test_another_body_is_named():
    with pytest.raises(BodyError, match="'smpl'"):
        OnnxBody("smpl")
