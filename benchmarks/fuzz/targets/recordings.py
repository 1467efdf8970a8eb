"""Recordings, photographs, videos, networks and tables of annotations."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode

from benchmarks.fuzz.target import Reading, Run, Target, reads_file
from benchmarks.fuzz.targets.array_files import made
from benchmarks.hostile import bags, pictures
from metrichmsr_ros.annotation.frames import Cameras
from metrichmsr_ros.annotation.photographs import TarFrames
from metrichmsr_ros.annotation.videos import VideoFrames
from metrichmsr_ros.assets import AssetError, model_path
from metrichmsr_ros.cli.predict import load_photo
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name, table_path
from metrichmsr_ros.data.formats.tar_samples import add_file, new_shard
from metrichmsr_ros.depth.sources.files import load_depth
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.people.blazepose.network_files import graph_of

_SOURCE = "site"


def _pictures() -> dict[str, bytes]:
    fair = {extension: pictures.encoded(extension) for extension in (".jpg", ".png", ".webp", ".tiff", ".bmp")}
    return {**fair, **made(pictures.PICTURES)(), **made(pictures.FAIR)()}


def _depths() -> dict[str, bytes]:
    return {"png": pictures.encoded(".png", (16, 16), np.uint16), "tiff": pictures.encoded(".tiff", (9, 9), np.float32)}


def _mcaps() -> dict[str, bytes]:
    modes = (None, CompressionMode.MESSAGE)
    return {**made(bags.MCAPS)(), **{str(mode): bags.recording(StoragePlugin.MCAP, mode)[: 2**17] for mode in modes}}


def _databases() -> dict[str, bytes]:
    modes = (None, CompressionMode.MESSAGE)
    return {str(mode): bags.recording(StoragePlugin.SQLITE3, mode) for mode in modes}


def _zstd() -> dict[str, bytes]:
    return {"mcap": bags.recording(StoragePlugin.MCAP, CompressionMode.FILE)}


def _tflites() -> dict[str, bytes]:
    try:
        return {"detector": model_path("pose_detection.tflite").read_bytes()[: 2**18], "mark": b"\x1c\0\0\0TFL3"}
    except AssetError:
        return {"mark": b"\x1c\0\0\0TFL3"}


def _camera() -> Cameras:
    return Cameras(CameraOptions(fov_x=1.0))


def _film() -> dict[str, bytes]:
    """Three small frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "a.avi"))
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (32, 32))
        for value in (0, 100, 200):
            writer.write(np.full((32, 32, 3), value, np.uint8))
        writer.release()
        return {"avi": Path(path).read_bytes(), "text": b"no film"}


def _tar() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tar")
        with new_shard(path) as tar:
            for number in range(3):
                add_file(tar, f"{number:03d}.png", pictures.encoded(".png"))
        return {"tar": path.read_bytes()}


def _watch(path: Path) -> str:
    with _closing(VideoFrames(path, _camera())) as frames:
        return f"{sum(1 for _ in frames)} frames; {frames.damage}"


def _pictures_in(path: Path) -> str:
    frames = TarFrames(path, _camera(), 2**20)
    return f"{sum(1 for _ in frames)} pictures; {frames.damage}"


@contextmanager
def _closing(frames: VideoFrames) -> Iterator[VideoFrames]:
    try:
        yield frames
    finally:
        frames.close()


def annotated_folder(folder: Path) -> Path:
    """An annotation folder of two frames and one person; returns the table of people."""
    zeros = lambda *shape: np.zeros(shape, np.float32)  # noqa: E731
    person = PersonRow("p1", 0.9, False, zeros(4), zeros(72), zeros(10), zeros(3), zeros(3, 3), zeros(24, 3))
    shard = shard_name(_SOURCE)
    for name in ("people", "frames"):
        (folder / name).mkdir(exist_ok=True)
    with ShardWriter(folder, shard, _SOURCE, "open_light", "0.1.0") as writer:
        for index in range(2):
            writer.write(FrameRow(index, index * 10**8, 320, 240, np.eye(3), (person,)))
    entry = InputEntry(_SOURCE, "video", "a.mp4", "done", "", (shard,))
    Manifest("0.1.0", "ab", "embedded", "open_light", {}, (entry,)).write(folder)
    return table_path(folder, "people", shard)


def _tables() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return {"people": annotated_folder(Path(folder)).read_bytes()}


def _read_tables(folder: Path) -> Run:
    path = annotated_folder(folder)

    def run(data: bytes) -> Reading:
        path.write_bytes(data)
        read = AnnotationFolder(folder)
        return Reading(f"{len(read.tracks(_SOURCE))} {len(read.frames(_SOURCE))}")

    return run


TARGETS = (
    Target("photograph", "files", reads_file(load_photo, "a.jpg"), _pictures, "a.jpg"),
    Target("depth_image", "files", reads_file(load_depth, "a.png"), _depths, "a.png", share=0.5),
    Target("mcap", "files", reads_file(bags.read_all, "a.mcap"), _mcaps, "a.mcap"),
    Target("db3", "files", reads_file(bags.read_all, "a.db3"), _databases, "a.db3"),
    Target("mcap_zstd", "files", reads_file(bags.read_all, "a.mcap.zstd"), _zstd, "a.mcap.zstd", share=0.5),
    Target("tflite", "files", reads_file(graph_of, "a.tflite"), _tflites, "a.tflite", share=0.5),
    Target("video", "files", reads_file(_watch, "a.avi"), _film, share=0.5),
    Target("picture_tar", "files", reads_file(_pictures_in, "a.tar"), _tar),
    Target("annotation_tables", "files", _read_tables, _tables, ".parquet"),
)
