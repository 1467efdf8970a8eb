"""Tracking of people in a video: one landmark call per known person and a few detector calls per frame for new ones.

    tracker = PeopleTracker(BlazePose())
    for image, stamp_s in video:
        for person in tracker.update(image, stamp_s):
            print(person.id, person.bbox)

A newcomer gets an id after sightings in several frames. The track of an unseen person is kept for a limited time.
Known people are masked during the search for others: a second person beside the first is found, and no person twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose, check_image
from metrichmsr_ros.people.detection.plausibility import Plausibility, body_evidence, body_size, is_known
from metrichmsr_ros.people.detection.search import detect_in_tiles, refine_roi
from metrichmsr_ros.people.tracking.appearance import appearance_of, colour_distance
from metrichmsr_ros.people.tracking.tile_scheduler import TileScheduler
from metrichmsr_ros.people.tracking.track import MAX_GROWTH, MIN_GROWTH, Track, TrackedPerson
from metrichmsr_ros.types import FloatingArray

_SAME_BOX = 0.3  # intersection over union of another detector's box with a known body's landmarks


@dataclass(frozen=True)
class TrackerConfig:
    """Cost and thresholds. The defaults suit two CPU cores at 10 to 30 Hz.

    One frame costs at most `max_people` landmark calls (about 8 ms each on two cores), `tiles_per_frame` detector
    calls (about 5 ms each) and `candidates_per_frame` x 3 landmark calls for newcomers.

    Attributes:
        tiles_per_frame: detector calls.
        candidates_per_frame: detections that are examined.
        max_people: people tracked at once, including newcomers.
        birth_frames: frames in which a newcomer must be seen before it gets an id.
        newcomer_plausibility: thresholds that the first sighting of a newcomer must pass.
        keep_score: presence below which a tracked person counts as not seen.
        keep_evidence: `body_evidence` below which a tracked person counts as not seen.
        max_colour_distance: distance of the clothes' colours (CIELAB) above which two sightings are two people; used
            only when the identity is ambiguous. Distances of one person are mostly under 5; that of blue and black
            trousers is 13.
        max_coast_s: a track without a sighting for this time ends. The track of a newcomer, or of a person who was
            leaving the image, ends after a quarter of this time.
        max_gap_s: a longer time between two images is a new scene: all tracks end.
        recheck_s: a place visited for a lost person, motion or neighbours is not visited again within this time.
        divisors, min_side, overlap: the pyramid of tiles that are searched in rotation.
    """

    tiles_per_frame: int = 3
    candidates_per_frame: int = 2
    max_people: int = 16
    birth_frames: int = 3
    newcomer_plausibility: Plausibility = field(default_factory=Plausibility)
    keep_score: float = 0.4
    keep_evidence: float = 0.36
    max_colour_distance: float = 12.0
    max_coast_s: float = 2.0
    max_gap_s: float = 5.0
    recheck_s: float = 0.35
    divisors: tuple[float, ...] = (1.0, 2.0, 3.0, 4.5)
    min_side: int = 96
    overlap: float = 0.5


class PeopleTracker:
    """Tracks people in the images of one camera, passed in order and from one thread.

    Args:
        blazepose: the two networks.
        config: cost and thresholds.
    """

    def __init__(self, blazepose: BlazePose, config: TrackerConfig | None = None) -> None:
        self._blazepose = blazepose
        self._config = config or TrackerConfig()
        self._scheduler = TileScheduler(
            self._config.divisors, self._config.min_side, self._config.overlap, self._config.recheck_s
        )
        self._tracks: list[Track] = []
        self._stamp_s: float | None = None
        self._shape: tuple[int, ...] | None = None
        self._named = 0

    def reset(self) -> None:
        """End all tracks. The numbers of ids continue."""
        self._tracks.clear()
        self._scheduler.reset()
        self._stamp_s = None

    def update(self, image: np.ndarray, stamp_s: float, boxes: Sequence[FloatingArray] = ()) -> list[TrackedPerson]:
        """Process the next image.

        A stamp before the last one (a bag that loops), a stamp long after it, or another image size ends all tracks.

        Args:
            image: HWC uint8 RGB.
            stamp_s: seconds, not decreasing within one video.
            boxes: (4,) x0, y0, x1, y1 px each, around people found by another detector. They are examined first, and
                must pass the same checks as the detections of this detector.

        Returns:
            All people with an id, the oldest first.

        Raises:
            ImageError: the image is not HWC uint8 RGB.
            ValueError: the stamp is not a finite number.
        """
        check_image(image)
        if not math.isfinite(stamp_s):
            raise ValueError(f"stamp {stamp_s} must be a finite number of seconds")
        self._reset_if_new_scene(image.shape, stamp_s)
        self._follow(image, stamp_s)
        self._search(image, stamp_s, boxes)
        self._end_tracks(stamp_s)
        self._name_newcomers()
        return [track.reported(stamp_s) for track in self._tracks if track.id is not None]

    def _reset_if_new_scene(self, shape: tuple[int, ...], stamp_s: float) -> None:
        elapsed = 0.0 if self._stamp_s is None else stamp_s - self._stamp_s
        if elapsed < 0 or elapsed > self._config.max_gap_s or self._shape not in (None, shape):
            self.reset()
        self._stamp_s, self._shape = stamp_s, shape

    def _follow(self, image: np.ndarray, stamp_s: float) -> None:
        """Find landmarks at the predicted ROI of every track; tracks with an id and the best evidence come first."""
        done: list[LandmarkSet] = []
        waiting = sorted(self._tracks, key=lambda track: (track.id is None, -body_evidence(track.landmarks)))
        for track in waiting:
            was_seen, track.is_seen = track.is_seen, False
            track.age += 1
            roi = track.expected_roi(stamp_s)
            close = [t for t in self._tracks if t is not track and t.is_close_to(roi)]
            masked = [t.landmarks for t in close if self._is_current(t, stamp_s)]
            found = self._blazepose.landmarks(
                image, roi, self._config.keep_score, without=masked, keep=track.landmarks.moved_to(roi)
            )
            if found is None or not self._continues(track, found, stamp_s) or is_known(found, done):
                continue
            appearance = appearance_of(image, found)
            in_doubt = bool(close) or not was_seen
            if in_doubt and colour_distance(appearance, track.appearance) > self._config.max_colour_distance:
                continue
            track.update(found, appearance, stamp_s)
            done.append(found)

    def _is_current(self, track: Track, stamp_s: float) -> bool:
        """True if seen in the last image or this one; the positions of other people are too uncertain to mask them."""
        return track.is_seen or track.seen_s == stamp_s

    def _continues(self, track: Track, found: LandmarkSet, stamp_s: float) -> bool:
        """True if landmarks found at the predicted ROI of a track can be those of its person."""
        if body_evidence(found) < self._config.keep_evidence:
            return False
        growth = found.next_roi().size / track.landmarks.next_roi().size
        expected = track.expected_roi(stamp_s).centre
        moved = float(np.linalg.norm(found.next_roi().centre - expected)) / body_size(found)
        return MIN_GROWTH < growth < MAX_GROWTH and moved < 0.25 + 1.0 * (stamp_s - track.seen_s)

    def _search(self, image: np.ndarray, stamp_s: float, boxes: Sequence[FloatingArray]) -> None:
        """Search the tiles of this frame: newcomers start a track, lost people continue theirs."""
        known = [track.landmarks for track in self._tracks if track.is_seen]
        lost = [track.expected_roi(stamp_s) for track in self._tracks if not track.is_seen and track.id is not None]
        tiles = self._scheduler.choose(image, stamp_s, known, lost, self._config.tiles_per_frame)
        detections = detect_in_tiles(image, self._blazepose, tiles, known)
        unexplained = [Roi.from_box(box) for box in boxes if not _is_explained(box, known)]
        candidates = unexplained + [detection.roi() for detection in detections]
        for roi in candidates[: self._config.candidates_per_frame]:
            sighting = refine_roi(image, self._blazepose, roi, 2, known)
            if sighting is None or not self._config.newcomer_plausibility.accepts(sighting):
                continue
            if is_known(sighting.landmarks, known):
                continue
            self._associate(sighting.landmarks, appearance_of(image, sighting.landmarks), stamp_s)
            known.append(sighting.landmarks)

    def _associate(self, landmarks: LandmarkSet, appearance: FloatingArray, stamp_s: float) -> None:
        """Assign a sighting to the lost track that fits best, or start a new track."""
        fits = [
            (distance, track)
            for track in self._tracks
            if not track.is_seen
            and colour_distance(appearance, track.appearance) <= self._config.max_colour_distance
            and (distance := track.distance_to(landmarks, stamp_s)) < 0.35 + 0.5 * (stamp_s - track.seen_s)
        ]
        if fits:
            min(fits, key=lambda fit: fit[0])[1].update(landmarks, appearance, stamp_s)
        elif len(self._tracks) < self._config.max_people:
            self._tracks.append(Track(landmarks, stamp_s, appearance))

    def _end_tracks(self, stamp_s: float) -> None:
        """End the tracks that were not seen for too long."""
        limit = self._config.max_coast_s
        assert self._shape is not None
        size = np.array([self._shape[1], self._shape[0]])
        self._tracks = [
            track
            for track in self._tracks
            if stamp_s - track.seen_s <= (limit / 4 if track.id is None or track.is_leaving(size, stamp_s) else limit)
        ]

    def _name_newcomers(self) -> None:
        """Give ids to the newcomers who were seen in enough frames."""
        for track in self._tracks:
            if track.id is None and track.sightings >= self._config.birth_frames:
                self._named += 1
                track.id = f"p{self._named}"


def _is_explained(box: FloatingArray, known: Sequence[LandmarkSet]) -> bool:
    """True when a box (4,) px of another detector overlaps a known person."""
    boxes = np.array([body.bbox() for body in known], np.float64).reshape(-1, 4)
    return bool((box_iou(np.asarray(box, np.float64)[None], boxes) > _SAME_BOX).any())
