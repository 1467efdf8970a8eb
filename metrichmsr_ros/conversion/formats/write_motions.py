"""Files of people's motions: BVH, GLB, AMASS, TUM, LeRobot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from metrichmsr_ros.conversion.formats.amass import amass_arrays
from metrichmsr_ros.conversion.formats.bvh import bvh_text
from metrichmsr_ros.conversion.formats.lerobot import episode_of, write_dataset
from metrichmsr_ros.conversion.formats.lerobot_files import Episode
from metrichmsr_ros.conversion.formats.skinned_glb import MovingPerson, scene_glb
from metrichmsr_ros.conversion.formats.tum import camera_path, person_trajectory
from metrichmsr_ros.conversion.motion import KEPT, Y_UP, Z_UP, shape_error
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.people import CAMERA_FILE, Job, ready_people
from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.conversion.skin import Skin, body_spec, load_skin
from metrichmsr_ros.conversion.written import Written
from metrichmsr_ros.evaluation.trajectories import write_tum

_KEPT = {"camera": KEPT, "world": KEPT}


class _Skins:
    """Bodies of recordings, each loaded once."""

    def __init__(self, options: ConvertOptions) -> None:
        self._body = options.body
        self._loaded: dict[str, Skin] = {}

    def of(self, recording: SourceRecording) -> Skin:
        """The body of a recording. Errors as `body_spec` and `load_skin`."""
        spec = body_spec(recording, self._body)
        if spec not in self._loaded:
            self._loaded[spec] = load_skin(spec)
        return self._loaded[spec]


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_bvh(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE/ID.bvh` for each person."""
    files, skins = [], _Skins(options)
    for people in ready_people(jobs, options.frame, Y_UP):
        skin = skins.of(people[0].job.recording)
        for person in people:
            fps, rest = person.clock.fps, skin.rest_joints(person.motion.betas)
            grid, path = person.grid(fps), f"{person.path}.bvh"
            _new(out / path).write_text(bvh_text(person.motion, rest, grid, fps), encoding="ascii")
            files.append(person.written(path, fps, grid, shape_error(person.motion, rest)))
    return files


def write_glb(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE.glb` with all people of a source."""
    files, skins = [], _Skins(options)
    for people in ready_people(jobs, options.frame, Y_UP):
        job, fps = people[0].job, people[0].clock.fps
        skin, path = skins.of(job.recording), f"{job.name}.glb"
        moving = [MovingPerson(person.track.id, person.motion, person.seconds, person.until) for person in people]
        about = {
            "source": job.recording.source,
            "frame": f"{options.frame}, y up, metres",
            "body_model": skin.name,
            "note": "linear blend skinning; shape that depends on the pose is not in this file",
        }
        (out / path).write_bytes(scene_glb(moving, skin, about))
        for person in people:
            error = shape_error(person.motion, skin.rest_joints(person.motion.betas))
            files.append(person.written(path, fps, None, error))
    return files


def write_amass(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE/ID.npz` for each person."""
    files = []
    for people in ready_people(jobs, options.frame, Z_UP):
        for person in people:
            fps, path, body = person.clock.fps, f"{person.path}.npz", person.job.recording.body
            grid = person.grid(fps)
            arrays = amass_arrays(person.motion, person.track, grid, fps, body, options.frame)
            with _new(out / path).open("wb") as stream:
                np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
            files.append(person.written(path, fps, grid))
    return files


def write_tum_files(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """`SOURCE/ID.tum` for each person, and in the world `SOURCE/camera_world.tum`."""
    files = []
    for people in ready_people(jobs, options.frame, _KEPT):
        recording = people[0].job.recording
        for person in people:
            path = f"{person.path}.tum"
            trajectory = person_trajectory(recording.frames, person.track, options.frame)
            if trajectory is not None:
                write_tum(_new(out / path), trajectory)
                files.append(person.written(path, 0.0))
        camera = camera_path(recording.frames) if options.frame == "world" else None
        if camera is not None:
            path = f"{people[0].job.name}/{CAMERA_FILE}.tum"
            write_tum(out / path, camera)
            files.append(Written(path, recording.source, rows=len(camera.stamp_ns)))
    return files


def write_lerobot(jobs: Iterable[Job], options: ConvertOptions, out: Path) -> list[Written]:
    """A LeRobot data set of all people; its rate is the whole number nearest to the source's."""
    files: list[Written] = []

    def episodes() -> Iterator[tuple[Episode, int]]:
        for people in ready_people(jobs, options.frame, _KEPT):
            fps = _whole_rate(people[0].job.recording.source, people[0].clock.fps)
            for person in people:
                grid = person.grid(fps)
                files.append(person.written(f"episode {len(files)}", fps, grid))
                yield episode_of(person.job.recording.source, person.track, person.motion, grid), fps

    write_dataset(out, _of_one_rate(episodes()), options.task)
    return files


def _whole_rate(source: str, fps: float) -> int:
    if round(fps) < 1:
        raise ConvertError(f"{source} has {fps:g} frames per second, LeRobot needs a whole number from 1; give --fps")
    return round(fps)


def _of_one_rate(episodes: Iterable[tuple[Episode, int]]) -> Iterator[tuple[Episode, int]]:
    rates: set[int] = set()
    for episode, fps in episodes:
        rates.add(fps)
        if len(rates) > 1:
            raise ConvertError(
                f"{episode.source} has {fps} frames per second, sources before it {min(rates - {fps})}; a LeRobot data "
                "set has one rate; convert sources of one rate with --source, or give --fps"
            )
        yield episode, fps
