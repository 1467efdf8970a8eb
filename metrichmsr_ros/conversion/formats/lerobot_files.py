"""Data files of a LeRobot data set: the columns, and a writer of one row group for each episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.conversion.formats.lerobot_stats import Stats, episode_stats
from metrichmsr_ros.data.formats.annotations.schema import arrow
from metrichmsr_ros.types import AnyArray

CHUNK_FILES, FILE_MB = 1000, 100
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_STATE = [f"root.{axis}" for axis in "xyz"] + [f"{joint}.rotation_{axis}" for joint in JOINT_NAMES for axis in "xyz"]
_JOINTS = [f"{joint}.{axis}" for joint in JOINT_NAMES for axis in "xyz"]
FEATURES: dict[str, tuple[str, int, list[str] | None]] = {
    "observation.state": ("float32", 75, _STATE),
    "action": ("float32", 75, _STATE),
    "observation.joints": ("float32", 72, _JOINTS),
    "observation.shape": ("float32", 10, [f"beta_{index}" for index in range(10)]),
    "observation.measured": ("int64", 1, None),
    "timestamp": ("float32", 1, None),
    "frame_index": ("int64", 1, None),
    "episode_index": ("int64", 1, None),
    "index": ("int64", 1, None),
    "task_index": ("int64", 1, None),
}


@dataclass(frozen=True, eq=False)
class Episode:
    """One person: source, id, and the columns of `observation` and `action`, (S, ...) on slots of 1 / fps."""

    source: str
    person: str
    columns: dict[str, AnyArray]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.columns["action"])


@dataclass
class EpisodeFiles:
    """Writes data files, a new one where the present one is full.

    Attributes:
        out: folder of the data set.
        task: text of the one task.
        fps: frames per second of the last episode.
        rows: of the table of episodes.
        stats: of the episodes.
        frames: number of rows in all files.
    """

    out: Path
    task: str
    fps: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    stats: list[dict[str, Stats]] = field(default_factory=list)
    frames: int = 0
    _writer: Any = None
    _file: int = 0
    _bytes: int = 0

    def add(self, episode: Episode, fps: int) -> None:
        """Append an episode, in a new file if the present one is full."""
        pa, self.fps = arrow(), fps
        table = pa.table(self._arrays(episode), schema=pa.schema([(n, _type(n)) for n in FEATURES]))
        if self._writer is not None and self._bytes + table.nbytes > FILE_MB << 20:
            self.close()
            self._file, self._bytes = self._file + 1, 0
        where = {"chunk_index": self._file // CHUNK_FILES, "file_index": self._file % CHUNK_FILES}
        if self._writer is None:
            path = self.out / DATA_PATH.format(**where)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pa.parquet.ParquetWriter(path, table.schema)
        self._writer.write_table(table)
        self._bytes += table.nbytes
        self.rows.append(self._row(episode, where))
        self.frames += len(episode)

    def close(self) -> None:
        """Finish the present file."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _arrays(self, episode: Episode) -> list[Any]:
        pa = arrow()
        count = len(episode)
        frame = np.arange(count)
        columns = episode.columns | {
            "timestamp": frame / self.fps,
            "frame_index": frame,
            "episode_index": np.full(count, len(self.rows)),
            "index": self.frames + frame,
            "task_index": np.zeros(count),
        }
        self.stats.append(episode_stats(columns))
        arrays = []
        for name, (dtype, width, _) in FEATURES.items():
            flat = pa.array(np.ascontiguousarray(columns[name], dtype).reshape(-1))
            arrays.append(flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width))
        return arrays

    def _row(self, episode: Episode, where: dict[str, int]) -> dict[str, Any]:
        row: dict[str, Any] = {"episode_index": len(self.rows), "tasks": [self.task], "length": len(episode)}
        row |= {f"data/{name}": value for name, value in where.items()}
        row |= {"dataset_from_index": self.frames, "dataset_to_index": self.frames + len(episode)}
        row |= {"source": episode.source, "person": episode.person}
        for name, stats in self.stats[-1].items():
            row |= {f"stats/{name}/{key}": value.tolist() for key, value in stats.items()}
        return row | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}


def _type(name: str) -> Any:
    pa = arrow()
    dtype, width, _ = FEATURES[name]
    scalar = pa.from_numpy_dtype(np.dtype(dtype))
    return scalar if width == 1 else pa.list_(scalar, width)
