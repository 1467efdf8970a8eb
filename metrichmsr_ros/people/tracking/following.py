"""Landmark calls for known people of an image: where each is looked for, and which calls do not depend on others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.tracking.track import Track
from metrichmsr_ros.types import ImageArray


@dataclass(frozen=True)
class Look:
    """A landmark call for a known person.

    Attributes:
        roi: where the person is expected.
        masked: bodies of others who are close.
        keep: the person's last landmarks, moved to `roi`.
        has_neighbours: whether somebody is close.
    """

    roi: Roi
    masked: tuple[LandmarkSet, ...]
    keep: LandmarkSet
    has_neighbours: bool

    def __call__(self, image: ImageArray, blazepose: BlazePose, min_score: float) -> LandmarkSet | None:
        """The landmarks, as from `BlazePose.landmarks`."""
        return blazepose.landmarks(image, self.roi, min_score, without=self.masked, keep=self.keep)


def look_for(track: Track, tracks: Sequence[Track], stamp_s: float) -> Look:
    """The call for one of `tracks`. Close people are masked if they were seen in the last image or this one: the
    positions of others are too uncertain."""
    roi = track.expected_roi(stamp_s)
    close = [other for other in tracks if other is not track and other.is_close_to(roi)]
    return Look(roi, tuple(t.landmarks for t in close if t.is_seen), track.landmarks.moved_to(roi), bool(close))


def in_turns(tracks: Sequence[Track], stamp_s: float) -> Iterator[list[Track]]:
    """`tracks`, those of one turn not close to each other: whoever is close to an earlier one has a later turn.

    Each turn is made when it is asked for, from where the tracks are by then.
    """
    waiting = list(tracks)
    while waiting:
        turn = []
        for number, track in enumerate(waiting):
            roi = track.expected_roi(stamp_s)
            if not any(earlier.is_close_to(roi) for earlier in waiting[:number]):
                turn.append(track)
        yield turn
        waiting = [track for track in waiting if track not in turn]
