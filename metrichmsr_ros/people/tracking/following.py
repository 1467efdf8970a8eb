"""Landmark calls for known people of an image. None depends on what another finds, so that they run side by side."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The call for one of `tracks`. Close people are masked where they are expected, if the last image showed them:
    the positions of others are too uncertain. So no call waits for what another finds."""
    roi = track.roi_to_search(stamp_s)
    close = [other for other in tracks if other is not track and other.is_close_to(roi)]
    masked = tuple(other.predicted(stamp_s) for other in close if other.is_seen)
    return Look(roi, masked, track.predicted(stamp_s), bool(close))
