"""What is converted: the people of one recording as arrays, in the camera's optical frame, metres and radians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import AnyArray, Float64Array


class ConvertError(MetricHMRError, ValueError):
    """A recording that cannot become what was asked for; the message names the row or option and the remedy."""


@dataclass(frozen=True, eq=False)
class Frames:
    """The F frames of a recording, in order.

    Attributes:
        number: (F,) int64, index in the source.
        stamp_ns: (F,) int64.
        size: (F, 2) width and height, px; 0 if unknown.
        intrinsics: (F, 3, 3), integer pixel centres; NaN if unknown.
        world_from_camera: (F, 4, 4); NaN if unknown.
        image: name of the picture by frame; None if there is no file of it.
    """

    number: NDArray[np.int64]
    stamp_ns: NDArray[np.int64]
    size: NDArray[np.int64]
    intrinsics: Float64Array
    world_from_camera: Float64Array
    image: tuple[str | None, ...]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.number)


@dataclass(frozen=True, eq=False)
class PersonTrack:
    """One person in N frames, in order of time; float64.

    Attributes:
        id: unique within the recording.
        frame: (N,) rows of the recording's `Frames`, ascending.
        pose: (N, 72) axis-angle, rad.
        betas: (N, 10).
        transl: (N, 3) SMPL's translation, m.
        joints: (N, 24, 3) m.
        confidence: (N,) NaN if unknown.
        is_occluded: (N,) bool, of predicted rows.
        bbox: (N, 4) x0, y0, x1, y1 px; NaN if unknown.
        landmarks: (N, 33, 2) px; NaN if there are none.
        visibility: (N, 33) of the landmarks, 0..1; NaN if there are none.
    """

    id: str
    frame: NDArray[np.int64]
    pose: Float64Array
    betas: Float64Array
    transl: Float64Array
    joints: Float64Array
    confidence: Float64Array
    is_occluded: NDArray[np.bool_]
    bbox: Float64Array
    landmarks: Float64Array
    visibility: Float64Array

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class SourceRecording:
    """One recording.

    Attributes:
        source: its name.
        body: body model of the betas, "open", "open_light" or "smpl"; "" if the files do not say it.
        fps: nominal frames per second; None if unknown.
        frames: all its frames, people or not.
        tracks: its people.
    """

    source: str
    body: str
    fps: float | None
    frames: Frames
    tracks: tuple[PersonTrack, ...]


_NEEDED = ("pose", "betas", "transl", "joints")


def checked(recording: SourceRecording) -> SourceRecording:
    """The recording, if its numbers can be converted.

    Raises:
        ConvertError: a number of a pose, shape, translation or joint is not finite, or a person is twice in one
            frame; the message names person, frame and field.
    """
    for track in recording.tracks:
        twice = np.nonzero(np.diff(track.frame) <= 0)[0]
        if len(twice):
            raise ConvertError(f"{row_name(recording, track, int(twice[0]) + 1)}: the person is twice in this frame")
        for name in _NEEDED:
            _check_finite(recording, track, name, getattr(track, name))
    return recording


def _check_finite(recording: SourceRecording, track: PersonTrack, name: str, values: AnyArray) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if not len(bad):
        return
    row, *place = (int(index) for index in bad[0])
    rows = len(np.unique(bad[:, 0]))
    more = f"; {rows} rows of this person have such numbers" if rows > 1 else ""
    value = values[tuple(bad[0])]
    raise ConvertError(
        f"{row_name(recording, track, row)}: {name}{place} is {value}, a finite number is needed{more}; "
        "remove the rows, or estimate the frames again"
    )


def row_name(recording: SourceRecording, track: PersonTrack, row: int) -> str:
    """Source, person, frame and stamp of one row, for messages."""
    frame = track.frame[row]
    number, stamp = recording.frames.number[frame], recording.frames.stamp_ns[frame]
    return f"{recording.source}: person {track.id!r}, frame {number} (stamp {stamp} ns)"
