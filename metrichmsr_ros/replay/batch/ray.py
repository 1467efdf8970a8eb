"""Replay many bags as tasks of a Ray cluster; the outcomes are those of batch/processes.py."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from metrichmsr_ros.replay.batch.processes import Outcome, ReplayJob, run_job, split_done
from metrichmsr_ros.replay.options import ExitCode, ReplayError


def run_jobs_on_ray(jobs: Sequence[ReplayJob], address: str, fresh: bool = False) -> Iterator[Outcome]:
    """As `processes.run_jobs`, on a cluster whose nodes have this package and the same paths to bags and results.

    Args:
        jobs: from `processes.plan`.
        address: address of the cluster, `auto`, or `local` for a cluster that runs only during this call.
        fresh: repeat finished jobs.

    Raises:
        ReplayError: Ray is not installed, or `address` has no cluster.
    """
    earlier, waiting = split_done(jobs, fresh)
    yield from earlier
    if not waiting:
        return
    with connected(address) as ray:
        yield from _outcomes(ray, waiting)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to a cluster; a connection that is already there is used and kept.

    Args:
        address: address of the cluster, `auto`, or `local` for a cluster that runs only inside the `with` block.

    Raises:
        ReplayError: Ray is not installed, or `address` has no cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise ReplayError("--ray needs Ray: pip install 'metrichmsr_ros[fleet]'", ExitCode.USAGE) from error
    ours = not ray.is_initialized()
    try:
        if ours:
            _connect(ray, address)
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        text = f"--ray {address}: {str(error).strip()}. Give the address of a running cluster, auto, or local"
        raise ReplayError(text, ExitCode.USAGE) from error


def _outcomes(ray: Any, jobs: Sequence[ReplayJob]) -> Iterator[Outcome]:
    # A task that requests more cores than any node has would never start.
    largest = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    task = ray.remote(max_retries=1)(
        _run_in
    )  # one retry for a lost node; a bag that crashes its process would crash again
    running = {}
    for job in jobs:
        cores = min(job.options.num_threads, largest) if largest else job.options.num_threads
        absolute = replace(job, bag=job.bag.resolve(), out=job.out.resolve())
        running[task.options(num_cpus=cores).remote(Path.cwd(), absolute)] = job
    while running:
        (ready, *_), _ = ray.wait(list(running), num_returns=1)
        job = running.pop(ready)
        try:
            yield replace(ray.get(ready), bag=job.bag, out=job.out)
        except ray.exceptions.RayError as error:
            text = f"{job.bag}: its Ray task died: {str(error).strip().splitlines()[0]}"
            yield Outcome(job.bag, job.out, ExitCode.CRASHED, text)


def _run_in(folder: Path, job: ReplayJob) -> Outcome:
    """Run a job in the caller's working directory, so that relative paths (truth, checkpoint, body) are valid."""
    if folder.is_dir():
        os.chdir(folder)
    return run_job(job)
