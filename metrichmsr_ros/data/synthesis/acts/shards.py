"""Shards of looks at people who gesture, of single images of rendered sequences: what the network over arms learns.

A moment of each act is looked at: through the region that follows from a first look, as in tracking, straight and
mirrored, by both landmark networks. The arrays are a part of those of rendered crops.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.mocap.acts.scripts import ArmScript
from metrichmsr_ros.data.synthesis.acts.scenes import FOREARMS, SECONDS, gesturing_people, sides_shown
from metrichmsr_ros.data.synthesis.crops.shard_files import (
    CropArrays,
    CropShardError,
    about_crops,
    answer_arrays,
    write_crops,
)
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson
from metrichmsr_ros.data.synthesis.worker_pool import KilledError, killed_message, run_in_processes
from metrichmsr_ros.io.whole_files import only_whole_files
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.test_time_views import views_of

SCENES_PER_SHARD = 50
_TRAINING, _VALIDATION = 11, 12  # begin the seeds of scenes, so that both differ from each other and from benchmarks
_ACTS = 2  # of a person, at most, one moment of each
_AROUND = 1.44  # side of the first region in lengths of the box around the joints
_OFF = 0.03  # standard deviation of its middle, in lengths of that box
_TURNED_RAD = 0.05  # standard deviation of its rotation
_LEAST_SCORE = 0.3


@dataclass(frozen=True)
class ActConfig:
    """Amount of the looks.

    Attributes:
        count: scenes of two people for training.
        val_count: scenes for validation.
        seed: the same seed makes the same shards.
        processes: 0 means one per core.
    """

    count: int
    val_count: int = 100
    seed: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.count, self.val_count, self.seed, self.processes) < 0 or not self.count + self.val_count:
            raise CropShardError("count, val_count, seed and processes must be at least 0, and there must be a scene")


@dataclass(frozen=True)
class _Job:
    path: Path
    held_out: bool
    scenes: range
    seed: int


def synthesize_acts(out: Path, config: ActConfig) -> int:
    """Make the shards that are not there yet. Returns the number of looks made by this call.

    Raises:
        CropShardError: the folder holds shards of another seed, or the processes were killed; finished shards stay.
        AssetError: the BlazePose networks are not in the cache.
    """
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(out.glob("*.safetensors"))[:1]:
        seed = about_crops(path).get("seed")
        if seed != config.seed:
            raise CropShardError(f"{out} holds shards of seed {seed}, not {config.seed}: choose another folder")
    jobs, total, start = [job for job in _plan(out, config) if not job.path.exists()], 0, time.monotonic()
    with only_whole_files(out), closing(_run(jobs, config.processes or os.cpu_count() or 1)) as results:
        for number, looks in enumerate(results, 1):
            total += looks
            speed = total / max(time.monotonic() - start, 1e-9)
            print(f"shard {number} of {len(jobs)}: {total} looks, {speed:.1f} a second", file=sys.stderr, flush=True)
    return total


def _plan(out: Path, config: ActConfig) -> list[_Job]:
    return [
        _Job(
            out / f"{name}-{number:05d}.safetensors",
            held_out,
            range(first, min(first + SCENES_PER_SHARD, scenes)),
            config.seed,
        )
        for held_out, name, scenes in ((True, "val", config.val_count), (False, "train", config.count))
        for number, first in enumerate(range(0, scenes, SCENES_PER_SHARD))
    ]


def _run(jobs: Sequence[_Job], processes: int) -> Generator[int, None, None]:
    if processes == 1 or len(jobs) <= 1:
        yield from map(_ShardMaker(), jobs)
        return
    try:
        yield from run_in_processes(_ShardMaker, jobs, processes)
    except KilledError as error:
        raise CropShardError(killed_message("--processes")) from error


class _ShardMaker:
    """Makes shards in one process, and keeps the networks between them."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._usual = BlazePose(num_threads=1)
        self._heavy = self._usual.heavier()

    def __call__(self, job: _Job) -> int:
        """Write a shard; returns the number of looks."""
        looks: list[CropArrays] = []
        for scene in job.scenes:
            looks += self._scene(np.random.default_rng([_VALIDATION if job.held_out else _TRAINING, job.seed, scene]))
        write_crops(job.path, looks, {"seed": job.seed, "held_out": job.held_out, "scenes": len(job.scenes)})
        return len(looks)

    def _scene(self, rng: np.random.Generator) -> Iterator[CropArrays]:
        _, sequence = gesturing_people(rng)
        scripts = {walker.id: walker.arms for walker in sequence.walkers if walker.arms is not None}
        for script in scripts.values():
            for stamp_s in _moments(script, rng):
                frame = sequence[min(round(stamp_s * sequence.fps), len(sequence) - 1)]
                still = {id for id, of_one in scripts.items() if _is_still(of_one, frame.stamp_s)}
                yield from self._looks(frame, still, rng)

    def _looks(self, frame: SequenceFrame, still: set[str], rng: np.random.Generator) -> Iterator[CropArrays]:
        """Two looks, straight and mirrored, at everybody of an image whose arms are not on their way."""
        found = [(person, seen) for person in frame.people if (seen := self._followed(frame, person, rng)) is not None]
        for person, seen in found:
            if person.id not in still:
                continue
            others = [other for _, other in found if other is not seen]
            further = views_of(frame.image, seen, others, self._usual, self._heavy)
            views = {(v.landmarks.heavy, v.mirrored): v.landmarks for v in further if not v.wide} | {
                (False, False): seen
            }
            for mirrored in (False, True):
                usual, heavy = (views.get((is_heavy, mirrored)) for is_heavy in (False, True))
                if usual is not None and heavy is not None:
                    yield _arrays(frame, person, usual, heavy)

    def _followed(self, frame: SequenceFrame, person: SequencePerson, rng: np.random.Generator) -> LandmarkSet | None:
        """The second look at a person: through the region that follows from a first look near the truth."""
        joints = person.joints_cam.astype(np.float64)
        if joints[:, 2].min() <= 0:
            return None
        pixels = frame.camera.project(joints)
        low, high = pixels.min(0), pixels.max(0)
        side = float((high - low).max())
        region = Roi(
            (low + high) / 2 + _OFF * side * rng.standard_normal(2),
            _AROUND * side,
            _TURNED_RAD * float(rng.standard_normal()),
        )
        first = self._usual.landmarks(frame.image, region, _LEAST_SCORE)
        return first and self._usual.landmarks(frame.image, first.next_roi(), _LEAST_SCORE)


def _moments(script: ArmScript, rng: np.random.Generator) -> list[float]:
    """Seconds at which some acts are held, one moment of each."""
    acts = [act for act in script.acts if act.begins_s < SECONDS]
    chosen = [acts[number] for number in rng.permutation(len(acts))[:_ACTS]]
    return [float(rng.uniform(act.begins_s, min(act.ends_s, SECONDS))) for act in chosen]


def _is_still(script: ArmScript, stamp_s: float) -> bool:
    """Whether the arms are not on their way to a pose or back."""
    act = script.act(stamp_s)
    return act is None or act.is_held(stamp_s)


def _arrays(frame: SequenceFrame, person: SequencePerson, usual: LandmarkSet, heavy: LandmarkSet) -> CropArrays:
    """Both answers, and the truth: joints, and which forearms are seen (of all other joints: nothing is known)."""
    seen = np.zeros(len(JOINT_NAMES), np.uint8)
    seen[FOREARMS] = sides_shown(frame, person)[:, None]
    answers = {**answer_arrays(usual), **{f"heavy_{name}": values for name, values in answer_arrays(heavy).items()}}
    return {**answers, "joints": person.joints_cam.astype(np.float32), "joints_seen": seen}
