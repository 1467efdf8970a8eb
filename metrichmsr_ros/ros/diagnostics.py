"""Statistics of the node, reported as throttled warnings and as diagnostic_msgs at 1 Hz."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node

from metrichmsr_ros.depth.engine import SceneDepth

WARN_EVERY_S = 5.0
REMIND_S = 30.0  # how often a silent input is told
SILENT_AFTER_S = 3.0
RECENT_FRAMES = 300
# does not hide another problem
_MINOR = frozenset({"black image", "no frame", "rolled camera", "doubtful camera_info", "doubtful depth_info"})
_RECEIVING = "receiving"
_NO_PIXELS = np.zeros((0, 0), np.float32)
_RESTING = {"idle": "idle: nobody subscribes to a result", "disabled": "disabled: by the service ~/enable"}
_HARMLESS = frozenset({"superseded", *_RESTING})  # drops by design: a busy network, no subscribers


class Statistics:
    """Counts of images and their latencies by stage. Thread-safe.

    Args:
        warn: called with a line of text, at most every 5 s for one cause.
        tell: called with a line of text when the source of depth changes or the tracker restarts.
    """

    def __init__(self, warn: Callable[[str], None], tell: Callable[[str], None]) -> None:
        self._warn, self._tell = warn, tell
        self._lock = threading.Lock()
        self._warned: dict[str, float] = {}
        self.received = self.processed = self.people = self.resets = 0
        self.drops: Counter[str] = Counter()
        self._problem: tuple[str, str] | None = None  # cause and text of the last problem since the last report
        self._stages: dict[str, deque[float]] = {}
        self._gain: dict[str, float] = {}
        self._depth: SceneDepth | None = None  # newest, without its pixels
        self._last_image = time.monotonic()
        self._reported = (0, 0, time.monotonic())
        self._reported_drops: Counter[str] = Counter()
        self._resting = ""  # why images were skipped by design since the last report

    def begin(self) -> None:
        """Begin to receive: an earlier silence, problems and people no longer count. Counts and latencies go on."""
        with self._lock:
            self._last_image = time.monotonic()
            self._problem, self._resting = None, ""
            self.people, self._gain = 0, {}

    def image_received(self) -> None:
        """Count an image that arrived."""
        with self._lock:
            self.received += 1
            self._last_image = time.monotonic()

    def dropped(self, cause: str, text: str = "", count: int = 1) -> None:
        """Count one or more dropped images; with `text`, also warn the user."""
        with self._lock:
            self.drops[cause] += count
        if text:
            self.problem(cause, text)

    def problem(self, cause: str, text: str) -> None:
        """Warn, throttled by cause, and keep the text for the next report."""
        now = time.monotonic()
        with self._lock:
            if cause not in _HARMLESS and not (cause in _MINOR and self._problem):
                self._problem = cause, text
            due = now - self._warned.get(cause, -WARN_EVERY_S) >= WARN_EVERY_S
            if due:
                self._warned[cause] = now
        if due:
            self._warn(f"{cause}: {text}")

    def frame_processed(self, seconds: dict[str, float], people: int, gain: dict[str, float] | None = None) -> None:
        """Count a processed image, with its durations by stage and the statistics of people's distances."""
        with self._lock:
            self.processed += 1
            self.people = people
            self._gain = gain or {}
            for stage, value in seconds.items():
                self._stages.setdefault(stage, deque(maxlen=RECENT_FRAMES)).append(value)

    def depth_estimated(self, depth: SceneDepth) -> None:
        """Store source and calibration of an image's depth, if it was requested."""
        if not depth.is_requested:
            return
        with self._lock:
            changed = self._depth is None or depth.source != self._depth.source
            self._depth = replace(depth, metres=_NO_PIXELS)  # a report needs no pixels
        if depth.problem:
            self.problem("no initial depth", depth.problem)
        if changed:
            taken = f"; {depth.assumption}" if depth.assumption else ""
            self._tell(f"depth: {depth.source}, calibration: {depth.calibration}{taken}")

    def starts_anew(self, why: str) -> None:
        """Count a restart of the tracker and log the reason; an empty reason is not logged."""
        with self._lock:
            self.resets += 1
        if why:
            self._tell(why)

    def samples(self, stage: str) -> list[float]:
        """Seconds that each of the last 300 processed frames spent in a stage, oldest first."""
        with self._lock:
            return list(self._stages.get(stage, ()))

    def input_status(
        self, name: str, source: str, active: bool, about: dict[str, str] | None = None
    ) -> DiagnosticStatus:
        """Health of the input since the last call: rates, drops by cause, the last problem, and `about`."""
        with self._lock:
            received, processed, since = self._reported
            now = time.monotonic()
            elapsed = max(now - since, 1e-3)
            rates = (self.received - received) / elapsed, (self.processed - processed) / elapsed
            silent = now - self._last_image
            self._reported = self.received, self.processed, now
            problem, self._problem = self._problem, None
            self._resting = (
                ""
                if rates[1]
                else next(
                    (text for cause, text in _RESTING.items() if self.drops[cause] > self._reported_drops[cause]), ""
                )
            )
            lost = any(self.drops[cause] > self._reported_drops[cause] for cause in self.drops.keys() - _HARMLESS)
            drops, self._reported_drops = dict(self.drops), self.drops.copy()
        values = {"topic": source, "images/s": f"{rates[0]:.1f}", "processed/s": f"{rates[1]:.1f}"}
        values |= about or {}
        values |= {f"dropped: {cause}": str(count) for cause, count in sorted(drops.items())}
        if problem:
            values["last problem"] = problem[1]
        level, text = _judge(active, silent, problem, blocked=lost and rates[1] == 0, source=source)
        if text == _RECEIVING and self._resting:
            text = self._resting
        return status_message(name, level, text, values)

    def output_status(
        self, name: str, state: str, about: dict[str, str], problem: tuple[bytes, str] | None = None
    ) -> DiagnosticStatus:
        """State of the output: people, and p50 and p95 of the durations by stage over the last 300 frames.

        `problem`: level and text of a problem of the node itself.
        """
        with self._lock:
            stages = {stage: list(values) for stage, values in self._stages.items()}
            is_silent = time.monotonic() - self._last_image > SILENT_AFTER_S
            # people of the last processed image may have left
            people = 0 if self._resting or is_silent or state != "active" else self.people
            values = {"state": state, "people": str(people), "processed": str(self.processed)}
            doing = self._resting.partition(":")[0] or f"{people} people"
            values["tracker resets"] = str(self.resets)
            values |= _depth_values(self._depth)
            values |= {name: f"{number:.3g}" for name, number in self._gain.items()}
        for stage, seconds in stages.items():
            p50, p95 = np.percentile(seconds, (50, 95)) * 1e3
            values[f"{stage} ms p50"], values[f"{stage} ms p95"] = f"{p50:.1f}", f"{p95:.1f}"
        values |= about | {"memory MiB": f"{resident_bytes() / 2**20:.0f}"} | gpu_memory()
        level, text = problem or (DiagnosticStatus.OK, f"{state}, {doing}")
        return status_message(name, level, text, values)


