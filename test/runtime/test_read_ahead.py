"""Items that are read ahead come in order, with their errors, and no more of them than asked for."""

from __future__ import annotations

import threading

import pytest

from metrichmsr_ros.runtime.read_ahead import read_ahead


@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_items_come_in_order(length):
    assert list(read_ahead(iter(range(length)), 3)) == list(range(length))


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("the second")

    found = []
    with pytest.raises(ValueError, match="the second"):
        found += list(read_ahead(items()))
    ahead = read_ahead(items())
    assert next(ahead) == 1


def test_items_are_made_in_another_thread_and_not_far_ahead():
    made = []

    def items():
        for index in range(100):
            made.append((index, threading.get_ident()))
            yield index

    ahead = read_ahead(items(), 2)
    assert [next(ahead) for _ in range(10)] == list(range(10))
    ahead.close()
    assert len(made) <= 12
    assert threading.get_ident() not in {thread for _, thread in made}
