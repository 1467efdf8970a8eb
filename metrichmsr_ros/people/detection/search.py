"""All people in one image: the detector's boxes, landmarks in several passes through each, and one body a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.geometry.boxes import share_covered
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose, check_image
from metrichmsr_ros.people.detection.confidence import confidence_of, evidence_of
from metrichmsr_ros.people.detection.person_detector import PersonBox, PersonDetector, detect_in_tiles
from metrichmsr_ros.people.detection.plausibility import are_same_person, share_on_bodies
from metrichmsr_ros.people.detection.tiles import tile_around, tile_pyramid
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import FloatingArray, ImageArray

SURE = 0.8
"""Confidence above which a sighting needs no other look."""
_HOPELESS = 0.15  # a ROI that shows less than this after two passes is given up
_EQUAL = 0.02  # differences of confidence that mean nothing
_CERTAIN = 0.9  # confidence that a body needs whose box lies within the box of somebody else
_MAX_SHARED, _MAX_WITHIN = 0.65, 0.7
_TALL = 2.2  # height of a box over its width above which it can only hold a whole person


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person in one image.

    Attributes:
        landmarks: of the best pass.
        seen: the detector's box.
        evidence: (5,) as from `evidence_of`.
    """

    landmarks: LandmarkSet
    seen: PersonBox
    evidence: FloatingArray

    @property
    def confidence(self) -> float:
        """Probability 0..1 that this is one person and this person."""
        return confidence_of(self.evidence)


@dataclass(frozen=True)
class SearchConfig:
    """Effort and thresholds of the search of a single image.

    Attributes:
        divisors: tile sides as parts of the image's short side; the whole image is searched, too.
        min_side: px; smaller tiles are left out.
        overlap: share of a tile that the next tile also covers.
        min_score: the detector's boxes with a lower score are left out.
        passes: landmark calls per ROI; each pass crops around the body found by the last one.
        min_confidence: sightings below this are left out.
    """

    divisors: tuple[float, ...] = (1.5, 3.0, 6.0)
    min_side: int = 300
    overlap: float = 0.25
    min_score: float = 0.25
    passes: int = 3
    min_confidence: float = 0.3


def find_people(
    image: ImageArray,
    blazepose: BlazePose,
    detector: PersonDetector,
    config: SearchConfig | None = None,
    workers: Workers | None = None,
) -> list[Sighting]:
    """Search the whole of one image, without tracks.

    Args:
        image: HWC uint8 RGB of any size, in which people are upright.
        blazepose: finds landmarks.
        detector: finds people.
        config: effort and thresholds; None: the defaults.
        workers: take several tiles and several people at a time; None: one after the other.

    Returns:
        One `Sighting` per person, the most certain first.

    Raises:
        ImageError: the image is not HWC uint8 RGB.
    """
    check_image(image)
    config = config or SearchConfig()
    tiles = tile_pyramid(image.shape[1], image.shape[0], config.divisors, config.min_side, config.overlap)
    workers = workers or Workers()
    boxes = detect_in_tiles(image, detector, tiles, config.min_score, workers)
    found = sightings_of(image, blazepose, boxes, config.passes, workers)
    return [sighting for sighting in found if sighting.confidence >= config.min_confidence]


def sightings_of(
    image: ImageArray, blazepose: BlazePose, boxes: Sequence[PersonBox], passes: int, workers: Workers | None = None
) -> list[Sighting]:
    """Bodies in boxes, once each, the most certain first, however uncertain.

    Whoever is uncertain or has the body of somebody else is looked at again, with the more certain people around
    masked: two people side by side do not become one body.
    """
    first = (workers or Workers()).map(lambda seen: look_at(image, blazepose, seen, (), passes), boxes)
    kept: list[Sighting] = []
    for sighting in sorted((s for s in first if s is not None), key=lambda s: -s.confidence):
        best = _apart(image, blazepose, sighting, kept, passes)
        if not is_duplicate(best, kept):
            kept.append(best)
    return sorted(kept, key=lambda s: -s.confidence)


