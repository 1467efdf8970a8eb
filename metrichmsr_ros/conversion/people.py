"""The people of a recording, ready to be written: motion, times, and the names of their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.conversion.clock import Clock, Grid, clock_of, grid_of
from metrichmsr_ros.conversion.file_names import file_names
from metrichmsr_ros.conversion.motion import PlacedMotion, motion_of
from metrichmsr_ros.conversion.recording import PersonTrack, SourceRecording
from metrichmsr_ros.conversion.written import Written
from metrichmsr_ros.types import Float64Array

CAMERA_FILE = "camera_world"  # a file beside those of people


@dataclass(frozen=True, eq=False)
class Job:
    """One recording to write, and the name of its file or folder."""

    recording: SourceRecording
    name: str


@dataclass(frozen=True, eq=False)
class ReadyPerson:
    """One person to write.

    Attributes:
        job: the recording.
        track: the person in it.
        motion: its motion in the format's axes, with at least one row.
        clock: times of the recording's frames.
        path: of the person's file relative to the output folder, without ending.
    """

    job: Job
    track: PersonTrack
    motion: PlacedMotion
    clock: Clock
    path: str

    @property
    def seconds(self) -> Float64Array:
        """(N,) times of the motion's rows from the start of the recording."""
        return self.clock.seconds[self.track.frame[self.motion.row]]

    @property
    def until(self) -> Float64Array:
        """(N,) times of the source's next frame after each row, whether the person is in it or not."""
        ends = np.append(self.clock.seconds[1:], self.clock.seconds[-1] + 1 / self.clock.fps)
        return ends[self.track.frame[self.motion.row]]

    def grid(self, fps: float) -> Grid:
        """The motion's rows on slots of 1 / fps."""
        return grid_of(self.seconds, fps)

    def written(self, file: str, fps: float, grid: Grid | None = None, shape_m: float | None = None) -> Written:
        """The entry of the list of files."""
        first = self.track.frame[self.motion.row[0]]
        return Written(
            file=file,
            source=self.job.recording.source,
            person=self.track.id,
            body=self.job.recording.body,
            rows=len(self.motion.row),
            held=int(grid.is_held.sum()) if grid else 0,
            left_out=len(self.track) - len(self.motion.row),
            fps=fps,
            first_stamp_ns=int(self.job.recording.frames.stamp_ns[first]),
            largest_shift_s=grid.largest_shift_s if grid else 0.0,
            shape_error_m=shape_m,
        )


def ready_people(jobs: Iterable[Job], frame: str, axes: Mapping[str, Float64Array]) -> Iterator[list[ReadyPerson]]:
    """The people of each recording who have a row in `frame`; nothing for recordings without any.

    Args:
        jobs: the recordings.
        frame: "camera" or "world".
        axes: (3, 3) by frame, turns it to the axes of the format.

    Raises:
        ConvertError: see `clock_of`.
    """
    for job in jobs:
        if not job.recording.tracks:
            continue
        clock = clock_of(job.recording)
        names = file_names((track.id for track in job.recording.tracks), reserved=[CAMERA_FILE])
        people = []
        for track in job.recording.tracks:
            motion = motion_of(job.recording, track, frame, axes[frame])
            if len(motion.row):
                people.append(ReadyPerson(job, track, motion, clock, f"{job.name}/{names[track.id]}"))
        if people:
            yield people
