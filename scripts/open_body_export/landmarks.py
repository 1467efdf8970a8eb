"""Positions of BlazePose's 33 landmarks on the bodies of a population.

The large joints, eyes, ears, nose, heels and toes are anny's COCO key points, the finger knuckles the heads of anny's
finger bones. The corners of eyes and mouth are offsets from the eyes, in units of the distance between the eyes.
"""

from __future__ import annotations

import anny
import numpy as np
import torch
from anny.keypoints import KeypointsRegressor

from metrichmsr_ros.body.joints import LANDMARK_NAMES
from open_body_export.population import rest_vertices

FROM_COCO = {"foot_index": "big_toe"}
FROM_BONES = {"pinky": "finger5-1", "index": "finger2-1", "thumb": "finger1-3"}


def landmark_targets(model: anny.Anny, phenotypes: dict[str, torch.Tensor]) -> np.ndarray:
    """(N, 33, 3) landmark positions in anny's rest pose and axes. `model`: rig "anny" on topology "anny"."""
    vertices, heads = rest_vertices(model, phenotypes)
    coco = KeypointsRegressor.coco(model)
    points = dict(zip(coco.labels, coco({"vertices": vertices}).unbind(1), strict=True))
    bones = dict(zip(model.bone_labels, heads.unbind(1), strict=True))
    named = {name: _one(name, points, bones) for name in LANDMARK_NAMES if not _on_face(name)}
    named.update(_face(points))
    return np.stack([named[name].numpy() for name in LANDMARK_NAMES], 1)


def _on_face(name: str) -> bool:
    return "inner" in name or "outer" in name or "mouth" in name


def _one(name: str, points: dict[str, torch.Tensor], bones: dict[str, torch.Tensor]) -> torch.Tensor:
    side, _, part = name.partition("_")
    if part in FROM_BONES:
        return bones[f"{FROM_BONES[part]}.{side[0].upper()}"]
    return points[f"{side}_{FROM_COCO.get(part, part)}" if part else name]


def _face(points: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    left, right, nose = points["left_eye"], points["right_eye"], points["nose"]
    across = left - right
    down = nose - 0.5 * (left + right)
    down = down - across * (down * across).sum(-1, keepdim=True) / (across * across).sum(-1, keepdim=True)
    mouth = 0.5 * (left + right) + 2.31 * down * torch.tensor([1.0, 0.35, 1.0])
    return {
        "left_eye_inner": left - 0.22 * across,
        "left_eye_outer": left + 0.24 * across,
        "right_eye_inner": right + 0.22 * across,
        "right_eye_outer": right - 0.24 * across,
        "mouth_left": mouth + 0.40 * across,
        "mouth_right": mouth - 0.40 * across,
    }
