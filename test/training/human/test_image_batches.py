"""Training on image crops: a tiny ViTPose is trained on a data set in its published layout and resumes exactly; the
people drawn do not depend on the number of processes."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from helpers.image_training import TINY, config_of, run_of
from helpers.landmark_training import ALONE, losses_of
from helpers.layouts.keypoints import write_coco
from helpers.layouts.smpl_npz import write_bedlam
from helpers.layouts.webdataset import write_open
from helpers.two_processes import run_two
from rich.console import Console

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.image_augment import NO_AUGMENT
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.config import LabelBodyFiles, TrainConfig, TrainingError, load_train_config
from metrichmsr_ros.training.human.image_batches import held_out_images, image_batches
from metrichmsr_ros.training.human.train import train, train_on
from metrichmsr_ros.training.human.validation import validate

pytest.importorskip("transformers")

YAML = """
name: mine
model:
  image_encoder: {{kind: vitpose, crop_size: [48, 64], hidden_size: 32, layers: 2, heads: 2}}
  ray_encoder: {{kind: vit, image_size: [32, 32], hidden_size: 24, layers: 1, heads: 2}}
  moe: {{width: 32, heads: 2, patch_layers: 1, global_layers: 1, global_tokens: 2}}
  head: {{hidden: 64}}
images:
  - {{kind: open, path: {root}/train-*.tar, weight: 3}}
  - {{kind: coco, path: {coco}, images: {coco_images}, weight: 1}}
validation_images:
  - {{kind: open, path: {root}/val-0.tar}}
output: {root}/out
batch_size: 4
steps: 2
log_every: 1
image_augmentation: {{mirror: 0.5, roll: 0.1}}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("open")
    write_open(root / "train-0.tar", 5, seed=1)
    write_open(root / "train-1.tar", 4, seed=2)
    write_open(root / "val-0.tar", 4, seed=3)
    write_coco(root)
    return root


def test_training_on_images_resumes_exactly(data, body, tmp_path):
    config = config_of(data, tmp_path)
    whole = run_of(config, body)
    expected = losses_of(whole, 4)
    assert np.isfinite(expected).all()
    first = run_of(config, body)
    assert losses_of(first, 2) == expected[:2]
    first.save(tmp_path / "checkpoint.pt")
    second = run_of(config, body)
    second.resume(tmp_path / "checkpoint.pt")
    assert losses_of(second, 2) == expected[2:]
    for a, b in zip(whole.average, second.average, strict=True):
        assert torch.equal(a, b)


def test_training_on_images_overfits(data, body, tmp_path):
    sets = (ImageSet("open", f"{data}/train-0.tar"),)
    changes = {"batch_size": 4, "steps": 60, "learning_rate": 3e-3, "image_augmentation": NO_AUGMENT}
    run = run_of(config_of(data, tmp_path, images=sets, vertices_every=1000, **changes), body)
    losses = losses_of(run, 60)
    assert np.mean(losses[-5:]) < 0.35 * losses[0]


def test_training_reads_the_sets_of_a_yaml(data, body, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        YAML.format(root=data, coco=data / "person_keypoints_train2017.json", coco_images=data / "train2017")
    )
    config = load_train_config(path)
    assert (config.model.image_encoder.crop_size, config.images[0].weight) == ((48, 64), 3.0)
    weights = train(dataclasses.replace(config, output=str(tmp_path)))
    model = load_model(weights)
    assert model.config == config.model
    held_out = held_out_images(config)
    assert len(held_out) == 3  # the image of the fourth is missing
    metrics = validate(model, held_out, body)
    assert metrics["people"] == 3
    assert np.isfinite(list(metrics.values())).all()
    assert (tmp_path / "mine" / "metrics.jsonl").read_text().count('"held out"') == 1


def test_people_who_are_trained_on_are_no_validation(data, tmp_path):
    sets = (ImageSet("open", f"{data}/train-*.tar"),)
    config = config_of(data, tmp_path, images=sets, validation_images=(ImageSet("open", f"{data}/train-1.tar"),))
    with pytest.raises(TrainingError, match="validation_images: 3 of them are trained on too, such as the person"):
        train(config)


def test_labels_of_images_have_a_digest(data, tmp_path):
    def digest(name):
        return image_batches(config_of(data, tmp_path, images=(ImageSet("open", f"{data}/{name}"),))).labels_sha256()

    assert digest("train-0.tar") == digest("train-0.tar") != digest("train-1.tar")


