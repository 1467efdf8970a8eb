"""Estimates of people as arrays: what an engine gives, and what the pipeline hands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from metrichmsr_ros.types import AnyArray, Float32Array


@dataclass(frozen=True, eq=False)
class HMREstimate:
    """B people in the camera frame, float32.

    Attributes:
        rotmats: (B, 24, 3, 3); [:, 0] takes body axes to the camera frame.
        betas: (B, 10).
        transl: (B, 3) m.
        transl_deviation: (B, 2) m, standard deviation along and across the line of sight.
        spread: (B, 24) rad, by how much the rotations of joints differ between the views that were averaged; NaN for
            people with one view. None: nobody has several views.
        doubt: (B,) probability 0..1 that they face otherwise: front for back; None: no view and no memory objects.
    """

    rotmats: Float32Array
    betas: Float32Array
    transl: Float32Array
    transl_deviation: Float32Array
    spread: Float32Array | None = None
    doubt: Float32Array | None = None

    def __len__(self) -> int:
        """Number of people."""
        return len(self.transl)

    @property
    def transl_cov(self) -> Float32Array:
        """(B, 3, 3) m^2, covariance of `transl`."""
        return covariance(self.transl, self.transl_deviation)

    def select(self, rows: AnyArray | Sequence[int]) -> HMREstimate:
        """The people at `rows` (int or bool), in that order."""
        return HMREstimate(
            self.rotmats[rows],
            self.betas[rows],
            self.transl[rows],
            self.transl_deviation[rows],
            None if self.spread is None else self.spread[rows],
            None if self.doubt is None else self.doubt[rows],
        )

    def rotated(self, rotation: Float32Array, pelvis: Float32Array) -> HMREstimate:
        """The same people in the frame of another camera at the same place.

        Args:
            rotation: (3, 3) from the frame of this camera to that of the other one.
            pelvis: (B, 3) m, of the body model at rest in these shapes: bodies turn about it, and not about the origin.
        """
        rotmats = np.concatenate([rotation @ self.rotmats[:, :1], self.rotmats[:, 1:]], axis=1)
        transl = np.asarray((self.transl + pelvis) @ rotation.T - pelvis, np.float32)
        return replace(self, rotmats=rotmats, transl=transl)

    def joined(self, more: HMREstimate) -> HMREstimate:
        """These people followed by those of `more`, each a single view: without `spread` and `doubt`."""
        names = ("rotmats", "betas", "transl", "transl_deviation")
        return HMREstimate(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in names))


@dataclass(frozen=True, eq=False)
class EstimateFromPixels:
    """What the pixel branch reads of N views, float32.

    Attributes:
        transl: (N, 3) m in the camera frame.
        log_deviation: (N, 3), natural logarithms of the standard deviations of the position in the crop (u, v: shares
            of a quarter of the crop's side) and of the distance (share of it).
        betas: (N, 10).
    """

    transl: Float32Array
    log_deviation: Float32Array
    betas: Float32Array

    @classmethod
    def joined(cls, parts: Sequence[EstimateFromPixels]) -> EstimateFromPixels:
        """The views of all parts, at least one, in their order."""
        names = ("transl", "log_deviation", "betas")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def covariance(transl: Float32Array, deviation: Float32Array) -> Float32Array:
    """(B, 3, 3) m^2 of standard deviations (B, 2) along and across the line of sight to `transl` (B, 3)."""
    sight = unit(transl)
    along, across = np.square(deviation).T[:, :, None, None]
    outer = sight[:, :, None] * sight[:, None]
    result: Float32Array = along * outer + across * (np.eye(3, dtype=transl.dtype) - outer)
    return result


def unit(vectors: Float32Array) -> Float32Array:
    """(..., N) vectors of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(1e-12))
