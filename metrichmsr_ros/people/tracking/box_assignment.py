"""Which of the detector's boxes belongs to which known person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.detection.confidence import agreement
from metrichmsr_ros.people.detection.person_detector import PersonBox
from metrichmsr_ros.people.detection.plausibility import are_near
from metrichmsr_ros.types import FloatingArray

_MIN_AGREEMENT = 0.15
_SAME_PLACE = 0.5


def assign_boxes(people: Sequence[LandmarkSet], boxes: Sequence[PersonBox], size: tuple[int, int]) -> dict[int, int]:
    """Number of a person -> number of their box, one to one, with the largest agreement in sum.

    A person agrees with a box by the share of their visible landmarks inside times the overlap with theirs.

    Args:
        people: landmarks of the known people.
        boxes: of the detector.
        size: of the image, (width, height) px.
    """
    if not people or not boxes:
        return {}
    fits = np.array([[_fit(person, box.box, size) for box in boxes] for person in people])
    rows, columns = linear_sum_assignment(fits, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if fits[r, c] > _MIN_AGREEMENT}


def _fit(person: LandmarkSet, box: FloatingArray, size: tuple[int, int]) -> float:
    if not are_near(person.extent, box, 0.0):
        return 0.0
    inside, overlap = agreement(person, box, size)
    return inside * overlap


def is_same_place(one: PersonBox, other: PersonBox) -> bool:
    """True when two boxes, of different frames, frame the same part of the image."""
    return bool(box_iou(one.box[None], other.box[None])[0, 0] > _SAME_PLACE)
