"""Times of calls on a device, the device's work included."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks import clock

WARM_UPS = 5


def milliseconds(call: Callable[[], object], device: torch.device, repeats: int = 20) -> float:
    """Median time of a call, in ms, until the device has finished it; a few calls come first and do not count."""
    return float(np.median(clock.milliseconds(call, repeats, WARM_UPS, partial(finish, device))))


def finish(device: torch.device) -> None:
    """Wait for the work that the device was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
