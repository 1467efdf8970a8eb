"""Annotated people in training: networks over pixels cut them, networks over landmarks look at them with BlazePose."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.annotated_people import SIZE, annotated_frame, annotated_person, write_annotations
from helpers.image_training import TINY
from helpers.landmark_training import ALONE, SMALL
from helpers.simulated_people import simulate

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.pixels.grafting import without_branch
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.training.human import annotated_looks
from metrichmsr_ros.training.human.annotated_looks import annotated_people
from metrichmsr_ros.training.human.batches import MixedLandmarkBatches
from metrichmsr_ros.training.human.best_weights import WeightsFile
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.image_batches import image_batches
from metrichmsr_ros.training.human.trainer import HumanRun

pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def site(body, tmp_path):
    (tmp_path / "pictures").mkdir()
    frames = []
    for number, confidence in enumerate((0.5, 0.8, 1.0)):
        write_image(tmp_path / f"pictures/{number}.png", np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
        person = annotated_person(body, "p", 3.0 + number, confidence)
        frames.append(annotated_frame(number, person, image=f"{number}.png"))
    write_annotations(tmp_path / "notes", frames, "photographs", tmp_path / "pictures")
    return tmp_path


def config_of(site, **changes) -> TrainConfig:
    sets = (ImageSet("annotated", str(site / "notes")),)
    base = TrainConfig(model=SMALL, images=sets, output=str(site / "out"), batch_size=4, steps=3)
    return dataclasses.replace(base, **changes)


class Looking:
    """In place of BlazePose: sees a person whose torso is in the middle of the ROI, `seen` times at most."""

    calls = 0

    def landmarks(self, image, roi, min_score=0.5):
        Looking.calls += 1
        middle = np.tile(roi.centre, (39, 1))
        matrix = roi.matrix()
        up = np.array([np.sin(roi.rotation), -np.cos(roi.rotation)])
        middle[[11, 12]] += 0.17 * roi.size * up
        middle[34] += 0.4 * roi.size * up
        crop = middle @ matrix[:2, :2].T + matrix[:2, 2]
        points, ones = np.concatenate([crop, np.zeros((39, 1))], 1), np.ones(39)
        return LandmarkSet(roi, 1.0, points, ones, ones, np.zeros((39, 3)), matrix, middle)


class Blind:
    """In place of BlazePose: sees nobody."""

    def landmarks(self, image, roi, min_score=0.5):
        return None


def test_networks_over_pixels_cut_annotated_people_with_their_weights(site):
    batches = image_batches(config_of(site, model=TINY))
    inputs, truth = batches.share(0, ALONE)
    assert inputs.image is not None
    assert set(np.round(truth.weight.numpy().astype(float), 6).tolist()) <= {0.5, 0.8, 1.0}
    assert truth.position_sigma.numpy() == pytest.approx(0.3)
    assert truth.has_betas.all()


def test_networks_over_landmarks_look_once_and_remember(site, body, monkeypatch):
    monkeypatch.setattr(annotated_looks, "BlazePose", Looking)
    config = config_of(site)
    (table,), weights = annotated_people(config, body, site / "cache")
    assert (len(table), weights) == (3, [1.0])
    person = annotated_person(body, "p", 4.0)
    assert table.truth.joints_cam[1].numpy() == pytest.approx(person.joints_cam, abs=1e-5)
    assert table.truth.weight.numpy() == pytest.approx([0.5, 0.8, 1.0])
    assert table.truth.position_sigma.numpy() == pytest.approx(0.3)
    assert table.truth.landmarks_cam.shape == (3, 33, 3)
    calls = Looking.calls
    (again,), _ = annotated_people(config, body, site / "cache")
    assert Looking.calls == calls
    for name, value in table.inputs.tensors().items():
        assert torch.equal(again.inputs.tensors()[name], value), name
    write_image(site / "pictures/0.png", np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    annotated_people(config, body, site / "cache")
    assert Looking.calls == 2 * calls


def test_people_whom_blazepose_does_not_see_are_named(site, body, monkeypatch):
    monkeypatch.setattr(annotated_looks, "BlazePose", Blind)
    with pytest.raises(LabelError, match="BlazePose finds nobody"):
        annotated_people(config_of(site), body, site / "cache")


def test_tables_are_mixed_by_weight_and_resume(site, body):
    config = config_of(site, batch_size=64, steps=6)
    exact, rough = simulate(body, 20), simulate(body, 5, seed=1)
    rough = dataclasses.replace(
        rough,
        truth=dataclasses.replace(rough.truth, weight=torch.full((5,), 0.5), position_sigma=torch.ones(5)),
        keys=tuple(f"rough{n}" for n in range(5)),
    )
    batches = MixedLandmarkBatches(config, [exact, rough], (1.0, 3.0))
    steps = [batches.index(step) for step in range(6)]
    drawn = torch.cat(steps)
    assert (drawn >= 20).float().mean().item() == pytest.approx(0.75, abs=0.07)
    assert torch.equal(MixedLandmarkBatches(config, [exact, rough], (1.0, 3.0)).index(4), steps[4])
    _, truth = batches.share(4, ALONE)
    assert torch.equal(truth.weight, torch.where(steps[4] >= 20, 0.5, 1.0))
    assert torch.equal(truth.position_sigma, torch.where(steps[4] >= 20, 1.0, 0.0))
    run = HumanRun(config, batches, body, ALONE)
    assert np.isfinite(run.step()["total"])


def test_adapted_weights_keep_the_pixel_branch(site):
    shipped = load_model("embedded")
    plain = without_branch(shipped)
    config = config_of(site, model=plain.config, initial_weights="embedded", keep_branch=True)
    with torch.no_grad():
        changed = without_branch(load_model("embedded"))
        next(changed.parameters()).add_(1.0)
    WeightsFile(site / "mine.safetensors", config, 3).write(1, changed, {})
    written = load_model(site / "mine.safetensors").state_dict()
    for name, value in shipped.state_dict().items():
        expected = value if name.startswith("pixel_position.") else changed.state_dict()[name]
        assert torch.equal(written[name], expected), name
    save_model(site / "plain.safetensors", plain, {})
    config = dataclasses.replace(config, initial_weights=str(site / "plain.safetensors"))
    WeightsFile(site / "b.safetensors", config, 3).write(1, changed, {})
    assert load_model(site / "b.safetensors").pixel_position is None


def test_settings_that_do_not_go_together_are_named(site):
    with pytest.raises(ConfigError, match="sets of kind annotated"):
        config_of(site, images=(ImageSet("coco", "a.json"),))
    with pytest.raises(ConfigError, match="standing_repeats"):
        config_of(site, standing_repeats=2)
    with pytest.raises(ConfigError, match=r"simulated: .* set `train`"):
        config_of(site, simulated=10)
    with pytest.raises(ConfigError, match="keep_branch"):
        config_of(site, keep_branch=True)