def _judge(
    active: bool, silent: float, problem: tuple[str, str] | None, blocked: bool, source: str
) -> tuple[bytes, str]:
    if not active:
        return DiagnosticStatus.OK, "not active"
    if silent > SILENT_AFTER_S:
        return DiagnosticStatus.STALE, f"no image on {source} for {silent:.0f} s"
    if problem:
        return (DiagnosticStatus.ERROR if blocked else DiagnosticStatus.WARN), problem[0]
    return DiagnosticStatus.OK, _RECEIVING


def status_message(name: str, level: bytes, text: str, values: dict[str, str]) -> DiagnosticStatus:
    """A status; `name` is that of the node, a colon and the part."""
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=text, hardware_id=name.split(":")[0], values=pairs)


def _depth_values(depth: SceneDepth | None) -> dict[str, str]:
    if depth is None:
        return {"depth source": "not requested"}
    values = {"depth source": depth.source, "depth calibration": depth.calibration}
    if depth.calibration == "memory":
        values["depth calibration left"] = f"{depth.memory_left:.0%}"
    if depth.is_calibrated:
        values["depth scale confirmed"] = f"{depth.confirmed:.0%}"
    if depth.calibration_problem:
        values["depth scale problem"] = depth.calibration_problem
    if depth.assumption:
        values["depth assumption"] = depth.assumption
    return values


def gpu_memory() -> dict[str, str]:
    """GPU memory of torch in MiB, as a diagnostic; empty without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {"GPU memory MiB": f"{torch.cuda.memory_allocated() / 2**20:.0f}"}


def resident_bytes() -> int:
    """Resident memory of this process (Linux; 0 elsewhere)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


def tell_of_silence(node: Node, statuses: Sequence[DiagnosticStatus]) -> None:
    """Log the inputs from which nothing comes, in one line at most every `REMIND_S`."""
    silent = [f"{status.name.partition(': ')[2]}: {status.message}" for status in statuses if _is_stale(status)]
    if silent:
        node.get_logger().warning("; ".join(silent), throttle_duration_sec=REMIND_S)


def _is_stale(status: DiagnosticStatus) -> bool:
    return bool(status.level == DiagnosticStatus.STALE)
