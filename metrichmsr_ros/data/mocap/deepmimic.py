"""DeepMimic motion (MIT): one row per frame, `dt, root xyz, root quaternion wxyz, joint rotations` (44 numbers)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.data.mocap.clip import Clip, MotionError
from metrichmsr_ros.errors import reads
from metrichmsr_ros.io.texts import read_json

# name, parent, numbers in the row (4 = quaternion wxyz, 1 = angle about +z), rest direction in DeepMimic's frame.
_TREE = (
    ("root", -1, 4, (0, 1, 0)),
    ("chest", 0, 4, (0, 1, 0)),
    ("neck", 1, 4, (0, 1, 0)),
    ("right_hip", 0, 4, (0, -1, 0)),
    ("right_knee", 3, 1, (0, -1, 0)),
    ("right_ankle", 4, 4, (1, 0, 0)),
    ("right_shoulder", 1, 4, (0, -1, 0)),
    ("right_elbow", 6, 1, (0, -1, 0)),
    ("left_hip", 0, 4, (0, -1, 0)),
    ("left_knee", 8, 1, (0, -1, 0)),
    ("left_ankle", 9, 4, (1, 0, 0)),
    ("left_shoulder", 1, 4, (0, -1, 0)),
    ("left_elbow", 11, 1, (0, -1, 0)),
)
# DeepMimic faces +x with z to the right; SMPL faces +z with x to the left.
_TO_SMPL = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])


@reads(MotionError, "a DeepMimic motion")
def read_deepmimic(path: Path) -> Clip:
    """Read a DeepMimic humanoid3d clip.

    Raises:
        MotionError: the file is not a DeepMimic JSON, or its rows do not have 44 numbers.
    """
    rows = np.array(read_json(path)["Frames"], dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 44:
        raise MotionError(f"{path}: rows of shape {rows.shape}, expected (T, 44) of humanoid3d")
    globals_: list[np.ndarray] = []
    column = 4
    for _, parent, count, _ in _TREE:
        values = rows[:, column : column + count]
        column += count
        local = (
            Rotation.from_quat(values[:, [1, 2, 3, 0]])
            if count == 4
            else Rotation.from_rotvec(values * np.array([[0.0, 0.0, 1.0]]))
        ).as_matrix()
        globals_.append(local if parent < 0 else globals_[parent] @ local)
    rotations = _TO_SMPL @ np.stack(globals_, 1) @ _TO_SMPL.T
    directions = np.array([d for *_, d in _TREE], dtype=np.float64) @ _TO_SMPL.T
    return Clip(
        name=f"deepmimic/{path.stem}",
        fps=float(1.0 / np.median(rows[:-1, 0])),
        bones=tuple(name for name, *_ in _TREE),
        directions=directions,
        rotations=rotations,
        root=rows[:, 1:4] @ _TO_SMPL.T,
    )
