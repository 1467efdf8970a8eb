"""Trackers in processes of their own, and turns between them on the same frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.frame_pipe import write_frame
from benchmarks.speed.settings import FPS

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """A tracker's times for one frame.

    Attributes:
        seconds, cpu: wall-clock and CPU time, s.
        resident: memory of the process, bytes.
        people: number of people seen.
        stages: seconds by stage.
    """

    seconds: float
    cpu: float
    resident: int
    people: int
    stages: Mapping[str, float] = field(default_factory=dict)


class Tracker:
    """A tracker in a process of its own.

    Args:
        command: a program that calls `frame_pipe.serve`.
        folder: where it starts.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path = _ROOT) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=dict(environment)
        )
        self.first_s: float | None = None
        """Time from the start of the process to its first result, s."""
        self._answer()

    def __call__(self, image: np.ndarray, stamp_s: float) -> Answer:
        """Track the people of the next frame, (H, W, 3) uint8 RGB."""
        assert self._process.stdin is not None
        write_frame(self._process.stdin, image, stamp_s)
        answer = Answer(**self._answer())
        if self.first_s is None:
            self.first_s = time.monotonic() - self._started
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the tracker ended with status {self._process.wait()}: {self._process.args!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)


@contextmanager
def trackers(
    peer_python: Path | None, release: Path | None, landmarks_alone: bool, *options: str
) -> Iterator[dict[str, Tracker]]:
    """Ours, without its pixel branch, an earlier release's, and MediaPipe's.

    Their names are `ours`, `landmarks`, `release` and `mediapipe`.

    Args:
        peer_python: the Python of an environment with `mediapipe`; None leaves it out.
        release: a checkout of the release; None leaves it out.
        landmarks_alone: whether ours without its pixel branch is started, too.
        options: of `benchmarks.speed.ours`.
    """
    ours = [sys.executable, "-m", "benchmarks.speed.ours", *options]
    with ExitStack() as stack:
        started = {"ours": Tracker(ours, os.environ)}
        stack.callback(started["ours"].close)
        if landmarks_alone:
            started["landmarks"] = Tracker([*ours, "--landmarks-alone"], os.environ)
            stack.callback(started["landmarks"].close)
        if release is not None:
            started["release"] = Tracker(ours, {**os.environ, "PYTHONPATH": str(release)}, release)
            stack.callback(started["release"].close)
        if peer_python is not None:
            alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
            started["mediapipe"] = Tracker([str(peer_python), "-m", "benchmarks.speed.mediapipe_peer"], alone)
            stack.callback(started["mediapipe"].close)
        yield started


def take_turns(called: Mapping[str, Tracker], images: Iterable[np.ndarray], warm_up: int) -> dict[str, list[Answer]]:
    """Answers of all trackers to every image after the first `warm_up`, in turns that change their order.

    Args:
        called: trackers by name.
        images: (H, W, 3) uint8 RGB each, at `FPS`.
        warm_up: number of images that do not count.
    """
    answers: dict[str, list[Answer]] = {name: [] for name in called}
    for number, image in enumerate(images):
        for name in sorted(called, reverse=bool(number % 2)):
            answer = called[name](image, number / FPS)
            if number >= warm_up:
                answers[name].append(answer)
    return answers
