"""Simulated people: they have the landmark errors of rendered ones, and poses and shapes as configured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.true_landmarks import observed

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.synthesis.landmark_simulator import NEEDED, LandmarkSimulator, SimulatorConfig
from metrichmsr_ros.data.synthesis.pose_neighbours import PoseNeighbours
from metrichmsr_ros.data.synthesis.samples import sample_arrays


@pytest.fixture(scope="module")
def rows(scenes):
    parts = [sample_arrays(s, seen, [], 0) for s, seen, _ in observed(scenes, np.random.default_rng(0)) if seen]
    for part in parts:
        for name in ("intrinsics", "image_size"):
            part[name] = np.broadcast_to(part[name], (len(part["pose"]), *part[name].shape))
    return {name: np.concatenate([p[name] for p in parts]) for name in NEEDED}


def crop_error(drawn):
    """Errors (N, 33, 2) px of the observed landmarks in the crop."""
    seen = drawn["landmarks_cam"] @ (drawn["crop_matrix"] @ drawn["intrinsics"]).transpose(0, 2, 1)
    return drawn["crop_landmarks"][:, :33, :2] - seen[..., :2] / seen[..., 2:]


def test_simulated_people_have_the_residuals_of_rendered_ones(rows):
    body = load_body("open_light")
    for name, noise in (("crop_landmarks", 3.0), ("world", 0.05)):
        rows = rows | {name: rows[name] + np.random.default_rng(1).normal(0, noise, rows[name].shape)}
    drawn = LandmarkSimulator(rows, body, SimulatorConfig(sharpness=(1.0, 1.0))).draw(300, np.random.default_rng(0))
    seen = drawn["landmarks_cam"] @ drawn["intrinsics"].transpose(0, 2, 1)
    pixels = seen[..., :2] / seen[..., 2:]
    crop = pixels @ drawn["crop_matrix"][:, :2, :2].transpose(0, 2, 1) + drawn["crop_matrix"][:, None, :2, 2]
    error = drawn["crop_landmarks"][:, :33, :2] - crop
    # 3 px of noise, and the light mesh's landmarks lie up to 2 cm from the full one's
    assert 2.8 < np.sqrt(np.median(error**2) / 0.455) < 4.5
    out = body(*(torch.from_numpy(drawn[k]).float() for k in ("betas", "pose", "transl")))
    np.testing.assert_allclose(out.joints.numpy(), drawn["joints_cam"], atol=1e-3)


def test_a_simulator_that_changes_nothing_returns_the_rendered_people(rows):
    class Still:
        """Chance that changes nothing and goes through the people in order."""

        def normal(self, mean, sigma, shape):
            return np.zeros(shape)

        def random(self, count):
            return np.ones(count)

        def uniform(self, low, high, count):
            return np.full(count, high)

        def integers(self, high, size):
            return np.arange(size) % high

        def choice(self, count, size, p):
            return np.zeros(size, int)

    still = LandmarkSimulator(rows, load_body("open_light"), SimulatorConfig(new_pose=0.0, fov_limits=(0.2, 3.0)))
    drawn = still.draw(len(rows["pose"]), Still())
    near = rows["joints_cam"][..., 2].min(1) > 0.3
    for name, tolerance in (("crop_landmarks", 2e-3), ("world", 1e-4), ("pixels", 0.01), ("pose", 1e-6)):
        np.testing.assert_allclose(drawn[name], rows[name][near], atol=tolerance)


def test_sharpness_scales_the_errors_in_the_image_plane(rows):
    body = load_body("open_light")
    full, half = (
        LandmarkSimulator(rows, body, SimulatorConfig(sharpness=(s, s))).draw(100, np.random.default_rng(3))
        for s in (1.0, 0.5)
    )
    np.testing.assert_allclose(crop_error(half), 0.5 * crop_error(full), atol=1e-6)
    np.testing.assert_array_equal(half["world"], full["world"])


def test_new_poses_are_seen_upright_in_the_middle_of_their_crop(rows):
    drawn = LandmarkSimulator(rows, load_body("open_light"), SimulatorConfig(new_pose=1.0)).draw(
        200, np.random.default_rng(4)
    )
    seen = drawn["landmarks_cam"] @ (drawn["crop_matrix"] @ drawn["intrinsics"]).transpose(0, 2, 1)
    points = seen[..., :2] / seen[..., 2:]
    trunk = points[:, [11, 12]].mean(1) - points[:, [23, 24]].mean(1)
    assert np.median(np.abs(np.arctan2(trunk[:, 0], -trunk[:, 1]))) < 0.15  # BlazePose turns its crop so
    assert np.median(np.abs(points.mean(1) - 127.5)) < 30
    poses = drawn["pose"].reshape(-1, 24, 3)[:, 1:]
    nearest = np.abs(poses[:, None] - rows["pose"].reshape(-1, 24, 3)[None, :, 1:]).max((2, 3)).min(1)
    assert np.median(nearest) > 0.2, "poses that were never rendered"


def test_a_rendered_persons_own_pose_finds_that_person(rows):
    neighbours = PoseNeighbours({name: np.asarray(rows[name], np.float64) for name in NEEDED})
    gaps = torch.cdist(neighbours.descriptors, neighbours.descriptors)
    assert (gaps.diagonal() < 1e-3).all()
    landmarks = rows["landmarks_cam"][:1].astype(np.float64)
    grown = {name: rows[name][:1] for name in NEEDED} | {"landmarks_cam": landmarks * 1.3}  # larger, so farther away
    again = PoseNeighbours(grown).descriptors
    np.testing.assert_allclose(again.numpy(), neighbours.descriptors[:1].numpy(), atol=1e-5)


def test_simulated_people_name_the_landmark_network_of_their_errors(rows):
    """Errors of 9 px are the heavier network's, all others are of none."""
    heavy = np.arange(len(rows["pose"])) % 3 == 0
    off = np.where(heavy, 9.0, 0.0)[:, None, None]
    marked = rows | {"crop_landmarks": rows["crop_landmarks"] + off, "heavy": heavy}
    config = SimulatorConfig(sharpness=(1.0, 1.0))
    drawn = LandmarkSimulator(marked, load_body("open_light"), config).draw(200, np.random.default_rng(5))
    assert drawn["heavy"].any()
    np.testing.assert_array_equal(np.median(crop_error(drawn), axis=(1, 2)) > 4.5, drawn["heavy"])


def test_children_are_drawn_as_often_as_asked(rows):
    body = load_body("open_light")
    few, many = (
        LandmarkSimulator(rows, body, SimulatorConfig(new_pose=0.0, new_shape=1.0, children=c)).draw(
            400, np.random.default_rng(0)
        )
        for c in (0.0, 0.6)
    )
    shares = [(body.height(torch.from_numpy(d["betas"]).float()) < 1.4).float().mean().item() for d in (few, many)]
    assert shares[0] < 0.02
    assert shares[1] > 0.25


def test_rows_without_truth_are_refused(rows):
    with pytest.raises(ValueError, match="lack pose"):
        LandmarkSimulator({k: v for k, v in rows.items() if k != "pose"}, load_body("open_light"))
