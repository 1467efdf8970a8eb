"""The pose of a walking person drawn to the person's own gait.

The errors of single images last for half a second and more, so that smoothing does not remove them. Most lie along the
line of sight: limbs that swing towards the camera seem to swing less. But a walk repeats itself, and while a person
turns, or the other side of the body takes the same step, the camera sees it from elsewhere. Each joint's rotation over
a stride is a short Fourier series, the same for both sides half a stride apart but for a small difference, fitted to
all images (weighted least squares; turns about the line of sight count most). Each image then deviates from this gait
as far as its deviation is more certain than usual differences between strides (the Gaussian posterior).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import MIRROR_JOINTS, PARENTS
from metrichmsr_ros.refinement.gait_phase import HARMONICS, stride_waves
from metrichmsr_ros.refinement.smoothing import smoothed
from metrichmsr_ros.refinement.track import NUM_JOINTS
from metrichmsr_ros.types import Float64Array

ABOUT_SIGHT_RAD = 0.04  # error of a limb's turn about the line of sight, which an image shows; 1 to 2 cm on 0.35 m,
ACROSS_SIGHT_RAD = 0.15  # and of a turn in depth, 5 cm (the errors of joints in `pipeline.uncertainty.fitted`)
VARIES_RAD = 0.1  # differences between strides of one person
SIDES_RAD = 0.05  # differences between the gait's two sides
CORRELATED = 5.0  # images 0.1 s apart whose errors are nearly the same
DEVIATION_STIFFNESS = 1e-4  # s^3, of what deviates from the gait
TAILS = 2.0  # images that lie farther off than this many mean squared deviations count less than half
_ROUNDS = 4
_MIRROR = np.array([-1.0, 1.0, 1.0])  # of points; rotation vectors change the other two signs


@dataclass(frozen=True, eq=False)
class Strides:
    """Images of one person who walks.

    Attributes:
        rotmats: (T, 24, 3, 3) relative to the parents; that of joint 0 relative to the path: x left, y up, z forwards.
        sight: (T, 3) unit vectors from the camera to the person, in the same axes.
        phases: (T,) rad.
        weights: (T,) of the images, not negative.
        stamps_s: (T,).
    """

    rotmats: Float64Array
    sight: Float64Array
    phases: Float64Array
    weights: Float64Array
    stamps_s: Float64Array


def drawn_to_gait(strides: Strides) -> Float64Array:
    """Poses (T, 24, 3, 3) in the axes of `strides`: each image's own as far as it is certain, else the gait's."""
    mirrored = _mirrored(strides.rotmats)
    means = _means(strides.rotmats, mirrored, strides.weights)
    sights = _sights_of_joints(strides)
    poses = np.empty_like(strides.rotmats)
    for joint in range(NUM_JOINTS):
        own = _vectors(means[joint].T @ strides.rotmats[:, joint])
        other = _vectors(means[joint].T @ mirrored[:, joint])
        across = sights[:, MIRROR_JOINTS[joint]] * -_MIRROR
        gait, weights = _gait_of_joint(strides, (own, other), (sights[:, joint], across))
        vectors = gait + _certain(own - gait, sights[:, joint], weights, strides.stamps_s)
        poses[:, joint] = means[joint] @ Rotation.from_rotvec(vectors).as_matrix()
    return poses


def _mirrored(rotmats: Float64Array) -> Float64Array:
    """Poses of the mirror image, sides exchanged."""
    return np.asarray(rotmats[:, list(MIRROR_JOINTS)] * _MIRROR[:, None] * _MIRROR)


def _means(rotmats: Float64Array, mirrored: Float64Array, weights: Float64Array) -> Float64Array:
    """(24, 3, 3) mean rotations of both sides."""
    both, twice = np.concatenate([rotmats, mirrored]), np.concatenate([weights, weights])
    return np.stack([Rotation.from_matrix(both[:, j]).mean(weights=twice).as_matrix() for j in range(NUM_JOINTS)])


def _sights_of_joints(strides: Strides) -> Float64Array:
    """(T, 24, 3) directions of sight in the axes of each joint."""
    turns = strides.rotmats.copy()
    for joint in range(1, NUM_JOINTS):
        turns[:, joint] = turns[:, PARENTS[joint]] @ strides.rotmats[:, joint]
    return np.einsum("tjik,ti->tjk", turns, strides.sight)


def _vectors(rotations: Float64Array) -> Float64Array:
    return np.asarray(Rotation.from_matrix(rotations).as_rotvec())


def _gait_of_joint(
    strides: Strides, vectors: tuple[Float64Array, Float64Array], sights: tuple[Float64Array, Float64Array]
) -> tuple[Float64Array, Float64Array]:
    """Rotation vectors (T, 3) of the gait, and the weights (T,) of the images after reweighting.

    Args:
        strides: the images.
        vectors: (T, 3) of this side's joint and of the mirrored other side's.
        sights: (T, 3) likewise, in the axes of the joint.
    """
    waves, later = stride_waves(strides.phases), stride_waves(strides.phases + np.pi)
    designs = np.concatenate([waves, waves], axis=1), np.concatenate([later, -later], axis=1)
    rooted = [_root_information(sight) for sight in sights]
    weights = [strides.weights, strides.weights]
    for _ in range(_ROUNDS):
        rows, right = zip(
            *(
                _equations(*parts)
                for parts in zip(designs, rooted, vectors, weights, strict=True)
            ),
            strict=True,
        )  # fmt: skip
        matrix, values = np.concatenate(rows), np.concatenate(right)
        found = np.linalg.solve(matrix.T @ matrix + np.diag(_precisions()), matrix.T @ values).reshape(-1, 3)
        gaps = [np.einsum("tij,tj->ti", r, v - d @ found) for r, v, d in zip(rooted, vectors, designs, strict=True)]
        weights = [strides.weights / (1 + (gap**2).mean(axis=1) / TAILS) for gap in gaps]
    return designs[0] @ found, weights[0]


def _root_information(sight: Float64Array) -> Float64Array:
    """(T, 3, 3) root of the inverse covariance of a joint's rotation vector."""
    along = sight[:, :, None] * sight[:, None]
    return np.asarray(along / ABOUT_SIGHT_RAD + (np.eye(3) - along) / ACROSS_SIGHT_RAD)


