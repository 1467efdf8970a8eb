"""Weights on disk: one safetensors file that includes the network's configuration and its provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from metrichmsr_ros.acceleration.execution import Execution
from metrichmsr_ros.acceleration.stored_modules import filled, shapes_of
from metrichmsr_ros.assets import file_sha256
from metrichmsr_ros.config import to_mapping
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.execution.half_precision import halve
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.weights import FORMAT, config_in, weights_path
from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader


def save_model(path: str | Path, model: MetricHMR, metadata: Mapping[str, Any] | None = None) -> None:
    """Write `model` and its configuration to `path`; `metadata` (revision, data, metrics) is stored as JSON."""
    header = {"format": FORMAT, "config": json.dumps(to_mapping(saved_config(model)))}
    header |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_whole(path, save(tensors, header))  # `save_file` would make a file that only its owner can read


def saved_config(model: MetricHMR) -> ModelConfig:
    """The configuration that builds `model` without loading the pretrained encoders that initialised it."""
    if not (model.config.image_encoder.weights or model.config.ray_encoder.weights):
        return model.config
    from metrichmsr_ros.hmr.network.vit_encoders import built_from_numbers  # needs the `vitpose` extra

    return built_from_numbers(model.config, model.image_encoder, model.ray_encoder)


def load_model(path_or_preset: str | Path, device: torch.device | str = "cpu", setting: str = "preset") -> MetricHMR:
    """Load the network of a weights file, or of a preset with shipped weights, in evaluation mode on `device`.

    Args:
        path_or_preset: what the user gave.
        device: torch device.
        setting: as what the user gave it, for the error.

    Raises:
        WeightsFileError: missing, unreadable or unfitting file; names the file and the remedy.
    """
    file = WeightsHeader.read(weights_path(path_or_preset, setting))
    config = config_in(file)
    with errors_as(WeightsFileError, f"{file.path}: weights and configuration do not fit"):
        file.check_shapes(shapes_of(lambda: MetricHMR(config)))
        file.check_values()
        model = filled(MetricHMR(config), file.path)
    return model.to(checked_device(device)).eval()


def load_torch_engine(
    path_or_preset: str | Path,
    device: torch.device | str = "cpu",
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> TorchEngine:
    """The network of a weights file or preset in torch, ready to run as `execution` says.

    Raises:
        WeightsFileError: as `load_model`.
        ExecutionError: the network cannot run like that.
    """
    target = checked_device(device)
    model = load_model(path_or_preset)
    halve(model, execution.precision)
    digest = file_sha256(weights_path(path_or_preset))
    engine = TorchEngine(model.to(target), target, digest, execution)
    engine.warm_up()
    return engine
