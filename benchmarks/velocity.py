"""Whether velocities of people are as wrong as stated, on rendered walkers with truth.

    python -m benchmarks.velocity --seeds 0 1 2 3 4 --fps 10

Printed per axis of the camera: error of the velocity, its stated deviation, and the share of true velocities inside the
ellipsoid that should hold 68.3 % of them. `RootFilterConfig` is set by these figures.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.random_walkers import random_walkers
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import Float64Array

NEAR = 0.25  # of the distance, within which an estimate belongs to a walker
SLOPE_S = 0.25  # half the window of the true velocity: a step of the walk takes twice as long
SETTLED_S = 1.0  # after the first image of a track
INSIDE = 3.527  # 68.3 % of a chi-squared with 3 degrees of freedom
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass(frozen=True)
class Velocities:
    """N estimates: error (N, 3) m/s, stated deviation (N, 3) m/s, squared Mahalanobis distance (N,)."""

    error: Float64Array
    stated: Float64Array
    distance: Float64Array

    @property
    def inside(self) -> float:
        """Share of true velocities inside one standard deviation."""
        return float((self.distance < INSIDE).mean())


def measure(pipeline: Pipeline, sequence: WalkingSequence) -> Velocities:
    """Velocities of everybody who is seen in a sequence."""
    pipeline.reset()
    tracks: dict[tuple[str, str], list[tuple[float, PersonEstimate]]] = defaultdict(list)
    truth: dict[str, list[tuple[float, Float64Array]]] = defaultdict(list)
    for frame in sequence:
        for walker in frame.people:
            truth[walker.id].append((frame.stamp_s, walker.transl_cam.astype(np.float64)))
        for person in pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN).people:
            gaps = {w.id: float(np.linalg.norm(w.transl_cam - person.transl_cam)) for w in frame.people}
            name = min(gaps, key=lambda key: gaps[key], default="")
            if name and gaps[name] < NEAR * float(np.linalg.norm(person.transl_cam)) and not person.is_occluded:
                tracks[name, person.id].append((frame.stamp_s, person))
    rows = [
        _row(person, _true_velocity(truth[name], stamp_s))
        for (name, _), seen in tracks.items()
        for stamp_s, person in seen
        if stamp_s - seen[0][0] > SETTLED_S
    ]
    error, stated, distance = (np.array([row[k] for row in rows]) for k in range(3))
    return Velocities(error, stated, distance)


def _row(person: PersonEstimate, true: Float64Array) -> tuple[Float64Array, Float64Array, float]:
    error = person.velocity_cam.astype(np.float64) - true
    covariance = person.position_cov6[3:, 3:].astype(np.float64)
    return error, np.sqrt(np.diag(covariance)), float(error @ np.linalg.solve(covariance, error))


def _true_velocity(places: list[tuple[float, Float64Array]], stamp_s: float) -> Float64Array:
    """(3,) m/s: slope of a line through the true places around a moment."""
    near = [(stamp, place) for stamp, place in places if abs(stamp - stamp_s) < SLOPE_S]
    return np.polyfit([stamp for stamp, _ in near], np.stack([place for _, place in near]), 1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    count = int(options.seconds * options.fps)
    found = [measure(pipeline, random_walkers(count, options.fps, seed)) for seed in options.seeds]
    all_of = Velocities(*(np.concatenate([getattr(v, n) for v in found]) for n in ("error", "stated", "distance")))
    table = Table("axis", "error, rms m/s", "stated deviation m/s", title=f"{len(all_of.distance)} velocities")
    for axis, error, stated in zip("xyz", all_of.error.T, all_of.stated.T, strict=True):
        table.add_row(axis, f"{np.sqrt((error**2).mean()):.3f}", f"{stated.mean():.3f}")
    Console().print(table)
    print(f"inside one standard deviation: {all_of.inside:.2f} (0.68 if stated exactly)")


if __name__ == "__main__":
    main()
