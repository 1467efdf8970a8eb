"""`metrichmsr replay` and `compare`: replays with progress and a summary, comparisons, and their exit codes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.io.whole_files import full_disk, write_whole
from metrichmsr_ros.replay.batch.processes import MakePipeline, Outcome, ReplayJob, overall, plan, run_jobs
from metrichmsr_ros.replay.batch.ray import run_jobs_on_ray
from metrichmsr_ros.replay.compare import compare
from metrichmsr_ros.replay.live import replay_live
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions, check_numbers
from metrichmsr_ros.replay.replay import load_pipeline

_MARKS = {
    ExitCode.OK: "[green]done[/green]",
    ExitCode.PARTIAL: "[yellow]damaged[/yellow]",
    ExitCode.OUTPUT: f"[red]stopped[/red] ({ExitCode.OUTPUT.value})",
}


def replay_command(
    bag: Path,
    out: Path,
    options: ReplayOptions,
    workers: int = 1,
    ray: str | None = None,
    fresh: bool = False,
    console: Console | None = None,
    make: MakePipeline = load_pipeline,
) -> ExitCode:
    """Replay a bag or a folder of bags; print progress, and per bag the outcome and the path of the report.

    Args:
        bag: a bag, or a folder that contains bags at any depth.
        out: folder for the results, with one subfolder per bag if there are several.
        options: topics, intrinsics, ground truth, pipeline.
        workers: number of processes for several bags.
        ray: address of a Ray cluster to use instead of processes.
        fresh: replay bags again that are already done.
        console: console to print to; None: standard output.
        make: loads a pipeline.

    Returns:
        The exit code; errors are printed, not raised.
    """
    console = console or Console()
    outcomes: list[Outcome] = []
    try:
        check_numbers(options, workers)
        jobs = plan(bag, out, options, make)
        for outcome in _watched(jobs, workers, ray, fresh, console):
            outcomes.append(outcome)
            _print_outcome(outcome, console)
            if len(jobs) == 1 and outcome.rows:
                console.print(_table(outcome.rows))
    except ReplayError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return error.code
    if len(outcomes) > 1:
        console.print(_summary(outcomes))
    return overall(outcomes)


def _watched(jobs: list[ReplayJob], workers: int, ray: str | None, fresh: bool, console: Console) -> Iterator[Outcome]:
    """Outcomes as they finish, with progress bars of bags and frames; in a log file with lines instead of bars."""
    if not console.is_terminal:
        lines = _Lines(console)
        yield from run_jobs_on_ray(jobs, ray, fresh) if ray else run_jobs(jobs, workers, fresh, lines)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        several = len(jobs) > 1
        overall_task = bar.add_task("bags", total=len(jobs)) if several else None
        frames_task = bar.add_task("frames", total=None) if workers <= 1 and not ray else None

        def progress(done: int, total: int) -> None:
            if frames_task is not None:
                bar.update(frames_task, completed=done, total=total)

        outcomes = run_jobs_on_ray(jobs, ray, fresh) if ray else run_jobs(jobs, workers, fresh, progress)
        for outcome in outcomes:
            if overall_task is not None:
                bar.advance(overall_task)
            yield outcome


class _Lines:
    """Progress for a log: a line at most every ten seconds."""

    def __init__(self, console: Console, every_s: float = 10.0) -> None:
        self._console, self._every_s = console, every_s
        self._began = self._printed = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done <= 1:
            self._began = now  # the first frame of a bag includes the warm-up
        elif now - self._printed >= self._every_s:
            self._printed = now
            left = (now - self._began) / (done - 1) * (total - done)
            self._console.print(f"{done} of {total} frames, {left:.0f} s left", highlight=False)


def _print_outcome(outcome: Outcome, console: Console) -> None:
    if outcome.is_written:
        console.print(
            f"{_MARKS[outcome.code]} {escape(f'{outcome.bag}: {outcome.text}')}", highlight=False, soft_wrap=True
        )
        console.print(f"     {outcome.out / 'report.html'}", markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(
            f"[red]failed[/red] ({outcome.code.value}) {escape(outcome.text)}", highlight=False, soft_wrap=True
        )


def _table(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table("measure", "value")
    for row in rows:
        table.add_row(*row)
    return table


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table("outcome", "bags")
    counts = {
        "done": sum(o.code is ExitCode.OK and not o.skipped for o in outcomes),
        "done before": sum(o.skipped for o in outcomes),
        "damaged": sum(o.code is ExitCode.PARTIAL for o in outcomes),
        "failed": sum(o.code not in (ExitCode.OK, ExitCode.PARTIAL) for o in outcomes),
    }
    for name, count in counts.items():
        if count:
            table.add_row(name, str(count))
    return table


def live_command(
    bag: Path,
    out: Path,
    options: ReplayOptions,
    rate: float = 1.0,
    console: Console | None = None,
    make: MakePipeline = load_pipeline,
) -> ExitCode:
    """Play one bag at `rate` through the real node and print the received and the dropped images.

    Args:
        bag: the bag. out: folder for `live/` and `live.json`. options: topics and pipeline.
        rate: playback speed; 2.0 is twice as fast as recorded.
        console: console to print to; None: standard output.
        make: loads a pipeline.
    """
    console = console or Console()
    try:
        check_numbers(options)
        live = replay_live(bag, out, options, make(options), rate)
    except ReplayError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return error.code
    console.print(_table(live.rows()))
    return ExitCode.OK


def compare_command(
    first: Path, second: Path, markdown: Path | None = None, console: Console | None = None
) -> ExitCode:
    """Print a comparison of two finished replays; exit code 0 if the estimates are identical, 1 if they differ.

    Args:
        first: the --out folder of one replay. second: that of the other.
        markdown: also write the table to this file.
        console: console to print to; None: standard output.
    """
    console = console or Console()
    try:
        result = compare(first, second)
        if markdown is not None:
            write_whole(markdown, result.markdown())
    except (MetricInputError, OSError) as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return ExitCode.OUTPUT if full_disk(error, "") else ExitCode.USAGE
    console.print(result.table())
    console.print(result.verdict())
    return ExitCode.OK if result.is_identical else ExitCode.SOME_FAILED
