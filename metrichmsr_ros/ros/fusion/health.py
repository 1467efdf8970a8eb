"""Health of the fusion node: which cameras deliver, which have no transform, whose extrinsics disagree."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from metrichmsr_ros.fusion.disagreement import Offset
from metrichmsr_ros.ros.diagnostics import SILENT_AFTER_S, WARN_EVERY_S, status_message


class CameraHealth:
    """Counts by camera since the last report.

    Args:
        cameras: their names.
        warn: called with a line of text, at most every 5 s for one camera and cause.
    """

    def __init__(self, cameras: Sequence[str], warn: Callable[[str], None]) -> None:
        self._cameras, self._warn = tuple(cameras), warn
        self._warned: dict[tuple[str, str], float] = {}
        self._received: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._problems: dict[str, str] = {}
        now = time.monotonic()
        self._last_s = dict.fromkeys(self._cameras, now)
        self._reported_s = now

    def received(self, camera: str) -> None:
        """Count a message."""
        self._received[camera] += 1
        self._last_s[camera] = time.monotonic()

    def problem(self, camera: str, cause: str, text: str) -> None:
        """Count people or a message that was left out, and warn, throttled."""
        self._left_out[camera] += 1
        self._problems[camera] = f"{cause}: {text}"
        now = time.monotonic()
        if now - self._warned.get((camera, cause), -WARN_EVERY_S) >= WARN_EVERY_S:
            self._warned[camera, cause] = now
            self._warn(f"{camera}: {cause}: {text}")

    def camera_statuses(self, node: str, is_active: bool, hints: Callable[[str], str]) -> list[DiagnosticStatus]:
        """One status a camera; the counts begin anew.

        Args:
            node: name of the node.
            is_active: whether messages are expected.
            hints: why nothing comes from a camera.
        """
        now = time.monotonic()
        elapsed = max(now - self._reported_s, 1e-3)
        statuses = []
        for camera in self._cameras:
            values = {
                "messages/s": f"{self._received[camera] / elapsed:.1f}",
                "left out": str(self._left_out[camera]),
            }
            level, text = self._judge(camera, is_active, now, hints)
            statuses.append(status_message(f"{node}: camera {camera}", level, text, values))
        self._received.clear()
        self._left_out.clear()
        self._problems.clear()
        self._reported_s = now
        return statuses

    def _judge(self, camera: str, is_active: bool, now: float, hints: Callable[[str], str]) -> tuple[bytes, str]:
        silent = now - self._last_s[camera]
        if not is_active:
            return DiagnosticStatus.OK, "not active"
        if silent > SILENT_AFTER_S:
            return DiagnosticStatus.STALE, f"nothing received for {silent:.0f} s: {hints(camera)}"
        if camera in self._problems:
            return DiagnosticStatus.WARN, self._problems[camera]
        return DiagnosticStatus.OK, "receiving"


def extrinsics_status(node: str, offsets: Sequence[Offset]) -> DiagnosticStatus:
    """Cameras whose extrinsics disagree with the others, the worst first."""
    name = f"{node}: extrinsics"
    if not offsets:
        return status_message(name, DiagnosticStatus.OK, "no disagreement found", {})
    values = {
        offset.camera: f"{_metres(offset)} m from where the others see the same people, at {offset.samples} places"
        for offset in offsets
    }
    text = f"the extrinsics of {' and '.join(values)} disagree with the others: check the transforms of these cameras"
    return status_message(name, DiagnosticStatus.WARN, text, values)


def _metres(offset: Offset) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in offset.offset) + ")"
