"""Rendered people as an endless training set: reproducible, with labels that fit the pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.image_training import TINY, config_of
from helpers.landmark_training import ALONE

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.crop_dataset import collate
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.image_augment import ImageAugment
from metrichmsr_ros.data.image_sets import ImageSet, LabelBodies, read_image_set
from metrichmsr_ros.data.rendered_people import RenderedPeople
from metrichmsr_ros.training.human.image_batches import held_out_images, image_batches


@pytest.fixture(scope="module")
def people():
    return RenderedPeople(load_body("open_light"), (96, 128), augment=ImageAugment(colour=0, noise=0, occlusion=0))


def test_a_person_is_the_same_in_every_process(people):
    again = RenderedPeople(people.body, people.crop_size, augment=people.augment)
    for (first, truth), (second, other) in ((people[n], again[n]) for n in (5, 123_456)):
        assert torch.equal(first.image, second.image)
        assert torch.equal(truth.transl, other.transl)
    assert not torch.equal(people[5][1].betas, people[6][1].betas)
    assert people.name(7) == "rendered person 7 of seed 0"


def test_labels_project_onto_the_labelled_joints(people):
    batch, truth = collate([people[n] for n in range(6)])
    assert batch.image.shape == (6, 3, 128, 96)
    assert 0.02 < float(batch.image.std()) < 0.6
    seen = torch.einsum("nij,nkj->nki", batch.intrinsics, truth.joints_cam)
    pixels = seen[..., :2] / seen[..., 2:]
    gaps = (pixels - truth.joints_2d[..., :2]).norm(dim=-1) / batch.image_size[:, :1]
    assert float(gaps.max()) < 2e-3
    assert truth.has_pose.all()
    assert truth.has_betas.all()
    assert truth.has_transl.all()


def test_the_root_lies_in_most_crops():
    plain = RenderedPeople(load_body("open_light"), (96, 128))
    inside = []
    for n in range(12):
        batch, truth = plain[n]
        seen = batch.crop_intrinsics[0] @ truth.joints_cam[0, 0]
        u, v = (seen[:2] / seen[2]).tolist()
        inside.append(-10 < u < 106 and -10 < v < 138)
    assert np.mean(inside) > 0.8


def test_training_draws_them_by_seed_and_step(tmp_path):
    config = config_of(tmp_path, tmp_path, images=(ImageSet("rendered"),), batch_size=2, steps=3)
    first, second = image_batches(config), image_batches(config)
    whole = [first.share(step, ALONE) for step in range(3)]
    resumed = second.share(2, ALONE)
    assert torch.equal(whole[2][0].image, resumed[0].image)
    assert {tuple(batch.image.shape) for batch, _ in whole} == {(2, 3, *reversed(TINY.image_encoder.crop_size))}
    assert first.names(1)[0].startswith("rendered person")


def test_held_out_people_are_drawn_for_validation(tmp_path):
    sets = (ImageSet("rendered"),)
    config = config_of(tmp_path, tmp_path, images=sets, validation_images=sets, validation_people=3)
    held_out = held_out_images(config)
    batches = list(held_out.batches(2))
    assert [len(truth.betas) for _, truth in batches] == [2, 1]
    assert held_out.mixture.parts[0].held_out


def test_mistakes_are_named(tmp_path):
    endless = config_of(tmp_path, tmp_path, images=(ImageSet("rendered"),), steps=0, epochs=1.0)
    with pytest.raises(ConfigError, match="set the number of steps"):
        image_batches(endless)
    with pytest.raises(LabelError, match="path is ''"):
        read_image_set(ImageSet("coco"), LabelBodies("open_light", {}, {}))
