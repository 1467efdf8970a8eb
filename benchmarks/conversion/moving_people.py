"""Recordings of people who move at random, with exact float64 truth, as replays and annotation folders store them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.evaluation.trajectories import camera_trajectory, write_tum
from metrichmsr_ros.replay.records import FrameRecord, PersonRecord, save_records
from metrichmsr_ros.types import AnyArray, Float64Array

START_NS = 1_700_000_000_123_456_789
SIZE = (1280, 720)
K = np.array([[900.0, 0.0, 640.0], [0.0, 910.0, 355.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class MovingPerson:
    """A person in the frames `frame` (N,): pose (N, 72), betas (N, 10), transl (N, 3), joints (N, 24, 3), float32."""

    id: str
    frame: AnyArray
    pose: AnyArray
    betas: AnyArray
    transl: AnyArray
    joints: AnyArray
    occluded: AnyArray


def joint_matrices(tables: OpenTables, betas: AnyArray, pose: AnyArray, transl: AnyArray) -> Float64Array:
    """World matrices (24, 4, 4) of one person's joints, by products of 4x4 matrices in float64."""
    rest = tables.joint_template + tables.joint_directions @ np.asarray(betas, np.float64)
    matrices = np.zeros((24, 4, 4))
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(np.asarray(pose[3 * joint : 3 * joint + 3], np.float64)).as_matrix()
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        matrices[joint] = local if parent < 0 else matrices[parent] @ local
    moved = np.eye(4)
    moved[:3, 3] = transl
    return moved @ matrices


def forward(tables: OpenTables, betas: AnyArray, pose: AnyArray, transl: AnyArray) -> tuple[Float64Array, Float64Array]:
    """`joint_matrices` and the vertices (V, 3) of one person."""
    matrices = joint_matrices(tables, betas, pose, transl)
    rest = tables.joint_template + tables.joint_directions @ np.asarray(betas, np.float64)
    mesh = tables.template + tables.directions @ np.asarray(betas, np.float64)
    offsets = matrices[:, :3, 3] - np.einsum("jac,jc->ja", matrices[:, :3, :3], rest)
    blended = np.einsum("vj,jab->vab", tables.weights, np.concatenate([matrices[:, :3, :3], offsets[..., None]], 2))
    return matrices, np.einsum("vab,vb->va", blended[..., :3], mesh) + blended[..., 3]


def moving_person(
    name: str, frame: Sequence[int], seed: int, betas: AnyArray | None = None, body: str = "open_light"
) -> MovingPerson:
    """A person with large smooth rotations, over 180 degrees among them, two to six metres before the camera."""
    rng, number = np.random.default_rng(seed), np.asarray(frame)
    knots = np.arange(0, max(number[-1], 1) + 12, 4)
    pose = CubicSpline(knots, rng.normal(0.0, 0.6, (len(knots), 72)))(number)
    pose[:, :3] = (
        Rotation.from_rotvec(np.outer(0.15 * number, [0, 1, 0])) * Rotation.from_rotvec(pose[:, :3])
    ).as_rotvec()
    transl = CubicSpline(knots, rng.normal([0.0, 0.2, 4.0], [0.8, 0.2, 0.6], (len(knots), 3)))(number)
    shape = np.tile(rng.normal(0, 1, 10) if betas is None else betas, (len(number), 1))
    rows = [values.astype(np.float32) for values in (shape, pose, transl)]
    tables = OpenTables.load(body)
    joints = np.array([joint_matrices(tables, *row)[:, :3, 3] for row in zip(*rows, strict=True)], np.float32)
    return MovingPerson(name, number, rows[1], rows[0], rows[2], joints, np.zeros(len(number), bool))


