"""People of annotation folders and of replays, over the pictures that they were estimated from if these still exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from metrichmsr_ros.annotation.frames import SourceFrame
from metrichmsr_ros.conversion.recording import Frames, PersonTrack, SourceRecording
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float32Array, Float64Array
from metrichmsr_ros.viewer.frames import PointCloud, ViewFrame, ViewPerson, cloud_of, jpeg_of
from metrichmsr_ros.viewer.sources.source import InStep

_UNKNOWN = np.full((3, 3), np.nan)


@dataclass(frozen=True)
class Beside:
    """What a recording has beside its people.

    Attributes:
        pictures: source frames, in order.
        by_stamp: whether they belong to frames by time, else by number.
        depth: (number, (H, W) m) of frames, in order.
        covariances: (N, 3, 3) m^2 of the rows of each track, by its id.
        problems: why frames have no estimates, by number.
    """

    pictures: Iterator[SourceFrame] = field(default_factory=lambda: iter(()))
    by_stamp: bool = False
    depth: Iterator[tuple[int, Float32Array]] = field(default_factory=lambda: iter(()))
    covariances: Mapping[str, Float64Array] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)


def recorded_frames(recording: SourceRecording, beside: Beside, is_video: bool) -> Iterator[ViewFrame]:
    """The frames of a recording.

    Args:
        recording: people and cameras.
        beside: pictures and more.
        is_video: whether its stamps are times.
    """
    frames, rows = recording.frames, _rows(recording)
    pictures = InStep(beside.pictures, lambda frame: frame.stamp_ns if beside.by_stamp else frame.index)
    depths = InStep(beside.depth, lambda item: item[0])
    for row, (number, stamp) in enumerate(zip(frames.number.tolist(), frames.stamp_ns.tolist(), strict=True)):
        source, depth = pictures.at(stamp if beside.by_stamp else number), depths.at(number)
        image = None if source is None else source.image
        camera = _camera(frames, row) or (None if source is None else source.camera)
        cloud: PointCloud | None = None
        if depth is not None and camera is not None:
            same_size = image is not None and image.shape[:2] == depth[1].shape
            cloud = cloud_of(depth[1], image if same_size else None, camera)
        yield ViewFrame(
            number=number,
            time_s=(stamp - int(frames.stamp_ns[0])) / 1e9 if is_video else float(row),
            people=tuple(_person(track, at, beside.covariances) for track, at in rows.get(row, ())),
            camera=camera,
            picture=b"" if image is None else jpeg_of(image),
            world_from_camera=_pose(frames, row),
            cloud=cloud,
            problem=beside.problems.get(number, ""),
        )


def _rows(recording: SourceRecording) -> dict[int, list[tuple[PersonTrack, int]]]:
    """(track, its row) of everybody, by row of the frame."""
    found: dict[int, list[tuple[PersonTrack, int]]] = {}
    for track in recording.tracks:
        for at, frame in enumerate(track.frame.tolist()):
            found.setdefault(frame, []).append((track, at))
    return found


def _camera(frames: Frames, row: int) -> Camera | None:
    (width, height), intrinsics = frames.size[row].tolist(), frames.intrinsics[row]
    if width < 1 or height < 1 or not np.isfinite(intrinsics).all() or intrinsics[0, 0] <= 0:
        return None
    return Camera(width, height, intrinsics)


def _pose(frames: Frames, row: int) -> Float64Array | None:
    pose = frames.world_from_camera[row]
    return pose if np.isfinite(pose).all() else None


def _person(track: PersonTrack, row: int, covariances: Mapping[str, Float64Array]) -> ViewPerson:
    known = covariances.get(track.id)
    return ViewPerson(
        track.id,
        float(track.confidence[row]),
        bool(track.is_occluded[row]),
        track.pose[row].astype(np.float32),
        track.betas[row].astype(np.float32),
        track.transl[row].astype(np.float32),
        track.joints[row].astype(np.float32),
        _UNKNOWN if known is None else known[row],
    )
