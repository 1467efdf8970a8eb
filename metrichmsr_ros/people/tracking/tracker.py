"""Tracking of people in a video: one landmark call per known person, and a detector call for new ones in most frames.

    tracker = PeopleTracker(BlazePose(), PersonDetector())
    for image, stamp_s in video:
        for person in tracker.update(image, stamp_s):
            print(person.id, person.bbox)

A newcomer gets an id after sightings over a fifth of a second, and in several frames. The track of an unseen person is
kept for a limited time. A box of the detector belongs to one person: its score carries that person's confidence, and
boxes of nobody known are looked at with known people masked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.blazepose.networks import BlazePose, check_image
from metrichmsr_ros.people.detection.person_detector import PersonBox, PersonDetector
from metrichmsr_ros.people.detection.plausibility import are_same_person, body_evidence, body_size, is_known
from metrichmsr_ros.people.detection.search import Sighting, is_duplicate, look_at
from metrichmsr_ros.people.tracking.appearance import appearance_of, colour_distance
from metrichmsr_ros.people.tracking.box_assignment import assign_boxes, is_same_place
from metrichmsr_ros.people.tracking.config import TrackerConfig
from metrichmsr_ros.people.tracking.detection_schedule import DetectionSchedule, DetectorCall
from metrichmsr_ros.people.tracking.following import Look, look_for
from metrichmsr_ros.people.tracking.track import MAX_GROWTH, MIN_GROWTH, Track, TrackedPerson
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import Float64Array, FloatingArray, ImageArray

_YOUNG_S = 1.05
"""Age of a track that may still turn out to be a known person again: ten images at 10 Hz."""
_JITTER = 0.5
"""Images by which the time since a newcomer was first seen may fall short: stamps are not exactly even."""
_MOMENT_S = 0.35
"""Within this time after a person was seen, a sighting in the same place is them whatever its colours."""
_OTHERS_SCORE = 0.7  # of a box that another detector found, which gives no score


class PeopleTracker:
    """Tracks people in the images of one camera, passed in order and from one thread.

    Args:
        blazepose: finds landmarks.
        detector: finds people.
        config: cost and thresholds.
        workers: run network calls of one image at the same time; None: one after the other.
    """

    def __init__(
        self,
        blazepose: BlazePose,
        detector: PersonDetector,
        config: TrackerConfig | None = None,
        workers: Workers | None = None,
    ) -> None:
        self._blazepose = blazepose
        self._config, self._workers = config or TrackerConfig(), workers or Workers()
        self._schedule = DetectionSchedule(detector, self._config, self._workers)
        self._rejected: list[tuple[float, PersonBox]] = []
        self._tracks: list[Track] = []
        self._stamp_s: float | None = None
        self._shape: tuple[int, ...] | None = None
        self._named = 0

    def reset(self) -> None:
        """End all tracks. The numbers of ids continue."""
        self._tracks.clear()
        self._schedule.reset()
        self._rejected.clear()
        self._stamp_s = None

    def change_pixels(self, to_new: Float64Array, size: tuple[int, int]) -> None:
        """Keep everybody where a camera goes on with another resolution, part of its sensor, focal length or turn.

        Args:
            to_new: (3, 3) affine map from px of the images so far to px of those that follow.
            size: width, height of those that follow, px.
        """
        for track in self._tracks:
            track.change_pixels(to_new)
        self._schedule.compare_anew()
        self._rejected.clear()
        self._shape = (size[1], size[0], 3)

    def update(self, image: np.ndarray, stamp_s: float, boxes: Sequence[FloatingArray] = ()) -> list[TrackedPerson]:
        """Process the next image.

        A stamp before the last one (a bag that loops), a stamp long after it, or another image size that
        `change_pixels` did not announce ends all tracks.

        Args:
            image: HWC uint8 RGB, in which people are upright.
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
        detection = self._schedule.begin(image, stamp_s, self._tracks)
        self._follow(image, stamp_s)
        given = [PersonBox(_OTHERS_SCORE, np.asarray(box, np.float64)) for box in boxes]
        self._search(image, stamp_s, given, detection or self._schedule.late(image, stamp_s, self._tracks))
        self._end_tracks(stamp_s)
        self._name_newcomers()
        return [track.reported(stamp_s) for track in self._tracks if track.id is not None]

    def _reset_if_new_scene(self, shape: tuple[int, ...], stamp_s: float) -> None:
        elapsed = 0.0 if self._stamp_s is None else stamp_s - self._stamp_s
        if elapsed < 0 or elapsed > self._config.max_gap_s or self._shape not in (None, shape):
            self.reset()
        self._stamp_s, self._shape = stamp_s, shape

    def _follow(self, image: ImageArray, stamp_s: float) -> None:
        """Find landmarks at the predicted ROI of every track; tracks with an id and the best evidence come first."""
        done: list[Track] = []
        order = sorted(self._tracks, key=lambda track: (track.id is None, -body_evidence(track.landmarks)))
        looks = [look_for(track, order, stamp_s) for track in order]
        sets = self._workers.map(lambda look: look(image, self._blazepose, self._config.keep_score), looks)
        for track, look, found in zip(order, looks, sets, strict=True):
            self._take(track, look, found, image, stamp_s, done)

    def _take(
        self, track: Track, look: Look, found: LandmarkSet | None, image: ImageArray, stamp_s: float, done: list[Track]
    ) -> None:
        """Update a track with what was found for it, if that can be its person; then it joins those who are `done`."""
        was_seen, track.is_seen = track.is_seen, False
        track.age += 1
        if found is None or not self._continues(track, found, stamp_s):
            return
        if not self._ends_its_double(track, found, stamp_s, done) and is_known(found, [t.landmarks for t in done]):
            return
        appearance = appearance_of(image, found)
        in_doubt = look.has_neighbours or not was_seen
        if in_doubt and colour_distance(appearance, track.appearance) > self._config.max_colour_distance:
            return
        track.update(found, appearance, stamp_s)
        done.append(track)

    def _ends_its_double(self, track: Track, found: LandmarkSet, stamp_s: float, done: list[Track]) -> bool:
        """End the track that began a moment ago on the body of this older track, if there is one: one body, one id."""
        double = next((t for t in done if are_same_person(found, t.landmarks)), None)
        if double is None or stamp_s - double.born_s > _YOUNG_S or stamp_s - track.born_s <= _YOUNG_S:
            return False
        done.remove(double)
        self._tracks.remove(double)
        return True

    def _continues(self, track: Track, found: LandmarkSet, stamp_s: float) -> bool:
        """True if landmarks found at the predicted ROI of a track can be those of its person."""
        if body_evidence(found) < self._config.keep_evidence:
            return False
        growth = found.next_roi().size / track.landmarks.next_roi().size
        expected = track.expected_roi(stamp_s).centre
        moved = float(np.linalg.norm(found.next_roi().centre - expected)) / body_size(found)
        return MIN_GROWTH < growth < MAX_GROWTH and moved < 0.25 + 1.0 * (stamp_s - track.seen_s)

    def _search(
        self, image: ImageArray, stamp_s: float, others: Sequence[PersonBox], detection: DetectorCall | None
    ) -> None:
        """Known people gain or lose confidence by the detector's boxes, newcomers start a track."""
        height, width = image.shape[:2]
        seen_tracks = [track for track in self._tracks if track.is_seen]
        tile, found = (None, []) if detection is None else (detection.tile, detection.boxes())
        pairs = assign_boxes([track.landmarks for track in seen_tracks], found, (width, height))
        for number, track in enumerate(seen_tracks):
            if number in pairs:
                track.detect(found[pairs[number]])
            elif tile is not None and tile.holds(track.seen_box.box, (width, height)):
                track.fade()
            track.weigh((width, height))
        given = assign_boxes([track.landmarks for track in seen_tracks], others, (width, height))
        new = [box for number, box in enumerate(others) if number not in given.values()]
        new += [box for number, box in enumerate(found) if number not in pairs.values()]
        self._examine(image, stamp_s, [box for box in new if box.score >= self._config.min_score])

    def _examine(self, image: np.ndarray, stamp_s: float, boxes: Sequence[PersonBox]) -> None:
        """Look at boxes of nobody known; those that showed nobody a moment ago are left out."""
        recent = [(at, box) for at, box in self._rejected if stamp_s - at < self._config.recheck_s]
        boxes = [box for box in boxes if not any(is_same_place(box, other) for _, other in recent)]
        known = [Sighting(t.landmarks, t.seen_box, t.evidence) for t in self._tracks if t.is_seen]
        for box in boxes[: self._config.candidates_per_frame]:
            sighting = look_at(image, self._blazepose, box, [other.landmarks for other in known], 2)
            if sighting is None or sighting.confidence < self._config.birth_confidence or is_duplicate(sighting, known):
                recent.append((stamp_s, box))
                continue
            self._associate(sighting, appearance_of(image, sighting.landmarks), stamp_s)
            known.append(sighting)
        self._rejected = recent

    def _associate(self, sighting: Sighting, appearance: FloatingArray, stamp_s: float) -> None:
        """Assign a sighting to the lost track that fits best, or start a new track."""
        landmarks = sighting.landmarks
        fits = [
            (distance, track)
            for track in self._tracks
            if not track.is_seen
            and (distance := track.distance_to(landmarks, stamp_s)) < 0.35 + 0.5 * (stamp_s - track.seen_s)
            and (
                colour_distance(appearance, track.appearance) <= self._config.max_colour_distance
                or (stamp_s - track.seen_s <= _MOMENT_S and are_same_person(landmarks, track.predicted(stamp_s)))
            )
        ]
        if fits:
            track = min(fits, key=lambda fit: fit[0])[1]
            track.update(landmarks, appearance, stamp_s)
            track.detect(sighting.seen)
        elif len(self._tracks) < self._config.max_people:
            self._tracks.append(Track(landmarks, stamp_s, appearance, sighting.seen, sighting.evidence))

    def _end_tracks(self, stamp_s: float) -> None:
        """End the tracks that were not seen for too long, or that are hardly a person."""
        limit = self._config.max_coast_s
        assert self._shape is not None
        size = np.array([self._shape[1], self._shape[0]])
        self._tracks = [
            track
            for track in self._tracks
            if track.confidence >= self._config.keep_confidence
            and stamp_s - track.seen_s <= (limit / 4 if track.id is None or track.is_leaving(size, stamp_s) else limit)
        ]

    def _name_newcomers(self) -> None:
        """Give ids to the newcomers who were seen in enough frames."""
        for track in self._tracks:
            if (
                track.id is None
                and track.sightings >= self._config.birth_frames - _JITTER
                and track.confidence >= self._config.birth_confidence
            ):
                self._named += 1
                track.id = f"p{self._named}"
