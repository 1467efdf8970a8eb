"""Effect of a known floor and a depth sensor on people's positions, on rendered sequences with truth.

    python -m benchmarks.scene_context --frames 120 --seeds 10 11 12

`demo` is the sequence of `metrichmsr demo`; the others show random people (benchmarks/random_walkers.py), one for each
seed. Nothing was tuned on them.

The floor comes from a camera mount with an error of 0.3 degrees and 1 cm. Depth comes from a simulated RGB-D camera:
noise of 0.2 % of the distance per metre, 30 % holes, no values at edges or beyond its range. `sigma` is the root mean
square of the reported standard deviation along the line of sight, and `z` that of the errors along it in units of the
reported deviation: above 1 the covariance is too small, below 1 too large.
"""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from benchmarks.random_walkers import random_walkers
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, WalkingSequence
from metrichmsr_ros.depth.sources.base import DepthMap
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.evaluation.metrics.matching import TrueFrame, TruePerson
from metrichmsr_ros.evaluation.metrics.report import evaluate_sequence
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, SceneContext
from metrichmsr_ros.replay.records import PersonRecord, person_from_estimate

FPS = 10.0
MOUNT_TILT, MOUNT_HEIGHT = np.deg2rad(0.3), 0.01
MIN_VISIBLE = 0.5
CASES = {
    "image alone": (False, None),
    "floor": (True, None),
    "depth to 6 m": (False, 6.0),
    "depth to 10 m": (False, 10.0),
    "floor, depth to 6 m": (True, 6.0),
}


@dataclass
class Row:
    """One case: errors of roots and heights, m; reported deviations, m; errors in deviations; seconds per frame."""

    roots: list[float] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    deviations: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A line of the table."""
        roots, heights = np.array(self.roots), np.array(self.heights)
        sigma, score = (float(np.sqrt(np.mean(np.square(v)))) for v in (self.deviations, self.scores))
        return (
            f"| {name} | {len(roots)} | {np.median(roots):.3f} | {roots.mean():.3f} | {heights.mean():.3f} "
            f"| {sigma:.3f} | {score:.2f} | {1e3 * float(np.median(self.seconds)):.1f} |"
        )


_LEAN = OutputRequest(vertices=False, depth=False)


def floor_of(frame: SequenceFrame) -> Plane:
    up = Rotation.from_rotvec([MOUNT_TILT, 0, 0]).as_matrix() @ frame.T_world_cam[2, :3]
    return Plane(up, -(frame.T_world_cam[2, 3] + MOUNT_HEIGHT))


def sensor_depth(frame: SequenceFrame, reach: float, rng: np.random.Generator) -> DepthMap:
    exact = frame.depth
    depth = exact + 0.002 * exact**2 * rng.normal(size=exact.shape)
    edges = cv2.morphologyEx(exact, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0.2
    depth[edges | (exact > reach) | (rng.random(exact.shape) < 0.3)] = np.nan
    return DepthMap(depth.astype(np.float32), frame.camera, "sensor", is_sensor=True)


def true_frame(frame: SequenceFrame) -> TrueFrame:
    people = (TruePerson(p.id, p.joints_cam, p.visible_fraction >= MIN_VISIBLE, p.height) for p in frame.people)
    return TrueFrame(frame.stamp_s, tuple(people))


def run(pipeline: Pipeline, frames: list[SequenceFrame], has_floor: bool, reach: float | None, row: Row) -> None:
    rng = np.random.default_rng(0)
    pipeline.reset()
    estimates: list[list[PersonRecord]] = []
    by_frame: list[dict[str, float]] = []
    for frame in frames:
        context = SceneContext(
            floor_of(frame) if has_floor else None, None if reach is None else sensor_depth(frame, reach, rng)
        )
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN, context=context)
        estimates.append([person_from_estimate(person) for person in scene.people])
        reported = {person.id: deviation_along_sight(person) for person in scene.people}
        by_frame.append(reported)
        row.deviations += reported.values()
        row.seconds.append(scene.timings["scale"])
    truth = [true_frame(frame) for frame in frames]
    for pair in evaluate_sequence(truth, estimates).pairs:
        row.roots.append(pair.root_error_m)
        row.heights.append(pair.height_error_mm / 1e3)
        (true,) = (person for person in truth[pair.frame].people if person.id == pair.true_id)
        (estimate,) = (person for person in estimates[pair.frame] if person.id == pair.estimated_id)
        error = float(np.linalg.norm(estimate.joints_cam[0]) - np.linalg.norm(true.joints_cam[0]))
        row.scores.append(error / by_frame[pair.frame][pair.estimated_id])


def deviation_along_sight(person: PersonEstimate) -> float:
    """The reported standard deviation of the root along the line of sight, m."""
    sight: NDArray[np.float64] = person.transl_cam / np.linalg.norm(person.transl_cam)
    return float(np.sqrt(sight @ person.transl_cov @ sight))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--seeds", type=int, nargs="*", default=[10, 11, 12], help="of random people; none: demo alone")
    options = parser.parse_args()
    count = options.frames
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {count} frames of 640x480")
    print_table("demo", [WalkingSequence(count, FPS)], pipeline)
    if options.seeds:
        sequences = [random_walkers(count, FPS, seed) for seed in options.seeds]
        print_table(f"random people {options.seeds}", sequences, pipeline)


def print_table(name: str, sequences: list[WalkingSequence], pipeline: Pipeline) -> None:
    """Print one table over all `sequences`."""
    rows = {case: Row() for case in CASES}
    for sequence in sequences:
        frames = list(sequence)
        for case, (has_floor, reach) in CASES.items():
            run(pipeline, frames, has_floor, reach, rows[case])
    print(f"\n| {name}: given | people | root median m | root mean m | height m | sigma m | z | ms per frame |")
    print(
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(row.text(case) for case, row in rows.items()),
        sep="\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
