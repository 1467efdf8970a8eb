"""Motions in the npz layout of the benchmarks: made-up people, and a camera that moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation


def motion_arrays(frames: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """One person with every array that a benchmark reads; lengths in metres, in the camera frame."""
    random = np.random.default_rng(seed)
    root = np.cumsum(random.normal(0, 0.03, (frames, 1, 3)), axis=0) + np.array([0.0, 0.0, 4.0])
    return {
        "frame": np.arange(frames),
        "joints": root + random.normal(0, 0.4, (1, 24, 3)) + random.normal(0, 0.02, (frames, 24, 3)),
        "h36m": root + random.normal(0, 0.4, (1, 17, 3)),
        "vertices": root + random.normal(0, 0.4, (1, 30, 3)),
        "height": np.full(frames, 1.8),
        "orient": Rotation.random(frames, random_state=seed).as_matrix(),
        "focal": np.where(np.arange(frames) < frames // 2, 500.0, 1000.0),
    }


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write an npz file; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def moving_camera(frames: int) -> np.ndarray:
    """(frames, 4, 4) camera to world: it goes 5 m along x and turns by 60 degrees about y."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3, :3] = Rotation.from_euler("y", np.linspace(0, 60, frames)[:, None], degrees=True).as_matrix()
    poses[:, 0, 3] = np.linspace(0, 5, frames)
    return poses
