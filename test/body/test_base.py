"""The open body against a naive float64 implementation, and the invariances of a body model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.body.open_tables import FILES, load_arrays, to_smpl_dict


@pytest.fixture(scope="module", params=["open", "open_light"])
def body(request: pytest.FixtureRequest) -> BodyModel:
    return load_body(request.param)


def arguments(batch: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    betas, pose, transl = (torch.randn(batch, n, generator=generator, dtype=torch.float64) for n in (10, 72, 3))
    return betas.to(dtype), (0.5 * pose).to(dtype), transl.to(dtype)


def skin_one_by_one(name: str, betas: np.ndarray, pose: np.ndarray, transl: np.ndarray) -> tuple[np.ndarray, ...]:
    """SMPL's equations as 4x4 matrices, joint by joint, for one body."""
    model = to_smpl_dict(load_arrays(FILES[name]))
    shaped = model["v_template"] + model["shapedirs"] @ betas
    rest = model["J_regressor"] @ shaped
    world: list[np.ndarray] = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(pose[3 * joint : 3 * joint + 3]).as_matrix()
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0.0)
        world.append(local if parent < 0 else world[parent] @ local)
    vertices = np.zeros_like(shaped)
    for joint in range(24):
        moved = (shaped - rest[joint]) @ world[joint][:3, :3].T + world[joint][:3, 3]
        vertices += model["weights"][:, joint, None] * moved
    return vertices + transl, np.stack([w[:3, 3] for w in world]) + transl


def test_the_body_equals_a_naive_float64_implementation(body: BodyModel) -> None:
    model = OpenBody.load(body.name, torch.float64)
    betas, pose, transl = arguments(2, torch.float64)
    output = model(betas, pose, transl)
    for k in range(2):
        vertices, joints = skin_one_by_one(body.name, betas[k].numpy(), pose[k].numpy(), transl[k].numpy())
        np.testing.assert_allclose(output.vertices[k], vertices, atol=1e-9)
        np.testing.assert_allclose(output.joints[k], joints, atol=1e-9)


def test_float32_agrees_with_float64(body: BodyModel) -> None:
    exact = OpenBody.load(body.name, torch.float64)(*arguments(3, torch.float64))
    rough = body(*arguments(3))
    assert rough.vertices.dtype == torch.float32
    torch.testing.assert_close(rough.vertices.double(), exact.vertices, atol=1e-5, rtol=0)


def test_a_batch_equals_a_loop(body: BodyModel) -> None:
    betas, pose, transl = arguments(4)
    together = body(betas, pose, transl)
    for k in range(4):
        alone = body(betas[k : k + 1], pose[k : k + 1], transl[k : k + 1])
        torch.testing.assert_close(together.vertices[k], alone.vertices[0], atol=2e-6, rtol=0)
        torch.testing.assert_close(together.joints[k], alone.joints[0], atol=2e-6, rtol=0)


def test_an_empty_batch_gives_an_empty_batch(body: BodyModel) -> None:
    output = body(torch.zeros(0, 10), torch.zeros(0, 72), torch.zeros(0, 3))
    assert output.vertices.shape == (0, body.num_vertices, 3)


def test_joints_without_skinning_equal_those_of_forward(body: BodyModel) -> None:
    betas, pose, transl = arguments(3)
    torch.testing.assert_close(body.joints(betas, pose, transl), body(betas, pose, transl).joints, rtol=1e-4, atol=1e-5)


def test_rotation_matrices_equal_axis_angles(body: BodyModel) -> None:
    betas, pose, transl = arguments(2)
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix().reshape(2, 24, 3, 3)
    same = body(betas, torch.from_numpy(matrices).float(), transl)
    torch.testing.assert_close(same.vertices, body(betas, pose, transl).vertices, atol=1e-5, rtol=0)


def test_zero_pose_is_the_rest_pose(body: BodyModel) -> None:
    betas = arguments(2)[0]
    output = body(betas, torch.zeros(2, 72), torch.zeros(2, 3))
    torch.testing.assert_close(output.vertices, body.shaped(betas), atol=1e-6, rtol=0)
    torch.testing.assert_close(output.joints, body.rest_joints(betas), atol=1e-6, rtol=0)


def test_the_pelvis_of_the_open_body_lies_at_transl(body: BodyModel) -> None:
    betas, pose, transl = arguments(5)
    torch.testing.assert_close(body(betas, pose, transl).joints[:, 0], transl, atol=1e-6, rtol=0)


def test_global_orientation_turns_the_body_rigidly(body: BodyModel) -> None:
    betas, pose, transl = arguments(1)
    still = pose.clone()
    still[:, :3] = 0
    turn = torch.from_numpy(Rotation.from_rotvec(pose[0, :3].numpy()).as_matrix()).float()
    expected = body(betas, still, 0 * transl).vertices @ turn.T + transl
    torch.testing.assert_close(body(betas, pose, transl).vertices, expected, atol=1e-5, rtol=0)


def test_gradients_equal_finite_differences() -> None:
    model = OpenBody.load("open_light", torch.float64)
    picked = torch.arange(0, model.num_vertices, 150)

    def some_vertices(betas: torch.Tensor, pose: torch.Tensor, transl: torch.Tensor) -> torch.Tensor:
        return model(betas, pose, transl).vertices[:, picked]

    inputs = tuple(value.requires_grad_() for value in arguments(1, torch.float64))
    assert torch.autograd.gradcheck(some_vertices, inputs, fast_mode=True)
    assert torch.autograd.gradcheck(model.joints, inputs, fast_mode=True)


def test_the_t_pose_still_has_gradients() -> None:
    model = load_body("open_light")
    pose = torch.zeros(1, 72, requires_grad=True)
    model(torch.zeros(1, 10), pose, torch.zeros(1, 3)).vertices.square().sum().backward()
    assert pose.grad is not None
    assert torch.isfinite(pose.grad).all()
    assert pose.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 9), (1, 72), (1, 3)), r"betas: shape \(1, 9\)"),
        (((10,), (1, 72), (1, 3)), r"betas: shape \(10,\)"),
        (((1, 10), (1, 69), (1, 3)), r"pose: shape \(1, 69\)"),
        (((1, 10), (1, 24, 3), (1, 3)), r"pose: shape"),
        (((1, 10), (1, 72), (1, 4)), r"transl: shape \(1, 4\)"),
        (((2, 10), (1, 72), (1, 3)), "batch sizes differ"),
    ],
)
def test_wrong_shapes_are_named(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_body("open_light")(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("spec", ["", "smplx", "smpl:", "open_heavy"])
def test_unknown_models_are_errors_that_list_the_choices(spec: str) -> None:
    with pytest.raises(ValueError, match="'open', 'open_light' or 'smpl:"):
        load_body(spec)