def _apart(
    image: ImageArray, blazepose: BlazePose, sighting: Sighting, others: Sequence[Sighting], passes: int
) -> Sighting:
    """The sighting, or a better one with its neighbours among `others` masked."""
    around = [other.landmarks for other in others if share_within(other.seen, sighting.seen) > 0]
    is_double = is_duplicate(sighting, others)
    if not around or (sighting.confidence >= SURE and not is_double):
        return sighting
    again = look_at(image, blazepose, sighting.seen, around, passes)
    return sighting if again is None or (again.confidence < sighting.confidence and not is_double) else again


def look_at(
    image: ImageArray, blazepose: BlazePose, seen: PersonBox, others: Sequence[LandmarkSet], passes: int
) -> Sighting | None:
    """The most certain body in a box: through several ROIs, until one shows a person for sure.

    Args:
        image: HWC uint8 RGB.
        blazepose: finds landmarks.
        seen: the detector's box.
        others: bodies to mask.
        passes: landmark calls per ROI; each pass crops around the body found by the last one.

    Returns:
        None where every ROI lies outside the image.
    """
    best: Sighting | None = None
    for roi in _rois(image, blazepose, seen.box, others):
        here = _best_pass(_passes(image, blazepose, roi, seen, others, passes))
        if here is not None and (best is None or here.confidence > best.confidence):
            best = here
        if best is not None and best.confidence >= SURE:
            break
    return best


def _best_pass(looks: Iterator[Sighting]) -> Sighting | None:
    """The most certain look; of nearly equal ones the last, whose crop fits best."""
    best: Sighting | None = None
    for number, sighting in enumerate(looks):
        if best is None or sighting.confidence > best.confidence - _EQUAL:
            best = sighting
        if number and sighting.confidence < _HOPELESS:
            break
    return best


def _passes(
    image: ImageArray, blazepose: BlazePose, roi: Roi, seen: PersonBox, others: Sequence[LandmarkSet], passes: int
) -> Iterator[Sighting]:
    landmarks: LandmarkSet | None = None
    for _ in range(passes):
        landmarks = blazepose.landmarks(image, roi, 0.0, without=others, keep=landmarks)
        if landmarks is None:
            return
        yield Sighting(landmarks, seen, evidence_of(landmarks, seen, (image.shape[1], image.shape[0])))
        roi = landmarks.next_roi()


def _rois(image: ImageArray, blazepose: BlazePose, box: FloatingArray, others: Sequence[LandmarkSet]) -> Iterator[Roi]:
    """ROIs of the person in a box, made when asked for: from BlazePose's own detector, which knows how people lie and
    where cut-off people go on; as if the box held all of the person; and as if it ended at the hips."""
    height, width = image.shape[:2]
    clipped = np.clip(box, 0, [width, height, width, height])
    whole = Roi.from_box(clipped)
    torsos = blazepose.detect(image, tile_around(whole, width, height, 1.3), others)
    within = [d for d in torsos if (d.keypoints[2] >= box[:2]).all() and (d.keypoints[2] <= box[2:]).all()]
    if within:
        yield max(within, key=lambda detection: detection.score).roi()
    yield whole
    across, down = clipped[2:] - clipped[:2]
    if down < _TALL * across:
        yield Roi(np.array([clipped[[0, 2]].mean(), clipped[3]]), 2.5 * float(down))


def is_duplicate(sighting: Sighting, others: Sequence[Sighting]) -> bool:
    """True when a body is that of another sighting.

    Where the box lies within that of somebody else, it may be a part of them: then the body must be certain, and no
    mixture of theirs.
    """
    if any(are_same_person(sighting.landmarks, other.landmarks) for other in others):
        return True
    around = [other.landmarks for other in others if share_within(sighting.seen, other.seen) > _MAX_WITHIN]
    if not around:
        return False
    return sighting.confidence < _CERTAIN or share_on_bodies(sighting.landmarks, around) > _MAX_SHARED


def share_within(seen: PersonBox, other: PersonBox) -> float:
    """Share of a box's area that another box covers."""
    return float(share_covered(seen.box[None], other.box[None])[0, 0])
