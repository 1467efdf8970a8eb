"""Local pose and shape errors: MPJPE, PA-MPJPE, PVE, body height.

Inputs are metres, outputs millimetres, one value per frame. A frame with a non-finite coordinate scores NaN;
:func:`~metrichmsr_ros.evaluation.metrics.checks.mean_error` leaves it out. Definitions follow the evaluation code of
SPIN, WHAM, TRAM, GVHMR and CameraHMR, which agree except where a :class:`JointProtocol` says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError, checked, finite_frames, paired
from metrichmsr_ros.geometry.procrustes import align, umeyama
from metrichmsr_ros.types import Float64Array

MILLIMETRES = 1000.0


@dataclass(frozen=True)
class JointProtocol:
    """The compared joints and the definition of the pelvis.

    Attributes:
        name: label for tables.
        source: the joint set the indices refer to: ``h36m17`` (``J_regressor_h36m`` applied to SMPL vertices) or
            ``smpl24`` (SMPL's own joints).
        joints: indices of the compared joints.
        root: indices whose mean is subtracted before comparing.
    """

    name: str
    source: str
    joints: tuple[int, ...]
    root: tuple[int, ...]


_J14 = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)

H36M14_HIPS = JointProtocol("14 joints, hip-mean pelvis (WHAM, GVHMR, PromptHMR on 3DPW)", "h36m17", _J14, (4, 1))
H36M14_ROOT = JointProtocol("14 joints, H36M joint 0 (SPIN, CameraHMR on 3DPW)", "h36m17", _J14, (0,))
SMPL24_HIPS = JointProtocol("24 joints, hip-mean pelvis (EMDB, RICH)", "smpl24", tuple(range(24)), (1, 2))
SMPL24_ROOT = JointProtocol("24 joints, SMPL joint 0", "smpl24", tuple(range(24)), (0,))
SOURCE_JOINTS = {"h36m17": 17, "smpl24": 24}


def regress_joints(regressor: ArrayLike, vertices: ArrayLike) -> Float64Array:
    """Apply a joint regressor (J, V) to vertices (N, V, 3) in metres; returns (N, J, 3)."""
    matrix = np.asarray(regressor, dtype=np.float64)
    points = checked(vertices, "vertices", (None, 3))
    if matrix.ndim != 2 or matrix.shape[1] != points.shape[1]:
        raise MetricInputError(f"regressor {matrix.shape} does not fit {points.shape[1]} vertices")
    return np.einsum("jv,nvc->njc", matrix, points, optimize=True)


def root_position(joints: ArrayLike, protocol: JointProtocol) -> Float64Array:
    """Pelvis of a protocol, (N, 3), from the joints (N, 17 or 24, 3) of its source set."""
    points = checked(joints, "joints", (SOURCE_JOINTS[protocol.source], 3))
    return points[:, list(protocol.root)].mean(axis=1)


def _distance(first: Float64Array, second: Float64Array) -> Float64Array:
    """Mean Euclidean distance of (N, P, 3) point sets, in millimetres, (N,)."""
    return MILLIMETRES * np.linalg.norm(first - second, axis=-1).mean(axis=-1)


def mpjpe(predicted: ArrayLike, truth: ArrayLike, protocol: JointProtocol = SMPL24_HIPS) -> Float64Array:
    """Mean per-joint position error after subtracting each side's own pelvis.

    ``mean_j || (p_j - p_root) - (q_j - q_root) ||``. Source: SPIN ``eval.py``, WHAM ``batch_align_by_pelvis``.

    Args:
        predicted: (N, J, 3) m, the protocol's whole source set (17 or 24 joints).
        truth: the same for the truth.
        protocol: compared joints and pelvis.

    Returns:
        (N,) mm.
    """
    first, second = paired(predicted, truth, (SOURCE_JOINTS[protocol.source], 3))
    first = first - root_position(first, protocol)[:, None]
    second = second - root_position(second, protocol)[:, None]
    kept = list(protocol.joints)
    return _distance(first[:, kept], second[:, kept])


def pa_mpjpe(predicted: ArrayLike, truth: ArrayLike, joints: tuple[int, ...] | None = None) -> Float64Array:
    """Mean per-joint position error after a similarity Procrustes alignment of every frame.

    Rotation (reflections fixed), translation and scale are fitted per frame on the compared joints, prediction onto
    truth. Source: SPIN/HMR ``compute_similarity_transform``. The pelvis is not used.

    Args:
        predicted: (N, J, 3) m.
        truth: (N, J, 3) m.
        joints: indices of the compared joints; all when None. Pass ``protocol.joints``.

    Returns:
        (N,) mm.
    """
    first, second = paired(predicted, truth, (None, 3))
    if joints is not None:
        first, second = first[:, list(joints)], second[:, list(joints)]
    errors = np.full(len(first), np.nan)
    usable = finite_frames(first, second)
    if usable.any():
        source, target = first[usable], second[usable]
        errors[usable] = _distance(align(source, *umeyama(source, target, with_scale=True)), target)
    return errors


def pve(
    predicted_vertices: ArrayLike, true_vertices: ArrayLike, predicted_root: ArrayLike, true_root: ArrayLike
) -> Float64Array:
    """Per-vertex error after subtracting the *joint* pelvis of each side (not a vertex mean).

    Source: WHAM ``batch_align_by_pelvis``. Both meshes need one topology (6,890 vertices for SMPL).

    Args:
        predicted_vertices: (N, V, 3) m.
        true_vertices: (N, V, 3) m.
        predicted_root: (N, 3) m, from :func:`root_position`.
        true_root: (N, 3) m.

    Returns:
        (N,) mm.
    """
    first, second = paired(predicted_vertices, true_vertices, (None, 3), "vertices")
    start, goal = paired(predicted_root, true_root, (3,), "root")
    if len(start) != len(first):
        raise MetricInputError(f"{len(start)} roots were given for {len(first)} frames of vertices")
    return _distance(first - start[:, None], second - goal[:, None])


def height_error(predicted: ArrayLike, truth: ArrayLike) -> Float64Array:
    """Absolute error of standing height (H-MAE when averaged).

    The paper gives no public definition. Ours: the vertical extent of the shaped body in its rest pose, prediction
    with the neutral model, truth with the model of its data set (as SHAPY's ``compute_height``).

    Args:
        predicted: (N,) m.
        truth: (N,) m.

    Returns:
        (N,) mm.
    """
    first, second = paired(predicted, truth, (), "height")
    return MILLIMETRES * np.abs(first - second)


def relative_depth_error(predicted: ArrayLike, truth: ArrayLike) -> Float64Array:
    """Relative error of the root's depth in the camera frame (RDE when averaged), a fraction.

    ``|z - z*| / z*`` with z the optical-axis coordinate of the root. The paper gives no public definition; this is
    ours. A truth at or behind the camera scores NaN.

    Args:
        predicted: (N,) m.
        truth: (N,) m.

    Returns:
        (N,) dimensionless.
    """
    first, second = paired(predicted, truth, (), "root depth")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(second > 0, np.abs(first - second) / second, np.nan)
