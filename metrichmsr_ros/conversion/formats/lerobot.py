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
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.conversion.clock import Grid
from metrichmsr_ros.conversion.formats.lerobot_files import (
    CHUNK_FILES,
    DATA_PATH,
    FEATURES,
    FILE_MB,
    Episode,
    EpisodeFiles,
)
from metrichmsr_ros.conversion.formats.lerobot_stats import joined_stats
from metrichmsr_ros.conversion.motion import PlacedMotion
from metrichmsr_ros.conversion.recording import PersonTrack
from metrichmsr_ros.data.formats.annotations.schema import arrow

VERSION = "v3.0"
_EPISODES = "meta/episodes/chunk-000/file-000.parquet"


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
    written = EpisodeFiles(out, task)
    try:
        for episode, fps in episodes:
            written.add(episode, fps)
    finally:
        written.close()
    if not written.rows:
        return 0
    meta = out / "meta"
    meta.mkdir(parents=True, exist_ok=True)
    _write_table(out / _EPISODES, _episode_table(written.rows))
    _write_table(meta / "tasks.parquet", _task_table(task))
    plain = {
        name: {key: value.tolist() for key, value in part.items()} for name, part in joined_stats(written.stats).items()
    }
    (meta / "stats.json").write_text(json.dumps(plain, indent=1, allow_nan=False), encoding="utf-8")
    (meta / "info.json").write_text(json.dumps(_info(written), indent=1, allow_nan=False), encoding="utf-8")
    return written.frames


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


def _info(written: EpisodeFiles) -> dict[str, Any]:
    features = {
        name: {"dtype": dtype, "shape": [width], "names": names} for name, (dtype, width, names) in FEATURES.items()
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
        "data_path": DATA_PATH,
        "video_path": None,
        "features": features,
    }
