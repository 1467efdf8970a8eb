"""What the network over arms reads: the landmarks around one arm, in lengths of the trunk and in its axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.joints import LANDMARK_NAMES, MIRROR_ALL_LANDMARKS
from metrichmsr_ros.types import Float32Array, FloatingArray

_ARM = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
_USED = (
    *(f"{side}_{part}" for side in ("left", "right") for part in _ARM),
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_hip", "right_hip"),
)
_LEFT = np.array([LANDMARK_NAMES.index(name) for name in _USED])
_SIDES = np.stack([_LEFT, np.array(MIRROR_ALL_LANDMARKS)[_LEFT]])  # of a right arm: those of the mirrored person
_MIRROR = np.array([[[1.0, 1.0, 1.0]], [[-1.0, 1.0, 1.0]]], np.float32)
_AT = {name: number for number, name in enumerate(_USED)}
_SHOULDERS, _HIPS = [_AT["left_shoulder"], _AT["right_shoulder"]], [_AT["left_hip"], _AT["right_hip"]]
_SHOULDER, _ELBOW, _WRIST, _PINKY, _INDEX = (_AT[f"left_{part}"] for part in _ARM[:5])
_NOSE = _AT["nose"]
_FROM = [_SHOULDER, _ELBOW, _SHOULDER, _WRIST, _SHOULDERS[0], _PINKY, _WRIST, _WRIST]
_TO = [_ELBOW, _WRIST, _WRIST, _NOSE, _SHOULDERS[1], _INDEX, _INDEX, _PINKY]
_IN_SPACE = 4  # of these pairs are measured in space, too
_LEAST_PX, _LEAST_M = 10.0, 0.1  # of the trunk's length, so that nothing grows without limit
_TINY = 1e-6
NUM_FEATURES = 7 * len(_USED) + len(_FROM) + _IN_SPACE + 2 + 5 * 3 + 1
"""Features of one arm."""


def arm_features(
    landmarks: FloatingArray, world: FloatingArray, visibility: FloatingArray, is_heavy: NDArray[np.bool_]
) -> Float32Array:
    """Features of both arms of B people, those of a right arm as of a left arm in the mirrored image.

    Args:
        landmarks: (B, 39, 3) px of the crop, as `LandmarkSet.crop_landmarks`.
        world: (B, 39, 3) m, as `LandmarkSet.world`.
        visibility: (B, 39) 0 to 1.
        is_heavy: (B,) bool, whether the heavier landmark network found them.

    Returns:
        (B, 2, `NUM_FEATURES`), left and right: the landmarks from the arm's own shoulder on in the image and in space,
        their visibility, lengths, how straight the arm is, the arm in the axes of the trunk, these axes, `is_heavy`.
    """
    count = 2 * len(landmarks)
    image, space = ((points[:, _SIDES] * _MIRROR).reshape(count, -1, 3) for points in (landmarks, world))
    trunk_px = np.linalg.norm((_middle(image, _SHOULDERS) - _middle(image, _HIPS))[:, :2], axis=1)
    trunk = _middle(space, _SHOULDERS) - _middle(space, _HIPS)
    trunk_m = np.maximum(np.linalg.norm(trunk, axis=1), _LEAST_M)[:, None]
    in_image = (image - image[:, [_SHOULDER]]) / np.maximum(trunk_px, _LEAST_PX)[:, None, None]
    in_space = (space - space[:, [_SHOULDER]]) / trunk_m[..., None]
    axes = _axes(trunk / trunk_m, space[:, _SHOULDERS[0]] - space[:, _SHOULDERS[1]])
    arm = in_space[:, [_ELBOW, _WRIST, _INDEX]] @ axes.swapaxes(1, 2)
    parts = (
        *(in_image, in_space, visibility[:, _SIDES], _lengths(in_image[..., :2]), _lengths(in_space)[:, :_IN_SPACE]),
        *(_straightness(in_image[..., :2]), _straightness(in_space), arm, axes[:, :2], np.repeat(is_heavy, 2)),
    )
    features = np.concatenate([part.reshape(count, -1) for part in parts], axis=1)
    return features.reshape(-1, 2, NUM_FEATURES).astype(np.float32)


def _axes(up: FloatingArray, across: FloatingArray) -> FloatingArray:
    """(B, 3, 3): rows are the trunk's axes left, up and ahead, from `up` (B, 3) and a line `across` it (B, 3)."""
    left = across - up * (across * up).sum(1, keepdims=True)
    left = left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), _TINY)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _lengths(points: FloatingArray) -> FloatingArray:
    """(B, 8) of the bones, from hand to face, of the shoulders and in the hand."""
    lengths: FloatingArray = np.linalg.norm(points[:, _FROM] - points[:, _TO], axis=2)
    return lengths


def _straightness(points: FloatingArray) -> FloatingArray:
    """(B,) length of the arm from shoulder to wrist as a share of its bones' lengths; 1: straight."""
    upper, fore, whole = _lengths(points)[:, :3].T
    return np.asarray(whole / (upper + fore + _TINY))


def _middle(points: FloatingArray, pair: list[int]) -> FloatingArray:
    middle: FloatingArray = points[:, pair].mean(axis=1)
    return middle
