"""When the person detector is called in a video at 30 images a second."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from metrichmsr_ros.people.detection.person_detector import PersonBox
from metrichmsr_ros.people.tracking.config import TrackerConfig
from metrichmsr_ros.people.tracking.detection_schedule import DetectionSchedule
from metrichmsr_ros.runtime.workers import Workers

EMPTY = np.full((480, 640, 3), 90, np.uint8)
BOX = np.array([300.0, 100, 360, 300])
FPS = 30.0


class Detector:
    def __init__(self):
        self.calls = 0

    def detect(self, image, tile, min_score):
        self.calls += 1
        return [PersonBox(0.9, BOX)]


def track(is_seen=True, name="p1", is_detected=True):
    landmarks = SimpleNamespace(bbox=lambda: BOX)
    return SimpleNamespace(is_seen=is_seen, id=name, is_detected=is_detected, landmarks=landmarks)


def calls_in(images, tracks, threads=1):
    """Calls in each image of a video."""
    detector = Detector()
    schedule = DetectionSchedule(detector, TrackerConfig(), Workers(threads))
    counts = []
    for number, image in enumerate(images):
        before = detector.calls
        call = schedule.begin(image, number / FPS, tracks)
        if call is not None:
            assert len(call.boxes()) <= 1
        counts.append(detector.calls - before)
    return np.array(counts)


def moving(count):
    """A camera that turns."""
    rng = np.random.default_rng(0)
    wide = np.repeat(rng.integers(0, 255, (480, 320, 3), np.uint8), 4, axis=1)
    return [wide[:, 4 * k : 4 * k + 640] for k in range(count)]


def test_an_empty_room_before_a_still_camera_is_hardly_searched_once_every_tile_was():
    counts = calls_in([EMPTY] * 600, [])
    assert counts[0] == 1
    assert 10 < counts[:300].sum() < 90  # whole image and every tile
    assert counts[480:].sum() <= 8


def test_whoever_enters_an_empty_room_is_searched_for_at_once():
    entered = EMPTY.copy()
    entered[100:300, 300:360] = 30
    counts = calls_in([EMPTY] * 600 + [entered] * 3, [])
    assert counts[600:603].sum() == 1


def test_every_third_image_of_a_moving_camera_is_searched_while_nobody_is_new():
    assert calls_in(moving(60), []).sum() == 20


def test_a_known_person_leaves_time_and_more_of_it_while_nothing_else_moves():
    assert calls_in(moving(60), [track()]).sum() == 20
    walking = []
    for k in range(600):
        image = EMPTY.copy()
        image[110:290, 310 + k % 20 : 330 + k % 20] = 30
        walking.append(image)
    assert calls_in(walking, [track()])[480:].sum() <= 8
    assert calls_in(walking, [track(is_detected=False)])[480:].sum() == 40


def test_somebody_new_or_unseen_is_searched_for_in_every_other_image():
    for somebody in (track(is_seen=False), track(name=None)):
        assert calls_in([EMPTY] * 60, [track(), somebody]).sum() == 30


def test_a_track_that_is_lost_in_this_image_is_searched_for_in_it():
    detector = Detector()
    schedule = DetectionSchedule(detector, TrackerConfig(), Workers(2))
    first = schedule.begin(EMPTY, 0.0, [track()])
    assert first is not None
    assert first.boxes()
    assert schedule.begin(EMPTY, 0.06, [track()]) is None
    assert schedule.late(EMPTY, 0.06, [track()]) is None
    late = schedule.late(EMPTY, 0.06, [track(is_seen=False)])
    assert late is not None
    assert late.boxes()
    assert detector.calls == 2
