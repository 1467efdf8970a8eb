"""The data engine: the real BlazePose landmarks of rendered people, in WebDataset-style tar shards.

    synthesize(Path("open"), SynthesisConfig(count=20000, backgrounds=Path("photographs")))

writes `train-00000.tar ...` and `val-00000.tar ...`. A shard holds `KEY.npz` per image, its arrays stacked over the
landmark sets of that image, and `KEY.jpg` for validation images and a share of the training images. An interrupted run
resumes: finished shards are kept, and an unfinished shard is made again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from metrichmsr_ros.data.formats.tar_samples import add_arrays, add_file, new_shard
from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.rendering.background import load_backgrounds
from metrichmsr_ros.data.synthesis.contact_sheet import contact_sheet
from metrichmsr_ros.data.synthesis.observe import observe
from metrichmsr_ros.data.synthesis.samples import sample_arrays
from metrichmsr_ros.data.synthesis.scene import SceneMaker
from metrichmsr_ros.data.synthesis.worker_pool import KilledError, killed_message, run_in_processes
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.io.whole_files import only_whole_files
from metrichmsr_ros.people.blazepose.networks import BlazePose

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 88]


class SynthesisError(MetricHMRError, ValueError):
    """The requested data cannot be made; the message gives the reason."""


@dataclass(frozen=True)
class SynthesisConfig:
    """Amount and sources of the data.

    Attributes:
        count: training images. val_count: validation images, of shapes, clips and backgrounds not used in training.
        seed: the same seed makes the same shards, for any number of workers.
        workers: processes; 0 means one per core.
        backgrounds: folder of photographs (and `panoramas/`); None: procedural rooms only.
        poses: a pose bank made by `mocap.pose_bank`; None: that of the package.
        images_per_shard: images in a shard. jpeg_share: share of training images that are kept as JPEG.
        further_views: also add the further views of single images: mirrored, by the heavier network, and
            wide where legs are hidden.
        counter_share: share of images with a counter, table or low wall that hides legs, hips or more of a person.
    """

    count: int = 2000
    val_count: int = 200
    seed: int = 0
    workers: int = 0
    backgrounds: Path | None = None
    poses: Path | None = None
    images_per_shard: int = 200
    jpeg_share: float = 0.02
    further_views: bool = False
    counter_share: float = 0.0


@dataclass(frozen=True)
class ShardJob:
    """One shard to write: its file, split and number, the images in it, and the run's config."""

    path: Path
    held_out: bool
    number: int
    images: int
    config: SynthesisConfig


def synthesize(out: Path, config: SynthesisConfig = SynthesisConfig()) -> dict[str, int]:
    """Make all shards that are not there yet, then a contact sheet `contact_sheet.png`.

    Args:
        out: folder, made if missing.
        config: amount and sources of the data.

    Returns:
        Numbers of shards, images, people and missed people made by this call.

    Raises:
        SynthesisError: a count is negative, no image is requested, or the processes of a shard were killed twice;
            finished shards are kept.
        AssetError: the BlazePose networks are not in the cache.
        BackgroundsError, MotionError: the folder of backgrounds or the bank of poses does not exist.
    """
    planned = plan(out, config)
    jobs = [job for job in planned if not job.path.exists()]
    if len(jobs) < len(planned):
        print(
            f"{len(planned) - len(jobs)} of {len(planned)} shards are in {out} already and stay as they are; name "
            "another folder for other options",
            file=sys.stderr,
            flush=True,
        )
    out.mkdir(parents=True, exist_ok=True)
    total = {"shards": 0, "images": 0, "people": 0, "missed": 0}
    start = time.monotonic()
    with only_whole_files(out), closing(_run(jobs, config.workers or os.cpu_count() or 1)) as results:
        for result in results:
            total = {name: total[name] + result.get(name, 0) for name in total}
            _report(total, len(jobs), time.monotonic() - start)
    sheet = contact_sheet(sorted(out.glob("val-*.tar")) or sorted(out.glob("train-*.tar")))
    if sheet is not None:
        write_image(out / "contact_sheet.png", sheet)
    return total


