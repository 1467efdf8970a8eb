"""A second look at people through the mirrored picture, whose errors are not those of the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.people.blazepose import BlazePose
from metrichmsr_ros.people.landmarks import LandmarkSet
from metrichmsr_ros.people.plausible import is_known

MIN_SCORE = 0.3


def second_looks(image: np.ndarray, people: Sequence[LandmarkSet], blazepose: BlazePose) -> list[LandmarkSet | None]:
    """For each of `people` what the mirrored picture shows, mirrored back; one landmark call a person.

    Args:
        image: HWC uint8 RGB.
        people: everybody found in it; while one is looked at, the others are painted over.
        blazepose: the networks that found them.

    Returns:
        As many as `people`; None where nobody is seen, or somebody else.
    """
    looks: list[LandmarkSet | None] = []
    for index, person in enumerate(people):
        others = [*people[:index], *people[index + 1 :]]
        roi = person.next_roi()
        look = blazepose.landmarks(image, roi, MIN_SCORE, without=others, keep=person, mirrored=True)
        looks.append(look if look is not None and is_known(look, [person]) else None)
    return looks