def moving_camera(count: int) -> Float64Array:
    """world_from_camera (count, 4, 4) of a camera that drives and turns in a world with z up."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    level = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # optical axes to x forward, y left, z up
    for index in range(count):
        poses[index, :3, :3] = Rotation.from_euler("zyx", [0.03 * index, 0.1, 0.02]).as_matrix() @ level
        poses[index, :3, 3] = [0.1 * index, 0.02 * index, 1.5]
    return poses


def record(person: MovingPerson, row: int) -> PersonRecord:
    """One row as a replay has it."""
    return PersonRecord(
        id=person.id,
        joints_cam=person.joints[row],
        pose=person.pose[row],
        betas=person.betas[row],
        transl=person.transl[row],
        confidence=0.9,
        height=1.7,
        bbox=np.array([500, 100, 700, 600], np.float32),
        occluded=bool(person.occluded[row]),
    )


def write_replay(
    folder: Path,
    people: Sequence[MovingPerson],
    count: int,
    cameras: Float64Array | None = None,
    body: str = "open_light",
    fps: float = 25.0,
) -> Path:
    """The folder of a replay with `count` frames."""
    (folder / "trajectories").mkdir(parents=True)
    stamps = stamps_of(count, fps)
    found: list[list[PersonRecord]] = [[] for _ in range(count)]
    for person in people:
        for row, frame in enumerate(person.frame):
            found[frame].append(record(person, row))
    frames = [FrameRecord(int(stamp), tuple(at)) for stamp, at in zip(stamps, found, strict=True)]
    save_records(folder / "estimates.npz", frames)
    if body:
        about = {"bag": "/bags/walk.mcap", "options": {"body": body}}
        (folder / "metrics.json").write_text(json.dumps(about), encoding="utf-8")
    if cameras is not None:
        known = {int(stamp): pose for stamp, pose in zip(stamps, cameras, strict=True) if np.isfinite(pose).all()}
        write_tum(folder / "trajectories/camera_world.tum", camera_trajectory(known))
    return folder


def stamps_of(count: int, fps: float) -> AnyArray:
    """(count,) ns of frames at a steady rate."""
    return START_NS + np.rint(np.arange(count) * 1e9 / fps).astype(np.int64)


def write_annotations(
    folder: Path,
    people: Sequence[MovingPerson],
    count: int,
    source: str = "walk.mp4",
    cameras: Float64Array | None = None,
    fps: float | None = 25.0,
    landmarks: AnyArray | None = None,
    body: str = "open_light",
    image: str | None = "images/{:06d}.jpg",
) -> Path:
    """An annotation folder of one source.

    `landmarks` (33, 3) are x, y, visibility of everybody in every frame; `image` is the name of a frame's picture.
    """
    from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
    from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
    from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name

    found: list[list[PersonRow]] = [[] for _ in range(count)]
    for person in people:
        for row, frame in enumerate(person.frame):
            found[frame].append(
                PersonRow(
                    id=person.id,
                    confidence=0.9,
                    is_occluded=bool(person.occluded[row]),
                    bbox=np.array([500, 100, 700, 600], np.float32),
                    pose=person.pose[row],
                    betas=person.betas[row],
                    transl_cam=person.transl[row],
                    transl_cov=np.eye(3, dtype=np.float32),
                    joints_cam=person.joints[row],
                    landmarks_px=None if landmarks is None else landmarks[:, :2].astype(np.float32),
                    landmark_visibility=None if landmarks is None else landmarks[:, 2].astype(np.float32),
                )
            )
    folder.mkdir(parents=True, exist_ok=True)
    shard = shard_name(source)
    with ShardWriter(folder, shard, source, body, "0.1.0") as writer:
        for index, stamp in enumerate(stamps_of(count, fps or 25.0)):
            pose = cameras[index] if cameras is not None and np.isfinite(cameras[index]).all() else None
            name = image.format(index) if image else None
            writer.write(FrameRow(index, int(stamp), *SIZE, K, tuple(found[index]), fps, pose, name))
    entry = InputEntry(source, "video", source, "done", "", (shard,))
    Manifest("0.1.0", "", "embedded", body, {}, (entry,)).write(folder)
    return folder
