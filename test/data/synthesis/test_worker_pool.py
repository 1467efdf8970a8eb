"""Processes that share jobs: all results come; a death, an error or Ctrl-C ends the run and every process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.pool_workers import counting, failing

from metrichmsr_ros.data.synthesis.worker_pool import run_in_processes

DEADLINE_S = 300  # only a hang takes so long
SYNTHESIS = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from helpers.pool_workers import {worker}
from metrichmsr_ros.data.synthesis import shards
shards._single_threaded_worker = {worker}
config = shards.SynthesisConfig(count=4, val_count=2, images_per_shard=2, workers=2)
try:
    shards.synthesize(Path(sys.argv[1]), config)
except shards.SynthesisError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


def started(worker: str, out: Path) -> subprocess.Popen[str]:
    """A data engine with another worker, in a process of its own."""
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", SYNTHESIS.format(worker=worker), str(out)],
        env=os.environ | path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_each_job_is_done_once_by_workers_that_are_kept():
    results = list(run_in_processes(counting, range(20), 2))
    assert sorted(job for job, _, _ in results) == list(range(20))
    processes = {process for _, process, _ in results}
    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 2
    for process in processes:
        numbers = sorted(number for _, by, number in results if by == process)
        assert numbers == list(range(1, len(numbers) + 1))


def test_an_error_of_a_worker_is_raised_here():
    with pytest.raises(LookupError, match="no scene 3"):
        list(run_in_processes(failing, range(20), 2))


def test_a_killed_process_ends_the_run_with_words_and_keeps_whole_shards(tmp_path):
    said, errors = started("killed", tmp_path).communicate(timeout=DEADLINE_S)
    assert "one of the processes was killed" in said
    assert "the same command continues with the rest" in said
    assert "Traceback" not in errors
    assert {path.name for path in tmp_path.iterdir()} <= {"val-00000.tar", "train-00000.tar"}


def test_the_shard_of_a_killed_process_is_made_again(tmp_path):
    said, errors = started("killed_once", tmp_path).communicate(timeout=DEADLINE_S)
    assert (said, "Traceback" in errors) == ("", False)
    names = ["train-00000.tar", "train-00001.tar", "val-00000.tar"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_ctrl_c_ends_every_process_in_the_middle_of_its_shard(tmp_path):
    with started("endless", tmp_path) as run:
        assert run.stdout is not None
        workers = [int(run.stdout.readline()) for _ in range(2)]
        run.send_signal(signal.SIGINT)
        said, errors = run.communicate(timeout=DEADLINE_S)
    assert said == "interrupted\n"
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_no_process_outlives_a_killed_run(tmp_path):
    with started("endless", tmp_path) as run:
        assert run.stdout is not None
        for _ in range(2):
            run.stdout.readline()
        run.kill()
        run.communicate(timeout=DEADLINE_S)  # returns once every process that could still write has ended
    assert len(list(tmp_path.glob(".*.part"))) == 2
    said, _ = started("killed_once", tmp_path).communicate(timeout=DEADLINE_S)
    assert said == ""
    assert list(tmp_path.glob(".*")) == []  # the same command, started again, removes what the killed run left
