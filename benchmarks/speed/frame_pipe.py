"""Frames to a tracker in another process and its times back, over pipes; needs nothing but NumPy.

Before each frame goes a line of JSON (height, width, stamp_s), then its pixels. The tracker answers with a line of JSON
per frame, after a first one when it is ready.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from benchmarks.processes import resident

Track = Callable[[np.ndarray, float], "dict[str, Any]"]
"""Image (H, W, 3) uint8 RGB and its stamp, s, to anything worth knowing, such as the number of people."""


def write_frame(pipe: IO[bytes], image: np.ndarray, stamp_s: float) -> None:
    """Send one image (H, W, 3) uint8."""
    pipe.write(json.dumps({"height": image.shape[0], "width": image.shape[1], "stamp_s": stamp_s}).encode() + b"\n")
    pipe.write(np.ascontiguousarray(image).data)
    pipe.flush()


def serve(load: Callable[[], Track]) -> None:
    """Answer frames from standard input until it ends: `seconds`, `cpu` seconds, `resident` bytes, what `Track` says.

    Args:
        load: makes the tracker. What it or the tracker prints goes to standard error.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    track = load()
    _say(answers, {})
    while line := sys.stdin.buffer.readline():
        head = json.loads(line)
        shape = head["height"], head["width"], 3
        image = np.frombuffer(sys.stdin.buffer.read(shape[0] * shape[1] * 3), np.uint8).reshape(shape)
        wall, cpu = time.perf_counter(), time.process_time()
        found = track(image, head["stamp_s"])
        times = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        _say(answers, {**times, "resident": resident(os.getpid()), **found})


def _say(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
