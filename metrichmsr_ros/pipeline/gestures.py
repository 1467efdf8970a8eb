"""People with their gestures: what the arms of estimates do, as far as the image shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from metrichmsr_ros.people.gestures.arm_network import ArmOdds
from metrichmsr_ros.people.gestures.recognition import NONE, GestureRecogniser, Gestures, still_gestures
from metrichmsr_ros.people.gestures.sights import arm_sights
from metrichmsr_ros.pipeline.scene import PersonEstimate

OddsById = Mapping[str, tuple[ArmOdds, ArmOdds]]


def with_gestures(
    people: Sequence[PersonEstimate],
    odds: OddsById,
    recogniser: GestureRecogniser,
    size: tuple[int, int],
    stamp_s: float,
) -> list[PersonEstimate]:
    """The same people of an image of a video, with gestures.

    Args:
        people: who are seen in the image.
        odds: of the arms of each by id.
        recogniser: what the same people did before.
        size: width, height of the image, px.
        stamp_s: of the image, s.
    """
    return [
        _with(one, recogniser.update(one.id, one.joints_cam, arm_sights(one.landmarks, size), odds[one.id], stamp_s))
        for one in people
    ]


def with_still_gestures(
    people: Sequence[PersonEstimate], odds: OddsById, size: tuple[int, int]
) -> list[PersonEstimate]:
    """The same people of a single image, with gestures that are poses: raised hands and pointing."""
    return [_with(one, still_gestures(one.joints_cam, arm_sights(one.landmarks, size), odds[one.id])) for one in people]


def _with(person: PersonEstimate, gestures: Gestures) -> PersonEstimate:
    if gestures is NONE:
        return person
    return replace(person, gestures=gestures.names, pointing_cam=np.array(gestures.pointing, np.float32))
