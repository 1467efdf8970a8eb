"""LeRobot data set, version 3.0, without pictures: one episode is one person's track.

The columns are choices, because LeRobot has no layout for people:

    observation.state    (75,) root position, m, and SMPL's axis-angle pose, rad
    action               (75,) the state of the next frame; the last frame's is its own
    observation.joints   (72,) the 24 joints, m
    observation.shape    (10,) betas
    observation.measured (1,)  1 for an estimate, 0 where the person was predicted or a missing frame is held
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.conversion.clock import Grid
from metrichmsr_ros.conversion.formats.lerobot_stats import Stats, episode_stats, joined_stats
from metrichmsr_ros.conversion.motion import PlacedMotion
from metrichmsr_ros.conversion.recording import PersonTrack
from metrichmsr_ros.data.formats.annotations.schema import arrow
from metrichmsr_ros.types import AnyArray

VERSION = "v3.0"
CHUNK_FILES, FILE_MB = 1000, 100
_DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_STATE = [f"root.{axis}" for axis in "xyz"] + [f"{joint}.rotation_{axis}" for joint in JOINT_NAMES for axis in "xyz"]
_JOINTS = [f"{joint}.{axis}" for joint in JOINT_NAMES for axis in "xyz"]
_FEATURES: dict[str, tuple[str, int, list[str] | None]] = {
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


def episode_of(source: str, track: PersonTrack, motion: PlacedMotion, grid: Grid) -> Episode:
    """The episode of one person on the slots of `grid`."""
    pose = Rotation.from_matrix(motion.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(len(motion.row), 72)
    state = np.concatenate([motion.root, pose], 1)[grid.row]
    row = motion.row[grid.row]
    columns = {
        "observation.state": state,
        "action": np.concatenate([state[1:], state[-1:]]),
        "observation.joints": motion.joints[grid.row].reshape(-1, 72),
        "observation.shape": track.betas[row],
        "observation.measured": (~grid.is_held & ~track.is_occluded[row]).astype(np.int64),
    }
    return Episode(source, track.id, columns)


def write_dataset(out: Path, episodes: Iterable[tuple[Episode, int]], task: str) -> int:
    """Write the data set's folder; returns the number of frames.

    Args:
        out: the folder.
        episodes: with the data set's frames per second; nothing is written without any.
        task: text of the one task.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    arrow()
    written = _Written(out, task)
    try:
        for episode, fps in episodes:
            written.add(episode, fps)
    finally:
        written.close()
    if not written.rows:
        return 0
    meta = out / "meta"
    meta.mkdir(parents=True, exist_ok=True)
    _write_table(out / _EPISODES.format(chunk_index=0, file_index=0), _episode_table(written.rows))
    _write_table(meta / "tasks.parquet", _task_table(task))
    plain = {
        name: {key: value.tolist() for key, value in part.items()} for name, part in joined_stats(written.stats).items()
    }
    (meta / "stats.json").write_text(json.dumps(plain, indent=1, allow_nan=False), encoding="utf-8")
    (meta / "info.json").write_text(json.dumps(_info(written), indent=1, allow_nan=False), encoding="utf-8")
    return written.frames


@dataclass
class _Written:
    """Writes data files, one row group an episode, and keeps the rows of the episodes' table."""

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
        table = pa.table(self._arrays(episode), schema=pa.schema([(n, _type(n)) for n in _FEATURES]))
        if self._writer is not None and self._bytes + table.nbytes > FILE_MB << 20:
            self.close()
            self._file, self._bytes = self._file + 1, 0
        where = {"chunk_index": self._file // CHUNK_FILES, "file_index": self._file % CHUNK_FILES}
        if self._writer is None:
            path = self.out / _DATA.format(**where)
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
        for name, (dtype, width, _) in _FEATURES.items():
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
    dtype, width, _ = _FEATURES[name]
    scalar = pa.from_numpy_dtype(np.dtype(dtype))
    return scalar if width == 1 else pa.list_(scalar, width)


def _episode_table(rows: list[dict[str, Any]]) -> Any:
    return arrow().Table.from_pylist(rows)


def _task_table(task: str) -> Any:
    """Task texts as pandas' index, as LeRobot reads them."""
    pa = arrow()
    columns = [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([task], pa.string())})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _write_table(path: Path, table: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrow().parquet.write_table(table, path)


def _info(written: _Written) -> dict[str, Any]:
    features = {
        name: {"dtype": dtype, "shape": [width], "names": names} for name, (dtype, width, names) in _FEATURES.items()
    }
    return {
        "codebase_version": VERSION,
        "robot_type": "person",
        "total_episodes": len(written.rows),
        "total_frames": written.frames,
        "total_tasks": 1,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": FILE_MB,
        "video_files_size_in_mb": 200,
        "fps": written.fps,
        "splits": {"train": f"0:{len(written.rows)}"},
        "data_path": _DATA,
        "video_path": None,
        "features": features,
    }
