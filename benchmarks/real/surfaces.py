"""Estimated bodies against the surfaces that a depth camera measured, by part of the body: real poses in depth.

    python -m benchmarks.real.surfaces --data DIR

DIR is that of `benchmarks.real`. The benchmark compares each visible pixel of a person's estimated body with the depth
that was measured there, after the body was moved by the median difference of its trunk: the distance of a person is
measured elsewhere, here it is the pose. A pixel whose depth is more than 0.3 m off lies on something else, a wall or
another limb; the table has the share of pixels that do not. Clothes and hair are no part of the bodies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.real.measures import match
from benchmarks.real.options import parsed, parser_of
from benchmarks.real.pictures import Picture, read_pictures
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize_many
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest
from metrichmsr_ros.types import Float32Array, FloatingArray, IndexArray

PARTS = {
    "head": ("neck", "head"),
    "trunk": ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar"),
    "upper arms": ("left_shoulder", "right_shoulder"),
    "forearms": ("left_elbow", "right_elbow"),
    "hands": ("left_wrist", "right_wrist", "left_hand", "right_hand"),
    "thighs": ("left_hip", "right_hip"),
    "shins": ("left_knee", "right_knee"),
}
"""The joints that move each part's skin; feet are too flat on the floor to be told from it."""
GROUPS = {"standing": ("whole", "feet cut"), "seated": ("seated",)}
"""Framings by the name of the group; the bodies of people from behind are mostly hidden by chairs."""
SAME = 0.3
"""Metres within which a measured surface is that of the same part."""
MIN_PIXELS = 50
_EDGE = 2  # pixels inside the silhouette that do not count: there depth cameras mix near and far


@dataclass(frozen=True)
class PartError:
    """One part of one person.

    Attributes:
        part: of `PARTS`. framing: of the person.
        on_body: share of its pixels whose measured surface is within `SAME`.
        offset: median difference of those, m; positive: the real surface is farther away. NaN where there are few.
    """

    part: str
    framing: str
    on_body: float
    offset: float


def parts_of_faces(faces: NDArray[np.int64], weights: FloatingArray) -> IndexArray:
    """(F,) index into `PARTS` of each face (F, 3) of a body with skinning weights (V, 24); -1: of no part."""
    part_of_joint = np.full(len(JOINT_NAMES), -1)
    for number, joints in enumerate(PARTS.values()):
        part_of_joint[[JOINT_NAMES.index(name) for name in joints]] = number
    parts: IndexArray = part_of_joint[np.argmax(weights, axis=1)][faces[:, 0]]
    return parts


def errors_of(
    vertices: Sequence[Float32Array],
    row: int,
    faces: NDArray[np.int64],
    parts: IndexArray,
    depth: Float32Array,
    camera: Camera,
) -> dict[str, tuple[float, float]]:
    """By part that is seen: share on the body and offset, as in `PartError`, of one of the people.

    Args:
        vertices: (V, 3) m of each person, camera frame. row: of the person. faces, parts: as from `parts_of_faces`.
        depth: (H, W) m along z, measured; NaN where nothing was.
        camera: of `depth`.
    """
    raster = rasterize_many([(one, faces) for one in vertices], camera)
    own = ((raster.mesh_id == row) & raster.covered).astype(np.uint8)
    inside = cv2.erode(own, np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)) > 0
    seen = inside & np.isfinite(depth)
    part, behind = parts[raster.face_id[seen]], (depth - raster.depth)[seen]
    trunk = part == list(PARTS).index("trunk")
    if trunk.sum() < MIN_PIXELS:
        return {}
    behind = behind - np.median(behind[trunk])
    near, errors = np.abs(behind) < SAME, {}
    for number, name in enumerate(PARTS):
        here = part == number
        if here.sum() >= MIN_PIXELS:
            same = here & near
            offset = float(np.median(behind[same])) if same.sum() >= MIN_PIXELS else float("nan")
            errors[name] = float(same.sum() / here.sum()), offset
    return errors


def people_of(picture: Picture, pipeline: Pipeline, faces: NDArray[np.int64], parts: IndexArray) -> Iterator[PartError]:
    """The parts of everybody in a picture who was found and belongs to a group."""
    people = pipeline.estimate(picture.image, picture.camera, request=OutputRequest(depth=False)).people
    vertices = [person.vertices_cam for person in people]
    for row, column in match(people, picture.people):
        framing = picture.people[column].framing
        if not any(framing in framings for framings in GROUPS.values()):
            continue
        errors = errors_of(vertices, row, faces, parts, picture.depth, picture.camera)
        for part, (on_body, offset) in errors.items():
            yield PartError(part, framing, on_body, offset)


def table_of(errors: Sequence[PartError]) -> Table:
    """Medians over people of each part, by group."""
    columns = ("people", "part", "seen", "pixels on the body", "offset, signed median cm", "absolute")
    table = Table(*columns, title="bodies against measured surfaces")
    for group, framings in GROUPS.items():
        for part in PARTS:
            rows = [error for error in errors if error.part == part and error.framing in framings]
            offsets = 100 * np.array([error.offset for error in rows])
            if rows and np.isfinite(offsets).any():
                share = f"{np.median([error.on_body for error in rows]):.2f}"
                cells = f"{np.nanmedian(offsets):+.1f}", f"{np.nanmedian(np.abs(offsets)):.1f}"
                table.add_row(group, part, str(len(rows)), share, *cells)
    return table


@one_line_errors("benchmarks.real.surfaces")
def main() -> None:
    arguments = parsed(parser_of(__doc__))

    pipeline, body = Pipeline.from_preset(arguments.weights, depth=DepthChoice("people")), load_body("open_light")
    faces = body.faces.numpy()
    parts = parts_of_faces(faces, np.asarray(body.weights))
    pictures = read_pictures(arguments.data)
    Console(width=110).print(table_of([e for picture in pictures for e in people_of(picture, pipeline, faces, parts)]))


if __name__ == "__main__":
    main()
