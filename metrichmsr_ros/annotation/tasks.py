"""Cut the sources into tasks, one a shard, and tell which an earlier run has finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from metrichmsr_ros.annotation.bags import BagFrames
from metrichmsr_ros.annotation.frames import Cameras, FrameStream
from metrichmsr_ros.annotation.inputs import InputSource
from metrichmsr_ros.annotation.options import AnnotateOptions, SourceError
from metrichmsr_ros.annotation.photographs import PhotographFrames, TarFrames
from metrichmsr_ros.annotation.videos import VideoFrames, frames_of
from metrichmsr_ros.data.formats.annotations.shard_writer import shard_name


@dataclass(frozen=True)
class ShardTask:
    """One shard to write.

    Attributes:
        source: the input; of photographs with the files of this shard alone.
        part: number of the shard in the source.
        first: index in the source of the first frame.
        count: frames of a part of a video; None: to the end.
        parts: number of shards of the source.
    """

    source: InputSource
    part: int = 0
    first: int = 0
    count: int | None = None
    parts: int = 1

    @property
    def shard(self) -> str:
        """Name of the shard."""
        return shard_name(self.source.name, self.part)

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        path = self.source.path
        if self.source.kind == "photographs":
            return list(self.source.files)
        return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]

    @property
    def weight(self) -> int:
        """Bytes to read, as a measure of the work; of a part of a video its share."""
        return max(1, sum(_size(file) for file in self.files) // (1 if self.source.files else self.parts))

    @property
    def fingerprint(self) -> str:
        """Hex sha256 over what is read: names, sizes and times of the files, and the frames of them."""
        about = [[file.name, *_state(file)] for file in self.files]
        return hashlib.sha256(json.dumps([about, self.first, self.count]).encode()).hexdigest()

    @property
    def id_prefix(self) -> str:
        """Begins the ids of the shard, so that they are unique within the source."""
        return f"c{self.part}-" if self.source.kind == "video" and self.parts > 1 else ""


def plan(sources: Sequence[InputSource], options: AnnotateOptions) -> list[ShardTask]:
    """The tasks of all sources that can be annotated, in order."""
    return [task for source in sources if source.kind != "none" for task in _tasks_of(source, options)]


def _tasks_of(source: InputSource, options: AnnotateOptions) -> list[ShardTask]:
    if source.kind == "photographs":
        step = options.photographs
        groups = [source.files[first : first + step] for first in range(0, len(source.files), step)]
        return [
            ShardTask(replace(source, files=files), part, part * step, parts=len(groups))
            for part, files in enumerate(groups)
        ]
    parts = _video_parts(source.path, options.chunk) if source.kind == "video" and options.chunk else 1
    if parts == 1:
        return [ShardTask(source)]
    counts = [*[options.chunk] * (parts - 1), None]  # the last goes to the end, wherever that is
    return [ShardTask(source, part, part * options.chunk, count, parts) for part, count in enumerate(counts)]


def _video_parts(path: Path, chunk: int) -> int:
    frames = frames_of(path)
    return 1 if frames is None else max(1, -(-frames // chunk))


@contextmanager
def opened(task: ShardTask, options: AnnotateOptions, cameras: Cameras) -> Iterator[FrameStream]:
    """The frames of a task.

    Raises:
        SourceError: they cannot be read.
    """
    source = task.source
    if source.kind == "photographs":
        yield PhotographFrames(source.files, task.first, cameras, options.max_pixels)
    elif source.kind == "tar":
        yield TarFrames(source.path, cameras, options.max_pixels)
    elif source.kind in ("video", "bag"):
        video = source.kind == "video"
        frames = VideoFrames(source.path, cameras, task.first, task.count) if video else BagFrames(source.path, options)
        try:
            yield frames
        finally:
            frames.close()
    else:
        raise SourceError(source.cause)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _state(file: Path) -> tuple[int, int]:
    """Size and time of change; zeros if the file has gone."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
