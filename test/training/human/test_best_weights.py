"""A run keeps the weights of its best step, by its log of held-out figures, also across a resumption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.simulated_people import SMALL_MOE, simulate
from rich.console import Console

from metrichmsr_ros.config import ConfigError, build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.weights import read_metadata
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.batches import LandmarkBatches
from metrichmsr_ros.training.human.best_weights import WeightsFile
from metrichmsr_ros.training.human.config import HELD_OUT_FIGURES, TrainConfig, TrainingError
from metrichmsr_ros.training.human.train import train_on
from metrichmsr_ros.training.human.trainer import HumanRun
from metrichmsr_ros.training.human.validation import validate

ALONE = Processes(0, 1, torch.device("cpu"))
SMALL = build(ModelConfig, {"moe": SMALL_MOE, "head": {"hidden": 128}})
FIGURES = ("mpjpe", "root_median_percent")


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 16)


def score(metrics: dict[str, float]) -> float:
    return metrics["mpjpe"] * metrics["root_median_percent"]


def logged(folder: Path) -> dict[int, dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line for line in lines if line["group"] == "held out"}


def config_keeping(folder, **changes):
    """Training that first improves and then diverges at a learning rate far too high: the last step is not the best."""
    base = {"validation": ("here",), "keep_best": FIGURES, "validate_every": 1, "steps": 10, "schedule": "constant"}
    base |= {"model": SMALL, "batch_size": 8, "warmup_steps": 2, "learning_rate": 0.05, "ema_decay": 0.1}
    return TrainConfig(output=str(folder), **(base | changes))


def trained(config, people, body):
    return train_on(config, LandmarkBatches(config, people), people, body, ALONE, Console(quiet=True))


def test_the_best_step_is_kept_with_its_metrics(people, body, tmp_path):
    config = config_keeping(tmp_path)
    path = trained(config, people, body)
    steps = logged(path.parent)
    best = min(steps, key=lambda step: score(steps[step]))
    assert best != config.steps, "the run should have got worse; choose a higher rate for this test"
    metadata = read_metadata(path)
    assert json.loads(metadata["data"])["steps"] == best
    measured = validate(load_model(path), people, body)
    assert score(measured) == pytest.approx(score(steps[best]), rel=1e-5)


def test_without_a_criterion_the_last_step_is_kept(people, body, tmp_path):
    config = config_keeping(tmp_path, keep_best=())
    path = trained(config, people, body)
    assert json.loads(read_metadata(path)["data"])["steps"] == config.steps


def test_a_resumed_run_keeps_the_best_score(people, body, tmp_path):
    config = config_keeping(tmp_path)
    path = tmp_path / "kept.safetensors"
    model = HumanRun(config, LandmarkBatches(config, people), body, ALONE).averaged_model()
    first = WeightsFile(path, config, len(people))
    assert first.offer(3, model, {"mpjpe": 10.0, "root_median_percent": 2.0})
    resumed = WeightsFile(path, config, len(people))
    before = path.read_bytes()
    assert not resumed.offer(6, model, {"mpjpe": 10.0, "root_median_percent": 2.5})
    assert path.read_bytes() == before
    assert resumed.offer(9, model, {"mpjpe": 9.0, "root_median_percent": 2.0})
    assert json.loads(read_metadata(path)["data"])["steps"] == 9


def test_figures_of_nan_are_never_the_best(people, body, tmp_path):
    config = config_keeping(tmp_path)
    model = HumanRun(config, LandmarkBatches(config, people), body, ALONE).averaged_model()
    kept = WeightsFile(tmp_path / "kept.safetensors", config, len(people))
    assert not kept.offer(1, model, {"mpjpe": float("nan"), "root_median_percent": 2.0})
    assert kept.offer(2, model, {"mpjpe": 5.0, "root_median_percent": 2.0})


def test_a_score_that_nobody_held_out_can_have_ends_the_run_at_once(people, body, tmp_path):
    config = config_keeping(tmp_path, keep_best=("mpjpe", "pve"))
    model = HumanRun(config, LandmarkBatches(config, people), body, ALONE).averaged_model()
    kept = WeightsFile(tmp_path / "kept.safetensors", config, len(people))
    with pytest.raises(TrainingError, match="no held-out person has betas of the network's body; leave pve out"):
        kept.offer(1, model, {"mpjpe": 5.0, "pve": float("nan")})


def test_without_any_finite_figure_the_last_step_is_written(people, body, tmp_path, monkeypatch):
    lost = dict.fromkeys(HELD_OUT_FIGURES, float("nan")) | {"coverage": 0.0}
    monkeypatch.setattr("metrichmsr_ros.training.human.train.validate", lambda *_: lost)
    path = trained(config_keeping(tmp_path, steps=2), people, body)
    assert json.loads(read_metadata(path)["data"])["steps"] == 2
    assert [line["mpjpe"] for line in logged(path.parent).values()] == [None, None]
    assert "NaN" not in (path.parent / "metrics.jsonl").read_text()


def test_unknown_metrics_and_missing_held_out_people_raise_errors():
    with pytest.raises(ConfigError, match="beauty"):
        TrainConfig(validation=("a",), keep_best=("beauty",))
    with pytest.raises(ConfigError, match="held-out people"):
        TrainConfig(keep_best=("mpjpe",))
