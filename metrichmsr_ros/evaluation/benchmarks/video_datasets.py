"""3DPW and EMDB as benchmarks: the truth of every sequence in its published layout, and our pipeline's estimates.

The true bodies are the data set's: gendered SMPL, whose files the user provides (`bodies` by gender, `load_body`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.pickles import load_array_pickle
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, joints_of, read_image
from metrichmsr_ros.data.formats.video_sequences import read_3dpw, read_emdb
from metrichmsr_ros.evaluation.benchmarks.motion import Motion
from metrichmsr_ros.evaluation.metrics.matching import TruePerson, appearance_distance
from metrichmsr_ros.evaluation.metrics.tracking import match_people
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.types import AnyArray

_MESHES = OutputRequest(vertices=True, depth=False)

READABLE = ("3dpw", "emdb1", "emdb2")
_BATCH = 64
_FPS = 30.0


@dataclass(frozen=True)
class Video:
    """One sequence: a label table per person, and the same people as true motions."""

    name: str
    tables: tuple[LabelTable, ...]
    truth: tuple[Motion, ...]


def read_videos(
    name: str, data: Path, bodies: Mapping[str, BodyModel], regressor: ArrayLike | None = None
) -> Iterator[Video]:
    """The test sequences of a benchmark.

    Args:
        name: 3dpw, emdb1 or emdb2.
        data: 3DPW: folder with sequenceFiles/test and imageFiles; EMDB: folder with P0, P1, ...
        bodies: SMPL by gender: male, female.
        regressor: `J_regressor_h36m` (17, V), which 3DPW's 14 joints need.

    Raises:
        LabelError: no sequence in `data`, or a file that does not follow the data set's layout.
    """
    reader = _videos_3dpw if name == "3dpw" else _videos_emdb
    matrix = None if regressor is None else np.asarray(regressor, np.float64)
    count = 0
    for sequence, tables, poses in reader(name, data, bodies):
        people = enumerate(zip(tables, poses, strict=True))
        truth = tuple(_motion(sequence, str(n), table, bodies, matrix, pose) for n, (table, pose) in people)
        count += 1
        yield Video(sequence, tuple(tables), truth)
    if not count:
        raise LabelError(f"{data}: no sequences of {name} found; name the data set's root folder")


_Read = tuple[str, list[LabelTable], list[AnyArray | None]]


def _videos_3dpw(name: str, data: Path, bodies: Mapping[str, BodyModel]) -> Iterator[_Read]:
    for file in sorted((data / "sequenceFiles" / "test").glob("*.pkl")):
        tables = read_3dpw(data, file.stem, joints_of(bodies), split="test")
        yield file.stem, tables, [None] * len(tables)


def _videos_emdb(name: str, data: Path, bodies: Mapping[str, BodyModel]) -> Iterator[_Read]:
    for file in sorted(data.glob("P*/*/*_data.pkl")):
        content = load_array_pickle(file)
        if not content.get(name):
            continue
        table = read_emdb(file.parent, joints_of(bodies))
        extrinsics = np.asarray(content["camera"]["extrinsics"], np.float64)[_frames(table)]
        yield str(content["name"]), [table], [np.linalg.inv(extrinsics)]


def _frames(table: LabelTable) -> NDArray[np.int64]:
    """Frame numbers: the last digits in the images' names."""
    return np.array([int(re.findall(r"\d+", path.stem)[-1]) for path in table.image], np.int64)


def _motion(
    sequence: str,
    person: str,
    table: LabelTable,
    bodies: Mapping[str, BodyModel],
    regressor: AnyArray | None,
    world_from_camera: AnyArray | None,
) -> Motion:
    body = bodies[table.gender[0]]
    joints, vertices = _posed(body, table)
    fields: dict[str, AnyArray] = {
        "joints": joints,
        "vertices": vertices,
        "orient": rotations(table.pose[:, :3]),
        "height": body.height(torch.from_numpy(table.betas)).numpy(),
        "focal": table.intrinsics[:, 0, 0],
    }
    if regressor is not None:
        fields["h36m"] = regress(regressor, vertices)
    if world_from_camera is not None:
        fields["world_from_camera"] = world_from_camera
    return Motion(sequence, person, _frames(table), fields)


