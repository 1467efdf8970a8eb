"""The person detector that ships with the package: boxes, scales and tiles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.detection.person_detector import PersonDetector, detect_in_tiles

ASTRONAUT = np.array([10.0, 15, 365, 511])  # x0, y0, x1, y1 px, by eye


@pytest.fixture(scope="module")
def detector():
    return PersonDetector(num_threads=1)


@pytest.fixture(scope="module")
def photo():
    return cv2.cvtColor(cv2.imread(str(asset_path("astronaut.jpg"))), cv2.COLOR_BGR2RGB)


def best_overlap(boxes, truth):
    return max((float(box_iou(seen.box[None], truth[None])[0, 0]) for seen in boxes), default=0.0)


def test_the_astronaut_is_found_and_nobody_else_for_sure(detector, photo):
    seen = detector.detect(photo)
    assert seen[0].score > 0.8
    assert best_overlap(seen[:1], ASTRONAUT) > 0.85
    assert all(other.score < 0.5 for other in seen[1:])


@pytest.mark.parametrize("size", [(360, 640), (640, 360), (1080, 1920), (480, 641)])
def test_boxes_are_in_pixels_of_an_image_of_any_shape(detector, photo, size):
    height, width = size
    side = 2 * min(size) // 3
    image = np.full((height, width, 3), 120, np.uint8)
    x, y = width - side - 7, height - side - 3
    image[y : y + side, x : x + side] = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
    truth = ASTRONAUT * side / 512 + [x, y, x, y]
    assert best_overlap(detector.detect(image), truth) > 0.75


def test_a_tile_shows_a_person_who_is_too_small_in_the_whole_image(detector, photo):
    image = np.full((1600, 1600, 3), 120, np.uint8)
    image[1200:1260, 700:760] = cv2.resize(photo, (60, 60), interpolation=cv2.INTER_AREA)
    truth = ASTRONAUT * 60 / 512 + [700, 1200, 700, 1200]
    tile = Tile(600, 1150, 200, 200)
    assert best_overlap(detector.detect(image), truth) == 0.0
    assert best_overlap(detector.detect(image, tile), truth) > 0.6
    both = detect_in_tiles(image, detector, [tile, Tile(610, 1150, 200, 200)])
    assert len([seen for seen in both if seen.score > 0.5]) == 1  # seen twice, listed once


def test_a_person_cut_off_by_a_tile_is_left_out(detector, photo):
    half = Tile(0, 0, 190, 512)
    assert any(seen.score > 0.3 for seen in detector.detect(photo, half))
    assert all(best_overlap([seen], ASTRONAUT) < 0.3 for seen in detect_in_tiles(photo, detector, [half]))


def test_a_plain_image_shows_nobody(detector):
    assert detector.detect(np.full((480, 640, 3), 90, np.uint8)) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.tflite"):
        PersonDetector(path=tmp_path / "no.tflite").detect(np.zeros((64, 64, 3), np.uint8))
