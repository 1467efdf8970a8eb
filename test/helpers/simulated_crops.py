"""Shards of crops of simulated people, and a small network over landmarks, to train branches on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from helpers.simulated_people import SMALL_MOE, simulate
from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.config import build
from metrichmsr_ros.data.synthesis.crops.shard_files import write_crops
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import save_model
from metrichmsr_ros.hmr.network.model import MetricHMR


def landmarks_network(folder: Path) -> Path:
    """Weights of a small network with random parameters."""
    torch.manual_seed(1)
    path = folder / "landmarks.safetensors"
    save_model(path, MetricHMR(build(ModelConfig, {"moe": SMALL_MOE, "head": {"hidden": 64}})))
    return path


def write_people(path: Path, body: BodyModel, count: int, seed: int) -> None:
    """A shard of simulated people; one channel of the maps holds the true distance, which landmarks do not tell."""
    people, random = simulate(body, count, seed), np.random.default_rng(seed)
    batch, truth = people.inputs, people.truth
    matrix = batch.crop_intrinsics @ torch.linalg.inv(batch.intrinsics)
    depth = truth.joints_cam[:, 0, 2].numpy()
    maps = random.random((count, 88, 16, 16)).astype(np.float16)
    maps[:, 0] = np.log(depth)[:, None, None]
    rows = {
        "landmarks": batch.landmarks,
        "visibility": batch.visibility,
        "presence": batch.presence,
        "world": batch.world,
        "crop_matrix": matrix,
        "intrinsics": batch.intrinsics,
        "crop_intrinsics": batch.crop_intrinsics,
        "image_size": batch.image_size,
        "betas": truth.betas,
        "joints": truth.joints_cam,
    }
    arrays = {name: values.numpy() for name, values in rows.items()}
    arrays |= {
        "score": np.ones(count, np.float32),
        "framing": np.zeros(count, np.uint8),
        "s16": maps,
        "t8": np.repeat(maps[:, :1, :8, :8], 288, axis=1),
    }
    write_crops(path, [{name: values[k] for name, values in arrays.items()} for k in range(count)], {})
