"""Refiner weights on disk: one safetensors file that includes its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.refiner import RefinerConfig
from metrichmsr_ros.depth.sources.base import DepthError
from metrichmsr_ros.io.devices import checked_device

_FORMAT = "metrichmsr-refiner-1"


def save_refiner(path: str | Path, model: Refiner, metadata: Mapping[str, str] | None = None) -> None:
    """Write `model` with its configuration; `metadata` (revision, data, metrics) is stored in the header unchanged."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {**(metadata or {}), "format": _FORMAT, "config": json.dumps(asdict(model.config))}
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, path, metadata=header)


def load_refiner(path: str | Path, device: str | torch.device = "cpu") -> Refiner:
    """Load a refiner in evaluation mode.

    Raises:
        DepthError: the file does not exist, is not a refiner, or its weights do not fit its configuration.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            if header.get("format") != _FORMAT:
                raise DepthError(f"{path} is not a depth refiner (format {header.get('format')!r})")
            values = json.loads(header["config"])
            model = Refiner(RefinerConfig(**{**values, "channels": tuple(values["channels"])}))
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118  not a dict
    except (FileNotFoundError, SafetensorError) as error:
        raise DepthError(f"cannot read depth refiner weights {path}: {error}") from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, DepthError):
            raise
        raise DepthError(f"{path}: weights and configuration do not fit: {error}") from error
    return model.to(checked_device(device)).eval()
