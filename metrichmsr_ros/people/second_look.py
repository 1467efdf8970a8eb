"""A second look at people through the mirrored picture, whose errors are not those of the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.people.blazepose import BlazePose
from metrichmsr_ros.people.landmarks import LandmarkSet
from metrichmsr_ros.people.plausible import is_known

MIN_SCORE = 0.3


def second_looks(image: np.ndarray, people: Sequence[LandmarkSet], blazepose: BlazePose) -> list[LandmarkSet | None]:
    """For each of `people`, who are all that were found in `image`, the `second_look`."""
    return [
        second_look(image, person, [*people[:index], *people[index + 1 :]], blazepose)
        for index, person in enumerate(people)
    ]


def second_look(
    image: np.ndarray, person: LandmarkSet, others: Sequence[LandmarkSet], blazepose: BlazePose
) -> LandmarkSet | None:
    """What the mirrored picture shows of a person, mirrored back; one landmark call.

    Args:
        image: HWC uint8 RGB.
        person: the first look.
        others: everybody else in the image; they are painted over.
        blazepose: the networks that found them.

    Returns:
        None where nobody is seen, or somebody else.
    """
    roi = person.next_roi()
    look = blazepose.landmarks(image, roi, MIN_SCORE, without=others, keep=person, mirrored=True)
    return look if look is not None and is_known(look, [person]) else None
