"""What the soak counts, and which results it takes for a problem."""

from __future__ import annotations

from collections import Counter

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from benchmarks.soak.result import Result
from benchmarks.soak.watch import Watch
from metrichmsr_ros.msg import HumanMeshArray


def report(**counts: int) -> DiagnosticArray:
    """What the node publishes on /diagnostics."""
    pairs = [KeyValue(key=key.replace("_", ": "), value=str(value)) for key, value in counts.items()]
    return DiagnosticArray(status=[DiagnosticStatus(values=pairs)])


def watched(latencies: list[float], **counts: int) -> Watch:
    watch = Watch(sent=10, latencies=latencies)
    watch.diagnosed(report(**counts))
    return watch


def test_images_are_accounted_for_by_the_reports_of_the_node() -> None:
    watch = watched([], processed=6, dropped_late=3)
    assert watch.unaccounted == 1
    assert watch.counted == Counter({"processed": 6, "late": 3})
    watch.diagnosed(DiagnosticArray(status=[DiagnosticStatus(values=[KeyValue(key="other", value="x")])]))
    assert watch.counted == Counter({"processed": 6, "late": 3})  # of another node


def test_latency_counts_in_quiet_times_alone() -> None:
    watch = Watch()
    watch.image_sent(5)
    watch.quiet = True
    watch.image_sent(10**9)
    for stamp in (5, 10**9, 7):
        message = HumanMeshArray()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
        watch.received(message)
    assert len(watch.latencies) == 1
    assert watch.sent == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"unaccounted": Counter(fuzz=2)}, "2 images are unaccounted for"),
        ({"memory": [(float(t), 100 + t) for t in range(10)]}, "memory grew"),
        ({"lost": "the node was lost"}, "the node was lost"),
        ({"watch": watched([0.1] * 90 + [0.9] * 10, processed=10)}, "times p50"),
        ({"watch": watched([], processed=10)}, "times p50"),
        ({"watch": watched([0.1], processed=9, dropped_failed=1)}, "1 images failed"),
    ],
)
def test_limits(changes: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"watch": watched([0.1] * 100, processed=10), "memory": [(float(t), 100) for t in range(10)], **changes}
    result = Result(**fields)  # type: ignore[arg-type]
    assert result.show() == (1 if words else 0)
    assert words in capsys.readouterr().out
