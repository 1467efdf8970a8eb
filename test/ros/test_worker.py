"""The worker: items are handled in order or given up, and never fall behind."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy")

from metrichmsr_ros.ros.worker import CATCH_UP_S, MOST_WAITING, NewestWinsWorker

DEADLINE_S = 60.0


class Bench:
    """A worker whose work takes `took_s` of a clock of its own, and waits for `gate`."""

    def __init__(self, took_s):
        self.took_s, self.time = took_s, 0.0
        self.gate, self.begun, self.ended = (threading.Semaphore(0) for _ in range(3))
        self.done, self.given_up = [], []
        self.worker = NewestWinsWorker(self._work, self.given_up.append, lambda: self.time)

    def _work(self, item):
        self.begun.release()
        assert self.gate.acquire(timeout=DEADLINE_S)
        self.time += self.took_s
        self.done.append(item)
        self.ended.release()

    def offer_while_busy(self, first, others):
        """Begin with one, offer the others meanwhile, then let all that is left be done."""
        self.worker.offer(first)
        assert self.begun.acquire(timeout=DEADLINE_S)
        for item in others:
            self.worker.offer(item)
        self.gate.release(1 + len(others))
        while len(self.done) + len(self.given_up) < 1 + len(others):
            assert self.ended.acquire(timeout=DEADLINE_S)
        self.worker.stop()


def after_one(took_s):
    """A worker that has done one item in `took_s`."""
    bench = Bench(took_s)
    bench.gate.release()
    bench.worker.offer("first")
    assert bench.begun.acquire(timeout=DEADLINE_S)
    return bench


def test_slow_work_leaves_only_the_newest():
    bench = after_one(took_s=1.0)
    bench.offer_while_busy(0, range(1, 100))
    assert bench.done == ["first", 0, 99]
    assert bench.given_up == list(range(1, 99))


def test_before_the_first_measurement_only_the_newest_waits():
    bench = Bench(took_s=0.0)
    bench.offer_while_busy(0, range(1, 100))
    assert bench.done == [0, 99]


def test_quick_work_skips_nothing_of_a_burst():
    bench = after_one(took_s=CATCH_UP_S / 4)
    bench.offer_while_busy(0, range(1, 5))
    assert bench.done == ["first", 0, 1, 2, 3, 4]
    assert bench.given_up == []


def test_a_burst_longer_than_may_wait_loses_its_oldest():
    bench = after_one(took_s=CATCH_UP_S / 100)
    bench.offer_while_busy(0, range(1, 100))
    assert bench.done == ["first", 0, *range(100 - MOST_WAITING, 100)]
    assert bench.given_up == list(range(1, 100 - MOST_WAITING))


def test_work_that_becomes_slow_drops_what_waited_meanwhile():
    bench = after_one(took_s=CATCH_UP_S / 5)
    bench.took_s = 1.0
    bench.offer_while_busy(0, range(1, 6))
    assert bench.done == ["first", 0, 5]
    assert bench.given_up == [1, 2, 3, 4]


def test_what_waits_at_the_end_or_comes_after_it_is_given_up():
    begun, gate, stopped, done, given_up = threading.Event(), threading.Event(), threading.Event(), [], []

    def work(item):
        begun.set()
        assert gate.wait(DEADLINE_S)
        done.append(item)

    def give_up(item):
        given_up.append(item)
        stopped.set()

    worker = NewestWinsWorker(work, give_up)
    worker.offer("in work")
    assert begun.wait(DEADLINE_S)
    worker.offer("waiting")
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    assert stopped.wait(DEADLINE_S)
    gate.set()
    stopping.join(DEADLINE_S)
    worker.offer("late")
    assert (done, given_up) == (["in work"], ["waiting", "late"])
