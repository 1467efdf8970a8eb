"""Workers in processes: made once each, replaced when they die, ended with their caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from helpers.fake_pipeline import DEADLINE_S
from helpers.repository import environment
from helpers.serving import make_counter, make_deaf

from metrichmsr_ros.runtime.worker_processes import Ended, Told, in_worker_processes


def test_every_task_has_its_result_and_what_was_said_before():
    events = list(in_worker_processes(make_counter, range(6), 2))
    results = {event.task: event.result for event in events if isinstance(event, Ended)}
    assert {task: square for task, (square, _, _) in results.items()} == {i: i * i for i in range(6)}
    assert sorted(event.task for event in events if isinstance(event, Told)) == list(range(6))
    for task in range(6):
        kinds = [type(event) for event in events if event.task == task]
        assert kinds == [Told, Ended]


def test_a_worker_is_made_once_in_each_process():
    events = in_worker_processes(make_counter, range(8), 2)
    calls: dict[int, list[int]] = {}
    for event in events:
        if isinstance(event, Ended):
            _, process, call = event.result
            calls.setdefault(process, []).append(call)
    assert os.getpid() not in calls
    assert 1 <= len(calls) <= 2
    for numbers in calls.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_killed_process_costs_its_task_alone(tmp_path, attempts):
    tasks = [0, 1, -1, 2, 3]  # the negative one kills its process
    events = list(in_worker_processes(make_counter, tasks, 2, attempts))
    results = {event.task: event.result for event in events if isinstance(event, Ended)}
    assert results[-1] is None
    assert {task: result[0] for task, result in results.items() if result} == {0: 0, 1: 1, 2: 4, 3: 9}
    assert len([event for event in events if isinstance(event, Told) and event.task == -1]) == attempts


def test_whoever_stops_early_ends_the_processes():
    events = in_worker_processes(make_deaf, range(4), 2)
    processes = {next(events).message, next(events).message}
    events.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_processes_end_with_a_killed_caller_in_the_middle_of_their_tasks():
    code = (
        "from helpers.serving import make_deaf\n"
        "from metrichmsr_ros.runtime.worker_processes import in_worker_processes\n"
        "if __name__ == '__main__':\n"
        "    for event in in_worker_processes(make_deaf, [0], 1):\n"
        "        print(event.message, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE) as caller:
        assert caller.stdout.readline()
        caller.send_signal(signal.SIGKILL)
        caller.communicate(timeout=DEADLINE_S)  # ends when nobody has this pipe any more: the worker has ended
