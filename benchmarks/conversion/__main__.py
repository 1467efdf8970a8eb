"""Errors of round trips through the formats of `metrichmsr convert`, read back by code that is not the writers'.

    python -m benchmarks.conversion [--people 3] [--frames 200] [--body open]

People move at random with rotations beyond 180 degrees, before a camera that drives, and are read back in the world.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.conversion.motion_files import Bvh, Glb, angle_between, read_bvh
from benchmarks.conversion.moving_people import (
    SIZE,
    K,
    MovingPerson,
    forward,
    joint_matrices,
    moving_camera,
    moving_person,
    write_replay,
)
from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_NAMES
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions, Format
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.types import AnyArray, Float64Array

FPS = 25.0
_WORLD = ConvertOptions(frame="world")
_PICTURES = ConvertOptions(
    image_names="{frame:06d}.jpg", intrinsics=(K[0, 0], K[1, 1], K[0, 2], K[1, 2]), image_size=SIZE
)
_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@dataclass(frozen=True)
class Case:
    """What is converted: a replay's folder, its people and cameras, and their body."""

    folder: Path
    people: tuple[MovingPerson, ...]
    cameras: Float64Array
    tables: OpenTables

    def truth(self, frame: str, axes: AnyArray) -> Iterator[tuple[MovingPerson, int, Float64Array]]:
        """Person, row, and matrices (24, 4, 4) of the joints in the axes of a format."""
        for person, row, place in self._places(frame, axes):
            yield (
                person,
                row,
                place @ joint_matrices(self.tables, person.betas[row], person.pose[row], person.transl[row]),
            )

    def meshes(self, frame: str, axes: AnyArray) -> Iterator[tuple[MovingPerson, int, Float64Array]]:
        """Person, row and vertices (V, 3) of every tenth row, in the axes of a format."""
        for person, row, place in self._places(frame, axes):
            if row % 10 == 0:
                vertices = forward(self.tables, person.betas[row], person.pose[row], person.transl[row])[1]
                yield person, row, vertices @ place[:3, :3].T + place[:3, 3]

    def _places(self, frame: str, axes: AnyArray) -> Iterator[tuple[MovingPerson, int, Float64Array]]:
        """Person, row, and the matrix from the camera to the axes of a format."""
        turn = np.eye(4)
        turn[:3, :3] = axes
        for person in self.people:
            for row, index in enumerate(person.frame):
                yield person, row, turn @ (self.cameras[index] if frame == "world" else np.eye(4))


@dataclass
class Worst:
    """Largest errors so far: angle in rad, position in m, and a note."""

    angle: float = 0.0
    position: float = 0.0
    note: str = ""

    def add(self, found: AnyArray, expected: AnyArray) -> None:
        """Compare matrices (J, 4, 4)."""
        self.angle = max(self.angle, float(angle_between(expected[:, :3, :3], found[:, :3, :3]).max()))
        self.add_points(found[:, :3, 3], expected[:, :3, 3])

    def add_points(self, found: AnyArray, expected: AnyArray) -> None:
        """Compare points (N, 3)."""
        self.position = max(self.position, float(np.linalg.norm(found - expected, axis=-1).max()))


def bvh_errors(case: Case, out: Path) -> Worst:
    """Joints of BVH."""
    worst = Worst()
    files: dict[str, Bvh] = {}
    for person, row, matrices in case.truth("world", _Y_UP):
        file = files.setdefault(person.id, read_bvh(out / f"walk.mcap/{person.id}.bvh"))
        worst.add(file.matrices[row, [file.names.index(name) for name in JOINT_NAMES]], matrices)
    return worst


def glb_errors(case: Case, out: Path) -> Worst:
    """Joints and skinned vertices of GLB; the note is about programs with four joints a vertex."""
    glb, worst, four = Glb(out / "walk.mcap.glb"), Worst(), []
    skins = {skin["name"]: skin["joints"] for skin in glb.json["skins"]}
    for person, row, matrices in case.truth("world", _Y_UP):
        worst.add(glb.node_matrices(person.frame[row] / FPS)[skins[person.id]], matrices)
    for person, row, vertices in case.meshes("world", _Y_UP):
        time = person.frame[row] / FPS
        worst.add_points(glb.skinned(person.id, time), vertices)
        four.append(np.linalg.norm(glb.skinned(person.id, time, sets=1) - vertices, axis=1))
    worst.note = (
        f"four joints a vertex: off by {1000 * np.max(four):.1f} mm at most, {1000 * np.mean(four):.3f} on average"
    )
    return worst


