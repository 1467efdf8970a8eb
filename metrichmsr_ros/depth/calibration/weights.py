"""Refiner weights on disk: one safetensors file that includes its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save

from metrichmsr_ros.acceleration.stored_modules import filled, shapes_of
from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.onnx_refiner import FORMAT, refiner_config_in
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader


def save_refiner(path: str | Path, model: Refiner, metadata: Mapping[str, str] | None = None) -> None:
    """Write `model` with its configuration; `metadata` (revision, data, metrics) is stored in the header unchanged."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {**(metadata or {}), "format": FORMAT, "config": json.dumps(asdict(model.config))}
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_whole(path, save(tensors, header))  # `save_file` would make a file that only its owner can read


def load_refiner(path: str | Path, device: str | torch.device = "cpu") -> Refiner:
    """Load a refiner in evaluation mode.

    Raises:
        WeightsFileError: the file does not exist, is not a refiner, or its weights do not fit its configuration.
    """
    file = WeightsHeader.read(path)
    config = refiner_config_in(file)
    with errors_as(WeightsFileError, f"{file.path}: weights and configuration do not fit"):
        file.check_shapes(shapes_of(lambda: Refiner(config)))
        file.check_values()
        model = filled(Refiner(config), file.path)
    return model.to(checked_device(device)).eval()
