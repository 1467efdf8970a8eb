"""Crops of the generator: the same for a seed, with true labels, visible shares and bodies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.rendering.crops.cameras import SHOTS
from metrichmsr_ros.data.rendering.crops.framing import Framing
from metrichmsr_ros.data.rendering.crops.generator import CropMaker
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior, PeoplePriorError, ShapeSampler


def _sources() -> CropSources:
    rng = np.random.default_rng(0)
    photographs = tuple(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(3))
    return CropSources(Backgrounds(photographs), rng.integers(0, 256, (2, 256, 256, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def maker():
    return CropMaker(_sources())


@pytest.fixture(scope="module")
def crops(maker):
    return [crop for step in range(5) for crop in maker.make(0, step)]


@pytest.fixture(scope="module")
def bodies(crops):
    """Vertices (N, V, 3) in the camera frame of the crops' bodies, posed by the package's body model."""
    body = load_body("open")
    rotations = torch.from_numpy(np.stack([crop.rotations for crop in crops])).float()
    betas = torch.from_numpy(np.stack([crop.betas for crop in crops])).float()
    transl = torch.from_numpy(np.stack([crop.joints[0] for crop in crops])).float()
    out = body(betas, rotations, transl)
    return out.vertices.numpy(), out.joints.numpy()


def test_a_seed_makes_the_same_crops_in_any_order(maker, crops):
    again = list(CropMaker(_sources()).make(0, 2))
    before = [crop for step in range(2) for crop in maker.make(0, step)]
    for new, old in zip(again, crops[len(before) : len(before) + len(again)], strict=True):
        assert np.array_equal(new.picture, old.picture)
        assert np.array_equal(new.joints, old.joints)
        assert new.share == old.share
    other = next(iter(maker.make(1, 2)))
    assert not np.array_equal(other.joints, again[0].joints)


def test_held_out_people_are_others():
    held_out = next(iter(CropMaker(_sources(), held_out=True).make(0, 0)))
    assert not np.array_equal(held_out.betas, next(iter(CropMaker(_sources()).make(0, 0))).betas)


def test_truth_is_the_body_models(crops, bodies):
    joints = bodies[1]
    np.testing.assert_allclose(joints, np.stack([crop.joints for crop in crops]), atol=2e-4)
    assert all(crop.joints[:, 2].min() > 0.2 for crop in crops)
    heights = load_body("open").shaped(torch.from_numpy(np.stack([c.betas for c in crops])).float())[..., 1]
    expected = (heights.amax(1) - heights.amin(1)).numpy()
    np.testing.assert_allclose([crop.stature for crop in crops], expected, atol=1e-3)


def test_framing_says_what_the_image_holds(crops, bodies):
    kinds = set()
    for crop, vertices in zip(crops, bodies[0], strict=True):
        seen = crop.camera.project(vertices)
        size = np.array([crop.camera.width, crop.camera.height])
        inside = (vertices[:, 2] > 0.05) & ((seen > -0.5) & (seen < size - 0.5)).all(1)
        template = load_body("open").template.numpy()
        head, hips = template[:, 1] > 0.6, (np.abs(template[:, 1] + 0.01) < 0.05) & (np.abs(template[:, 0]) < 0.2)
        feet = template[:, 1] < -0.8
        kinds.add(crop.framing)
        if crop.framing != Framing.PART:
            assert inside[head].mean() > 0.15
        if crop.framing == Framing.WHOLE:
            assert inside.mean() > 0.8
            assert inside[feet].mean() > 0.6
        if crop.framing == Framing.FEET_CUT:
            assert inside[hips].any()
            assert not inside[feet].all()
        if crop.framing in (Framing.WAIST_UP, Framing.CHEST_UP):
            assert not inside[hips].all()
    assert kinds >= {Framing.WHOLE, Framing.FEET_CUT, Framing.WAIST_UP, Framing.CHEST_UP}


def test_close_ups_are_near_and_some_people_are_far(crops):
    distances = {kind: [c.joints[0, 2] for c in crops if c.framing == kind] for kind in Framing}
    assert np.median(distances[Framing.CHEST_UP]) < 1.8
    assert max(distances[Framing.WHOLE]) > 10
    for crop in crops:
        pixels = crop.camera.project(crop.joints)
        assert crop.framing != Framing.WHOLE or np.linalg.norm(np.ptp(pixels, axis=0)) > 12
    assert sum(shot.share for shot in SHOTS) == pytest.approx(1)


def test_seen_joints_and_shares_agree_with_the_image(crops):
    for crop in crops:
        assert 0.12 <= crop.share <= 1
        seen = crop.camera.project(crop.joints)[crop.seen]
        assert ((seen > -0.5) & (seen < np.array([crop.camera.width, crop.camera.height]) - 0.5)).all()
    whole = [c for c in crops if c.framing == Framing.WHOLE and not c.others and not c.table]
    assert np.median([c.share for c in whole]) > 0.9
    assert np.median([c.share for c in crops if c.framing == Framing.CHEST_UP]) < 0.5


def test_facing_is_minus_one_from_behind(crops):
    for crop in crops:
        hips = crop.joints[1] - crop.joints[2]  # right to left
        up = crop.joints[9] - crop.joints[0]
        front = np.cross(hips, up)
        towards = -(front / np.linalg.norm(front)) @ crop.joints[0] / np.linalg.norm(crop.joints[0])
        assert crop.facing == pytest.approx(towards, abs=0.45)  # the spine bends, the pelvis is a joint of its own


def test_the_picture_shows_the_region(crops):
    for crop in crops:
        size = np.array(crop.picture.shape[1::-1])
        image = np.array([crop.camera.width, crop.camera.height], float)
        corners = np.clip(crop.region.corners(), -0.5, image - 0.5)
        in_picture = corners @ crop.to_picture[:2, :2].T + crop.to_picture[:2, 2]
        assert (in_picture > -1.5).all()
        assert (in_picture < size + 0.5).all()


def test_the_prior_decides_how_many_children_and_women_are_drawn():
    heights = load_body("open_light").shaped

    def statures(prior):
        sampler, rng = ShapeSampler(prior, False), np.random.default_rng(0)
        mesh = heights(torch.from_numpy(np.stack([sampler.draw(rng) for _ in range(400)])).float())[..., 1]
        return (mesh.amax(1) - mesh.amin(1)).numpy()

    assert (statures(PeoplePrior(children=0.0)) < 1.42).mean() < 0.01
    assert (statures(PeoplePrior(children=1.0)) < 1.42).mean() > 0.3
    assert np.median(statures(PeoplePrior(0, 0))) > np.median(statures(PeoplePrior(0, 1))) + 0.08
    with pytest.raises(PeoplePriorError, match=r"children is 1\.5"):
        PeoplePrior(children=1.5)
