"""A device without data, on which a forward of a network fails as soon as it makes or reads a tensor of the host.

On the `meta` device tensors have shapes and no values: whatever reads a value (`.item()`, a branch, a boolean index)
is an error of torch itself. `on_one_device` adds the rest: no operation may take or give a tensor elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

META = torch.device("meta")


class HostTensorError(AssertionError):
    """A tensor of the host in a forward on another device."""


class _NoDataOfTheHost(TorchFunctionMode):
    """Refuses values of Python or NumPy as tensors: on a GPU each is a copy for which the host waits."""

    FORBIDDEN = (torch.tensor, torch.as_tensor, torch.from_numpy, torch.asarray, torch.Tensor.new_tensor)

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function in self.FORBIDDEN:
            raise HostTensorError(f"{function.__name__} makes a tensor of the host's values: make it a buffer")
        if function in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and _has_list(arguments[1]):
            raise HostTensorError("a list as an index is a tensor of the host: make it a buffer")
        return function(*arguments, **(options or {}))


def _has_list(index: Any) -> bool:
    return any(isinstance(part, list) for part in (index if isinstance(index, tuple) else (index,)))


class _AllOnMeta(TorchDispatchMode):
    """Refuses operations that take or give a tensor elsewhere than on `meta`."""

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        options = options or {}
        result = operation(*arguments, **options)
        _check(operation, tree_leaves((arguments, options, result)))
        return result


def _check(operation: Any, values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, torch.Tensor) and value.device != META:
            raise HostTensorError(f"{operation} on a tensor {tuple(value.shape)} of {value.device}")


def on_one_device(module: nn.Module, *inputs: Any) -> Any:
    """The output of a copy of `module` on the device without data; `inputs` have a method `to`.

    Raises:
        HostTensorError: the forward makes or uses a tensor of the host.
        RuntimeError, NotImplementedError: of torch, where a value is read.
    """
    tensors = {name: value.to(META) for name, value in (*module.named_parameters(), *module.named_buffers())}
    there = tuple(value.to(META) for value in inputs)
    with torch.inference_mode(), _NoDataOfTheHost(), _AllOnMeta():
        return torch.func.functional_call(module, tensors, there)
