"""The crop's virtual camera and the landmark and ray tokens: closed forms and invariances."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import roma
import torch
from helpers.random_batches import intrinsics, random_batch
from helpers.small_networks import TINY_MOE, model_of
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.config import build
from metrichmsr_ros.geometry.crop import crop_matrix
from metrichmsr_ros.hmr.config import ModelConfig, MoEConfig
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.encoders import SampledRays, cliff_vector
from metrichmsr_ros.hmr.network.ray_map import ray_map


def test_crop_camera_of_a_centred_crop_is_the_camera_itself():
    K = torch.tensor(crop_matrix((319.5, 239.5), 200, 256) @ intrinsics(500), dtype=torch.float32)[None]
    view = CropCamera.of(K, (256, 256))
    assert torch.allclose(view.rotation[0], torch.eye(3), atol=1e-6)
    assert view.half_angle.item() == pytest.approx(100 / 500, rel=1e-5)
    corner = view.rays(torch.tensor([[[-0.5, -0.5], [255.5, 255.5]]]))
    assert torch.allclose(corner, torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4), st.floats(-3, 3), st.floats(0.05, 0.5))
def test_crop_camera_does_not_depend_on_the_viewing_direction(yaw, pitch, roll, half_angle):
    """A rotated virtual camera K' = K_v R^T has the rays of K_v and its rotation is R."""
    turn = roma.rotvec_to_rotmat(torch.tensor([pitch, yaw, 0.0])) @ roma.rotvec_to_rotmat(torch.tensor([0, 0, roll]))
    own = torch.tensor([[128 / half_angle, 0, 127.5], [0, 128 / half_angle, 127.5], [0, 0, 1]], dtype=torch.float32)
    view = CropCamera.of((own @ turn.T)[None], (256, 256))
    assert torch.allclose(view.rotation[0], turn, atol=1e-4)
    assert view.half_angle.item() == pytest.approx(half_angle, rel=1e-3)
    pixels = torch.tensor([[[0.0, 10.0], [200.0, 33.0]]])
    assert torch.allclose(view.rays(pixels), (pixels - 127.5) / 128, atol=2e-3)


def test_ray_tokens_in_the_camera_frame_are_entries_of_the_ray_map():
    batch = random_batch()
    config = build(ModelConfig, {"moe": TINY_MOE, "head": {"orientation_frame": "camera"}})
    encoder, view = SampledRays(config), CropCamera.of(batch.crop_intrinsics, (256, 256))
    pixels = torch.tensor([[[3.0, 7.0], [250.0, 13.0]]]).expand(3, -1, -1)
    tangents = encoder._tangents(pixels, batch, view)
    rays = ray_map(batch.crop_intrinsics, 256, 256)
    assert torch.allclose(tangents[:, 0], rays[:, :2, 7, 3], atol=1e-4)
    assert torch.allclose(tangents[:, 1], rays[:, :2, 13, 250], atol=1e-4)


def test_cliff_vector_closed_form():
    K = intrinsics(500)
    crop = crop_matrix((400, 200), 150, 256) @ K
    batch = dataclasses.replace(
        random_batch(1),
        intrinsics=torch.tensor(K, dtype=torch.float32)[None],
        crop_intrinsics=torch.tensor(crop, dtype=torch.float32)[None],
    )
    expected = torch.tensor([[(400 - 319.5) / 500, (200 - 239.5) / 500, 150 / 500]])
    assert torch.allclose(cliff_vector(batch), expected, atol=1e-5)


@pytest.mark.parametrize("conditioning", ["none", "cliff", "ray_map"])
@pytest.mark.parametrize("frame", ["camera", "crop"])
@pytest.mark.parametrize("translation", ["direct", "crop_ray"])
def test_every_conditioning_runs(conditioning, frame, translation):
    head = {"orientation_frame": frame, "translation": translation}
    model = model_of(conditioning=conditioning, head=head)
    out = model(random_batch(4), return_routing=True)
    assert out.rotmats.shape == (4, 24, 3, 3)
    assert out.betas.shape == (4, 10)
    assert out.transl.shape == (4, 3)
    assert roma.is_rotation_matrix(out.rotmats, epsilon=1e-4)
    assert (torch.linalg.eigvalsh(out.transl_cov.double()) > 0).all()
    assert len(out.routing) == 2
    assert out.expert_share.shape == (4, 2, 4)


