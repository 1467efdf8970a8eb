"""Pointing arms of real people: found or missed, arms that are taken for one, and where they point.

    python -m benchmarks.real.pointing --data DIR [--frames N]

DIR is that of `benchmarks.real`. Arms were annotated by hand (arms.json): those that point, straight; those that point
at the floor; and those that rest, hang or are bent. Arms that move or cannot be told are left out. People point so that
they see the fingertip on the target: the true direction goes from between the eyes to the fingertip, at the distances
that the depth camera measured of face and hand (it misses fingers). Every picture is estimated alone; with `--frames`
it is a video of N images in which nothing moves, ten a second, without test-time augmentation, as the node sees it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.real.measures import match
from benchmarks.real.options import parsed, parser_of
from benchmarks.real.pictures import Picture, read_pictures, scene_of
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene
from metrichmsr_ros.types import Float64Array

ANNOTATION = Path(__file__).with_name("arms.json")
DOES = {"points": "points", "points down": "points at the floor", "rests": "rests or hangs", "bent": "is bent"}
"""What an arm does, as annotated and as printed."""
_AROUND = 3  # pixels around a point in which its depth is measured


@dataclass(frozen=True)
class Arm:
    """One annotated arm of a person who was found.

    Attributes:
        does: of `DOES`.
        is_said: whether the estimate says that it points.
        error: of the direction, radians; None where nothing points, or no direction is known.
    """

    does: str
    is_said: bool
    error: float | None


def arms_of(scene: Scene, picture: Picture, annotated: Sequence[Mapping[str, object]]) -> Iterator[Arm]:
    """The annotated arms of a picture's people who were found in `scene`."""
    found = {column: scene.people[row] for row, column in match(scene.people, picture.people)}
    for arm in annotated:
        person = found.get(int(str(arm["person"])))
        if person is None:
            continue
        is_said = f"pointing_{arm['side']}" in person.gestures
        error = None
        if is_said and "fingertip" in arm:
            true = true_direction(picture, arm)
            error = None if true is None else float(np.arccos(np.clip(person.pointing_cam @ true, -1.0, 1.0)))
        yield Arm(str(arm["does"]), is_said, error)


def true_direction(picture: Picture, arm: Mapping[str, object]) -> Float64Array | None:
    """(3,) unit vector from eyes to fingertip in the camera's frame; None where face or hand have no depth.

    Args:
        picture: with depth.
        arm: pixels by name: `eyes` and `face`, where the face's depth is measured; `fingertip` and `hand` likewise.
    """
    eyes, face, fingertip, hand = (np.array(arm[name], np.float64) for name in ("eyes", "face", "fingertip", "hand"))
    line = _point(picture, fingertip, hand) - _point(picture, eyes, face)
    length = float(np.linalg.norm(line))
    return line / length if np.isfinite(length) and length > 0.0 else None


def _point(picture: Picture, pixel: Float64Array, measured: Float64Array) -> Float64Array:
    """(3,) m: a pixel (2,) at the median depth around another one; NaN where nothing was measured."""
    column, row = np.rint(measured).astype(int)
    near = slice(max(row - _AROUND, 0), row + _AROUND + 1), slice(max(column - _AROUND, 0), column + _AROUND + 1)
    depths = picture.depth[near][np.isfinite(picture.depth[near])]
    depth = float(np.median(depths)) if len(depths) else float("nan")
    return picture.camera.back_project(pixel, depth)


def table_of(arms: Sequence[Arm]) -> Table:
    """Arms, arms that are said to point, and errors of the direction, by what the arms do."""
    columns = ("the arm", "arms", "said to point", "direction, median", "largest")
    table = Table(*columns, title="arms of real people")
    for does, name in DOES.items():
        part = [arm for arm in arms if arm.does == does]
        errors = np.degrees([arm.error for arm in part if arm.error is not None])
        cells = (f"{np.median(errors):.0f} deg", f"{errors.max():.0f} deg") if len(errors) else ("", "")
        table.add_row(name, str(len(part)), str(sum(arm.is_said for arm in part)), *cells)
    return table


@one_line_errors("benchmarks.real.pointing")
def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--frames", type=int, default=1, help="images of each picture, as a video")
    arguments = parsed(parser, "frames")

    annotated = json.loads(ANNOTATION.read_text(encoding="utf-8"))
    choice = DepthChoice("people")
    pipeline = Pipeline.from_preset(arguments.weights, depth=choice, test_time_augmentation="none")  # of videos
    request = OutputRequest(vertices=False, depth=False)
    arms = [
        arm
        for picture in read_pictures(arguments.data)
        if picture.name in annotated
        for arm in arms_of(scene_of(pipeline, picture, arguments.frames, request), picture, annotated[picture.name])
    ]
    Console(width=110).print(table_of(arms))


if __name__ == "__main__":
    main()
