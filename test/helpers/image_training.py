"""Training a small network over pixels: the configuration and a run of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from helpers.landmark_training import ALONE
from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.config import build
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.image_batches import image_batches
from metrichmsr_ros.training.human.trainer import HumanRun

TINY = build(
    ModelConfig,
    {
        "image_encoder": {"kind": "vitpose", "crop_size": [48, 64], "hidden_size": 32, "layers": 2, "heads": 2},
        "ray_encoder": {"kind": "vit", "image_size": [32, 32], "hidden_size": 24, "layers": 1, "heads": 2},
        "moe": {"width": 32, "heads": 2, "patch_layers": 1, "global_layers": 1, "global_tokens": 2},
        "head": {"hidden": 64},
    },
)


def config_of(data: Path, out: Path, **changes: Any) -> TrainConfig:
    """Four steps of four people from the open shards and the COCO set in `data`."""
    sets = (
        ImageSet("open", f"{data}/train-*.tar", weight=3.0),
        ImageSet("coco", f"{data}/person_keypoints_train2017.json", f"{data}/train2017"),
    )
    base = TrainConfig(model=TINY, images=sets, output=str(out), batch_size=4, steps=4, warmup_steps=2)
    return dataclasses.replace(base, **changes)


def run_of(config: TrainConfig, body: BodyModel, among: Processes = ALONE) -> HumanRun:
    """A run that has not begun."""
    return HumanRun(config, image_batches(config), body, among)
