"""The clock shows each frame for its own time, waits for what is not read yet, and begins again at the end."""

from __future__ import annotations

import threading

import pytest

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.viewer.frames import ViewFrame
from metrichmsr_ros.viewer.player import Player
from metrichmsr_ros.viewer.timeline import Timeline

TIMES = [0.0, 0.1, 0.3, 0.4]


def test_frames_are_on_for_their_own_time():
    player = Player(True)
    shown = [player.advance(100 + now, TIMES, ended=True) for now in (0.0, 0.05, 0.11, 0.29, 0.31, 0.41)]
    assert shown == [0, 0, 1, 1, 2, 3]


def test_it_begins_again_after_the_last_frame():
    player = Player(True)
    shown = [player.advance(now, TIMES, ended=True) for now in (0.0, 0.41, 0.6, 0.61, 0.72)]
    assert shown == [0, 3, 0, 0, 1]


def test_what_is_not_read_yet_is_not_skipped():
    player = Player(True)
    assert [player.advance(now, TIMES[:2], ended=False) for now in (0.0, 5.0, 9.0)] == [0, 1, 1]
    assert player.advance(9.1, TIMES, ended=True) == 1
    assert player.advance(9.31, TIMES, ended=True) == 2


def test_speed_and_scrubbing():
    player = Player(True)
    player.set_speed(0.5)
    assert [player.advance(now, TIMES, ended=True) for now in (0.0, 0.19, 0.21)] == [0, 0, 1]
    player.seek(0)
    assert player.advance(3.0, TIMES, ended=True) == 0
    player.play(False)
    assert player.advance(99.0, TIMES, ended=True) == 0
    player.seek(2)
    assert player.advance(100.0, TIMES, ended=True) == 2


def test_a_frame_that_does_not_exist_is_the_last():
    player = Player(False)
    player.seek(17)
    assert player.advance(0.0, TIMES, ended=True) == 3
    assert Player(True).advance(0.0, [5.0], ended=True) == 0


def frames(count):
    return (ViewFrame(number, number / 10) for number in range(count))


def test_the_timeline_keeps_the_most_and_says_so():
    timeline, calls = Timeline(3), []
    timeline.fill(frames(9), lambda: calls.append(len(timeline)))
    assert (len(timeline), timeline.ended, timeline.times()) == (3, True, [0.0, 0.1, 0.2])
    assert "only the first 3 frames" in timeline.note
    assert calls == [1, 2, 3, 3]
    whole = Timeline(9)
    whole.fill(frames(9))
    assert (len(whole), whole.note) == (9, "")


@pytest.mark.parametrize(("error", "note"), [(MetricHMRError("it is cut off"), "it is cut off"), (KeyError(3), "Key")])
def test_an_error_keeps_what_was_read(error, note):
    def broken():
        yield from frames(2)
        raise error

    timeline = Timeline(9)
    reader = threading.Thread(target=timeline.fill, args=(broken(),))
    reader.start()
    reader.join(10)
    assert (len(timeline), timeline.ended, timeline.error) == (2, True, error)
    assert timeline.note.startswith(note)


def test_a_closed_timeline_reads_no_more():
    timeline = Timeline(100)
    timeline.fill(frames(100), timeline.close)
    assert len(timeline) == 1


def test_a_live_source_shows_the_newest_frame_until_somebody_scrubs():
    player = Player(True, is_live=True)
    assert [player.advance(0.0, TIMES[:count], ended=False) for count in (1, 3, 4)] == [0, 2, 3]
    player.play(False)
    player.seek(1)
    assert player.advance(9.0, TIMES, ended=False) == 1
    player.play(True)
    assert player.advance(9.0, TIMES, ended=False) == 3


def test_a_live_timeline_forgets_the_oldest_frames():
    timeline = Timeline(3, forgets=True)
    timeline.fill(frames(9))
    assert (len(timeline), timeline.first, timeline.note) == (9, 6, "")
    assert [timeline[index].number for index in (0, 6, 8)] == [6, 6, 8]
    assert timeline.times() == [number / 10 for number in range(9)]
