"""Torch devices by the name that a user gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from metrichmsr_ros.errors import MetricHMRError

if TYPE_CHECKING:
    import torch


class DeviceError(MetricHMRError, RuntimeError):
    """A device that torch does not have here; the message names it and the remedy."""


def checked_device(name: str | torch.device) -> torch.device:
    """The device of this name, such as cpu, cuda or cuda:0.

    Raises:
        DeviceError: torch has no device of this name, cannot compute on it here, or is not installed.
    """
    try:
        import torch
    except ImportError:
        raise DeviceError(
            f"device is {str(name)!r}, on which networks need torch: pip install 'metrichmsr_ros[train]', or use cpu"
        ) from None
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"device is {name!r}, which torch does not have: use cpu, cuda or cuda:0") from None
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        raise DeviceError(
            f"device is {name!r}, but torch {torch.__version__} finds {found} GPUs: set device to cpu, or install a "
            "torch built for this machine's CUDA and driver"
        )
    if device.type not in ("cpu", "cuda"):
        _try(device)
    return device


@contextmanager
def in_place_of(lack: str) -> Iterator[None]:
    """Where torch is asked because something else lacks a device: a DeviceError says so first.

    Args:
        lack: what lacks the device, and the remedy; empty: torch is the first choice.
    """
    try:
        yield
    except DeviceError as error:
        if not lack:
            raise
        raise DeviceError(f"{lack}. torch, which would run it too, cannot: {error}") from None


def _try(device: torch.device) -> None:
    """Compute on an uncommon device, because torch accepts names of kinds that this build or machine lacks."""
    import torch

    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DeviceError(
            f"device is {str(device)!r}, on which torch cannot compute here ({reason}): use cpu"
        ) from None
