"""Files of people's motions: BVH, GLB, AMASS, TUM, LeRobot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from metrichmsr_ros.conversion.clock import Clock, Grid, clock_of, grid_of
from metrichmsr_ros.conversion.file_names import file_names
from metrichmsr_ros.conversion.formats.amass import amass_arrays
from metrichmsr_ros.conversion.formats.bvh import bvh_text
from metrichmsr_ros.conversion.formats.lerobot import Episode, episode_of, write_dataset
from metrichmsr_ros.conversion.formats.skinned_glb import MovingPerson, scene_glb
from metrichmsr_ros.conversion.formats.tum import camera_path, person_trajectory
from metrichmsr_ros.conversion.motion import KEPT, Y_UP, Z_UP, PlacedMotion, motion_of, shape_error
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.recording import ConvertError, PersonTrack, SourceRecording
from metrichmsr_ros.conversion.skin import Skin, body_spec, load_skin
from metrichmsr_ros.conversion.written import Written
from metrichmsr_ros.data.formats.annotations.schema import arrow
from metrichmsr_ros.evaluation.trajectories import write_tum
from metrichmsr_ros.types import Float64Array

_CAMERA = "camera_world"  # a file beside those of people


@dataclass(frozen=True, eq=False)
class _Person:
    """One person to write: where from, motion with at least one row, clock, and the name of its file."""

    recording: SourceRecording
    track: PersonTrack
    motion: PlacedMotion
    clock: Clock
    path: str  # relative to the output folder, without ending

    @property
    def seconds(self) -> Float64Array:
        """(N,) times of the motion's rows from the start of the recording."""
        return self.clock.seconds[self.track.frame[self.motion.row]]

    def grid(self, fps: float) -> Grid:
        """The motion's rows on slots of 1 / fps."""
        return grid_of(self.seconds, fps)

    def written(self, ending: str, fps: float, grid: Grid | None = None, shape_m: float | None = None) -> Written:
        """The entry of the list of files."""
        first = self.track.frame[self.motion.row[0]]
        return Written(
            file=self.path + ending,
            source=self.recording.source,
            person=self.track.id,
            body=self.recording.body,
            rows=len(self.motion.row),
            held=int(grid.is_held.sum()) if grid else 0,
            left_out=len(self.track) - len(self.motion.row),
            fps=fps,
            first_stamp_ns=int(self.recording.frames.stamp_ns[first]),
            largest_shift_s=grid.largest_shift_s if grid else 0.0,
            shape_error_m=shape_m,
        )


def _people(
    recordings: Sequence[SourceRecording], options: ConvertOptions, axes: dict[str, Float64Array]
) -> Iterator[list[_Person]]:
    """The people of each recording who have a row in the frame that the user asks for."""
    folders = file_names(recording.source for recording in recordings)
    for recording in recordings:
        names = file_names((track.id for track in recording.tracks), reserved=[_CAMERA])
        clock = clock_of(recording)
        motions = [motion_of(recording, track, options.frame, axes[options.frame]) for track in recording.tracks]
        yield [
            _Person(recording, track, motion, clock, f"{folders[recording.source]}/{names[track.id]}")
            for track, motion in zip(recording.tracks, motions, strict=True)
            if len(motion.row)
        ]


def _skins(recordings: Sequence[SourceRecording], options: ConvertOptions) -> dict[str, Skin]:
    """The body of each recording by its source; each body is loaded once."""
    specs = {recording.source: body_spec(recording, options.body) for recording in recordings if recording.tracks}
    loaded = {spec: load_skin(spec) for spec in set(specs.values())}
    return {source: loaded[spec] for source, spec in specs.items()}


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_bvh(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE/ID.bvh` for each person."""
    files, skins = [], _skins(recordings, options)
    for people in _people(recordings, options, Y_UP):
        for person in people:
            fps, rest = person.clock.fps, skins[person.recording.source].rest_joints(person.motion.betas)
            grid = person.grid(fps)
            text = bvh_text(person.motion, rest, grid, fps)
            _new(out / f"{person.path}.bvh").write_text(text, encoding="ascii")
            files.append(person.written(".bvh", fps, grid, shape_error(person.motion, rest)))
    return files


def write_glb(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE.glb` with all people of a source."""
    files, skins = [], _skins(recordings, options)
    for people in _people(recordings, options, Y_UP):
        if not people:
            continue
        recording, fps = people[0].recording, people[0].clock.fps
        skin, name = skins[recording.source], Path(people[0].path).parent.as_posix()
        moving = [MovingPerson(person.track.id, person.motion, person.seconds) for person in people]
        about = {
            "source": recording.source,
            "frame": f"{options.frame}, y up, metres",
            "body_model": skin.name,
            "note": "linear blend skinning; shape that depends on the pose is not in this file",
        }
        _new(out / f"{name}.glb").write_bytes(scene_glb(moving, skin, fps, about))
        for person in people:
            error = shape_error(person.motion, skin.rest_joints(person.motion.betas))
            entry = person.written("", fps, None, error)
            files.append(replace(entry, file=f"{name}.glb", body=skin.name))
    return files


def write_amass(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE/ID.npz` for each person."""
    files = []
    for people in _people(recordings, options, Z_UP):
        for person in people:
            fps = person.clock.fps
            grid = person.grid(fps)
            arrays = amass_arrays(person.motion, person.track, grid, fps, person.recording.body, options.frame)
            with _new(out / f"{person.path}.npz").open("wb") as stream:
                np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
            files.append(person.written(".npz", fps, grid))
    return files


def write_tum_files(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE/ID.tum` for each person, and in the world `SOURCE/camera_world.tum`."""
    files = []
    for people in _people(recordings, options, {"camera": KEPT, "world": KEPT}):
        for person in people:
            trajectory = person_trajectory(person.recording.frames, person.track, options.frame)
            if trajectory is not None:
                write_tum(_new(out / f"{person.path}.tum"), trajectory)
                files.append(person.written(".tum", 0.0))
        camera = camera_path(people[0].recording.frames) if people and options.frame == "world" else None
        if camera is not None:
            path = f"{Path(people[0].path).parent.as_posix()}/{_CAMERA}.tum"
            write_tum(out / path, camera)
            files.append(Written(path, people[0].recording.source, rows=len(camera.stamp_ns)))
    return files


def write_lerobot(recordings: Sequence[SourceRecording], options: ConvertOptions, out: Path) -> list[Written]:
    """A LeRobot data set of all people; its rate is the whole number nearest to the source's."""
    arrow()
    rates = {round(clock_of(recording).fps) for recording in recordings if recording.tracks}
    if len(rates) > 1 or min(rates) < 1:
        raise ConvertError(
            f"the sources have {', '.join(map(str, sorted(rates)))} frames per second, a LeRobot data set has one "
            "whole number; convert sources of one rate with --source, or give --fps"
        )
    fps = rates.pop()
    files: list[Written] = []

    def episodes() -> Iterator[Episode]:
        for people in _people(recordings, options, {"camera": KEPT, "world": KEPT}):
            for person in people:
                grid = person.grid(fps)
                entry = person.written("", fps, grid)
                files.append(replace(entry, file=f"episode {len(files)}"))
                yield episode_of(person.recording.source, person.track, person.motion, grid)

    write_dataset(out, episodes(), fps, options.task)
    return files