def plan(out: Path, config: SynthesisConfig) -> list[ShardJob]:
    """All shards of a run, validation first."""
    if config.count < 0 or config.val_count < 0 or config.count + config.val_count == 0:
        raise SynthesisError(f"count {config.count}, val_count {config.val_count}: ask for at least one image")
    if config.images_per_shard < 1:
        raise SynthesisError(f"images_per_shard {config.images_per_shard}: must be at least 1")
    if config.workers < 0 or config.seed < 0:
        raise SynthesisError(f"workers {config.workers}, seed {config.seed}: both must be at least 0")
    for name in ("jpeg_share", "counter_share"):
        if not 0 <= getattr(config, name) <= 1:
            raise SynthesisError(f"{name} {getattr(config, name)}: must be 0 to 1")
    jobs = []
    for held_out, name, count in ((True, "val", config.val_count), (False, "train", config.count)):
        for number, first in enumerate(range(0, count, config.images_per_shard)):
            images = min(config.images_per_shard, count - first)
            jobs.append(ShardJob(Path(out) / f"{name}-{number:05d}.tar", held_out, number, images, config))
    return jobs


def write_shard(
    job: ShardJob, maker: SceneMaker, blazepose: BlazePose, heavy: BlazePose | None = None
) -> dict[str, int]:
    """Write one shard, under a temporary name until it is complete; returns the counts of its contents."""
    counts = {"shards": 1, "images": 0, "people": 0, "missed": 0}
    with new_shard(job.path) as tar:
        for index in range(job.images):
            rng = np.random.default_rng([job.config.seed, int(job.held_out), job.number, index])
            scene = maker.make(rng)
            seen, missed = observe(scene, blazepose, rng, heavy=heavy)
            counts["images"] += 1
            counts["people"] += len(seen)
            counts["missed"] += len(missed)
            if not seen and not job.held_out:
                continue
            key = f"{job.config.seed:04d}-{job.number:05d}-{index:05d}"
            add_arrays(tar, f"{key}.npz", sample_arrays(scene, seen, missed, job.config.seed))
            if job.held_out or rng.random() < job.config.jpeg_share:
                add_file(tar, f"{key}.jpg", cv2.imencode(".jpg", scene.image[..., ::-1], _JPEG)[1].tobytes())
    return counts


class _Worker:
    """Makes shards in one process; keeps the networks, the bodies and one scene maker per split between shards."""

    def __init__(self) -> None:
        self._blazepose = BlazePose(num_threads=1)
        self._heavy: BlazePose | None = None
        self._makers: dict[bool, SceneMaker] = {}

    def __call__(self, job: ShardJob) -> dict[str, int]:
        if job.held_out not in self._makers:
            backgrounds = load_backgrounds(job.config.backgrounds, job.held_out)
            bank = PoseBank.load(job.config.poses)
            self._makers[job.held_out] = SceneMaker(backgrounds, job.held_out, bank, job.config.counter_share)
        if job.config.further_views and self._heavy is None:
            self._heavy = BlazePose(num_threads=1, heavy=True)
        return write_shard(job, self._makers[job.held_out], self._blazepose, self._heavy)


def _single_threaded_worker() -> _Worker:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return _Worker()


def _run(jobs: list[ShardJob], workers: int) -> Generator[dict[str, int], None, None]:
    """Results of all jobs as they come, from separate processes (or from this one, for a single worker)."""
    if workers == 1 or len(jobs) <= 1:
        yield from map(_Worker(), jobs)
        return
    try:
        yield from run_in_processes(_single_threaded_worker, jobs, workers)
    except KilledError as error:
        raise SynthesisError(killed_message("--workers")) from error


def _report(total: dict[str, int], shards: int, seconds: float) -> None:
    left = seconds / max(1, total["shards"]) * (shards - total["shards"])
    print(
        f"shard {total['shards']}/{shards}: {total['images']} images, {total['people']} landmark sets, "
        f"{total['missed']} people not found, {total['people'] / max(seconds, 1e-9):.1f} sets/s, "
        f"{left / 60:.1f} min left",
        file=sys.stderr,
        flush=True,
    )