def test_only_the_conditioning_depends_on_the_focal_length():
    batch = random_batch(2)
    zoomed = dataclasses.replace(
        batch,
        intrinsics=batch.intrinsics * torch.tensor([[2.0], [2.0], [1.0]]),
        crop_intrinsics=batch.crop_intrinsics @ torch.diag(torch.tensor([1.5, 1.5, 1.0])),
    )
    head = {"orientation_frame": "camera", "translation": "direct"}
    for conditioning, sees in (("none", False), ("cliff", True), ("ray_map", True)):
        model = model_of(conditioning=conditioning, head=head)
        assert torch.equal(model(batch).betas, model(zoomed).betas) is not sees, conditioning


def test_embedded_is_equivariant_to_camera_rotation():
    """Rotating the camera about its centre changes K' to K' R^T and every estimate by R, exactly."""
    batch = random_batch(3)
    turn = roma.rotvec_to_rotmat(torch.tensor([0.1, -0.2, 0.3]))
    turned = dataclasses.replace(batch, crop_intrinsics=batch.crop_intrinsics @ turn.T)
    model = model_of()
    a, b = model(batch), model(turned)
    assert torch.allclose(a.transl @ turn.T, b.transl, atol=1e-3)
    assert torch.allclose(turn @ a.rotmats[:, 0], b.rotmats[:, 0], atol=1e-3)
    assert torch.allclose(turn @ a.transl_cov @ turn.T, b.transl_cov, atol=1e-3)
    assert torch.allclose(a.rotmats[:, 1:], b.rotmats[:, 1:], atol=1e-3)


def test_embedded_does_not_depend_on_the_resolution():
    """Scaling the image and K together changes A but not K' = A K, and no estimate."""
    K, A = intrinsics(500), crop_matrix((300, 220), 180, 256, 0.3)
    scale = np.diag([3.0, 3.0, 1.0])
    np.testing.assert_allclose(A @ np.linalg.inv(scale) @ scale @ K, A @ K, atol=1e-9)


def test_people_are_independent():
    batch = random_batch(5)
    model = model_of()
    together, alone = model(batch), model(batch.select(torch.tensor([3])))
    assert torch.allclose(together.transl[3], alone.transl[0], atol=1e-5)
    order = torch.tensor([4, 2, 0, 1, 3])
    assert torch.allclose(model(batch.select(order)).rotmats, together.rotmats[order], atol=1e-5)


def test_batches_of_one_and_of_no_person():
    model = model_of()
    assert model(random_batch(1)).transl.shape == (1, 3)
    nobody = random_batch(2).select(torch.zeros(2, dtype=torch.bool))
    assert model(nobody).transl.shape == (0, 3)


def test_config_defaults_are_the_experts_of_the_paper():
    assert (MoEConfig().routed_experts, MoEConfig().shared_expert) == (4, True)


def test_each_landmark_network_has_separate_weights():
    """Weights for the heavy network affect only its views; a network without them rejects such views."""
    batch = dataclasses.replace(random_batch(4), heavy=torch.tensor([False, True, False, True]))
    model = model_of(image_encoder={"reads_heavy": True})
    with torch.inference_mode():
        before = model(batch).transl
        torch.testing.assert_close(
            before[::2], model(dataclasses.replace(batch, heavy=None)).transl[::2], rtol=1e-4, atol=1e-5
        )
        model.image_encoder.heavy.landmark.weight.neg_()
        after = model(batch).transl
        changed = (after - before).norm(dim=-1) > 1e-4
        assert changed.tolist() == batch.heavy.tolist()
        with pytest.raises(ValueError, match="not trained on the heavy landmark network; leave out its views"):
            model_of()(batch)
        assert torch.isfinite(
            model_of()(dataclasses.replace(batch, heavy=torch.zeros(4, dtype=torch.bool))).transl
        ).all()
