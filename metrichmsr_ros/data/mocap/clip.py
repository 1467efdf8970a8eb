"""A motion capture clip: the rest bones of a skeleton and the global rotations of its joints over time.

Every reader (`cmu`, `deepmimic`, `bvh`) returns a `Clip` in SMPL axes (y up, the person facing +z, x to the person's
left), so `retarget` does not depend on file formats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.errors import MetricHMRError


class MotionError(MetricHMRError, ValueError):
    """A motion file cannot be read; the message names the file and the cause."""


@dataclass(frozen=True)
class Clip:
    """A motion clip.

    Attributes:
        name: unique name, `archive/file`.
        fps: frames per second.
        bones: names of the J bones.
        directions: rest direction of every bone in the world frame (J, 3), unit length; zero for a bone without one.
        rotations: global rotations (T, J, 3, 3) of each bone from its rest pose, world frame.
        root: position of the root (T, 3) in metres, y up.
    """

    name: str
    fps: float
    bones: tuple[str, ...]
    directions: np.ndarray
    rotations: np.ndarray
    root: np.ndarray

    def bone(self, name: str) -> int:
        """Index of a bone by name; raises `MotionError` for an unknown one."""
        try:
            return self.bones.index(name)
        except ValueError:
            raise MotionError(f"{self.name}: no bone {name!r}; it has {', '.join(self.bones)}") from None


def euler(angles_deg: np.ndarray, order: str) -> np.ndarray:
    """Rotations (T, 3, 3) = R_order[0] @ R_order[1] @ ... of angles (T, len(order)) in degrees, e.g. "ZYX"."""
    return Rotation.from_euler(order.upper(), angles_deg, degrees=True).as_matrix()


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to unit length; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-9)


def resample(clip: Clip, fps: float) -> Clip:
    """Every n-th frame of `clip`, where n gives the rate nearest to `fps`."""
    step = max(1, round(clip.fps / fps))
    return Clip(clip.name, clip.fps / step, clip.bones, clip.directions, clip.rotations[::step], clip.root[::step])
