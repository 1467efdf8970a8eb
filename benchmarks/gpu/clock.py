"""Times of calls on a device, the device's work included."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

WARM_UPS = 5


def milliseconds(call: Callable[[], object], device: torch.device, repeats: int = 20) -> float:
    """Median time of a call, in ms, until the device has finished it; a few calls come first and do not count."""
    for _ in range(WARM_UPS):
        call()
    finish(device)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        finish(device)
        times.append(time.perf_counter() - started)
    return float(1e3 * np.median(times))


def finish(device: torch.device) -> None:
    """Wait for the work that the device was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
