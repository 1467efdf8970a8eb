"""Who stands or walks: the people whom robots meet most, and of whom motion libraries and random poses hold few."""

from __future__ import annotations

import math

import torch

from metrichmsr_ros.body.joints import JOINT_NAMES

MIN_ANGLE = 140.0
"""Degrees at hips and knees; in a brisk walk the knee of the swinging leg bends more for a moment."""
MAX_LEAN = 32.0
"""Degrees of the trunk from the image's upward direction; cameras look up and down."""


def standing(joints_cam: torch.Tensor) -> torch.Tensor:
    """(B,) bool of joints (B, 24, 3) in the camera frame: trunk up in the image, hips and knees all but straight."""
    at = {name: joints_cam[:, index] for index, name in enumerate(JOINT_NAMES)}
    trunk = torch.nn.functional.normalize(at["neck"] - at["pelvis"], dim=-1)
    upright = -trunk[:, 1] > math.cos(math.radians(MAX_LEAN))
    chains = [
        (at[top], at[f"{side}_{middle}"], at[f"{side}_{end}"])
        for side in ("left", "right")
        for top, middle, end in (("neck", "hip", "knee"), (f"{side}_hip", "knee", "ankle"))
    ]
    straight = [torch.nn.functional.cosine_similarity(a - b, c - b, dim=-1) for a, b, c in chains]
    return upright & (torch.stack(straight).amax(0) < math.cos(math.radians(MIN_ANGLE)))
