"""Endless training data for networks that see pixels: shards of rendered crops with BlazePose's answers.

    synthesize_crops(Path("crops"), CropConfig(backgrounds=Path("photographs"), seconds=3600))

writes `train-00000.safetensors ...` and `val-00000.safetensors ...`; `records` reads them. A shard is a function of its
number and the configuration: an interrupted run continues where it stopped, with any number of processes.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from metrichmsr_ros.data.rendering.crops.generator import PEOPLE, CropMaker
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior
from metrichmsr_ros.data.synthesis.crops.look import looks_at_many
from metrichmsr_ros.data.synthesis.crops.shard_files import CropShardError, about_crops, crop_arrays, write_crops
from metrichmsr_ros.data.synthesis.worker_pool import KilledError, killed_message, run_in_processes
from metrichmsr_ros.io.whole_files import only_whole_files
from metrichmsr_ros.people.blazepose.networks import BlazePose

_LOOK = 2  # tells the random numbers of looks from those of the pictures
_FASTEST_STEP_S = 0.1  # no process makes a step quicker; bounds the jobs of a run that ends by time


@dataclass(frozen=True)
class CropConfig:
    """Amount and sources of the crops.

    Attributes:
        count: people to draw for training, of whom about three in four are kept; 0: as many as `seconds` allow.
        seconds: no shard is begun after this time; 0: no limit.
        val_count: people to draw for validation, of shapes, poses and photographs that are not drawn for training.
        seed: the same seed makes the same shards.
        processes: 0 means one per core.
        backgrounds: folder with `photos/` and `textures/`, or of photographs; None: procedural rooms, plain cloth.
        prior: shares of children, of women, and of people who act with their arms.
        steps: steps of the generator in a shard, of `generator.PEOPLE` people each.
        maps: also keep the landmark network's maps (82 KiB a crop).
        heavy: also ask the heavier landmark network about every crop, which takes three times as long.
        device: "cpu", or "cuda" to draw on the GPU and run BlazePose there in torch, for all people of a step at a
            time. Pictures of both are equal within noise.
    """

    count: int = 0
    seconds: float = 0.0
    val_count: int = 2048
    seed: int = 0
    processes: int = 1
    backgrounds: Path | None = None
    prior: PeoplePrior = field(default_factory=PeoplePrior)
    steps: int = 40
    maps: bool = True
    heavy: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.count < 0 or self.val_count < 0 or self.seconds < 0 or self.seed < 0 or self.processes < 0:
            raise CropShardError("count, val_count, seconds, seed and processes must be at least 0")
        if not math.isfinite(self.seconds):
            raise CropShardError(f"seconds is {self.seconds}; give a number, or 0 for no limit")
        if not self.count and not self.seconds:
            raise CropShardError("the run would never end: give --count, --seconds or both")
        if self.steps < 1:
            raise CropShardError(f"steps is {self.steps}; a shard has at least 1")


@dataclass(frozen=True)
class CropJob:
    """One shard: its file, split, number, the run's configuration, and the time (s since 1970) to begin it before."""

    path: Path
    held_out: bool
    number: int
    config: CropConfig
    begin_before: float


def synthesize_crops(out: Path, config: CropConfig) -> dict[str, int]:
    """Make the shards that are not there yet.

    Returns:
        Numbers of shards, people drawn and crops kept by this call.

    Raises:
        CropShardError: the folder holds shards of another configuration, or its processes were killed;
            finished shards stay.
        AssetError: the BlazePose networks are not in the cache.
        DeviceError: torch does not have the device.
        BackgroundsError: the folder of backgrounds does not exist or holds an image that cannot be read.
        PainterError: there is no such device.
    """
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(out.glob("*.safetensors"))[:1]:
        _same_configuration(path, config)
    jobs = [job for job in plan(out, config, time.time()) if not job.path.exists()]
    total, start = {"shards": 0, "people": 0, "crops": 0}, time.monotonic()
    with only_whole_files(out), closing(_run(jobs, config.processes or os.cpu_count() or 1, config.device)) as results:
        for result in results:
            total = {name: total[name] + result[name] for name in total}
            if result["shards"]:
                _report(total, time.monotonic() - start)
    return total


