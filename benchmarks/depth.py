"""Improvement of scene depth by calibration on people: `python -m benchmarks.depth [--initial fastdepth]`.

Held-out synthetic places (seeds that training does not use), 320x240. Prints AbsRel, MAE and delta1 of the initial
depth, of each closed form and of the learned refiner, each applied as far as people confirm it, as in the pipeline:
over all pixels, after the best scale for each place, over pixels farther than 1 m from any person, and by the number of
people. All places have the same weight. The initial depth has modelled errors, or is that of the real FastDepth on the
painted places; then pixels up to 10 m count, and the network's own errors are printed, which `evidence` and `fastdepth`
hold as constants.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.data.rendering.background import Backgrounds, load_backgrounds
from metrichmsr_ros.data.rendering.depth_rooms import Place, make_place
from metrichmsr_ros.data.rendering.painted_places import painted
from metrichmsr_ros.data.synthesis.depth_corruptions import initial_depth
from metrichmsr_ros.depth.calibration import METHODS
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration
from metrichmsr_ros.depth.calibration.confirm import confirm
from metrichmsr_ros.depth.calibration.evidence import SourceErrors, measure
from metrichmsr_ros.depth.calibration.network import TorchRefiner
from metrichmsr_ros.depth.calibration.refiner import refine
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.depth.engine import ELEMENT_PX
from metrichmsr_ros.depth.factory import SHIPPED_REFINER
from metrichmsr_ros.depth.sources.base import DepthContext, resampled
from metrichmsr_ros.depth.sources.fastdepth import PERSON_STD, SIDE, FastDepth
from metrichmsr_ros.evaluation.metrics.depth import DepthErrors, depth_errors, mean_depth_errors

WIDTH, HEIGHT = 320, 240
FAR_FROM_PEOPLE = 1.0  # metres
HELD_OUT_SEED = 990_000
IN_VIEW = (1, 2, 4)  # people, in turn

RANGE = 10.0  # metres that FastDepth was trained for
CLEAR_STEP = 0.25  # log step at a silhouette from which a source separates a person from the background

Method = Callable[[NDArray[np.float32], Place], Calibration]
Initial = Callable[[np.random.Generator, Place], tuple[NDArray[np.float32], Place]]
MODELLED = SourceErrors(ELEMENT_PX**2 * WIDTH * HEIGHT / SIDE**2)
FASTDEPTH = SourceErrors(ELEMENT_PX**2 * WIDTH * HEIGHT / SIDE**2, PERSON_STD)


def methods(refiner: Path, source: SourceErrors) -> dict[str, Method]:
    """The compared methods by name, in the order of the table, applied as far as people confirm them."""
    compared: dict[str, Method] = {"initial": lambda depth, place: IDENTITY}
    for name, fit in METHODS.items():
        compared[name] = lambda depth, place, fit=fit: confirm(fit, depth, place.anchor, source).calibration  # type: ignore[misc]
    model = TorchRefiner(load_refiner(refiner))
    compared["refiner"] = lambda depth, place: (
        confirm(lambda z_in, anchor: refine(model, z_in, anchor, place.camera), depth, place.anchor, source).calibration
    )
    return compared


def modelled(rng: np.random.Generator, place: Place) -> tuple[NDArray[np.float32], Place]:
    """Initial depth with modelled errors, and the place."""
    return initial_depth(rng, place), place


def by_fastdepth(backgrounds: Backgrounds, body: OpenBody) -> Initial:
    """FastDepth on a picture of the place, and the place with the depth that the picture shows, up to `RANGE`."""
    network = FastDepth()

    def estimate(rng: np.random.Generator, place: Place) -> tuple[NDArray[np.float32], Place]:
        image, shown = painted(rng, place, body, backgrounds)
        depth = np.where(shown.depth <= RANGE, shown.depth, np.nan)
        return resampled(network.predict(image, place.camera, DepthContext()), place.camera), replace(
            shown, depth=depth
        )

    return estimate


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


def network_errors(places: list[tuple[NDArray[np.float32], Place]]) -> str:
    """The errors of a source as log depth: scale of the scene, one person against it, steps at silhouettes."""
    scales, people, steps = [], [], []
    for initial, place in places:
        known = np.isfinite(place.depth) & np.isfinite(initial)
        scene = known & (place.part >= 0)
        if scene.sum() < 100:
            continue
        scale = float(np.median(np.log(place.depth / initial)[scene]))
        true = replace(place.anchor, depth=place.depth, weight=np.where(known, place.anchor.weight, 0))
        found, really = measure(initial, true, FASTDEPTH), measure(place.depth, true, FASTDEPTH)
        scales.append(scale)
        people += list((found.log_ratio - scale)[found.step > CLEAR_STEP])
        steps += list(really.step)
    return (
        f"log scale {np.mean(scales):+.2f} +- {np.std(scales):.2f}; of a person with a clear step, against the scene "
        f"{np.mean(people):+.2f} +- {np.std(people):.2f}; true step at silhouettes, upper quartile "
        f"{np.percentile(steps, 75):.2f}"
    )


def draw(places: int, initial_of: Initial, body: BodyModel) -> list[tuple[NDArray[np.float32], Place]]:
    """Initial depths and held-out places."""
    drawn = []
    for number in range(places):
        rng = np.random.default_rng(HELD_OUT_SEED + number)
        drawn.append(initial_of(rng, make_place(rng, body, WIDTH, HEIGHT, IN_VIEW[number % len(IN_VIEW)])))
    return drawn


def compare(
    drawn: list[tuple[NDArray[np.float32], Place]], compared: dict[str, Method]
) -> tuple[dict[tuple[str, str], list[DepthErrors]], dict[str, float]]:
    """Errors by (method, group of pixels or places), and mean milliseconds by method."""
    errors, seconds = defaultdict(list), dict.fromkeys(compared, 0.0)
    for number, (initial, place) in enumerate(drawn):
        far = far_from_people(place)
        known = np.isfinite(initial)
        for name, method in compared.items():
            start = time.perf_counter()
            depth = method(initial, place).apply(initial)
            seconds[name] += time.perf_counter() - start
            all_pixels = depth_errors(depth, place.depth, known)
            errors[name, "all pixels"].append(all_pixels)
            errors[name, f"{IN_VIEW[number % len(IN_VIEW)]} in view"].append(all_pixels)
            best = float(np.nanmedian((place.depth / depth)[known & (place.part >= 0)]))
            errors[name, "at best scale"].append(depth_errors(best * depth, place.depth, known))
            if (far & known).sum() > 100:
                errors[name, "far from people"].append(depth_errors(depth, place.depth, far & known))
    return errors, {name: 1e3 * total / len(drawn) for name, total in seconds.items()}


@one_line_errors("benchmarks.depth")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--refiner", type=Path, default=asset_path(SHIPPED_REFINER), help="weights; default: those of the package"
    )
    parser.add_argument("--places", type=int, default=120)
    parser.add_argument("--initial", choices=("modelled", "fastdepth"), default="modelled")
    parser.add_argument("--backgrounds", type=Path, help="photographs for the walls; default: procedural textures")
    options = parser.parse_args()
    is_estimated = options.initial == "fastdepth"
    if options.backgrounds and not is_estimated:
        parser.error("--backgrounds: modelled initial depth has no pictures; add --initial fastdepth")
    body = load_body("open_light")
    compared = methods(options.refiner, FASTDEPTH if is_estimated else MODELLED)
    if is_estimated and isinstance(body, OpenBody):
        drawn = draw(options.places, by_fastdepth(load_backgrounds(options.backgrounds, held_out=True), body), body)
        print(network_errors(drawn))
    else:
        drawn = draw(options.places, modelled, body)
    errors, milliseconds = compare(drawn, compared)
    for which in ("all pixels", "at best scale", "far from people", *(f"{count} in view" for count in IN_VIEW)):
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