def _equations(
    design: Float64Array, rooted: Float64Array, vectors: Float64Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Rows (3 T, 3 N) of the series' N coefficients, and their right sides (3 T,)."""
    scaled = rooted * np.sqrt(weights)[:, None, None]
    rows = np.einsum("ta,tij->tiaj", design, scaled).reshape(3 * len(design), -1)
    return rows, np.einsum("tij,tj->ti", scaled, vectors).reshape(-1)


def _precisions() -> Float64Array:
    """(3 N,) inverse variances of the coefficients: of both sides' gait, then of half their difference."""
    orders = np.concatenate([[0], np.arange(1, HARMONICS + 1), np.arange(1, HARMONICS + 1)]) ** 2
    shared = np.maximum(orders, 1e-3) / ACROSS_SIGHT_RAD**2
    sides = CORRELATED * (1 + orders / 2) / SIDES_RAD**2
    return np.repeat(np.concatenate([shared, sides]), 3)


def _certain(
    deviations: Float64Array, sight: Float64Array, weights: Float64Array, stamps_s: Float64Array
) -> Float64Array:
    """The share of deviations (T, 3) from the gait that is kept."""
    smooth = smoothed(deviations, np.maximum(weights, 1e-6), stamps_s, DEVIATION_STIFFNESS)
    about = (smooth * sight).sum(axis=1, keepdims=True) * sight
    return _kept(about, ABOUT_SIGHT_RAD) + _kept(smooth - about, ACROSS_SIGHT_RAD)


def _kept(deviations: Float64Array, error_rad: float) -> Float64Array:
    """The posterior mean; deviations beyond two errors are no errors, and widen the prior."""
    squares = (deviations**2).sum(axis=1, keepdims=True)
    prior = VARIES_RAD**2 + np.maximum(squares - (2 * error_rad) ** 2, 0.0)
    return np.asarray(deviations * prior / (prior + error_rad**2))
