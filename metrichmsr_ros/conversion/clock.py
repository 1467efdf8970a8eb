"""When frames are: times in seconds, the frame rate, and a regular grid of slots for formats that have no stamps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.types import Float64Array

LEAST_FPS, LARGEST_FPS = 1e-3, 1e6  # stamps are whole nanoseconds of 64 bits
ASSUMED_FPS = 30.0
"""Of a recording with one frame, which has no rate."""


@dataclass(frozen=True, eq=False)
class Clock:
    """Times of a recording's frames: (F,) seconds from the first frame, strictly ascending; and frames per second."""

    seconds: Float64Array
    fps: float


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows of a track on a regular grid.

    Attributes:
        row: (S,) row of the track that each slot shows: its own, or where `is_held` the one before it.
        is_held: (S,) bool, slots of missing frames.
        largest_shift_s: largest difference between a row's own time and that of its slot, s.
    """

    row: NDArray[np.int64]
    is_held: NDArray[np.bool_]
    largest_shift_s: float


def timed(recording: SourceRecording, fps: float | None = None) -> SourceRecording:
    """The recording with stamps by `fps`; without it by its own rate, if its own stamps do not ascend.

    Raises:
        ConvertError: `fps`, or without it the recording's own, is not from `LEAST_FPS` to `LARGEST_FPS`.
    """
    allowed = f"must lie between {LEAST_FPS:g} and {LARGEST_FPS:g} frames per second"
    if fps is not None and not LEAST_FPS <= fps <= LARGEST_FPS:
        raise ConvertError(f"--fps {fps}: {allowed}")
    if fps is None and recording.fps is not None and not LEAST_FPS <= recording.fps <= LARGEST_FPS:
        raise ConvertError(f"{recording.source}: its frame rate is {recording.fps}, which {allowed}; give --fps")
    frames = recording.frames
    rate = fps or (None if (np.diff(frames.stamp_ns) > 0).all() else recording.fps)
    if rate is None:
        return recording
    stamps = np.rint(frames.number * (1e9 / rate)).astype(np.int64)
    return replace(recording, fps=fps or recording.fps, frames=replace(frames, stamp_ns=stamps))


def clock_of(recording: SourceRecording) -> Clock:
    """Times and rate of a recording: its nominal rate, or that of its stamps; `ASSUMED_FPS` for a single frame.

    Raises:
        ConvertError: its stamps do not ascend.
    """
    frames = recording.frames
    seconds, steps = (frames.stamp_ns - frames.stamp_ns[:1]) / 1e9, np.diff(frames.stamp_ns)
    if not len(steps):
        return Clock(seconds, recording.fps or ASSUMED_FPS)
    if not (steps > 0).all():
        where = int(np.argmax(steps <= 0)) + 1
        raise ConvertError(
            f"{recording.source}: the stamp of frame {frames.number[where]} is not after the one before it, and the "
            "frame rate is unknown; choose recordings alone with --source where these are photographs, or give --fps, "
            "which then is the rate of every source"
        )
    return Clock(seconds, recording.fps or float(np.median(np.diff(frames.number) / steps)) * 1e9)


def grid_of(seconds: Float64Array, fps: float) -> Grid:
    """Place rows at `seconds` (N,) into slots of 1 / fps from the first row on. No row is lost.

    A row takes the slot nearest to its time, or the next free one. Slots without a row hold the one before.
    """
    slot = np.zeros(len(seconds), np.int64)
    nearest = np.rint((seconds - seconds[0]) * fps).astype(np.int64)
    for row in range(1, len(seconds)):
        slot[row] = max(nearest[row], slot[row - 1] + 1)
    row_of_slot = np.searchsorted(slot, np.arange(slot[-1] + 1), side="right") - 1
    is_held = np.ones(slot[-1] + 1, bool)
    is_held[slot] = False
    shift = np.abs(slot / fps - (seconds - seconds[0]))
    return Grid(row_of_slot, is_held, float(shift.max()))