def batch_of(batches, step, among=ALONE):
    inputs, truth = batches.share(step, among)
    return inputs.tensors() | truth.tensors()


def test_data_of_a_step_follows_from_seed_and_step(data, tmp_path):
    config = config_of(data, tmp_path)
    straight = image_batches(config)
    expected = [batch_of(straight, step) for step in range(3)]
    late, with_workers = image_batches(config), image_batches(dataclasses.replace(config, workers=2))
    others = [batch_of(late, 2)] + [batch_of(with_workers, step) for step in range(3)]
    for a, b in zip([expected[2], *expected], others, strict=True):
        for name in a:
            assert torch.equal(a[name], b[name]), name
    assert not torch.equal(expected[0]["image"], expected[1]["image"])
    other_seed = batch_of(image_batches(dataclasses.replace(config, seed=1)), 0)
    assert not torch.equal(expected[0]["crop_intrinsics"], other_seed["crop_intrinsics"])


def test_two_processes_draw_the_people_of_one(data, tmp_path):
    config = config_of(data, tmp_path)
    whole = batch_of(image_batches(config), 1)["bbox"]
    halves = [batch_of(image_batches(config), 1, Processes(rank, 2, torch.device("cpu")))["bbox"] for rank in range(2)]
    woven = torch.stack(list(itertools.chain.from_iterable(zip(*halves, strict=True))))
    assert torch.equal(woven, whole)


def test_data_is_drawn_by_weight(data, tmp_path):
    config = config_of(data, tmp_path, batch_size=400, steps=1)
    names = image_batches(config).names(0)
    assert np.mean([name.startswith("coco/") for name in names]) == pytest.approx(0.25, abs=0.07)
    shares = [np.mean([name.startswith(f"train-{n}.tar") for name in names]) for n in range(2)]
    assert shares == pytest.approx([0.75 * 4 / 7, 0.75 * 3 / 7], abs=0.07)  # proportional to size within a set


def test_non_finite_loss_on_images_names_the_people(data, body, tmp_path):
    run = run_of(config_of(data, tmp_path), body)
    with torch.no_grad():
        run.model.position.layers[-1].bias[0] = float("nan")
    with pytest.raises(TrainingError, match=r"step 0: not finite: .*(train-\d\.tar/0000|coco/)"):
        run.step()


def test_data_that_the_network_does_not_read_raises_an_error(data, tmp_path):
    with pytest.raises(ConfigError, match="reads pixels"):
        TrainConfig(model=TINY, train=("a.tar",))
    with pytest.raises(ConfigError, match="reads landmarks"):
        TrainConfig(images=(ImageSet("open", "a.tar"),))
    with pytest.raises(LabelError, match="no set labels pose, betas and translation"):
        held_out_images(config_of(data, tmp_path, validation_images=config_of(data, tmp_path).images[1:]))


def test_labels_of_smpl_need_smpl(tmp_path):
    labels, images, _ = write_bedlam(tmp_path, closeup=False)
    sets = (ImageSet("bedlam", str(labels), str(images)),)
    config = TrainConfig(model=TINY, images=sets, bodies=LabelBodyFiles())
    with pytest.raises(LabelError, match=r"has SMPL labels: set the SMPL files bodies\.neutral"):
        image_batches(config)


WORKER = """
from pathlib import Path
from helpers.image_training import config_of
from rich.console import Console
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.training.distributed import processes
from metrichmsr_ros.training.human.image_batches import image_batches
from metrichmsr_ros.training.human.train import train_on
body = load_body("open_light")
with processes("cpu") as among:
    config = config_of(Path({data!r}), Path({out!r}), parallel="fsdp")
    train_on(config, image_batches(config), None, body, among, Console(quiet=True))
"""


def test_two_processes_shard_a_network_over_pixels(data, body, tmp_path):
    """FSDP over gloo on the CPU gives the weights of a single process after four steps."""
    pytest.importorskip("torch.distributed.fsdp._fully_shard", reason="needs torch 2.6")
    config = config_of(data, tmp_path / "one")
    one = train_on(config, image_batches(config), None, body, ALONE, Console(quiet=True))
    run_two(WORKER.format(data=str(data), out=str(tmp_path / "two")))
    two = tmp_path / "two" / config.name / f"{config.name}.safetensors"
    theirs = load_model(two).state_dict()
    for name, value in load_model(one).state_dict().items():
        assert torch.allclose(value, theirs[name], atol=2e-4), name
