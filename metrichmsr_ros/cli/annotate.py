"""`metrichmsr annotate`: annotations with progress and a list of failures, and summaries of annotation folders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from metrichmsr_ros.annotation.annotator import PipelineMaker, load_pipeline
from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.annotation.state import entries
from metrichmsr_ros.annotation.summary import SourceSummary, summarise
from metrichmsr_ros.annotation.work_done import WorkDone
from metrichmsr_ros.depth.factory import check_calibration
from metrichmsr_ros.replay.options import ExitCode

_LINE_S = 10.0  # between two lines of progress in a log
_MARKS = {"done": "green", "damaged": "yellow", "failed": "red", "waiting": "yellow"}


def annotate_command(
    inputs: Sequence[str],
    out: Path,
    options: AnnotateOptions,
    where: Where = Where(),  # noqa: B008 (frozen)
    fresh: bool = False,
    console: Console | None = None,
    make: PipelineMaker = load_pipeline,
) -> ExitCode:
    """Annotate inputs; print progress, and at the end what could not be annotated and why.

    Args:
        inputs: as for `annotation.inputs.find_sources`.
        out: the annotation folder.
        options: of the estimates.
        where: processes or a cluster.
        fresh: do again what is done.
        console: console to print to; None: standard output.
        make: loads the pipeline.

    Returns:
        OK, or SOME_FAILED if an input was not annotated wholly.

    Raises:
        MetricHMRError: nothing can be annotated.
        OSError: `out` cannot be written to.
    """
    console = console or Console()
    check_calibration(options.calibration)
    annotation = Annotation(inputs, out, options, where, fresh, make)
    work = WorkDone(annotation.tasks)
    with _Shown(console, work) as shown:
        for step in annotation:
            work.take(*step)
            shown.update()
    for entry in entries(annotation.sources, annotation.outcomes):
        if entry.state != "done":
            line = f"[{_MARKS[entry.state]}]{entry.state}[/] {escape(f'{entry.source}: {entry.cause}')}"
            console.print(line, highlight=False, soft_wrap=True)
    console.print(escape(f"{work.line()}; {out}"), highlight=False, soft_wrap=True)
    return ExitCode.OK if annotation.is_clean else ExitCode.SOME_FAILED


class _Shown:
    """Progress: a bar on a terminal, else a line every ten seconds."""

    def __init__(self, console: Console, work: WorkDone) -> None:
        self._console, self._work = console, work
        self._printed_s = time.monotonic()
        columns = (
            BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True),
        )  # fmt: skip
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID = self._bar.add_task("", total=1.0)

    def __enter__(self) -> _Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self) -> None:
        """Show how far the work is."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=self._work.share, description=self._work.line())
        elif time.monotonic() - self._printed_s >= _LINE_S:
            self._printed_s = time.monotonic()
            left = "" if self._work.left_s is None else f", {self._work.left_s:.0f} s left"
            self._console.print(f"{self._work.share:.0%}, {self._work.line()}{left}", highlight=False)


def summary_command(folder: Path, console: Console | None = None) -> ExitCode:
    """Print what an annotation folder has, by source, and what is wrong.

    Returns:
        OK, or SOME_FAILED if a source is not annotated wholly.

    Raises:
        AnnotationError: it is no annotation folder.
    """
    console = console or Console()
    found = summarise(folder)
    table = Table("source", "state", "frames", "with people", "people", "tracks", "confidence", "height (m)")
    for one in found:
        table.add_row(escape(one.source), f"[{_MARKS[one.state]}]{one.state}[/]", *_numbers(one))
    frames, people, tracks = (sum(getattr(one, name) for one in found) for name in ("frames", "people", "tracks"))
    table.caption = (
        f"{len(found)} inputs, {frames} frames, {people} people, {tracks} tracks; 5th, 50th, 95th percentile"
    )
    console.print(table)
    for one in found:
        if one.cause:
            console.print(f"{one.source}: {one.cause}", markup=False, highlight=False, soft_wrap=True)
    return ExitCode.OK if all(one.state == "done" for one in found) else ExitCode.SOME_FAILED


def _numbers(one: SourceSummary) -> list[str]:
    spreads = [" ".join(f"{value:.2f}" for value in spread) for spread in (one.confidence, one.height)]
    return [*map(str, (one.frames, one.with_people, one.people, one.tracks)), *(spreads if one.people else ("", ""))]
