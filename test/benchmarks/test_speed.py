"""Trackers of the speed benchmark run in processes of their own and take turns on the same frames."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from benchmarks.speed.settings import FPS
from benchmarks.speed.trackers import Tracker, take_turns

SUM = """
import sys
import numpy as np
from benchmarks.speed.frame_pipe import serve

def load():
    print("a library that prints")
    return lambda image, stamp_s: {"people": int(image.astype(int).sum()), "stages": {"stamp": stamp_s}}

serve(load)
"""


@pytest.fixture
def trackers():
    started = {name: Tracker([sys.executable, "-c", SUM], os.environ) for name in ("ours", "other")}
    yield started
    for tracker in started.values():
        tracker.close()


def test_every_tracker_answers_every_frame_after_the_warm_up(trackers):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (4 + k, 7, 3), np.uint8) for k in range(4)]
    answers = take_turns(trackers, images, warm_up=1)
    for of_one in answers.values():
        assert [answer.people for answer in of_one] == [int(image.sum()) for image in images[1:]]
        assert [answer.stages["stamp"] for answer in of_one] == [k / FPS for k in range(1, 4)]
        assert all(answer.seconds >= 0 and answer.resident > 0 for answer in of_one)


def test_a_tracker_that_ends_says_so():
    with pytest.raises(SystemExit, match="ended with status 3"):
        Tracker([sys.executable, "-c", "raise SystemExit(3)"], os.environ)