@torch.no_grad()
def _posed(body: BodyModel, table: LabelTable) -> tuple[AnyArray, AnyArray]:
    parts = []
    for start in range(0, len(table), _BATCH):
        rows = slice(start, start + _BATCH)
        parameters = (
            torch.from_numpy(np.asarray(v[rows], np.float32)) for v in (table.betas, table.pose, table.transl)
        )
        parts.append(body(*parameters))
    return np.concatenate([p.joints.numpy() for p in parts]), np.concatenate([p.vertices.numpy() for p in parts])


def rotations(axis_angle: ArrayLike) -> AnyArray:
    """(N, 3) axis-angle -> (N, 3, 3)."""
    return rotation_matrices(np.asarray(axis_angle, np.float64))[:, 0]


def regress(regressor: AnyArray, vertices: AnyArray) -> AnyArray:
    """Joints (N, 17, 3): the regressor (17, V) applied to vertices (N, V, 3).

    Raises:
        LabelError: the mesh has another number of vertices than the regressor.
    """
    if regressor.shape[1] != vertices.shape[1]:
        raise LabelError(f"the regressor is for {regressor.shape[1]} vertices, the body has {vertices.shape[1]}")
    return np.einsum("jv,nvc->njc", regressor, vertices, optimize=True)


def predict(
    video: Video,
    pipeline: Any,
    regressor: ArrayLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Motion]:
    """Run the pipeline over a video with the data set's intrinsics; people are matched to the truth in every frame.

    Vertices are kept if pipeline and truth have the same mesh, H36M joints if the regressor fits the pipeline's mesh.

    Args:
        video: from :func:`read_videos`.
        pipeline: a `Pipeline`.
        regressor: as for :func:`read_videos`.
        progress: called with frames done and their total.
    """
    rows = {
        person: dict(zip(m.frames.tolist(), range(len(m.frames)), strict=True)) for person, m in enumerate(video.truth)
    }
    frames = sorted({frame for of_person in rows.values() for frame in of_person})
    found: dict[int, list[tuple[int, PersonEstimate]]] = {person: [] for person in rows}
    pipeline.reset()
    for done, frame in enumerate(frames, 1):
        present = [person for person, of_person in rows.items() if frame in of_person]
        label = video.tables[present[0]][rows[present[0]][frame]]
        image = read_image(label)
        camera = _camera(image, label.intrinsics, label.distortion)
        estimates = pipeline.track(image, camera, frame / _FPS, request=_MESHES).people
        people = [TruePerson(str(p), video.truth[p]["joints"][rows[p][frame]]) for p in present]
        for row, column in match_people(appearance_distance(people, estimates), np.inf):
            found[present[row]].append((frame, estimates[column]))
        if progress:
            progress(done, len(frames))
    matrix = None if regressor is None else np.asarray(regressor, np.float64)
    return [_estimated(truth, found[person], matrix) for person, truth in enumerate(video.truth) if found[person]]


def _camera(image: AnyArray, intrinsics: AnyArray, distortion: AnyArray) -> Camera:
    height, width = image.shape[:2]
    if np.any(distortion):
        return Camera(width, height, intrinsics, "plumb_bob", distortion)
    return Camera(width, height, intrinsics)


def _estimated(truth: Motion, found: list[tuple[int, PersonEstimate]], regressor: AnyArray | None) -> Motion:
    people = [person for _, person in found]
    fields: dict[str, AnyArray] = {
        "joints": np.stack([p.joints_cam for p in people]),
        "orient": rotations(np.stack([p.pose[:3] for p in people])),
        "height": np.array([p.height for p in people]),
    }
    vertices = np.stack([p.vertices_cam for p in people])
    if "vertices" in truth and vertices.shape[1] == truth["vertices"].shape[1]:
        fields["vertices"] = vertices
    if regressor is not None and regressor.shape[1] == vertices.shape[1]:
        fields["h36m"] = regress(regressor, vertices)
    return Motion(truth.sequence, truth.person, np.array([frame for frame, _ in found], np.int64), fields)
