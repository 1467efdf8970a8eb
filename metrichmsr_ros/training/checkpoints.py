"""Files with the state of a training run: replaced atomically, and resumed only by the run that wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from metrichmsr_ros.config import ConfigError, to_mapping


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a run; an interrupted write leaves the old file."""
    partial = path.with_suffix(".partial")
    torch.save(dict(state), partial)
    partial.replace(path)


def read_state(path: Path, config: Any, device: torch.device) -> dict[str, Any]:
    """The state in a file, whose entry `config` must be `config` as `to_mapping` gives it.

    Raises:
        ConfigError: it was written with another configuration.
    """
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    now = to_mapping(config)
    changed = [key for key in now if now[key] != state["config"].get(key)]
    if changed:
        raise ConfigError(f"{path}: cannot be resumed, {changed} changed; name another output folder or delete it")
    return state
