"""Tracking metrics: MOTA, IDF1, id switches (CLEAR MOT, Bernardin 2008; identity measures, Ristani 2016).

Matching follows TrackEval: within a frame an assignment that first keeps the pairs of the previous frame, then
minimises distance; a switch is counted when a true person is matched to another id than the last time it was matched.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.types import Float64Array

# Costs are lexicographic: pairs kept from the previous frame, then the number of pairs, then their distance (0 to 1
# each). The steps leave room for a thousand people and stay far above float64's resolution.
_KEEP = 1e6
_OUT_OF_REACH = 1e3


@dataclass(frozen=True)
class TrackingFrame:
    """One frame: the ids of true and of estimated people, and the distances between them.

    Attributes:
        truth: (G,) ids of the true people.
        predicted: (P,) ids of the estimated people.
        distance: (G, P) any dissimilarity (m, or 1 - IoU); NaN and infinity mean 'cannot match'.
    """

    truth: Sequence[Hashable]
    predicted: Sequence[Hashable]
    distance: ArrayLike


@dataclass(frozen=True)
class TrackingErrors:
    """Tracking results over all frames: ratios and counts.

    Attributes:
        mota: 1 - (misses + false_positives + switches) / people; may be negative.
        motp: mean distance of the matched pairs, in the unit of the distances; NaN without a match.
        idf1: 2 IDTP / (people + reports), ids matched one to one over the whole sequence.
        switches: changes of the id that a true person is matched to.
        misses: people without an estimate. false_positives: estimates without a person.
        matches: matched pairs. people: number of true people. reports: number of estimates.
    """

    mota: float
    motp: float
    idf1: float
    switches: int
    misses: int
    false_positives: int
    matches: int
    people: int
    reports: int


def match_people(distance: ArrayLike, gate: float, keep: ArrayLike | None = None) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) within ``gate``: first those in ``keep``, then most pairs, then least distance.

    Args:
        distance: (G, P); NaN and infinity cannot match.
        gate: largest distance of a pair (inclusive).
        keep: (G, P) bool, pairs that have priority over all others.
    """
    costs: Float64Array = np.array(distance, dtype=np.float64, ndmin=2)
    if costs.size == 0:
        return []
    reachable = np.isfinite(costs) & (costs <= gate)
    scale = gate if 0 < gate < np.inf else max(float(costs[reachable].max(initial=0.0)), 1.0)
    relative = np.where(reachable, costs, 0.0) / scale
    relative = relative - _KEEP * (np.zeros(costs.shape) if keep is None else np.asarray(keep, float))
    rows, columns = linear_sum_assignment(np.where(reachable, relative, _OUT_OF_REACH))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if reachable[r, c]]


def _checked_distance(frame: TrackingFrame, number: int) -> Float64Array:
    distance = np.asarray(frame.distance, dtype=np.float64)
    shape = (len(frame.truth), len(frame.predicted))
    if 0 in shape:
        return np.zeros(shape)
    if distance.shape != shape:
        raise MetricInputError(f"frame {number}: distance has shape {distance.shape}, expected {shape} for its ids")
    return distance


def _identity_matches(together: dict[tuple[Hashable, Hashable], int]) -> int:
    """IDTP: frames covered by the best one-to-one assignment of true to estimated ids."""
    if not together:
        return 0
    rows = {name: i for i, name in enumerate(dict.fromkeys(pair[0] for pair in together))}
    columns = {name: i for i, name in enumerate(dict.fromkeys(pair[1] for pair in together))}
    counts = np.zeros((len(rows), len(columns)))
    for (truth, predicted), frames in together.items():
        counts[rows[truth], columns[predicted]] = frames
    return int(counts[linear_sum_assignment(counts, maximize=True)].sum())


def tracking_errors(frames: Sequence[TrackingFrame], gate: float) -> TrackingErrors:
    """Score a sequence.

    Args:
        frames: in order of time.
        gate: largest distance of a match, in the unit of ``TrackingFrame.distance``.

    Raises:
        MetricInputError: no frames, no true people in any frame, or a distance matrix of the wrong shape.
    """
    people = sum(len(frame.truth) for frame in frames)
    reports = sum(len(frame.predicted) for frame in frames)
    if not frames or people == 0:
        raise MetricInputError(f"tracking over {len(frames)} frames with {people} true people is undefined")
    last: dict[Hashable, Hashable] = {}
    previous: dict[Hashable, Hashable] = {}
    together: dict[tuple[Hashable, Hashable], int] = {}
    switches = 0
    distances: list[float] = []
    for number, frame in enumerate(frames):
        distance = _checked_distance(frame, number)
        if distance.size == 0:
            continue  # as in TrackEval: the pairs of the last frame with people and estimates keep their priority
        keep = [[t in previous and previous[t] == p for p in frame.predicted] for t in frame.truth]
        pairs = match_people(distance, gate, keep)
        previous = {frame.truth[row]: frame.predicted[column] for row, column in pairs}
        switches += sum(last.get(truth, predicted) != predicted for truth, predicted in previous.items())
        last.update(previous)
        distances += [float(distance[pair]) for pair in pairs]
        for row, column in np.argwhere(np.isfinite(distance) & (distance <= gate)):
            pair = (frame.truth[row], frame.predicted[column])
            together[pair] = together.get(pair, 0) + 1
    matches = len(distances)
    misses, false_positives = people - matches, reports - matches
    return TrackingErrors(
        mota=1.0 - (misses + false_positives + switches) / people,
        motp=float(np.mean(distances)) if distances else float("nan"),
        idf1=2.0 * _identity_matches(together) / (people + reports),
        switches=switches,
        misses=misses,
        false_positives=false_positives,
        matches=matches,
        people=people,
        reports=reports,
    )
