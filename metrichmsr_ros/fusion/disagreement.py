"""Cameras whose extrinsics disagree: a constant offset from the places where all other cameras see the same people.

Distances are hardly trusted, because one camera cannot tell a small person from a far one: the test is whether a
camera's rays meet those of the others. Two cameras at one height show an error of height and of pitch; an error to the
side needs a third camera. One sample is taken for each metre that a person walks: at one place the errors of many
images are the same error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from metrichmsr_ros.fusion.covariance_intersection import intersect
from metrichmsr_ros.fusion.sighting import CameraSighting
from metrichmsr_ros.types import Float64Array

SIGNIFICANT = 16.3  # squared Mahalanobis distance, 3 degrees of freedom: 0.1 % of agreeing cameras lie beyond
HARMLESS_M = 0.1  # a smaller offset is not reported
MIN_SAMPLES = 4
WALKED_M = 1.0  # between two samples of one person
RANGE_STD = 0.2  # of a distance, as a share of it
FARTHEST_M = 2.0  # apart: a larger offset is not taken for one person
UNAMBIGUOUS = 2.0  # anybody else is at least so many times as far away
KEPT = 0.97  # of the weight of earlier samples with each new one, so that a corrected camera is believed again
MOST_PEOPLE = 100  # whose last places are kept
GUILTY = 0.5  # of the largest disagreement, from which a camera is named: of two cameras, both


@dataclass(frozen=True, eq=False)
class Offset:
    """A camera that disagrees with the others.

    Attributes:
        camera: its name.
        offset: (3,) m, fixed frame: where it sees people, less where the others see them.
        distance: squared Mahalanobis distance of the offset from zero.
        samples: places at which people were compared.
    """

    camera: str
    offset: Float64Array
    distance: float
    samples: int


@dataclass
class _Mean:
    """Weighted mean of a camera's offsets."""

    information: Float64Array = field(default_factory=lambda: np.zeros((3, 3)))
    weighted: Float64Array = field(default_factory=lambda: np.zeros(3))
    samples: int = 0
    last: dict[str, Float64Array] = field(default_factory=dict)  # place of each person's last sample

    def add(self, person: str, place: Float64Array, gap: Float64Array, spread: Float64Array) -> None:
        if person in self.last and np.linalg.norm(place - self.last[person]) < WALKED_M:
            return
        self.last = {**({} if len(self.last) > MOST_PEOPLE else self.last), person: place}
        information = np.linalg.inv(spread)
        self.information = KEPT * self.information + information
        self.weighted = KEPT * self.weighted + information @ gap
        self.samples += 1

    def offset(self, camera: str) -> Offset:
        offset = np.asarray(np.linalg.solve(self.information, self.weighted), np.float64)
        return Offset(camera, offset, float(offset @ self.weighted), self.samples)


class Disagreements:
    """Offsets of all cameras."""

    def __init__(self) -> None:
        self._means: defaultdict[str, _Mean] = defaultdict(_Mean)

    def add(self, seen: Sequence[tuple[str, CameraSighting]]) -> None:
        """Compare the sightings of one time, each with the id of the person whom it was given to."""
        for camera in {sighting.camera for _, sighting in seen}:
            own = [sighting for _, sighting in seen if sighting.camera == camera]
            people = _people(seen, camera)
            for sighting, person in _unambiguous(own, people):
                gap, spread = sighting.position - person.place, _spread(sighting) + person.covariance
                self._means[camera].add(person.id, person.place, gap, spread)

    def offsets(self) -> list[Offset]:
        """The cameras that disagree most, and by more than their covariances explain; the worst first."""
        means = {camera: mean for camera, mean in self._means.items() if mean.samples >= MIN_SAMPLES}
        found = [mean.offset(camera) for camera, mean in means.items()]
        wrong = [o for o in found if o.distance > SIGNIFICANT and np.linalg.norm(o.offset) > HARMLESS_M]
        most = max((offset.distance for offset in wrong), default=0.0)
        return sorted((o for o in wrong if o.distance >= GUILTY * most), key=lambda o: -o.distance)


class _Person(NamedTuple):
    """Place (3,) of a person by some cameras, and its covariance (3, 3)."""

    id: str
    place: Float64Array
    covariance: Float64Array


def _people(seen: Sequence[tuple[str, CameraSighting]], without: str) -> list[_Person]:
    """Everybody, by the other cameras."""
    groups: defaultdict[str, list[CameraSighting]] = defaultdict(list)
    for person, sighting in seen:
        if sighting.camera != without:
            groups[person].append(sighting)
    return [_person(id, sightings) for id, sightings in groups.items()]


def _person(id: str, sightings: Sequence[CameraSighting]) -> _Person:
    fused = intersect(np.stack([s.position for s in sightings]), np.stack([_spread(s) for s in sightings]))
    return _Person(id, fused.position, fused.covariance)


def _spread(sighting: CameraSighting) -> Float64Array:
    return sighting.covariance + RANGE_STD**2 * np.outer(sighting.ray, sighting.ray)


def _unambiguous(own: Sequence[CameraSighting], people: Sequence[_Person]) -> list[tuple[CameraSighting, _Person]]:
    """Pairs that are the same person whatever their ids: nearest to each other, and nobody else nearly as near.

    The ids are not used: an offset that is large enough gives one person two ids.
    """
    gaps = np.array([[np.linalg.norm(sighting.position - person.place) for person in people] for sighting in own])
    pairs = []
    for row, column in np.argwhere(gaps <= FARTHEST_M):
        others = np.concatenate([np.delete(gaps[row], column), np.delete(gaps[:, column], row)])
        if (others >= max(UNAMBIGUOUS * gaps[row, column], FARTHEST_M / 2)).all():
            pairs.append((own[row], people[column]))
    return pairs
