"""Errors of a walking person who is hidden for a while, after the return, on rendered sequences with truth.

    python -m benchmarks.hidden_people --seeds 0 1 2 3

A person walks past the camera; a board covers the whole body for 0.5, 1 or 1.5 s. Prints the position error in the
first image after the return in reported standard deviations (Mahalanobis distance over the square root of 3), the
velocity error three images later, and the growth of the reported position deviation while the person was hidden.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from metrichmsr_ros import Camera, OutputRequest, PersonEstimate, Pipeline
from metrichmsr_ros.data.rendering.clothing import PlainOutfit
from metrichmsr_ros.data.synthesis.walkers import SKINS, Walker
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, WalkingSequence
from metrichmsr_ros.types import Float64Array, ImageArray

FPS = 10.0
BEFORE_S, AFTER_S = 2.0, 1.0
SETTLED = 3  # images after the return at which the velocity error is measured
MARGIN_PX = 12.0
BOARD = (126, 112, 96)  # RGB
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass(frozen=True)
class HiddenWalk:
    """One walk behind a board.

    Attributes:
        hidden_s: how long the board covers the walker.
        keeps_id: whether the walker has the same id before and after.
        is_marked: whether the walker is reported as occluded, or not at all, in every covered image.
        growth: stated position deviation at the end of the cover over that at its beginning.
        predicted_sigma: error of the predicted position in the last covered image, in stated deviations.
        return_sigma: the same of the first image after the return.
        velocity_error: m/s, `SETTLED` images after the return.
    """

    hidden_s: float
    keeps_id: bool
    is_marked: bool
    growth: float
    predicted_sigma: float
    return_sigma: float
    velocity_error: float


def passing_walker(seed: int) -> Walker:
    """A person with random body and clothes who walks past the camera, 3 to 5 m away."""
    rng = np.random.default_rng(seed)
    distance, side = rng.uniform(3.0, 5.0), -1.0 if rng.random() < 0.5 else 1.0
    heading = -side * np.pi / 2 + rng.uniform(-0.4, 0.4)
    colours = [tuple(rng.integers(30, 226, 3).tolist()) for _ in range(4)]
    skin = SKINS[int(rng.integers(len(SKINS)))]
    outfit = PlainOutfit(colours[0], colours[1], skin, colours[2], colours[3])
    betas = tuple(rng.normal(0.0, 0.7, 10).tolist())
    return Walker("walker", betas, outfit, (distance, side * 1.6), heading, 0.0, pace=float(rng.uniform(0.6, 0.9)))


def covered(image: ImageArray, person: SequencePerson, camera: Camera) -> ImageArray:
    """The image with a board in front of the whole person."""
    pixels = camera.project(person.joints_cam)
    reach = 0.2 * float(np.ptp(pixels[:, 1])) + MARGIN_PX
    low = np.clip(np.floor(pixels.min(axis=0) - reach), 0, None).astype(int)
    high = np.ceil(pixels.max(axis=0) + reach).astype(int)
    out = image.copy()
    out[low[1] : high[1] + 1, low[0] : high[0] + 1] = BOARD
    return out


def hidden_walk(pipeline: Pipeline, seed: int, hidden_s: float) -> HiddenWalk:
    """Run one sequence through `pipeline.track`."""
    pipeline.reset()
    first, count = int(BEFORE_S * FPS), round(hidden_s * FPS)
    frames = list(WalkingSequence(first + count + int(AFTER_S * FPS), FPS, walkers=[passing_walker(seed)]))
    estimates: list[PersonEstimate | None] = []
    for number, frame in enumerate(frames):
        image = frame.image
        if first <= number < first + count:
            image = covered(image, frame.people[0], frame.camera)
        people = pipeline.track(image, frame.camera, frame.stamp_s, request=_LEAN).people
        estimates.append(min(people, key=lambda person: _distance(person, frame), default=None))
    return _judge(estimates, frames, first, first + count)


def _judge(
    estimates: Sequence[PersonEstimate | None], frames: Sequence[SequenceFrame], first: int, back: int
) -> HiddenWalk:
    before, last = estimates[first - 1], estimates[back - 1]
    again = next(n for n in range(back, len(frames)) if (e := estimates[n]) is not None and not e.is_occluded)
    later = min(again + SETTLED, len(frames) - 1)
    returned, settled = estimates[again], estimates[later]
    if before is None or returned is None or settled is None:
        raise RuntimeError(f"the walker is not found before the board (image {first}) or after it (image {again})")
    hidden = [estimate for estimate in estimates[first:back] if estimate is not None]
    true_velocity = _true_velocity(frames, later)
    return HiddenWalk(
        hidden_s=(back - first) / FPS,
        keeps_id=before.id == returned.id,
        is_marked=all(estimate.is_occluded for estimate in hidden),
        growth=np.nan if last is None else float(np.sqrt(_trace(last) / _trace(before))),
        predicted_sigma=np.nan if last is None else _sigma(last, frames[back - 1]),
        return_sigma=_sigma(returned, frames[again]),
        velocity_error=float(np.linalg.norm(settled.velocity_cam - true_velocity)),
    )


def _distance(person: PersonEstimate, frame: SequenceFrame) -> float:
    return float(np.linalg.norm(person.transl_cam - frame.people[0].transl_cam))


def _trace(person: PersonEstimate) -> float:
    return float(np.trace(person.position_cov6[:3, :3]))


def _sigma(person: PersonEstimate, frame: SequenceFrame) -> float:
    error = person.transl_cam.astype(np.float64) - frame.people[0].transl_cam
    return float(np.sqrt(error @ np.linalg.solve(person.transl_cov.astype(np.float64), error) / 3))


def _true_velocity(frames: Sequence[SequenceFrame], number: int, half: int = 3) -> Float64Array:
    """(3,) m/s relative to the camera: slope of a line through the truth of the images around."""
    near = [frames[n] for n in range(max(number - half, 0), min(number + half + 1, len(frames)))]
    stamps = np.array([frame.stamp_s for frame in near])
    places = np.array([frame.people[0].transl_cam for frame in near], np.float64)
    return np.polyfit(stamps, places, 1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    options = parser.parse_args()
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    table = Table(
        "hidden", "walker", "same id", "marked", "deviation grew", "predicted", "at return", "velocity after 3"
    )
    for hidden_s in (0.5, 1.0, 1.5):
        for seed in options.seeds:
            walk = hidden_walk(pipeline, seed, hidden_s)
            table.add_row(
                f"{hidden_s} s",
                str(seed),
                "yes" if walk.keeps_id else "no",
                "yes" if walk.is_marked else "no",
                f"grew {walk.growth:.2f} x",
                f"{walk.predicted_sigma:.2f} sigma",
                f"{walk.return_sigma:.2f} sigma",
                f"{walk.velocity_error:.2f} m/s off",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
