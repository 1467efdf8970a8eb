"""What was sent to the node, what it answered, and what it reports as processed and dropped."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns

_DROPPED = "dropped: "
PROCESSED = "processed"


@dataclass
class Watch:
    """Counts since the node's start.

    Attributes:
        sent: images, whole and hostile ones.
        counted: images by what the node did with them, as it reports on /diagnostics.
        reports: number of reports.
        quiet: whether no fault is at work, so that latencies count.
        latencies: of whole images that were sent in quiet time, s.
        waiting: stamps of whole images without an answer, ns, and when they were sent.
    """

    sent: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    reports: int = 0
    quiet: bool = False
    latencies: list[float] = field(default_factory=list)
    waiting: dict[int, float] = field(default_factory=dict)

    @property
    def unaccounted(self) -> int:
        """Images that were neither processed nor reported as dropped, so far."""
        return self.sent - self.counted.total()

    def image_sent(self, stamp: int | None) -> None:
        """Count an image; `stamp` of a whole one."""
        self.sent += 1
        if stamp is not None and self.quiet:
            self.waiting[stamp] = time.monotonic()

    def received(self, message: HumanMeshArray) -> None:
        """Store the latency of a result."""
        since = self.waiting.pop(stamp_ns(message.header), None)
        if since is not None and self.quiet:
            self.latencies.append(time.monotonic() - since)

    def diagnosed(self, message: DiagnosticArray) -> None:
        """Store what the node reports."""
        values: dict[str, Any] = {pair.key: pair.value for status in message.status for pair in status.values}
        if PROCESSED not in values:
            return
        drops = {key.removeprefix(_DROPPED): int(value) for key, value in values.items() if key.startswith(_DROPPED)}
        self.counted = Counter({**drops, PROCESSED: int(values[PROCESSED])})
        self.reports += 1
