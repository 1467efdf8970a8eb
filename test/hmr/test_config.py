"""Configurations are read strictly: unknown keys and wrong kinds are errors that name the place and the nearest key."""

from __future__ import annotations

import json

import pytest
import yaml
from helpers.repository import ROOT

from metrichmsr_ros.config import ConfigError, build, load_config, to_mapping
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.training.human.config import TrainConfig, load_train_config

CONFIG = ROOT / "config"


@pytest.mark.parametrize("path", sorted((CONFIG / "models").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_model_file_reads_and_survives_json(path):
    config = load_config(ModelConfig, path)
    assert config.preset == path.stem
    assert build(ModelConfig, json.loads(json.dumps(to_mapping(config)))) == config


OF_OTHER_NETWORKS = "depth", "pixels", "arms"
HUMAN_TRAINING = [
    path
    for path in sorted((CONFIG / "train").glob("*.yaml"))
    if not any(network in path.stem for network in OF_OTHER_NETWORKS)
]


@pytest.mark.parametrize("path", HUMAN_TRAINING, ids=lambda p: p.stem)
def test_every_training_file_reads(path):
    config = load_train_config(path)
    assert build(TrainConfig, json.loads(json.dumps(to_mapping(config)))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"presett": "x"}, "did you mean 'preset'"),
        ({"moe": {"widht": 3}}, r"moe\.widht: unknown key; did you mean 'width'"),
        ({"moe": {"width": "128"}}, r"moe\.width: expected int, got '128'"),
        ({"moe": {"width": True}}, r"moe\.width: expected int"),
        ({"moe": [1]}, "moe: expected a mapping"),
        ({"conditioning": "rays"}, r"conditioning: 'rays' is not one of \['none', 'cliff', 'ray_map'\]"),
        ({"image_encoder": {"crop_size": [256]}}, "expected a list of 2 values"),
        ({"moe": {"patch_layers": 0, "global_layers": 0}}, "keep at least one"),
        ({"moe": {"routed_experts": 0, "shared_expert": False}}, "keep one"),
        ({"moe": {"width": 100, "heads": 3}}, "not a multiple"),
        ({"image_encoder": {"kind": "vitpose"}}, "needs BlazePose landmarks"),
        ({"pixel_position": {"blind_share": 0.5, "reads": "pixels"}}, "blind_share is 0.5, but reads is 'pixels'"),
    ],
)
def test_bad_values_are_errors_that_name_the_key(values, message):
    with pytest.raises(ConfigError, match=message):
        build(ModelConfig, values)


def test_file_errors_name_the_file(tmp_path):
    with pytest.raises(ConfigError, match="no such configuration"):
        load_config(ModelConfig, tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1")
    with pytest.raises(ConfigError, match=r"broken\.yaml: not valid YAML"):
        load_config(ModelConfig, broken)


def test_training_file_may_name_the_model_file(tmp_path):
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"preset": "mine", "moe": {"width": 32}}))
    (tmp_path / "train.yaml").write_text(yaml.safe_dump({"model": "model.yaml", "learning_rate": 1}))
    config = load_train_config(tmp_path / "train.yaml")
    assert config.model.moe.width == 32
    assert config.learning_rate == 1.0
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"moe": {"widht": 32}}))
    with pytest.raises(ConfigError, match=r"train.yaml: model.moe.widht: unknown key"):
        load_train_config(tmp_path / "train.yaml")
