"""Annotate on a Ray cluster: a Ray Data pipeline whose actors hold the model.

A row of the data set is a task, and becomes its outcome. An actor reads and decodes its input, estimates and writes the
shard: people are tracked, so the frames of a video must come to one actor, in order. Frames are never in the object
store, which so stays small. An actor gets its next task when it has finished one, which is the backpressure.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from metrichmsr_ros.annotation.annotator import Annotator
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.tasks import ShardTask
from metrichmsr_ros.replay.batch.ray import connected

_RETRIES = 1  # of a task whose actor or node died


def on_ray(
    make: Callable[[], Annotator], tasks: Sequence[ShardTask], address: str, actors: int, gpus: float
) -> Iterator[tuple[ShardTask, ShardOutcome | None]]:
    """Do all tasks; yield the outcomes as they come, and None for a task whose actors died in every attempt.

    Args:
        make: makes what does tasks, once in each actor.
        tasks: the tasks. All nodes need this package, and their inputs and the annotation folder under the same paths.
        address: of the cluster, `auto`, or `local` for one that runs only during this call.
        actors: number of actors, each on one CPU.
        gpus: GPUs of each.

    Raises:
        ReplayError: Ray is not installed, or `address` has no cluster.
    """
    with connected(address) as ray:
        from ray.data import ActorPoolStrategy, DataContext, from_items

        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1  # a lost task is no reason to lose the others
        rows = [{"number": number, "task": pickle.dumps(_absolute(task))} for number, task in enumerate(tasks)]
        count, actor = max(1, min(actors, len(tasks))), cast("Any", _Actor)
        outcomes = from_items(rows, override_num_blocks=len(rows)).map(
            actor,
            fn_constructor_args=(make, os.getcwd()),
            compute=ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=1),
            num_cpus=1,
            num_gpus=gpus or None,
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": _RETRIES},
        )
        left = dict(enumerate(tasks))
        for row in _rows(ray, outcomes):
            yield left.pop(row["number"]), pickle.loads(row["outcome"])
        yield from ((task, None) for task in left.values())


def _rows(ray: Any, outcomes: Any) -> Iterator[dict[str, Any]]:
    """The rows that come; none if all blocks were lost."""
    try:
        yield from outcomes.iter_rows()
    except ray.exceptions.RayError:
        return


def _absolute(task: ShardTask) -> ShardTask:
    source = task.source
    files = tuple(file.absolute() for file in source.files)
    return replace(task, source=replace(source, path=source.path.absolute(), files=files))


class _Actor:
    """Does tasks of one data set, in the caller's working directory where that exists."""

    def __init__(self, make: Callable[[], Annotator], folder: str) -> None:
        if Path(folder).is_dir():
            os.chdir(folder)  # so that relative paths (checkpoint, body) are valid
        self._annotator = make()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        outcome = self._annotator(pickle.loads(row["task"]), lambda _: None)
        return {"number": row["number"], "outcome": pickle.dumps(outcome)}
