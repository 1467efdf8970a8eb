"""Improvement of scene depth by calibration on people: `python -m benchmarks.depth [--places 120] [--refiner FILE]`.

Held-out synthetic places (seeds that training does not use), 320x240. Prints AbsRel, MAE and delta1 of the initial
depth, of each closed form and of the learned refiner: over all pixels, over pixels farther than 1 m from any person,
and by the number of people. All places have the same weight.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.depth_rooms import Place, make_place
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.depth.calibration import METHODS
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration
from metrichmsr_ros.depth.calibration.refiner import refine
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.factory import SHIPPED_REFINER
from metrichmsr_ros.evaluation.metrics.depth import DepthErrors, depth_errors, mean_depth_errors

WIDTH, HEIGHT = 320, 240
FAR_FROM_PEOPLE = 1.0  # metres
HELD_OUT_SEED = 990_000

Method = Callable[[NDArray[np.float32], Place], Calibration]


def methods(refiner: Path) -> dict[str, Method]:
    """The compared methods by name, in the order of the table."""
    compared: dict[str, Method] = {"initial": lambda depth, place: IDENTITY}
    for name, fit in METHODS.items():
        compared[name] = lambda depth, place, fit=fit: fit(depth, place.anchor)  # type: ignore[misc]
    model = load_refiner(refiner)
    compared["refiner"] = lambda depth, place: refine(model, depth, place.anchor, place.camera)
    return compared


def far_from_people(place: Place) -> NDArray[np.bool_]:
    """(H, W) bool: pixels whose 3D point is more than `FAR_FROM_PEOPLE` from all visible points of people."""
    grid = np.stack(np.meshgrid(np.arange(place.camera.width), np.arange(place.camera.height)), axis=-1)
    points = place.camera.back_project(grid, place.depth)
    person = (place.part <= -2) & np.isfinite(place.depth)
    if not person.any():
        return np.isfinite(place.depth)
    known = np.isfinite(place.depth)
    distance = np.zeros(known.shape)
    distance[known] = cKDTree(points[person][::5]).query(points[known], distance_upper_bound=FAR_FROM_PEOPLE)[0]
    return known & (distance > FAR_FROM_PEOPLE)


def compare(
    places: int, compared: dict[str, Method]
) -> tuple[dict[tuple[str, str], list[DepthErrors]], dict[str, float]]:
    """Errors by (method, group of pixels or places), and mean milliseconds by method."""
    body, errors, seconds = load_body("open_light"), defaultdict(list), dict.fromkeys(compared, 0.0)
    for number in range(places):
        rng = np.random.default_rng(HELD_OUT_SEED + number)
        people = (1, 2, 4)[number % 3]
        place = make_place(rng, body, WIDTH, HEIGHT, people)
        initial = initial_depth(rng, place)
        far = far_from_people(place)
        known = np.isfinite(initial)
        for name, method in compared.items():
            start = time.perf_counter()
            depth = method(initial, place).apply(initial)
            seconds[name] += time.perf_counter() - start
            all_pixels = depth_errors(depth, place.depth, known)
            errors[name, "all pixels"].append(all_pixels)
            errors[name, f"{people} in view"].append(all_pixels)
            if (far & known).sum() > 100:
                errors[name, "far from people"].append(depth_errors(depth, place.depth, far & known))
    return errors, {name: 1e3 * total / places for name, total in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--refiner", type=Path, default=asset_path(SHIPPED_REFINER), help="weights; default: those of the package"
    )
    parser.add_argument("--places", type=int, default=120)
    options = parser.parse_args()
    compared = methods(options.refiner)
    errors, milliseconds = compare(options.places, compared)
    for which in ("all pixels", "far from people", "1 in view", "2 in view", "4 in view"):
        print(f"\n{which:18} {'AbsRel':>7} {'MAE m':>7} {'delta1':>7} {'of initial':>10} {'ms':>6}")
        start = mean_depth_errors(errors["initial", which]).abs_rel
        for name in compared:
            mean = mean_depth_errors(errors[name, which])
            print(
                f"  {name:16} {mean.abs_rel:7.3f} {mean.mae:7.3f} {mean.delta1:7.3f} "
                f"{mean.abs_rel / start:10.0%} {milliseconds[name]:6.1f}"
            )


if __name__ == "__main__":
    main()
