"""Wall-clock times of repeated calls."""

from __future__ import annotations

import time
from collections.abc import Callable


def milliseconds(
    call: Callable[[], object], rounds: int, warm_ups: int, finish: Callable[[], None] | None = None
) -> list[float]:
    """Times of `rounds` calls, ms, after calls that do not count; `finish` waits for what a call began elsewhere."""
    times = []
    for _ in range(warm_ups + rounds):
        started = time.perf_counter()
        call()
        if finish is not None:
            finish()
        times.append(1e3 * (time.perf_counter() - started))
    return times[warm_ups:]
