"""What poses bodies: arrays in, arrays out. The pipeline knows body models by this interface alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import Float32Array

NUM_BETAS = 10


class BodyError(MetricHMRError, ValueError):
    """A body model that does not exist or a file that is not one; the message names it and the remedy."""


class BodyFileError(BodyError, FileNotFoundError):
    """The file of a body model does not exist."""


@dataclass(frozen=True, eq=False)
class PosedBodies:
    """B posed bodies: `vertices` (B, V, 3) and `joints` (B, 24, 3), in the frame of `transl`, metres, float32."""

    vertices: Float32Array
    joints: Float32Array


class BodyEngine(Protocol):
    """One body model: betas, pose and translation -> vertices and joints. All arrays of people are float32."""

    @property
    def name(self) -> str:
        """ "open", "open_light" or "smpl"."""

    @property
    def faces(self) -> NDArray[np.int64]:
        """(F, 3), counter-clockwise seen from outside."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the 24 joints."""

    @property
    def parents(self) -> tuple[int, ...]:
        """Index of each joint's parent, -1 for the root."""

    @property
    def num_vertices(self) -> int:
        """Number of vertices of the mesh."""

    def posed(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> PosedBodies:
        """Pose bodies.

        Args:
            betas: (B, 10) shape, unit variance each.
            rotmats: (B, 24, 3, 3) of each joint relative to its parent; joint 0 turns the whole body.
            transl: (B, 3) SMPL's translation, metres, added after posing.
        """

    def joints(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> Float32Array:
        """Joints (B, 24, 3) equal to those of `posed`, without skinning the mesh."""

    def rest_joints(self, betas: Float32Array) -> Float32Array:
        """Joints (B, 24, 3) of betas (B, 10) in the rest pose, metres; joint 0 is the pelvis offset of SMPL."""

    def height(self, betas: Float32Array) -> Float32Array:
        """Standing height (B,) in metres: from the highest to the lowest vertex along y in the rest pose."""
