"""The probability that a sighting is one person, and this person: a logistic model of several kinds of evidence.

The detector says whether a person is there, the landmark network whether its crop shows one, the peaks of its heatmaps
whether landmarks lie on a body, and the overlap of both whether landmarks belong to the person of the box: a body
across two people reaches out of either box. `scripts/fit_confidence.py` fits the weights on rendered people and on
photographs of places without people; `python -m benchmarks.reliability` measures how well probabilities hold.
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.detection.person_detector import PersonBox
from metrichmsr_ros.people.detection.plausibility import TORSO, body_evidence
from metrichmsr_ros.types import FloatingArray

EVIDENCE = ("detector", "presence", "peaks", "overlap", "torso")
"""What `evidence_of` returns, in this order; see there."""
WEIGHTS = (1.0, 0.89, 3.38, 1.07, 9.54)
BIAS = -1.85
LEAST_SCORE = 0.03
"""Lower scores of the detector, and people whom it does not see at all, count as this."""
_ROOM = 0.1  # landmarks count as inside a box that is larger by this share of its sides


def evidence_of(landmarks: LandmarkSet, seen: PersonBox | None, size: tuple[int, int]) -> FloatingArray:
    """(5,) about zero where it is undecided, larger where it speaks for a person: `EVIDENCE`.

    Args:
        landmarks: of the sighting.
        seen: the detector's box of the same person; None: it sees nobody there.
        size: of the image, (width, height) px.

    Returns:
        Log odds of the detector's score and of the landmark network's presence (both scaled), mean heatmap peak,
        overlap of the box with the one around the visible landmarks, and visibility of shoulders and hips. The score
        counts as far as these landmarks lie inside the box: the detector says nothing about a body outside.
    """
    inside, overlap = (0.0, 0.0) if seen is None else agreement(landmarks, seen.box, size)
    score = 0.0 if seen is None else seen.score * inside
    return np.array(
        [
            _log_odds(score, LEAST_SCORE) / 2,
            _log_odds(landmarks.score, 0.01) / 4,
            5 * (body_evidence(landmarks) - 0.4),
            overlap - 0.5,
            float(landmarks.visibility[TORSO].mean()) - 0.8,
        ]
    )


def agreement(landmarks: LandmarkSet, box: FloatingArray, size: tuple[int, int]) -> tuple[float, float]:
    """Whether landmarks lie on the person of a box, both limited to the image of this (width, height).

    Returns:
        Share of the visible landmarks inside the box, and intersection over union of the box and theirs, 0..1 each.
    """
    points, image = landmarks.pixels[:33], np.array([*size, *size], np.float64)
    in_image = np.logical_and(points >= 0, points < image[:2]).all(axis=1)
    seen = np.flatnonzero(np.logical_and(in_image, landmarks.visibility[:33] > 0.5))
    if not len(seen):
        return 0.0, 0.0
    room = _ROOM * (box[2:] - box[:2])
    inside = ((points[seen] >= box[:2] - room) & (points[seen] <= box[2:] + room)).all(axis=1)
    around = np.concatenate([points[seen].min(0), points[seen].max(0)])
    return float(np.mean(inside)), float(box_iou(around[None], np.clip(box, 0, image)[None])[0, 0])


def confidence_of(evidence: FloatingArray) -> float:
    """Probability 0..1 from the (5,) of `evidence_of`, or from their mean over time."""
    odds = float(evidence @ np.array(WEIGHTS) + BIAS)
    return float(1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30))))


def _log_odds(probability: float, least: float) -> float:
    limited = min(max(probability, least), 1 - least)
    return float(np.log(limited / (1 - limited)))
