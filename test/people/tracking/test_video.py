"""Real pedestrians against boxes annotated by hand: OpenCV's sample video, where it is installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.people import ANNOTATION, boxes_at, read_video, score
from metrichmsr_ros.assets import AssetError
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.person_detector import PersonDetector
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.people.tracking.tracker import PeopleTracker

from helpers.people_scenes import Figure, landmark_set  # isort: skip

VIDEO = Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
FRAMES = 60


def tracked(name, box, is_occluded=False):
    return TrackedPerson(name, 1, landmark_set(Figure(0, 0)), is_occluded, np.asarray(box, np.float32), 0.9)


def test_the_annotated_boxes_are_valid():
    annotation = json.loads(ANNOTATION.read_text())
    assert len({person["name"] for person in annotation["people"]}) == len(annotation["people"]) >= 10
    for person in annotation["people"]:
        keys = np.array(person["boxes"])
        assert (np.diff(keys[:, 0]) > 0).all()
        assert keys[0, 0] == person["first_clear"]
        assert (keys[:, 3] > keys[:, 1]).all()
        assert (keys[:, 4] > keys[:, 2]).all()
        assert boxes_at(person, person["first_clear"])[1]


def test_scoring_counts_ids_switches_and_false_tracks():
    annotation = {
        "fps": 2,
        "last_frame": 9,
        "people": [
            {"name": "A", "first_clear": 0, "boxes": [[0, 0, 0, 10, 30, 1], [9, 90, 0, 100, 30, 1]]},
            {"name": "B", "first_clear": 0, "boxes": [[0, 0, 200, 10, 230, 1], [9, 0, 200, 10, 230, 1]]},
        ],
    }
    frames = []
    for k in range(10):
        people = [tracked("p1" if k < 5 else "p2", [10 * k, 0, 10 * k + 10, 30]), tracked("p9", [500, 500, 510, 530])]
        if k > 5:
            people.append(tracked("p3", [0, 200, 10, 230]))
        frames.append(people)
    result = score(annotation, frames)
    assert result.in_time == ["A"]
    assert result.late == ["B"]
    assert result.switches == 1
    assert result.false_tracks == ["p9"]
    assert result.coverage == pytest.approx((10 + 4) / 20)


@pytest.mark.skipif(not VIDEO.is_file(), reason=f"{VIDEO} is not installed (Debian/Ubuntu package opencv-doc)")
def test_pedestrians_carry_an_id_within_a_second():
    try:
        tracker = PeopleTracker(BlazePose(num_threads=1), PersonDetector(num_threads=1))
    except AssetError as error:
        pytest.skip(str(error))
    annotation = json.loads(ANNOTATION.read_text())
    result = score(annotation, [tracker.update(image, k / 10) for k, image in enumerate(read_video(VIDEO, FRAMES))])
    assert result.share_in_time >= 0.8, result
    assert result.false_tracks == []
