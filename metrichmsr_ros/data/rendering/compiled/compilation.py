"""Compilation of the loops over pixels, vertices and faces by numba, which only this generator needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from metrichmsr_ros.errors import MetricHMRError

Function = TypeVar("Function", bound=Callable[..., Any])
_SAFE = {"contract", "reassoc", "arcp", "nsz"}  # infinite depths must stay what they are


class NotCompiledError(MetricHMRError, ImportError):
    """numba, or its CUDA, is not installed."""


def compiled(function: Function) -> Function:
    """The function as machine code, kept on disk between runs; without numba, one that raises `NotCompiledError`."""
    try:
        import numba
    except ImportError:
        return cast(Function, _refuse)
    return cast(Function, numba.njit(cache=True, fastmath=_SAFE)(function))


def _refuse(*_: object, **__: object) -> None:
    raise NotCompiledError("rendered crops need numba: pip install 'metrichmsr_ros[crops]'")


def cuda_of_numba() -> Any:
    """The module `numba.cuda`, whose kernels may call compiled functions.

    Raises:
        NotCompiledError: it is not installed.
    """
    try:
        from numba import cuda
    except ImportError:
        raise NotCompiledError("drawing on a GPU needs numba-cuda: pip install 'metrichmsr_ros[crops-gpu]'") from None
    return cuda
