"""Distances of real people whose legs are hidden: the pictures of `benchmarks.real`, cut off or with a desk in front.

    python -m benchmarks.real.hidden_legs --data DIR

Everybody who is whole, seated, or whose feet are cut, is hidden one after the other, below the thighs, the hips, the
waist and the chest: once the picture ends there, once a flat brown surface goes on to its lower border. The true
distance is that of the picture as it was. The baseline is that of `benchmarks.real`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.real.measures import Distance, distance_of, match, true_distance
from benchmarks.real.options import parsed, parser_of
from benchmarks.real.pictures import Picture, read_pictures
from benchmarks.real.tables import median_cells
from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.detection.plausibility import torso_points
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import FloatingArray, ImageArray

FRAMINGS = ("whole", "feet cut", "seated")
LEVELS = {"thighs": 1.35, "hips": 1.1, "waist": 0.75, "chest": 0.45}
"""Where people are hidden: trunk lengths below the shoulders."""
WAYS = ("cut", "desk")
MIN_ROWS = 60
"""Pictures that would end above this row are left out."""
_NEAR = 0.3  # trunk lengths between the shoulders of one person in two pictures
_BROWN = (120, 90, 60)


@dataclass(frozen=True)
class Case:
    """One person with hidden legs; `distance` is None if nobody was found there."""

    level: str
    way: str
    distance: Distance | None


def hidden_below(picture: Picture, row: int, way: str) -> tuple[ImageArray, Camera]:
    """The picture without what is below a row of pixels, in one of `WAYS`, and its camera."""
    if way == "cut":
        image = np.ascontiguousarray(picture.image[:row])
        return image, Camera(image.shape[1], row, picture.camera.intrinsics)
    image = picture.image.copy()
    noise = np.random.default_rng(0).normal(0, 4, image[row:].shape)
    image[row:] = np.clip(np.array(_BROWN) + noise, 0, 255).astype(np.uint8)
    return image, picture.camera


def cases_of(picture: Picture, pipeline: Pipeline, body: BodyEngine) -> Iterator[Case]:
    """Everybody of one picture, hidden at every level in both ways."""
    request = OutputRequest(depth=False)
    people = pipeline.estimate(picture.image, picture.camera, request=request).people
    for row, column in match(people, picture.people):
        framing, true = picture.people[column].framing, true_distance(people[row], picture)
        if framing not in FRAMINGS or true is None:
            continue
        trunk = torso_points(people[row].landmarks)
        for level, share in LEVELS.items():
            end = int(trunk[0, 1] + share * (trunk[1, 1] - trunk[0, 1]))
            if not MIN_ROWS <= end < picture.image.shape[0]:
                continue
            for way in WAYS:
                image, camera = hidden_below(picture, end, way)
                found = _at(trunk, pipeline.estimate(image, camera, request=request).people)
                distance = None if found is None else distance_of(found, framing, true, camera, body)
                yield Case(level, way, distance)


def _at(trunk: FloatingArray, people: Sequence[PersonEstimate]) -> PersonEstimate | None:
    """Who has the shoulders of a trunk, as from `torso_points`."""
    gaps = [float(np.linalg.norm(torso_points(person.landmarks)[0] - trunk[0])) for person in people]
    near = _NEAR * float(np.linalg.norm(trunk[1] - trunk[0]))
    return people[int(np.argmin(gaps))] if gaps and min(gaps) < near else None


def table_of(cases: Sequence[Case]) -> Table:
    """People, found people and the errors of their distances, by way and level."""
    columns = ("hidden by", "below the", "people", "found", "signed, median %", "baseline")
    table = Table(*columns, "absolute, median %", "baseline", "inside 1 sigma", title="legs hidden in real pictures")
    for way in WAYS:
        for level in (*LEVELS, "all"):
            part = [case for case in cases if case.way == way and level in (case.level, "all")]
            distances = [case.distance for case in part if case.distance is not None]
            systems = (distances, "estimated"), (distances, "baseline")
            cells = median_cells(distances, *systems) if distances else ()
            table.add_row(way, level, str(len(part)), str(len(distances)), *cells)
    return table


@one_line_errors("benchmarks.real.hidden_legs")
def main() -> None:
    arguments = parsed(parser_of(__doc__))

    pipeline = Pipeline.from_preset(arguments.weights, depth=DepthChoice("people"))
    body = load_body_engine("open_light")
    cases = [case for picture in read_pictures(arguments.data) for case in cases_of(picture, pipeline, body)]
    Console(width=130).print(table_of(cases))


if __name__ == "__main__":
    main()
