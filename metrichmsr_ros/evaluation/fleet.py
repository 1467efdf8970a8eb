"""Many bags: one after the other, over processes, or as Ray tasks; a failed bag is reported and the rest go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from metrichmsr_ros.evaluation.arrays import MetricInputError
from metrichmsr_ros.evaluation.bags import find_bags
from metrichmsr_ros.evaluation.options import ReplayOptions
from metrichmsr_ros.evaluation.outcome import ExitCode, ReplayError
from metrichmsr_ros.evaluation.replay import Progress, load_pipeline, replay_bag
from metrichmsr_ros.evaluation.results import read_metrics

MakePipeline = Callable[[ReplayOptions], Any]


@dataclass(frozen=True)
class Job:
    """One bag to replay into one folder."""

    bag: Path
    out: Path
    options: ReplayOptions
    make: MakePipeline

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of names, sizes and times of the files and of the options: what the result depends on."""
        files = [self.bag] if self.bag.is_file() else sorted(p for p in self.bag.iterdir() if p.is_file())
        about = [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        return hashlib.sha256(json.dumps([about, asdict(self.options)]).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What became of one bag.

    Attributes:
        text: one line for the user. skipped: it was done before. rows: label and value of what was measured.
    """

    bag: Path
    out: Path
    code: ExitCode
    text: str
    skipped: bool = False
    rows: tuple[tuple[str, str], ...] = ()


def plan(path: Path, out: Path, options: ReplayOptions, make: MakePipeline = load_pipeline) -> list[Job]:
    """Jobs for a bag (straight into `out`) or for every bag below a folder (each into a folder of its own).

    Raises:
        ReplayError: no bag there.
    """
    bags = find_bags(path)
    if bags == [path]:
        return [Job(path, out, options, make)]
    names = [bag.relative_to(path) if bag.is_dir() else bag.relative_to(path).with_suffix("") for bag in bags]
    return [Job(bag, out / name, options, make) for bag, name in zip(bags, names, strict=True)]


def done_before(job: Job) -> Outcome | None:
    """The outcome of an earlier run of just this job, when `job.out` holds its finished result."""
    try:
        if (job.out / "job.sha256").read_text() != job.fingerprint:
            return None
        damage = read_metrics(job.out)["result"]["damage"]
    except (OSError, MetricInputError, KeyError):
        return None
    code = ExitCode.PARTIAL if damage else ExitCode.OK
    return Outcome(job.bag, job.out, code, f"done before; {damage}" if damage else "done before", skipped=True)


def run_job(job: Job, progress: Progress | None = None) -> Outcome:
    """Replay one bag; never raises for what is wrong with the bag or the disk.

    Each bag gets a pipeline of its own: one that has followed people before never gives their ids again, so that ids,
    and with them digests, would depend on which bags went before.
    """
    try:
        fingerprint = job.fingerprint
        done = replay_bag(job.bag, job.out, job.options, job.make(job.options), progress)
        (job.out / "job.sha256").write_text(fingerprint)
    except ReplayError as error:
        return Outcome(job.bag, job.out, error.code, str(error))
    except OSError as error:
        return Outcome(job.bag, job.out, ExitCode.OUTPUT, f"{job.bag}: {error}")
    lost = ", ".join(f"{count} x {cause}" for cause, count in done.dropped.items())
    text = f"{len(done.frames)} frames, digest {done.digest[:16]}" + (f", not used: {lost}" if lost else "")
    text += f"; {done.damage}" if done.damage else ""
    return Outcome(job.bag, job.out, done.code, text, rows=tuple(done.rows()))


def run_jobs(
    jobs: Sequence[Job], workers: int = 1, fresh: bool = False, progress: Progress | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of every job as it ends; jobs done before are skipped unless `fresh`.

    Args:
        jobs: from :func:`plan`.
        workers: processes; each loads its own pipeline. With 1 everything runs in this process.
        fresh: do again what is done.
        progress: frames of the current bag; only with one worker.
    """
    open_jobs = []
    for job in jobs:
        earlier = None if fresh else done_before(job)
        if earlier is not None:
            yield earlier
        else:
            open_jobs.append(job)
    if workers <= 1 or len(open_jobs) <= 1:
        for job in open_jobs:
            yield run_job(job, progress=progress)
        return
    # spawn: a forked child would inherit the thread pools of torch in an unusable state
    with ProcessPoolExecutor(min(workers, len(open_jobs)), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(run_job, job): job for job in open_jobs}
        for future in as_completed(futures):
            job = futures[future]
            try:
                yield future.result()
            except Exception as error:  # the worker died or its pipeline failed: the other bags still count
                text = f"{job.bag}: {type(error).__name__}: {error}"
                yield Outcome(job.bag, job.out, ExitCode.UNREADABLE, text)


def run_jobs_on_ray(jobs: Sequence[Job], address: str, fresh: bool = False) -> Iterator[Outcome]:
    """As :func:`run_jobs`, as tasks of a Ray cluster whose nodes see the same paths.

    Args:
        jobs: from :func:`plan`.
        address: of the cluster, `auto`, or `local` for one in this process.
        fresh: do again what is done.

    Raises:
        ReplayError: Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ReplayError("--ray needs Ray: pip install 'ray[default]'", ExitCode.USAGE) from error
    ray.init(address=address, ignore_reinit_error=True)
    remote = ray.remote(run_job)
    waiting = {}
    for job in jobs:
        earlier = None if fresh else done_before(job)
        if earlier is not None:
            yield earlier
        else:
            waiting[remote.options(num_cpus=job.options.num_threads).remote(job)] = job
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        job = waiting.pop(ready[0])
        try:
            yield ray.get(ready[0])
        except ray.exceptions.RayError as error:
            yield Outcome(job.bag, job.out, ExitCode.UNREADABLE, f"{job.bag}: {error}")


def overall(outcomes: Sequence[Outcome]) -> ExitCode:
    """Exit code of a whole run: of its only bag, else OK or SOME_FAILED."""
    if len(outcomes) == 1:
        return outcomes[0].code
    return ExitCode.OK if all(o.code is ExitCode.OK for o in outcomes) else ExitCode.SOME_FAILED
