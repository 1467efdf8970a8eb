"""How well the stated confidence of people holds, on rendered people, empty photographs and real pictures.

    python -m benchmarks.reliability [--scenes 60] [--photographs DIR] [--real DIR]

A sighting is right if it is one person: the middle of its torso lies within the box of somebody in view, and its own
box covers the same part of the image. `--photographs` are photographs without people, where no sighting is right; those
that show somebody or a hand all the same are named in a file `people.txt` of their folder, one name a line. `--real`
holds the sets of `benchmarks.real`, whose people were annotated by hand; sightings of hidden people are left out.
Everything that the search of a single image sees counts, however uncertain. The error is the mean distance between
stated and true shares of the bins, weighted by their sizes (expected calibration error).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.real.pictures import Picture, read_pictures
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.data.rendering.background import Backgrounds, load_backgrounds
from metrichmsr_ros.data.synthesis.scene import RenderedScene, SceneMaker
from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.io.images import decode_image
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.person_detector import PersonDetector
from metrichmsr_ros.people.detection.plausibility import torso_points
from metrichmsr_ros.people.detection.search import SearchConfig, Sighting, find_people
from metrichmsr_ros.types import Float64Array, ImageArray

EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
MIN_OVERLAP = 0.35
EVERYTHING = SearchConfig(min_confidence=0.0)
Judge = Callable[[Sighting], bool | None]
"""True if a sighting is one person, False if not, None if it does not count."""


@dataclass
class Counts:
    """Stated confidence of sightings, whether they are right, and the number of images they are from."""

    confidence: list[float] = field(default_factory=list)
    is_right: list[bool] = field(default_factory=list)
    images: int = 0

    def add(self, sightings: list[Sighting], judge: Judge) -> None:
        """The sightings of one more image."""
        self.images += 1
        for sighting in sightings:
            verdict = judge(sighting)
            if verdict is not None:
                self.confidence.append(sighting.confidence)
                self.is_right.append(verdict)

    def bins(self) -> Iterator[tuple[int, float, float]]:
        """Number of sightings, stated and true share of right ones, in each bin."""
        stated, right = np.array(self.confidence), np.array(self.is_right)
        for low, high in pairwise(EDGES):
            chosen = (stated >= low) & ((stated < high) | (high == 1))
            count = int(chosen.sum())
            yield count, *((float(stated[chosen].mean()), float(right[chosen].mean())) if count else (np.nan, np.nan))

    @property
    def error(self) -> float:
        """Expected calibration error, 0..1."""
        parts = [count * abs(stated - true) for count, stated, true in self.bins() if count]
        return sum(parts) / max(len(self.confidence), 1)


def boxes_around(points: Float64Array) -> Float64Array:
    """(P, 4) x0, y0, x1, y1 around (P, K, 2) points."""
    return np.concatenate([points.min(1), points.max(1)], axis=1)


def is_person_of(sighting: Sighting, boxes: Float64Array, size: tuple[int, int]) -> bool:
    """Whether a body is that of somebody with one of the boxes (P, 4) px, in an image of this (width, height)."""
    body = boxes_around(np.clip(sighting.landmarks.pixels[None, :33], 0, np.array(size) - 1.0))
    middle = torso_points(sighting.landmarks).mean(0)
    inside = ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(1)
    return bool((inside & (box_iou(body, boxes)[0] > MIN_OVERLAP)).any())


def judge_scene(scene: RenderedScene) -> Judge:
    """From the true landmarks of everybody in a rendered scene."""
    pixels = np.stack([scene.camera.project(person.landmarks) for person in scene.people])
    boxes = boxes_around(np.clip(pixels, 0, np.array(scene.camera.size) - 1.0))
    return lambda sighting: is_person_of(sighting, boxes, scene.camera.size)


def judge_picture(picture: Picture) -> Judge:
    """From the annotated boxes, which end where somebody is hidden: a body may go on below its box."""
    size = picture.camera.size

    def judge(sighting: Sighting) -> bool | None:
        shown = sighting.seen.box.clip(0, [*size, *size])
        middle = torso_points(sighting.landmarks).mean(0)
        for person in picture.people:
            inside = (middle >= person.box[:2]).all() and middle[0] <= person.box[2]
            if inside and box_iou(shown[None], person.box[None])[0, 0] > MIN_OVERLAP:
                return None if person.framing == "hidden" else True
        return False

    return judge


def empty_photographs(folder: Path) -> Iterator[ImageArray]:
    """The photographs of a folder without those that `people.txt` names."""
    listed = folder / "people.txt"
    people = set(listed.read_text(encoding="utf-8").split()) if listed.is_file() else set()
    for path in sorted(folder.glob("*.jpg")):
        if path.name not in people:
            yield decode_image(path.read_bytes(), upright=True)


def print_table(found: dict[str, Counts]) -> None:
    """Stated and true shares by bin, for each kind of image."""
    names = [f"{low:.1f}-{high:.1f}" for low, high in pairwise(EDGES)]
    table = Table("images", "", *names, "error", title="stated -> true share of right sightings (number)")
    for name, counts in found.items():
        cells = [f"{stated:.2f} -> {true:.2f} ({count})" if count else "-" for count, stated, true in counts.bins()]
        table.add_row(name, str(counts.images), *cells, f"{counts.error:.3f}")
    Console(width=150).print(table)


@one_line_errors("benchmarks.reliability")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=60, help="rendered scenes")
    parser.add_argument("--photographs", type=Path, help="photographs without people")
    parser.add_argument("--real", type=Path, help="folder of kinect_bags and realsense")
    parser.add_argument("--seed", type=int, default=77)
    options = parser.parse_args()
    real = list(read_pictures(options.real)) if options.real else []
    blazepose, detector, found = BlazePose(), PersonDetector(), dict[str, Counts]()
    folder, rng = options.photographs, np.random.default_rng(options.seed)
    backgrounds = load_backgrounds(folder, held_out=True) if folder else Backgrounds()
    maker = SceneMaker(backgrounds, held_out=True)
    for _ in range(options.scenes):
        scene = maker.make(rng)
        sightings = find_people(scene.image, blazepose, detector, EVERYTHING)
        found.setdefault("rendered", Counts()).add(sightings, judge_scene(scene))
    for image in empty_photographs(folder) if folder else ():
        sightings = find_people(image, blazepose, detector, EVERYTHING)
        found.setdefault("photographs without people", Counts()).add(sightings, lambda _: False)
    for picture in real:
        sightings = find_people(picture.image, blazepose, detector, EVERYTHING)
        found.setdefault("real, annotated", Counts()).add(sightings, judge_picture(picture))
    print_table(found)


if __name__ == "__main__":
    main()
