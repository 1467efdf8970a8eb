"""Which labelled people a set of a training YAML gives to the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metrichmsr_ros.data.formats.labels import LabelTable, label_table
from metrichmsr_ros.data.image_sets import usable

K = np.array([[1000.0, 0.0, 540.0], [0.0, 1000.0, 960.0], [0.0, 0.0, 1.0]])  # of 1080 x 1920 px
BOXES = [
    (100, 200, 400, 900),  # in the image
    (-150, 200, 40, 900),  # cut by its border
    (-300, 200, -100, 900),  # beside it
    (1200, 200, 1500, 900),
    (100, 1930, 400, 2500),  # below it
    (100, 200, 400, 900),  # behind the camera
]


def people(has_transl: bool = True, intrinsics: np.ndarray = K) -> LabelTable:
    count = len(BOXES)
    transl = np.tile(np.array([0.0, 0.3, 4.0], np.float32), (count, 1))
    transl[-1, 2] = -2.0
    return label_table(
        person=[str(n) for n in range(count)],
        image=[Path("a.jpg")] * count,
        intrinsics=np.tile(intrinsics, (count, 1, 1)),
        bbox=np.array(BOXES, np.float32),
        transl=transl,
        pelvis=np.tile(np.array([0.0, -0.2, 0.0], np.float32), (count, 1)),
        has_pose=np.ones(count, bool),
        has_transl=np.full(count, has_transl),
    )


def test_people_whom_no_picture_shows_are_left_out():
    assert usable(people()).person == ["0", "1"]


def test_without_a_known_place_everybody_with_a_box_is_kept():
    assert len(usable(people(has_transl=False))) == len(BOXES)
    unknown_camera = usable(people(intrinsics=np.full((3, 3), np.nan)))
    assert unknown_camera.person == ["0", "1", "3", "4"]  # left of the first pixel is outside of every image
