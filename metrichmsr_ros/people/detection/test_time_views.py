"""Further views of the people found: mirrored, with the heavier landmark network, and wide. Their errors differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.plausibility import is_known, legs_hidden
from metrichmsr_ros.runtime.workers import Workers

MIN_SCORE = 0.3
_WIDER = 1.25
"""Factor of the crop of wide views, of people whose legs are hidden."""


@dataclass(frozen=True, eq=False)
class View2D:
    """One further view of a person in the image.

    Attributes:
        landmarks: in the coordinates of the image.
        mirrored: whether the network's input was the mirrored crop; `landmarks` are mirrored back.
        wide: 0: the usual crop. Above: a wider one; this share of the distance is that of wide views, and none of the
            pose.
    """

    landmarks: LandmarkSet
    mirrored: bool
    wide: float = 0.0


def further_views(
    image: np.ndarray,
    people: Sequence[LandmarkSet],
    rows: Sequence[int],
    blazepose: BlazePose | None,
    heavy: BlazePose | None = None,
    workers: Workers | None = None,
    usual: bool = True,
) -> dict[int, list[View2D]]:
    """`views_of` by row for `rows` of `people`, all who were found in `image`; `workers` take several at a time."""

    def views_of_one(row: int) -> list[View2D]:
        return views_of(image, people[row], [*people[:row], *people[row + 1 :]], blazepose, heavy, usual)

    return dict(zip(rows, (workers or Workers()).map(views_of_one, rows), strict=True))


def views_of(
    image: np.ndarray,
    person: LandmarkSet,
    others: Sequence[LandmarkSet],
    blazepose: BlazePose | None,
    heavy: BlazePose | None = None,
    usual: bool = True,
) -> list[View2D]:
    """The mirrored view of a person, and the heavier network's straight and mirrored ones.

    BlazePose invents legs that it does not see, and draws the skeleton as large as the crop suggests: on real people
    behind chairs a quarter too small. So people whose legs are hidden also get a straight wide view by each network.
    The more they are hidden, the larger is the share of these views in the distance.

    Args:
        image: HWC uint8 RGB.
        person: the first view.
        others: everybody else in the image; they are masked.
        blazepose: the networks that found them; None: no mirrored view by them.
        heavy: the same with the heavier landmark network, or None.
        usual: whether to make the usual views; False: wide ones alone.

    Returns:
        Views of this person. Those that show nobody, or another person, are left out.
    """
    wanted: list[tuple[BlazePose | None, bool, float]] = []  # networks, mirrored, wide
    if usual:
        wanted += [(blazepose, True, 0.0), (heavy, False, 0.0), (heavy, True, 0.0)]
    share = float(legs_hidden(person.visibility))
    if share > 0:
        wanted += [(blazepose, False, share), (heavy, False, share)]
    views, roi = [], person.next_roi()
    for networks, mirrored, wide in wanted:
        if networks is None:
            continue
        crop = roi.widened(_WIDER) if wide else roi
        seen = networks.landmarks(image, crop, MIN_SCORE, without=others, keep=person, mirrored=mirrored)
        if seen is not None and is_known(seen, [person]):
            views.append(View2D(seen, mirrored, wide))
    return views
