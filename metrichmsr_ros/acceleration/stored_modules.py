"""Torch modules whose weights lie in a file, of which a configuration in the file may state any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import nn

M = TypeVar("M", bound=nn.Module)


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Shapes by name of the weights of the module that `build` makes; no memory is taken for them."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in build().state_dict().items()}


def filled(module: M, path: Path) -> M:
    """The module with the weights of a safetensors file, whose names and shapes are those of the module."""
    with safe_open(path, framework="pt", device="cpu") as stored:
        module.load_state_dict({name: stored.get_tensor(name) for name in module.state_dict()})
    return module
