"""Transfer of landmark residuals from a rendered person to a new body and camera with a similar view in the crop."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.data.synthesis.landmark_rows import Rows

_HIPS = (23, 24)


def with_residuals(old: Rows, truth: Rows, sharpness: np.ndarray) -> Rows:
    """Landmark sets of new people: their true landmarks with the residuals of the old people, row by row.

    Args:
        old: rendered people and their landmark sets.
        truth: the new bodies and cameras, and `growth` (N,), the ratio of their heights to those of the old people.
        sharpness: (N,) factor on the old people's errors in the image plane.
    """
    before, after = (_project(rows["landmarks_cam"], rows["intrinsics"]) for rows in (old, truth))
    matrix = old["crop_matrix"] @ np.linalg.inv(_similarity(before, after))
    crop_before, crop_after = _map(old["crop_matrix"], before), _map(matrix, after)
    depth_before, depth_after = _crop_depth(old, old["crop_matrix"]), _crop_depth(truth, matrix)
    moved = np.concatenate([crop_after - crop_before, (depth_after - depth_before)[..., None]], -1)
    crop_landmarks = old["crop_landmarks"] + _with_auxiliary(moved)
    error = old["crop_landmarks"][:, :33, :2] - crop_before
    crop_landmarks[..., :2] += _with_auxiliary(error) * (sharpness[:, None, None] - 1)
    # The network cannot measure size, so the world landmarks of the new body have the size of the old one.
    axes_before, axes_after = _crop_axes(old, old["crop_matrix"]), _crop_axes(truth, matrix)
    world = old["world"] + _with_auxiliary(axes_after / truth["growth"][:, None, None] - axes_before)
    return {
        **{name: array for name, array in truth.items() if name != "growth"},
        "visibility": old["visibility"],
        "presence": old["presence"],
        "heavy": old["heavy"],
        "crop_matrix": matrix,
        "crop_landmarks": crop_landmarks,
        "world": world,
        "pixels": _map(np.linalg.inv(matrix), crop_landmarks[..., :2]),
    }


def _with_auxiliary(moved: np.ndarray) -> np.ndarray:
    """Movement (N, 39, C) of all landmarks: the six auxiliary ones move with the hips or with their wrist."""
    hips = moved[:, _HIPS].mean(1)
    extra = np.stack([hips, hips, moved[:, 15], moved[:, 15], moved[:, 16], moved[:, 16]], 1)
    return np.concatenate([moved, extra], 1)


def _project(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    seen = points @ np.swapaxes(intrinsics, 1, 2)
    pixels: np.ndarray = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
    return pixels


def _map(matrix: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    mapped: np.ndarray = pixels @ np.swapaxes(matrix[:, :2, :2], 1, 2) + matrix[:, None, :2, 2]
    return mapped


def _similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares 2D similarities (N, 3, 3) from `source` (N, L, 2) to `target`."""
    a, b = source[..., 0] + 1j * source[..., 1], target[..., 0] + 1j * target[..., 1]
    mean_a, mean_b = a.mean(1, keepdims=True), b.mean(1, keepdims=True)
    factor = ((a - mean_a).conj() * (b - mean_b)).sum(1) / (np.abs(a - mean_a) ** 2).sum(1)
    shift = mean_b[:, 0] - factor * mean_a[:, 0]
    result = np.tile(np.eye(3), (len(a), 1, 1))
    result[:, 0, 0] = result[:, 1, 1] = factor.real
    result[:, 1, 0], result[:, 0, 1] = factor.imag, -factor.imag
    result[:, 0, 2], result[:, 1, 2] = shift.real, shift.imag
    return result


def _from_hips(rows: Rows) -> np.ndarray:
    points = rows["landmarks_cam"]
    relative: np.ndarray = points - points[:, _HIPS].mean(1, keepdims=True)
    return relative


def _crop_depth(rows: Rows, matrix: np.ndarray) -> np.ndarray:
    """Depth (N, 33) relative to the hips in crop px, at the crop's scale at the hips."""
    scale = np.sqrt(np.abs(np.linalg.det(matrix[:, :2, :2]))) * rows["intrinsics"][:, 0, 0]
    hips = rows["landmarks_cam"][:, _HIPS].mean(1)[:, 2]
    depth: np.ndarray = _from_hips(rows)[..., 2] * (scale / np.maximum(hips, 0.3))[:, None]
    return depth


def _crop_axes(rows: Rows, matrix: np.ndarray) -> np.ndarray:
    """True landmarks (N, 33, 3) around the hips in the crop's (rotated) axes, metres."""
    turn = matrix[:, :2, :2] / np.sqrt(np.abs(np.linalg.det(matrix[:, :2, :2])))[:, None, None]
    relative = _from_hips(rows)
    return np.concatenate([relative[..., :2] @ np.swapaxes(turn, 1, 2), relative[..., 2:]], -1)