def plan(out: Path, config: CropConfig, now: float) -> list[CropJob]:
    """All shards of a run, validation first; `now` in seconds since 1970."""
    people = PEOPLE * config.steps
    limit = now + config.seconds if config.seconds else float("inf")
    most = -(-config.count // people) if config.count else _most_in_time(out, config)
    jobs = []
    for held_out, name, shards in ((True, "val", -(-config.val_count // people)), (False, "train", most)):
        for number in range(shards):
            path = Path(out) / f"{name}-{number:05d}.safetensors"
            jobs.append(CropJob(path, held_out, number, config, float("inf") if held_out else limit))
    return jobs


def _most_in_time(out: Path, config: CropConfig) -> int:
    """No run makes more training shards in its time, beside those that are there already."""
    processes = config.processes or os.cpu_count() or 1
    return len(list(Path(out).glob("train-*"))) + processes * int(config.seconds / (config.steps * _FASTEST_STEP_S) + 1)


def write_crop_shard(
    job: CropJob, maker: CropMaker, blazepose: BlazePose, heavy: BlazePose | None = None
) -> dict[str, int]:
    """Write one shard, under a temporary name until it is complete."""
    config, kept, drawn = job.config, [], 0
    for step in range(job.number * config.steps, (job.number + 1) * config.steps):
        crops = list(maker.make(config.seed, step))
        rngs = [np.random.default_rng([config.seed, int(job.held_out), step, crop.number, _LOOK]) for crop in crops]
        for looks in looks_at_many(crops, blazepose, rngs):
            for look in looks:
                person = step * PEOPLE + look.rendered.number
                answer = None
                if heavy is not None:
                    answer = heavy.landmarks(look.rendered.picture, look.landmarks.roi, min_score=0)
                kept.append(crop_arrays(look, person, config.maps, answer))
        drawn += PEOPLE
    write_crops(job.path, kept, _about(config) | {"held_out": job.held_out, "number": job.number, "drawn": drawn})
    return {"shards": 1, "people": drawn, "crops": len(kept)}


def _about(config: CropConfig) -> dict[str, Any]:
    """What decides the content of the shards."""
    folder = None if config.backgrounds is None else Path(config.backgrounds).name
    return {
        "seed": config.seed,
        "steps": config.steps,
        "maps": config.maps,
        "heavy": config.heavy,
        "backgrounds": folder,
        "prior": asdict(config.prior),
        "device": config.device,
    }


def _same_configuration(path: Path, config: CropConfig) -> None:
    found, wanted = about_crops(path), _about(config)
    for name, value in wanted.items():
        if found.get(name, "cpu" if name == "device" else None) != value:  # older shards name no device
            raise CropShardError(
                f"{path.parent} holds shards with {name} {found.get(name)}, not {value}: choose another folder, or "
                "the same configuration to continue"
            )


class _Worker:
    """Makes shards in one process; keeps the networks and one maker per split between shards."""

    def __init__(self, device: str) -> None:
        torch_device = None if device == "cpu" else device
        self._blazepose = BlazePose(num_threads=1, with_maps=True, torch_device=torch_device)
        self._heavy: BlazePose | None = None
        self._makers: dict[bool, CropMaker] = {}

    def __call__(self, job: CropJob) -> dict[str, int]:
        if time.time() >= job.begin_before or job.path.exists():
            return {"shards": 0, "people": 0, "crops": 0}
        if job.held_out not in self._makers:
            sources = CropSources.load(job.config.backgrounds, job.held_out)
            config = job.config
            self._makers[job.held_out] = CropMaker(sources, config.prior, job.held_out, device=config.device)
        if job.config.heavy and self._heavy is None:
            self._heavy = self._blazepose.heavier()
        return write_crop_shard(job, self._makers[job.held_out], self._blazepose, self._heavy)


def _single_threaded_worker(device: str) -> _Worker:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return _Worker(device)


def _run(jobs: list[CropJob], processes: int, device: str) -> Generator[dict[str, int], None, None]:
    """Results of all jobs as they come, from separate processes (or from this one, for a single process)."""
    if processes == 1 or len(jobs) <= 1:
        yield from map(_single_threaded_worker(device), jobs)
        return
    try:
        yield from run_in_processes(partial(_single_threaded_worker, device), jobs, processes)
    except KilledError as error:
        raise CropShardError(killed_message("--processes")) from error


def _report(total: dict[str, int], seconds: float) -> None:
    print(
        f"shard {total['shards']}: {total['people']} people drawn, {total['crops']} looks kept, "
        f"{total['crops'] / max(seconds, 1e-9):.1f} a second",
        file=sys.stderr,
        flush=True,
    )
