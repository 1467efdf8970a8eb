"""Training a small network over landmarks: the configuration, a run of it, its losses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from helpers.simulated_people import SMALL_MOE
from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.config import build
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.batches import LandmarkBatches
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.landmark_table import PeopleTable
from metrichmsr_ros.training.human.trainer import HumanRun

ALONE = Processes(0, 1, torch.device("cpu"))
SMALL = build(ModelConfig, {"moe": SMALL_MOE, "head": {"hidden": 128}})
QUIET = Console(quiet=True)


def config_of(folder: Path, **changes: Any) -> TrainConfig:
    """Six steps of eight people; everything is written to `folder`."""
    base = TrainConfig(model=SMALL, output=str(folder), batch_size=8, steps=6, warmup_steps=2, validate_every=3)
    return dataclasses.replace(base, **{"checkpoint_every": 3, "log_every": 1} | changes)


def run_of(config: TrainConfig, people: PeopleTable, body: BodyModel, among: Processes = ALONE) -> HumanRun:
    """A run that has not begun."""
    return HumanRun(config, LandmarkBatches(config, people), body, among)


def losses_of(run: HumanRun, steps: int) -> list[float]:
    """The total losses of the next steps."""
    return [run.step()["total"] for _ in range(steps)]
