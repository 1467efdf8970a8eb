"""Replay many bags, in sequence or in worker processes; a failed bag is reported and the others continue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Any

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.replay.frame_loop import FrameProgress
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions, replay_errors
from metrichmsr_ros.replay.output_folder import MARKER, check_places, is_replay
from metrichmsr_ros.replay.provenance import code_hash
from metrichmsr_ros.replay.replay import load_pipeline, replay_bag
from metrichmsr_ros.replay.result import ReplayResult, read_metrics
from metrichmsr_ros.ros.bags.locate import find_bags
from metrichmsr_ros.runtime.worker_processes import Ended, Tell, in_worker_processes

MakePipeline = Callable[[ReplayOptions], Any]


@dataclass(frozen=True)
class ReplayJob:
    """One bag to replay into one folder."""

    bag: Path
    out: Path
    options: ReplayOptions
    make: MakePipeline

    @property
    def fingerprint(self) -> str:
        """Hex sha256 over the inputs: files of bag and options (by size and time), the options, the code."""
        files = [self.bag] if self.bag.is_file() else sorted(p for p in self.bag.iterdir() if p.is_file())
        named = (self.options.preset, self.options.truth, self.options.cameras)
        files += [path for path in map(Path, filter(None, named)) if path.is_file()]
        about = [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        return hashlib.sha256(json.dumps([about, asdict(self.options), code_hash()]).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """The outcome of one bag.

    Attributes:
        bag: path of the bag.
        out: folder of its results.
        code: exit code.
        text: one line for the user.
        skipped: an earlier run had finished this job.
        rows: label and value of each measured number.
        is_written: results exist, perhaps only of a part of the bag.
    """

    bag: Path
    out: Path
    code: ExitCode
    text: str
    skipped: bool = False
    rows: tuple[tuple[str, str], ...] = ()
    is_written: bool = False


def plan(path: Path, out: Path, options: ReplayOptions, make: MakePipeline = load_pipeline) -> list[ReplayJob]:
    """Jobs for one bag (results in `out`) or for every bag below a folder (results in a subfolder for each).

    Raises:
        ReplayError: there is no bag at `path`, or results would be written into a bag or over it.
    """
    with replay_errors():
        bags = find_bags(path)
    if bags == [path]:
        jobs = [ReplayJob(path, out, options, make)]
    else:
        jobs = [ReplayJob(bag, out / _name(bag, path), options, make) for bag in bags if not _is_result(bag, out)]
    for job in jobs:
        check_places(job.bag, job.out, options)
    return jobs


def _name(bag: Path, folder: Path) -> Path:
    return bag.relative_to(folder) if bag.is_dir() else bag.relative_to(folder).with_suffix("")


def _is_result(bag: Path, out: Path) -> bool:
    """Whether a bag is one that an earlier replay wrote below `out`, which may lie among the bags."""
    written = bag.name in ("bag", "live") and is_replay(bag.parent)
    return written and out.resolve() in bag.resolve().parents


def done_before(job: ReplayJob) -> Outcome | None:
    """The outcome of an earlier run of the same job, if `job.out` has its finished result."""
    try:
        if (job.out / MARKER).read_text() != job.fingerprint:
            return None
        stopped = read_metrics(job.out)["result"]["stopped"]
    except (OSError, MetricInputError, KeyError):
        return None
    code = ExitCode.PARTIAL if stopped else ExitCode.OK
    text = f"done before; {stopped}" if stopped else "done before"
    return Outcome(job.bag, job.out, code, text, skipped=True, is_written=True)


def split_done(jobs: Sequence[ReplayJob], fresh: bool) -> tuple[list[Outcome], list[ReplayJob]]:
    """Outcomes of jobs finished earlier, and the remaining jobs; with `fresh`, all jobs remain."""
    earlier = [None if fresh else done_before(job) for job in jobs]
    waiting = [job for job, outcome in zip(jobs, earlier, strict=True) if outcome is None]
    return [outcome for outcome in earlier if outcome is not None], waiting


def run_job(job: ReplayJob, progress: FrameProgress | None = None) -> Outcome:
    """Replay one bag; never raises, so that the other bags continue.

    Each bag gets a new pipeline. A pipeline never reuses ids, so ids and digests would otherwise depend on the bags
    before.
    """
    try:
        pipeline = job.make(job.options)
    except Exception as error:  # missing networks, checkpoint or device; each message has the remedy
        return Outcome(job.bag, job.out, ExitCode.USAGE, f"{job.bag}: cannot load the model: {error}")
    try:
        fingerprint = job.fingerprint
        done = replay_bag(job.bag, job.out, job.options, pipeline, progress)
        if done.code is not ExitCode.OUTPUT:
            write_whole(job.out / MARKER, fingerprint)
    except ReplayError as error:
        return Outcome(job.bag, job.out, error.code, str(error))
    except OSError as error:
        return Outcome(job.bag, job.out, ExitCode.OUTPUT, f"{job.bag}: {error}")
    except Exception as error:
        place = extract_tb(error.__traceback__)[-1]
        text = f"{job.bag}: {type(error).__name__} in {Path(place.filename).name}, line {place.lineno}: {error}"
        return Outcome(job.bag, job.out, ExitCode.CRASHED, text)
    return Outcome(job.bag, job.out, done.code, _summary(done), rows=tuple(done.rows()), is_written=True)


def _summary(done: ReplayResult) -> str:
    lost = ", ".join(f"{count} x {cause}" for cause, count in done.dropped.items())
    text = f"{len(done.frames)} frames, digest {done.digest[:16]}" + (f", not used: {lost}" if lost else "")
    missing = ", ".join(f"{count} x {cause} ({done.reasons[cause]})" for cause, count in done.missing.items())
    return "; ".join(filter(None, (text, missing, done.stop_reason, done.metadata_problem)))


def run_jobs(
    jobs: Sequence[ReplayJob], workers: int = 1, fresh: bool = False, progress: FrameProgress | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of every job when it ends; jobs finished earlier are skipped unless `fresh`.

    Args:
        jobs: from :func:`plan`.
        workers: number of bags at a time, each in its own process. With 1, all bags run in this process.
        fresh: repeat finished jobs.
        progress: called with the frames of the current bag; only with one worker.
    """
    earlier, waiting = split_done(jobs, fresh)
    yield from earlier
    if workers <= 1 or len(waiting) <= 1:
        for job in waiting:
            yield run_job(job, progress=progress)
        return
    # a process of its own, so that a killed one affects one bag only
    for event in in_worker_processes(_make_replayer, waiting, min(workers, len(waiting))):
        if isinstance(event, Ended):
            yield event.result or _died(event.task)


def _make_replayer() -> Callable[[ReplayJob, Tell], Outcome]:
    return lambda job, tell: run_job(job)


def _died(job: ReplayJob) -> Outcome:
    text = f"{job.bag}: its process was killed or crashed; out of memory? Try fewer --workers"
    return Outcome(job.bag, job.out, ExitCode.CRASHED, text)


def overall(outcomes: Sequence[Outcome]) -> ExitCode:
    """Exit code of all bags: the code of a single bag, else OK or SOME_FAILED."""
    if len(outcomes) == 1:
        return outcomes[0].code
    return ExitCode.OK if all(o.code is ExitCode.OK for o in outcomes) else ExitCode.SOME_FAILED
