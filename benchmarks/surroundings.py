"""What a known floor and a depth sensor give to people's positions, on the sequence of `metrichmsr demo`.

    python -m benchmarks.surroundings --frames 120

The floor comes from a camera mount that is 0.3 degrees and 1 cm off. Depth comes from a simulated RGB-D camera: noise
of 0.2 % of the distance per metre, 30 % holes, nothing at edges or beyond its range. `claimed` is the root mean square
of the standard deviation along the line of sight that the node puts into its covariance.
"""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.data.sequence import SequenceFrame, WalkingSequence
from metrichmsr_ros.depth.ground import Plane
from metrichmsr_ros.depth.sources import DepthMap
from metrichmsr_ros.evaluation.matching import TrueFrame, TruePerson
from metrichmsr_ros.evaluation.records import PersonRecord, person_from_estimate
from metrichmsr_ros.evaluation.sequence import evaluate_sequence
from metrichmsr_ros.pipeline import Pipeline, limit_threads
from metrichmsr_ros.scene import PersonEstimate, Wanted
from metrichmsr_ros.surroundings import Surroundings

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


@dataclass(frozen=True)
class Row:
    """One case. mean and median of the root's error m, of the height m, claimed deviation m, milliseconds a frame."""

    found: int
    median: float
    mean: float
    height: float
    claimed: float
    milliseconds: float


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


def run(pipeline: Pipeline, frames: list[SequenceFrame], has_floor: bool, reach: float | None) -> Row:
    rng = np.random.default_rng(0)
    pipeline.reset()
    estimates: list[list[PersonRecord]] = []
    deviations, seconds = [], []
    for frame in frames:
        around = Surroundings(
            floor_of(frame) if has_floor else None, None if reach is None else sensor_depth(frame, reach, rng)
        )
        scene = pipeline.process(frame.image, frame.camera, frame.stamp_s, Wanted(False, False), around)
        estimates.append([person_from_estimate(person) for person in scene.people])
        deviations += [deviation_along_sight(person) for person in scene.people]
        seconds.append(scene.timings["known"])
    report = evaluate_sequence([true_frame(frame) for frame in frames], estimates)
    claimed = float(np.sqrt(np.mean(np.square(deviations))))
    height = report.height_error_mm / 1e3
    return Row(report.found, report.root_median_m, report.root_mean_m, height, claimed, 1e3 * float(np.median(seconds)))


def deviation_along_sight(person: PersonEstimate) -> float:
    sight: NDArray[np.float64] = person.transl_cam / np.linalg.norm(person.transl_cam)
    return float(np.sqrt(sight @ person.transl_cov @ sight))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    count = parser.parse_args().frames
    limit_threads("embedded", "cpu")
    pipeline = Pipeline.from_preset("embedded")
    frames = list(WalkingSequence(count, FPS))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {count} frames of 640x480\n")
    print("| known | people | root median m | root mean m | height m | claimed m | ms a frame |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, (has_floor, reach) in CASES.items():
        row = run(pipeline, frames, has_floor, reach)
        print(
            f"| {name} | {row.found} | {row.median:.3f} | {row.mean:.3f} | {row.height:.3f} | {row.claimed:.3f} "
            f"| {row.milliseconds:.1f} |"
        )


if __name__ == "__main__":
    main()
