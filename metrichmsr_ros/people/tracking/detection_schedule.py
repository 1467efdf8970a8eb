"""The person detector's calls in a video: when they are needed, beside the landmark calls of the same image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.detection.person_detector import PersonBox, PersonDetector, detect_in_tiles
from metrichmsr_ros.people.tracking.change import ChangeWatch
from metrichmsr_ros.people.tracking.config import TrackerConfig
from metrichmsr_ros.people.tracking.detection_rota import DetectionRota, Need
from metrichmsr_ros.people.tracking.track import Track
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import ImageArray


@dataclass(frozen=True)
class DetectorCall:
    """A detector call.

    Attributes:
        tile: the part of the image that is searched.
        boxes: waits for the call and gives the people in it.
    """

    tile: Tile
    boxes: Callable[[], list[PersonBox]]


class DetectionSchedule:
    """Decides for every image whether the detector is called.

    Args:
        detector: finds people.
        config: least times between calls, and the tiles.
        workers: make the call beside the caller's work.
    """

    def __init__(self, detector: PersonDetector, config: TrackerConfig, workers: Workers) -> None:
        self._detector, self._workers = detector, workers
        self._rota = DetectionRota(config.divisors, config.min_side, config.overlap, config.pauses)
        self._watch = ChangeWatch()

    def reset(self) -> None:
        """Begin anew."""
        self._rota.reset()
        self._watch.reset()

    def compare_anew(self) -> None:
        """Compare no image that follows with those so far, whose pixels show other places."""
        self._watch.reset()

    def begin(self, image: ImageArray, stamp_s: float, tracks: Sequence[Track]) -> DetectorCall | None:
        """The call for an image, before `tracks` are followed to it; None: none is needed yet.

        Somebody who is new or was not seen in the last image needs one soon. Where nothing has changed but known
        people, whom the detector saw when it last searched, one is hardly needed.
        """
        self._watch.cover(image.shape, [track.landmarks.bbox() for track in tracks if track.is_seen])
        is_calm = all(track.is_seen and track.id is not None for track in tracks)
        may_be_still = is_calm and all(track.is_detected for track in tracks)
        return self._call(image, stamp_s, Need.CALM if is_calm else Need.URGENT, may_be_still)

    def late(self, image: ImageArray, stamp_s: float, tracks: Sequence[Track]) -> DetectorCall | None:
        """The call for an image in which a track was not seen any more, if there was none before; else None."""
        if all(track.is_seen for track in tracks):
            return None
        return self._call(image, stamp_s, Need.URGENT, False)

    def _call(self, image: ImageArray, stamp_s: float, need: Need, may_be_still: bool) -> DetectorCall | None:
        if not self._rota.is_due(stamp_s, need):
            return None
        has_changed = self._watch.changed(image)
        if may_be_still and not has_changed:
            need = Need.STILL
        tile = self._rota.choose(image.shape[1], image.shape[0], stamp_s, need)
        if tile is None:
            return None
        self._watch.searched()
        return DetectorCall(tile, self._workers.start(detect_in_tiles, image, self._detector, [tile]))
