"""Calls at a time: values and errors are those of calls in turn."""

from __future__ import annotations

import threading

import pytest

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.runtime.workers import Workers

THREADS = [1, 2, 3]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_values_are_in_the_order_of_their_items(threads, length):
    assert Workers(threads).map(lambda k: k * k, list(range(length))) == [k * k for k in range(length)]


def test_calls_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=30.0)
    assert len(Workers(2).map(lambda _: meeting.wait(), [0, 1])) == 2  # each waits for the other


def test_a_started_call_runs_beside_the_caller():
    asked = threading.Event()
    later = Workers(2).start(asked.wait, 30.0)
    asked.set()
    assert later()


def test_a_long_call_on_the_helper_does_not_hold_up_the_rest():
    workers, end = Workers(2), threading.Event()
    later = workers.start(end.wait, 30.0)
    assert workers.map(str, [1, 2, 3]) == ["1", "2", "3"]
    end.set()
    assert later()


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_started_calls_give_values_in_the_order_of_their_items(threads, length):
    assert Workers(threads).start_map(lambda k: k * k, list(range(length)))() == [k * k for k in range(length)]


def test_started_calls_run_beside_the_caller_who_makes_the_rest():
    first_runs, end = threading.Event(), threading.Event()
    names = {}

    def call(number):
        names[number] = threading.current_thread().name
        if number == 0:
            first_runs.set()
            return end.wait(30.0)
        end.set()  # the only helper waits in the first call
        return number

    later = Workers(2).start_map(call, [0, 1, 2])
    assert first_runs.wait(30.0)
    assert later() == [True, 1, 2]
    assert names[0] != threading.current_thread().name
    assert names[1] == threading.current_thread().name


@pytest.mark.parametrize("threads", THREADS)
def test_errors_reach_the_caller(threads):
    workers = Workers(threads)
    with pytest.raises(ZeroDivisionError):
        workers.map(lambda k: 1 // k, [1, 0, 2])
    with pytest.raises(ZeroDivisionError):
        workers.start(lambda: 1 // 0)()
    with pytest.raises(ZeroDivisionError):
        workers.start_map(lambda k: 1 // k, [1, 0, 2])()
    assert workers.map(abs, [-1, 1]) == [1, 1]  # it still works


def test_no_threads_are_refused():
    with pytest.raises(MetricHMRError, match="at least 1 thread"):
        Workers(0)
