"""Fit the weights of metrichmsr_ros/people/detection/confidence.py.

    PYTHONPATH=. python scripts/fit_confidence.py --photographs DIR [--scenes 160] [--seed 1]

Rendered scenes over the photographs, and the photographs alone, are judged as by `benchmarks.reliability`. Every box of
the detector counts, down to the lowest score, and so does what BlazePose's own detector finds outside the boxes: it
shows how often a body is right that the person detector does not see. Prints the weights, and how well they hold on
images left out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.reliability import Judge, empty_photographs, judge_scene
from metrichmsr_ros.data.rendering.background import load_backgrounds
from metrichmsr_ros.data.synthesis.scene import SceneMaker
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.confidence import EVIDENCE, evidence_of
from metrichmsr_ros.people.detection.person_detector import PersonBox, PersonDetector
from metrichmsr_ros.people.detection.search import Sighting, sightings_of
from metrichmsr_ros.people.tracking.box_assignment import assign_boxes
from metrichmsr_ros.types import Float64Array, ImageArray

PASSES = 3
PENALTY = 0.05
"""Of the squared weights, in units of one sighting's log-likelihood."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Sightings: evidence (N, 5), whether each is right (N,), and the number of its image (N,)."""

    evidence: Float64Array
    is_right: NDArray[np.bool_]
    image: NDArray[np.int64]


class Collector:
    """Looks at every box in images and keeps the evidence."""

    def __init__(self) -> None:
        self._blazepose, self._detector = BlazePose(1), PersonDetector(1)
        self._rows: list[tuple[Float64Array, bool, int]] = []
        self._images = 0

    def add(self, image: ImageArray, is_right: Judge) -> None:
        """All sightings of one image."""
        boxes = self._detector.detect(image)
        for sighting in sightings_of(image, self._blazepose, boxes, PASSES):
            self._rows.append((sighting.evidence, bool(is_right(sighting)), self._images))
        self._add_unseen(image, boxes, is_right)
        self._images += 1

    def _add_unseen(self, image: ImageArray, boxes: list[PersonBox], is_right: Judge) -> None:
        """Bodies that BlazePose finds where the person detector sees nobody."""
        size = (image.shape[1], image.shape[0])
        for detection in self._blazepose.detect(image):
            landmarks = self._blazepose.landmarks(image, detection.roi(), 0.0)
            if landmarks is None or assign_boxes([landmarks], boxes, size):
                continue
            sighting = Sighting(landmarks, PersonBox(0.0, landmarks.bbox()), evidence_of(landmarks, None, size))
            self._rows.append((sighting.evidence, bool(is_right(sighting)), self._images))

    def rows(self) -> Rows:
        """Everything so far."""
        evidence, is_right, image = zip(*self._rows, strict=True)
        return Rows(np.stack(evidence), np.array(is_right), np.array(image))


def fit(rows: Rows) -> Float64Array:
    """(6,) bias and weights of the most likely logistic model, with a small penalty; no evidence counts against itself.

    Weights below zero would reward less evidence; they are set to zero.
    """
    inputs = np.column_stack([np.ones(len(rows.evidence)), rows.evidence])

    def cost(weights: Float64Array) -> tuple[float, Float64Array]:
        odds = inputs @ weights
        penalty = PENALTY * np.r_[0, weights[1:]]
        value = float((np.logaddexp(0, odds) - rows.is_right * odds).sum() + 0.5 * weights @ penalty)
        return value, inputs.T @ (1 / (1 + np.exp(-odds)) - rows.is_right) + penalty

    bounds = [(None, None)] + [(0, None)] * len(EVIDENCE)
    result: Float64Array = minimize(cost, np.zeros(inputs.shape[1]), jac=True, bounds=bounds).x
    return result


def report(rows: Rows, weights: Float64Array) -> None:
    """Print stated and true shares by confidence."""
    confidence = 1 / (1 + np.exp(-(rows.evidence @ weights[1:] + weights[0])))
    edges = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    for low, high in pairwise(edges):
        chosen = (confidence >= low) & (confidence < high + (high == 1))
        if chosen.any():
            stated, true = confidence[chosen].mean(), rows.is_right[chosen].mean()
            print(
                f"confidence {low:.1f}-{high:.1f}: {chosen.sum():5d} sightings, stated {stated:.2f}, right {true:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True, help="photographs without people")
    parser.add_argument("--scenes", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    collector, rng = Collector(), np.random.default_rng(options.seed)
    maker = SceneMaker(load_backgrounds(options.photographs, held_out=False), held_out=False)
    for _ in range(options.scenes):
        scene = maker.make(rng)
        collector.add(scene.image, judge_scene(scene))
    for image in empty_photographs(options.photographs):
        collector.add(image, lambda _: False)
    rows = collector.rows()
    test = rows.image % 4 == 3
    parts = [Rows(rows.evidence[mask], rows.is_right[mask], rows.image[mask]) for mask in (~test, test)]
    report(parts[1], fit(parts[0]))
    weights = fit(rows)
    print("BIAS =", round(float(weights[0]), 2))
    print("WEIGHTS =", tuple(round(float(weight), 2) for weight in weights[1:]), EVIDENCE)


if __name__ == "__main__":
    main()
