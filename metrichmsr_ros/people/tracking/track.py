"""The track of one person: the last landmarks, and the predicted position."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.detection.confidence import confidence_of, evidence_of
from metrichmsr_ros.people.detection.person_detector import MIN_SCORE, PersonBox
from metrichmsr_ros.people.detection.plausibility import body_size, torso_points
from metrichmsr_ros.people.stamps import news_share
from metrichmsr_ros.types import Float64Array, FloatingArray

MIN_GROWTH, MAX_GROWTH = 0.6, 1.7
"""Limits of the ratio of a person's sizes in the image at two sightings."""
_TRUST_S = 0.25  # time for which the last velocity predicts: people stop and turn
_HALF_LIFE_S = 0.1
"""Time after which half of the velocity is that of newer images: the noise of a step grows with the rate of images."""
_MAX_SPEED = 3.0
"""Body sizes per second."""
_NEWS = 0.3
"""Weight of one look in the running mean of the evidence that a track is a person; of looks that follow each other
more quickly than `IMAGE_S`, as of all weights here, less."""
_NEW_LOOK = 0.1
"""Weight of one look in the mean appearance."""
_TOO_SMALL = 0.85
"""Size of the next ROI, divided by that around the detector's box, below which the body was drawn too small."""
_FADE = 0.8
"""The detector's last score of a person counts by so much less after a call that does not see them."""


@dataclass(frozen=True, eq=False)
class TrackedPerson:
    """One person in one frame.

    Attributes:
        id: a letter and a number, never given to another person by the same tracker.
        age: frames since this person was first seen.
        landmarks: of this frame; while occluded, the last ones moved to the predicted position.
        is_occluded: the person was not seen in this frame.
        bbox: (4,) x0, y0, x1, y1 px around the landmarks.
        confidence: probability 0..1 that this is one person and this person, when last seen.
    """

    id: str
    age: int
    landmarks: LandmarkSet
    is_occluded: bool
    bbox: FloatingArray
    confidence: float

    def mapped(self, matrix: FloatingArray) -> TrackedPerson:
        """The same person in px of another image of the same camera; `matrix` as for `Roi.mapped`."""
        landmarks = self.landmarks.mapped(matrix)
        return replace(self, landmarks=landmarks, bbox=landmarks.bbox())


