"""What belongs to a message: it may come late, or never, and then nobody waits for the next one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("rclpy")
from std_msgs.msg import Header

from metrichmsr_ros.ros.inputs import waiting
from metrichmsr_ros.ros.watching import companions
from metrichmsr_ros.ros.watching.companions import WAIT_S, Companion


class Clock:
    """Time that only sleeping takes."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.when_asleep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.when_asleep()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (companions, waiting):
        monkeypatch.setattr(module, "time", made)
    return made


class Shelf:
    """Where companions come to, by the number of their message."""

    def __init__(self, clock: Clock) -> None:
        self.there: set[int] = set()
        self._clock = clock
        self.companion = Companion(self.find, lambda header: True)

    def find(self, header: Header) -> int | None:
        return header.stamp.sec if header.stamp.sec in self.there else None

    def waits(self, number: int) -> bool:
        """Whether it waits for a companion that never comes."""
        begun = self._clock.now_s
        assert self.companion.of(header(number)) is None
        return self._clock.now_s - begun >= WAIT_S


def header(number: int) -> Header:
    made = Header()
    made.stamp.sec = number
    return made


def test_what_is_there_is_given_and_what_comes_soon_is_waited_for(clock):
    shelf = Shelf(clock)
    shelf.there.add(1)
    assert shelf.companion.of(header(1)) == 1
    assert clock.now_s == 0.0
    clock.when_asleep = lambda: shelf.there.add(2)
    assert shelf.companion.of(header(2)) == 2
    assert 0.0 < clock.now_s < WAIT_S


def test_nobody_waits_for_what_never_comes(clock):
    shelf = Shelf(clock)
    assert [shelf.waits(number) for number in range(6)] == [True, True, False, False, False, False]


def test_what_comes_late_again_and_again_is_waited_for_again(clock):
    shelf = Shelf(clock)
    assert [shelf.waits(number) for number in range(4)] == [True, True, False, False]
    shelf.there.add(3)  # before the next message, though too late for its own
    assert not shelf.waits(4)
    shelf.there.add(4)
    assert shelf.waits(5)


def test_what_cannot_come_is_not_waited_for(clock):
    companion = Companion(lambda header: None, may_come=lambda header: False)
    assert companion.of(header(1)) is None
    assert clock.now_s == 0.0
