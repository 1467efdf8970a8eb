"""Files with the state of a training run: replaced atomically, and resumed only by the run that wrote them."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from metrichmsr_ros.config import ConfigError, to_mapping
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.io.whole_files import whole_file

_NAMES = {"torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "collections OrderedDict"}
_PICKLE = "/data.pkl"
_LARGEST_PICKLE = 2**26  # bytes; names, shapes and numbers without the tensors themselves


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a run; an interrupted write leaves the old file."""
    with whole_file(path) as part, part.open("wb") as stream:  # torch keeps the errors of a stream, not of a path
        torch.save(dict(state), stream)


def load_state(path: Path, device: torch.device) -> dict[str, Any]:
    """The state in a file.

    Raises:
        ConfigError: the file is damaged, or was not written by a training run.
    """
    what = f"{path} is no state of a training run, or is damaged; delete it to start again"
    with errors_as(ConfigError, what):
        _check(path)
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        dict(state["config"])
    return state


def read_state(path: Path, config: Any, device: torch.device) -> dict[str, Any]:
    """The state in a file, whose entry `config` must be `config` as `to_mapping` gives it.

    Raises:
        ConfigError: it is damaged, or was written with another configuration.
    """
    state, now = load_state(path, device), to_mapping(config)
    changed = [key for key in now if now[key] != state["config"].get(key)]
    if changed:
        raise ConfigError(f"{path}: cannot be resumed, {changed} changed; name another output folder or delete it")
    return state


def _check(path: Path) -> None:
    """Raise ValueError for a file that takes more memory than it has bytes, or names more than tensors.

    torch.load restricts names too, but makes a bytearray of any length.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its parts are larger than the file")
        pickled = next(member for member in members if member.filename.endswith(_PICKLE))
        if pickled.file_size > _LARGEST_PICKLE:
            raise ValueError("its list of tensors is too large")
        content = archive.read(pickled)
    names = {str(argument) for step, argument, _ in pickletools.genops(content) if step.name == "GLOBAL"}
    other = sorted(name for name in names - _NAMES if not (name.startswith("torch ") and name.endswith("Storage")))
    if other:
        raise ValueError(f"it names {other[0][:80]}")
