"""Views of people who face given ways."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from metrichmsr_ros.hmr.network.model import HMROutput
from metrichmsr_ros.hmr.test_time_augmentation import Views


def views_of(people: Sequence[Sequence[float]], weights: Sequence[float] | None = None) -> Views:
    """Views of people 3 m ahead: a list of angles in degrees for each, 0 towards the camera, first views first."""
    order = [(0, row) for row in range(len(people))]
    order += [(k, row) for row, angles in enumerate(people) for k in range(1, len(angles))]
    angle = torch.deg2rad(torch.tensor([float(people[row][k]) for k, row in order]))
    front = torch.stack([angle.sin(), torch.zeros_like(angle), -angle.cos()], dim=-1)
    up = torch.tensor([0.0, -1.0, 0.0]).expand_as(front)
    root = torch.stack([torch.linalg.cross(up, front), up, front], dim=-1)
    count = len(order)
    transl = torch.tensor([0.0, 0.0, 3.0]).expand(count, 3)
    empty = torch.zeros(count, 0, 0)
    rotmats = torch.cat([root[:, None], torch.eye(3).expand(count, 23, 3, 3)], dim=1)
    output = HMROutput(
        rotmats, torch.zeros(count, 10), transl, torch.eye(3).expand(count, 3, 3), torch.ones(count, 2), empty, empty
    )
    weight = torch.ones(count) if weights is None else torch.tensor(weights)
    return Views(output, torch.tensor([row for _, row in order]), weight, len(people))
