"""Annotate inputs into a folder: skip what is done, do the rest in processes or on a cluster, keep the manifest."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from metrichmsr_ros.annotation.annotator import Annotator, PipelineMaker, check_depth, load_pipeline
from metrichmsr_ros.annotation.inputs import find_sources
from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.state import (
    Outcomes,
    check_same_inputs,
    done_before,
    earlier_manifest,
    entries,
    made_with,
    remove_stale,
    write_manifest,
    writing,
)
from metrichmsr_ros.annotation.tasks import ShardTask, plan
from metrichmsr_ros.data.formats.annotations.manifest import Manifest
from metrichmsr_ros.data.formats.annotations.schema import arrow
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.io.texts import check_utf8
from metrichmsr_ros.runtime.worker_processes import Ended, in_worker_processes

_SAVE_S = 10.0  # between two writings of the manifest
_ATTEMPTS = 2  # a process can die of something else than its input, which its second death shows
_CHOICES = {
    "image-rectified": ("auto", "true", "false"),
    "precision": ("float32", "bf16", "fp16"),
    "test-time-augmentation": ("none", "flip", "full"),
}
Step = tuple[ShardTask, "ShardOutcome | tuple[int, int | None]"]


@dataclass(frozen=True)
class Where:
    """What does the work.

    Attributes:
        workers: number of processes, or of actors of a cluster; 0: this process.
        ray: address of a Ray cluster, or None.
        gpus: of each actor of a cluster; a share is possible.
    """

    workers: int = 1
    ray: str | None = None
    gpus: float = 0.0


class Annotation:
    """A run: `for step in annotation` does the work and tells what happens; then `manifest` has the outcome.

    Args:
        inputs: as for `find_sources`.
        out: the annotation folder.
        options: of the estimates.
        where: processes or a cluster.
        fresh: do again what is done.
        make: loads the pipeline.

    Raises:
        AnnotateError: a wrong option, or nothing to annotate.
        CameraError: wrong intrinsics.
        MissingPackageError: pyarrow is not installed.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        out: Path,
        options: AnnotateOptions,
        where: Where = Where(),
        fresh: bool = False,
        make: PipelineMaker = load_pipeline,
    ) -> None:
        arrow()
        _check(options, where)
        check_depth(options.depth)
        check_utf8(AnnotateError, f"--out {out.absolute()}", "name another folder")
        self.out, self._where, self._fresh, self._make = out, where, fresh, make
        self._options = replace(options, num_threads=options.num_threads or _threads(where))
        self.sources = find_sources(inputs, out)
        self.tasks = plan(self.sources, options)
        self.outcomes: Outcomes = {}
        self.manifest: Manifest | None = None

    def __iter__(self) -> Iterator[Step]:
        """Do the work; yield each task with its outcome, and in between with (frames done, frames in total).

        Raises:
            AnnotateError: the folder belongs to other options, other inputs or another run; the model cannot be
                loaded; the folder cannot be written to; there is no cluster.
            DiskFullError: the disk of the folder became full; the shards before are kept.
            OSError: the folder cannot be written to.
        """
        with writing(self.out):
            common = made_with(self._options)
            earlier = earlier_manifest(self.out, common, self._fresh)
            found = {task: done_before(self.out, task, bool(self._options.depth)) for task in self.tasks}
            self.outcomes |= {task: outcome for task, outcome in found.items() if outcome is not None}
            check_same_inputs(earlier, self.sources, self.tasks, self.outcomes)
            remove_stale(self.out, earlier, self.tasks)
            save = partial(write_manifest, self.out, common, earlier, self.sources, self.outcomes)
            yield from list(self.outcomes.items())
            saved_s = time.monotonic()
            save()
            try:
                for task, said in self._rest():
                    if isinstance(said, ShardOutcome):
                        self.outcomes[task] = said
                        if said.is_fatal:
                            raise said.full_disk or AnnotateError(f"{task.source.name}: {said.cause}")
                        if time.monotonic() - saved_s > _SAVE_S:
                            saved_s = time.monotonic()
                            save()
                    yield task, said
            finally:
                self.manifest = save()

    def _rest(self) -> Iterator[Step]:
        waiting = [task for task in self.tasks if task not in self.outcomes]
        make = partial(Annotator, self._options, self.out.absolute(), self._make)
        if not waiting:
            return
        if self._where.ray is not None:
            from metrichmsr_ros.annotation.on_ray import on_ray

            where = self._where
            for task, outcome in on_ray(make, waiting, self._where.ray, max(1, where.workers), where.gpus):
                yield task, outcome or died("actor")
        elif self._where.workers == 0:
            yield from _here(make(), waiting)
        else:
            yield from _in_processes(make, waiting, self._where.workers)

    @property
    def is_clean(self) -> bool:
        """Whether every input was annotated wholly."""
        return all(entry.state == "done" for entry in entries(self.sources, self.outcomes))


def _here(annotator: Annotator, tasks: Sequence[ShardTask]) -> Iterator[Step]:
    for task in tasks:
        yield task, annotator(task, lambda _: None)


def _in_processes(make: partial[Annotator], tasks: Sequence[ShardTask], workers: int) -> Iterator[Step]:
    for event in in_worker_processes(make, tasks, min(workers, len(tasks)), _ATTEMPTS):
        if isinstance(event, Ended):
            yield event.task, event.result or died("process")
        else:
            yield event.task, event.message


def died(what: str) -> ShardOutcome:
    """The outcome of a task whose process or actor was killed in every attempt."""
    text = f"its {what} was killed or crashed {_ATTEMPTS} times; out of memory? Try fewer workers"
    return ShardOutcome("failed", text)


def _check(options: AnnotateOptions, where: Where) -> None:
    least = {"workers": 0, "num-threads": 0, "chunk": 0, "photographs": 1, "max-pixels": 1}
    given = {"workers": where.workers, **{name.replace("_", "-"): value for name, value in vars(options).items()}}
    for name, lowest in least.items():
        if given[name] < lowest:
            raise AnnotateError(f"--{name} {given[name]}: must be at least {lowest}")
    if not 0 <= options.min_confidence <= 1:
        raise AnnotateError(f"--min-confidence {options.min_confidence}: must lie between 0 and 1")
    for name, choices in _CHOICES.items():
        if given[name] not in choices:
            raise AnnotateError(f"--{name} {given[name]}: choose from {', '.join(choices)}")
    if not (math.isfinite(where.gpus) and where.gpus >= 0):
        raise AnnotateError(f"--gpus {where.gpus}: must be a finite number of at least 0")
    if where.gpus and where.ray is None:
        raise AnnotateError(f"--gpus {where.gpus:g}: is of actors on a cluster; give --ray too, or --device cuda alone")
    CameraOptions.from_degrees(options.fov, options.intrinsics)


def _threads(where: Where) -> int:
    """The cores of this machine, shared among its processes; on a cluster one per actor."""
    return 1 if where.ray is not None else max(1, (os.cpu_count() or 1) // max(1, where.workers))
