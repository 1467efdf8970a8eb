"""More looks at people who were found: mirrored, and by the heavier landmark network. Their errors differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.plausibility import is_known

MIN_SCORE = 0.3


@dataclass(frozen=True, eq=False)
class Look:
    """One more look at somebody.

    Attributes:
        landmarks: what was seen, in the coordinates of the image.
        mirrored: whether the network saw the mirrored crop; its answer has been mirrored back.
    """

    landmarks: LandmarkSet
    mirrored: bool


def more_looks(
    image: np.ndarray, people: Sequence[LandmarkSet], blazepose: BlazePose, heavy: BlazePose | None = None
) -> list[list[Look]]:
    """`looks_at` each of `people`, who are all that were found in `image`."""
    return [
        looks_at(image, person, [*people[:index], *people[index + 1 :]], blazepose, heavy)
        for index, person in enumerate(people)
    ]


def looks_at(
    image: np.ndarray,
    person: LandmarkSet,
    others: Sequence[LandmarkSet],
    blazepose: BlazePose,
    heavy: BlazePose | None = None,
) -> list[Look]:
    """What the mirrored picture shows of a person, and the heavier network, straight and mirrored.

    Args:
        image: HWC uint8 RGB.
        person: the first look.
        others: everybody else in the image; they are painted over.
        blazepose: the networks that found them.
        heavy: the same with the heavier landmark network, or None.

    Returns:
        Looks that show this person; one that shows nobody, or somebody else, is left out.
    """
    wanted = [(blazepose, True)]
    if heavy is not None:
        wanted += [(heavy, False), (heavy, True)]
    looks, roi = [], person.next_roi()
    for networks, mirrored in wanted:
        seen = networks.landmarks(image, roi, MIN_SCORE, without=others, keep=person, mirrored=mirrored)
        if seen is not None and is_known(seen, [person]):
            looks.append(Look(seen, mirrored))
    return looks