@dataclass(eq=False)
class Track:
    """One tracked person, or a newcomer without an id.

    Attributes:
        landmarks: the last sighting.
        seen_s: its stamp.
        appearance: slow mean of `appearance_of`, (2, 3) CIELAB.
        id: None for a newcomer.
        born_s: stamp of the first sighting.
        age: frames since the first sighting.
        sightings: number of frames with a sighting; those soon after one count as far as they are news.
        velocity: (2,) px/s of the torso.
        is_seen: seen in the current frame.
        seen_box: the detector's last box, moved with the body; its score fades while the detector sees nobody here.
        evidence: (5,) running mean over time of `evidence_of`.
        is_detected: the detector saw the person when it last searched where they are.
    """

    landmarks: LandmarkSet
    seen_s: float
    appearance: FloatingArray
    seen_box: PersonBox
    evidence: FloatingArray
    id: str | None = None
    age: int = 0
    sightings: float = 1.0
    velocity: FloatingArray = field(default_factory=lambda: np.zeros(2))
    is_seen: bool = True
    is_detected: bool = True

    def __post_init__(self) -> None:
        """The first sighting is the first look at the evidence, and the detector's."""
        self.born_s = self._weighed_s = self._searched_s = self.seen_s

    @property
    def confidence(self) -> float:
        """Probability 0..1 that this is one person and this person."""
        return confidence_of(self.evidence)

    def update(self, landmarks: LandmarkSet, appearance: FloatingArray, stamp_s: float) -> None:
        """Update the track with a sighting."""
        self.seen_box = self.seen_box.moved(landmarks.next_roi().centre - self.landmarks.next_roi().centre)
        elapsed = stamp_s - self.seen_s
        if elapsed > 0:
            moved = torso_points(landmarks).mean(0) - torso_points(self.landmarks).mean(0)
            limit = _MAX_SPEED * body_size(landmarks)
            kept = 0.5 ** (elapsed / _HALF_LIFE_S)
            self.velocity = kept * self.velocity + (1.0 - kept) * np.clip(moved / elapsed, -limit, limit)
        new = _NEW_LOOK * news_share(elapsed)
        mean = (1.0 - new) * self.appearance + new * appearance
        self.appearance = np.where(np.isfinite(mean), mean, appearance)
        self.landmarks, self.seen_s, self.is_seen = landmarks, stamp_s, True
        self.sightings += news_share(elapsed)

    def change_pixels(self, to_new: Float64Array) -> None:
        """Move all places in pixels to where the same camera shows them in images of another resolution, or turned.

        Args:
            to_new: (3, 3) affine map from px of the images so far to px of those that follow.
        """
        matrix, shift = to_new[:2, :2], to_new[:2, 2]
        self.landmarks = self.landmarks.mapped(to_new)
        self.velocity = matrix @ self.velocity
        corners = self.seen_box.box.reshape(2, 2) @ matrix.T + shift
        self.seen_box = replace(self.seen_box, box=np.concatenate([corners.min(axis=0), corners.max(axis=0)]))

    def weigh(self, size: tuple[int, int]) -> None:
        """Let this frame's landmarks and the detector's last box count for or against a person.

        Args:
            size: of the image, (width, height) px.
        """
        seen = self.seen_box if self.seen_box.score >= MIN_SCORE else None
        now = evidence_of(self.landmarks, seen, size)
        news, self._weighed_s = _NEWS * news_share(self.seen_s - self._weighed_s), self.seen_s
        self.evidence = self.evidence + news * (now - self.evidence)

    def detect(self, box: PersonBox) -> None:
        """The detector saw the person in this box."""
        self.seen_box, self.is_detected, self._searched_s = box, True, self.seen_s

    def fade(self) -> None:
        """The detector searched the image of the last sighting here, and saw nobody."""
        left, self._searched_s = _FADE ** news_share(self.seen_s - self._searched_s), self.seen_s
        self.seen_box, self.is_detected = replace(self.seen_box, score=left * self.seen_box.score), False

    def expected_roi(self, stamp_s: float) -> Roi:
        """The predicted ROI. The velocity counts for about a quarter of a second, because people stop and turn."""
        roi = self.landmarks.next_roi()
        return Roi(roi.centre + self._drift(stamp_s), roi.size, roi.rotation)

    def roi_to_search(self, stamp_s: float) -> Roi:
        """The predicted ROI, or one around the detector's box where that is much larger.

        A skeleton takes its size from the crop, and the next crop from the skeleton: one that is too small stays small.
        """
        expected = self.expected_roi(stamp_s)
        around_box = Roi.from_box(self.seen_box.moved(self._drift(stamp_s)).box)
        return around_box if self.is_detected and expected.size < _TOO_SMALL * around_box.size else expected

    def predicted(self, stamp_s: float) -> LandmarkSet:
        """The landmarks of the last sighting, moved to the predicted position."""
        roi = self.landmarks.roi
        return self.landmarks.moved_to(Roi(roi.centre + self._drift(stamp_s), roi.size, roi.rotation))

    def _drift(self, stamp_s: float) -> FloatingArray:
        """(2,) px by which the person is expected to have moved since the last sighting."""
        return self.velocity * (_TRUST_S * (1.0 - math.exp(-(stamp_s - self.seen_s) / _TRUST_S)))

    def reported(self, stamp_s: float) -> TrackedPerson:
        """The person in the current frame; needs an id."""
        assert self.id is not None
        landmarks = self.landmarks if self.is_seen else self.predicted(stamp_s)
        return TrackedPerson(self.id, self.age, landmarks, not self.is_seen, landmarks.bbox(), self.confidence)

    def is_close_to(self, roi: Roi) -> bool:
        """True when this body may overlap a ROI."""
        gap = float(np.linalg.norm(self.landmarks.next_roi().centre - roi.centre))
        return gap < 0.5 * (roi.size + body_size(self.landmarks))

    def distance_to(self, landmarks: LandmarkSet, stamp_s: float) -> float:
        """Distance of a sighting from the path since the last one, in body sizes; infinite if sizes differ."""
        if not MIN_GROWTH < landmarks.roi.size / self.landmarks.roi.size < MAX_GROWTH:
            return math.inf
        walked = self.velocity * (stamp_s - self.seen_s)
        gap = torso_points(landmarks).mean(0) - torso_points(self.landmarks).mean(0)
        along = float(np.clip(gap @ walked / max(float(walked @ walked), 1e-6), 0.0, 1.0))
        return float(np.linalg.norm(gap - along * walked)) / body_size(landmarks)

    def is_leaving(self, size: FloatingArray, stamp_s: float) -> bool:
        """True when the person, at the last velocity, is outside an image of this (width, height) by now."""
        hips = self.landmarks.next_roi().centre + self.velocity * (stamp_s - self.seen_s)
        return bool((hips < 0).any() or (hips > size).any())