def amass_errors(case: Case, out: Path) -> Worst:
    """Joints and vertices of AMASS."""
    worst = Worst()
    files = {person.id: dict(np.load(out / f"walk.mcap/{person.id}.npz")) for person in case.people}
    for person, row, matrices in case.truth("world", np.eye(3)):
        file = files[person.id]
        worst.add(joint_matrices(case.tables, file["betas"], file["poses"][row], file["trans"][row]), matrices)
    for person, row, vertices in case.meshes("world", np.eye(3)):
        file = files[person.id]
        worst.add_points(forward(case.tables, file["betas"], file["poses"][row], file["trans"][row])[1], vertices)
    return worst


def tum_errors(case: Case, out: Path) -> Worst:
    """Body frames of TUM."""
    worst = Worst()
    paths = {person.id: read_tum(out / f"walk.mcap/{person.id}.tum").matrices() for person in case.people}
    to_chest = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    for person, row, matrices in case.truth("world", np.eye(3)):
        pose = matrices[0].copy()
        pose[:3, :3] = matrices[0, :3, :3] @ to_chest
        pose[:3, 3] = matrices[[1, 2], :3, 3].mean(0)
        worst.add(paths[person.id][row][None], pose[None])
    return worst


def lerobot_errors(case: Case, out: Path) -> Worst:
    """States of LeRobot, posed by a second chain of joints."""
    from pyarrow import parquet

    table = parquet.read_table(out / "data/chunk-000/file-000.parquet")
    states = np.array(table["observation.state"].to_pylist(), np.float64)
    worst = Worst()
    for state, (person, row, matrices) in zip(states, case.truth("world", np.eye(3)), strict=True):
        found = joint_matrices(case.tables, person.betas[row], state[3:], np.zeros(3))
        found[:, :3, 3] += state[:3] - found[0, :3, 3]
        worst.add(found, matrices)
    return worst


def bedlam_errors(case: Case, out: Path) -> Worst:
    """Labels of BEDLAM through the trainer's reader."""
    from metrichmsr_ros.data.formats.smpl_npz import read_bedlam

    table, worst = read_bedlam(out / "walk.mcap.npz", Path()), Worst()
    for index, (_, _, matrices) in enumerate(case.truth("camera", np.eye(3))):
        found = joint_matrices(case.tables, table.betas[index], table.pose[index], table.transl[index])
        worst.add(found, matrices)
    return worst


def coco_errors(case: Case, out: Path) -> Worst:
    """Keypoints of COCO, whose errors are pixels: in the note."""
    document, pixels = json.loads((out / "annotations.json").read_text()), 0.0
    names = document["categories"][0]["keypoints"]
    order = [LANDMARK_NAMES.index(name) for name in names]
    points = np.array([person["keypoints"] for person in document["annotations"]]).reshape(-1, len(names), 3)
    row_of = {(person.id, row): index for index, (person, row, _) in enumerate(case.truth("camera", np.eye(3)))}
    for person, row, vertices in case.meshes("camera", np.eye(3)):
        found = points[row_of[person.id, row]]
        rays = (case.tables.landmark_regressor @ vertices)[order] @ K.T
        off = np.abs(found[:, :2] - rays[:, :2] / rays[:, 2:])[found[:, 2] > 0]
        pixels = max(pixels, float(off.max(initial=0.0)))
    return Worst(note=f"keypoints: off by {pixels:.4f} px at most")


CHECKS: dict[Format, tuple[Callable[[Case, Path], Worst], ConvertOptions]] = {
    "bvh": (bvh_errors, _WORLD),
    "glb": (glb_errors, _WORLD),
    "amass": (amass_errors, _WORLD),
    "tum": (tum_errors, _WORLD),
    "lerobot": (lerobot_errors, _WORLD),
    "bedlam": (bedlam_errors, _PICTURES),
    "coco": (coco_errors, _PICTURES),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--body", default="open", choices=["open", "open_light"])
    args = parser.parse_args()
    people = tuple(moving_person(f"p{i}", range(args.frames), i, body=args.body) for i in range(args.people))
    cameras = moving_camera(args.frames)
    print(f"{args.people} people, {args.frames} frames, body {args.body}")
    print("| format | worst angle (rad) | worst position (mm) | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_replay(Path(scratch, "replay"), people, args.frames, cameras, args.body, FPS)
        case = Case(folder, people, cameras, OpenTables.load(args.body))
        for to, (check, options) in CHECKS.items():
            convert(folder, to, Path(scratch, to), options)
            worst = check(case, Path(scratch, to))
            numbers = "| | |" if to == "coco" else f"| {worst.angle:.1e} | {1000 * worst.position:.5f} |"
            print(f"| {to} {numbers} {worst.note} |")


if __name__ == "__main__":
    main()
