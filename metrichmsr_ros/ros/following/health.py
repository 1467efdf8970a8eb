"""Health of the follow node: whether people come in, whether the person is lost, what was left out."""

from __future__ import annotations

import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus

from metrichmsr_ros.people.following.target import FollowedState, FollowStatus
from metrichmsr_ros.ros.diagnostics import status_message

SILENT_AFTER_S = 1.0  # without messages of people


class FollowHealth:
    """What was received and left out since the last report.

    Args:
        warn: called with a line of text; throttles by itself.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._problem = ""
        self.received_s = time.monotonic()

    @property
    def silent_s(self) -> float:
        """Time since people were received, or since the start, s."""
        return time.monotonic() - self.received_s

    def received(self) -> None:
        """People of an image were taken."""
        self.received_s = time.monotonic()

    def problem(self, text: str) -> None:
        """Something was left out."""
        self._problem = text
        self._warn(text)

    def report(
        self, name: str, lifecycle: str, word: str, person: FollowedState, hint: Callable[[], str]
    ) -> DiagnosticStatus:
        """The status of the person; problems begin anew.

        Args:
            name: of the node. lifecycle: its state. word: the status as published.
            person: who is followed.
            hint: why no people come.
        """
        values = {
            "state": lifecycle,
            "id": person.id,
            "unseen": f"{person.unseen_s:.1f} s",
            "found again": str(person.found_again),
        }
        level, text = self._judge(lifecycle, word, person.id, hint)
        self._problem = ""
        return status_message(f"{name}: person", level, text, values)

    def _judge(self, lifecycle: str, word: str, id: str, hint: Callable[[], str]) -> tuple[bytes, str]:
        if lifecycle != "active":
            return DiagnosticStatus.OK, "not active"
        if self._problem:
            return DiagnosticStatus.WARN, self._problem
        if self.silent_s > SILENT_AFTER_S:
            return DiagnosticStatus.STALE, f"no people received for {self.silent_s:.0f} s: {hint()}"
        level = DiagnosticStatus.WARN if word == FollowStatus.LOST.value else DiagnosticStatus.OK
        return level, f"{word} {id}".strip()
