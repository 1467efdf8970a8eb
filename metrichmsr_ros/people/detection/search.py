"""All people in one image: detections in all tiles, landmarks in several passes, checks, removal of duplicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose, check_image
from metrichmsr_ros.people.detection.plausibility import (
    Plausibility,
    Sighting,
    covers_detection,
    drift_between,
    is_known,
)
from metrichmsr_ros.people.detection.tiles import tile_around, tile_pyramid

_REFINE_SCORE = 0.3
_TURN, _TURN_WIDEN = 0.15, 1.05  # radians and scale of the ROI of the last pass, which checks the others


@dataclass(frozen=True)
class SearchConfig:
    """Effort and thresholds of the search of a single image.

    Attributes:
        divisors: tile sides as parts of the image's short side.
        min_side: px; smaller tiles are left out.
        overlap: share of a tile that the next tile also covers.
        passes: landmark calls per candidate; each pass crops around the body found by the last one.
        neighbour_rounds: number of searches for others close to the people found, who are masked.
        plausibility: thresholds that a candidate must pass to count as a person.
    """

    divisors: tuple[float, ...] = (1.0, 2.0, 3.0, 4.5)
    min_side: int = 96
    overlap: float = 0.5
    passes: int = 3
    neighbour_rounds: int = 2
    plausibility: Plausibility = field(default_factory=Plausibility)


def find_people(image: np.ndarray, blazepose: BlazePose, config: SearchConfig | None = None) -> list[LandmarkSet]:
    """Search the whole of one image, without tracks; about 5 ms per tile and 8 ms per landmark call.

    Args:
        image: HWC uint8 RGB of any size.
        blazepose: the two networks.
        config: effort and thresholds; None: the defaults.

    Returns:
        One `LandmarkSet` per person, the best first.

    Raises:
        ImageError: the image is not HWC uint8 RGB.
    """
    check_image(image)
    config = config or SearchConfig()
    height, width = image.shape[:2]
    tiles = tile_pyramid(width, height, config.divisors, config.min_side, config.overlap)
    found = _accepted(image, blazepose, detect_in_tiles(image, blazepose, tiles), [], config)
    fresh = found
    for _ in range(config.neighbour_rounds):
        around = [tile_around(sighting.landmarks.roi, width, height) for sighting in fresh]
        others = detect_in_tiles(image, blazepose, around, [sighting.landmarks for sighting in found])
        fresh = _accepted(image, blazepose, others, found, config)
        found = found + fresh
        if not fresh:
            break
    return [sighting.landmarks for sighting in keep_one_each(found)]


def _accepted(
    image: np.ndarray, blazepose: BlazePose, detections: list[Detection], known: list[Sighting], config: SearchConfig
) -> list[Sighting]:
    """Refine detections, and keep those that are plausible and not yet known."""
    fresh: list[Sighting] = []
    others = [sighting.landmarks for sighting in known]
    for detection in detections:
        if any(covers_detection(sighting.landmarks, detection) for sighting in known + fresh):
            continue
        sighting = refine_roi(image, blazepose, detection.roi(), config.passes, others)
        if sighting is not None and config.plausibility.accepts(sighting):
            fresh.append(sighting)
    return [s for s in keep_one_each(fresh) if not is_known(s.landmarks, others)]


def detect_in_tiles(
    image: np.ndarray, blazepose: BlazePose, tiles: list[Tile], without: Sequence[LandmarkSet] = ()
) -> list[Detection]:
    """Detections of all tiles, best first. Bodies cut off by a tile's border are left out; `without` are masked."""
    height, width = image.shape[:2]
    found = []
    for tile in tiles:
        detections = blazepose.detect(image, tile, without)
        found += [detection for detection in detections if tile.trusts(detection, (width, height))]
    return sorted(found, key=lambda detection: -detection.score)


def refine_roi(
    image: np.ndarray, blazepose: BlazePose, roi: Roi, passes: int = 2, without: Sequence[LandmarkSet] = ()
) -> Sighting | None:
    """Landmarks in `passes` passes, each through the ROI from the last one, and a check through a turned ROI.

    Returns:
        The landmarks of the last pass; None if a pass or the check finds no person (presence under 0.3).
    """
    before = blazepose.landmarks(image, roi, _REFINE_SCORE, without=without)
    if before is None:
        return None
    landmarks, drift, lowest = before, 1.0, before.score if passes == 1 else 1.0
    for _ in range(passes - 1):
        found = blazepose.landmarks(image, before.next_roi(), _REFINE_SCORE, without=without, keep=before)
        if found is None:
            return None
        landmarks, drift, lowest, before = found, drift_between(found, before), min(lowest, found.score), found
    base = landmarks.next_roi()
    turned = Roi(base.centre, base.size * _TURN_WIDEN, base.rotation - math.copysign(_TURN, base.rotation))
    check = blazepose.landmarks(image, turned, _REFINE_SCORE, without=without, keep=landmarks)
    return None if check is None else Sighting(landmarks, drift, min(lowest, check.score))


def keep_one_each(sightings: list[Sighting]) -> list[Sighting]:
    """Non-maximum suppression by landmarks, not boxes: of two people who overlap in the image, both stay."""
    kept: list[Sighting] = []
    for sighting in sorted(sightings, key=lambda s: -s.quality):
        if not is_known(sighting.landmarks, [other.landmarks for other in kept]):
            kept.append(sighting)
    return kept
