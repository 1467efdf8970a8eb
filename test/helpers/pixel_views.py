"""Networks over pixels that a test trains within seconds, and the crops of coloured boxes that they learn to read.

A box stands for a person: its colours determine pose, shape and stature, its crop's camera the direction and, with the
stature, the distance. So a network has to read both the pixels and the rays, as a network of people does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import roma
import torch

from metrichmsr_ros.config import build
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.inputs import CropInputs, inputs_from_boxes
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.types import Float32Array

CROP_SIZE = (48, 64)
_ENCODERS: dict[str, Any] = {
    "image_encoder": {"kind": "vitpose", "crop_size": list(CROP_SIZE), "hidden_size": 64, "layers": 3, "heads": 4},
    "ray_encoder": {"kind": "vit", "image_size": [32, 48], "hidden_size": 64, "layers": 3, "heads": 4},
    "moe": {"width": 64, "heads": 4, "patch_layers": 2, "global_layers": 1, "global_tokens": 2},
}
VIT: dict[str, Any] = {
    "paper": _ENCODERS
    | {"preset": "paper", "head": {"hidden": 64, "translation": "direct", "orientation_frame": "camera"}},
    "vitpose-b": _ENCODERS
    | {"preset": "vitpose-b", "head": {"hidden": 64, "translation": "crop_ray", "orientation_frame": "crop"}},
}
"""Small networks of the kind of each preset over pixels."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """N boxes: the network's inputs, and what they stand for. rotvecs: (N, 24, 3); betas: (N, 10); transl: (N, 3) m."""

    views: CropInputs
    rotvecs: Float32Array
    betas: Float32Array
    transl: Float32Array


def boxes(count: int, seed: int = 0) -> Boxes:
    """Boxes 2 to 6 m away, in cameras of many focal lengths."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(0)
    of_pose, of_shape = fixed.normal(0, 0.5, (6, 72)), fixed.normal(0, 1, (6, 10))
    colours = rng.uniform(0, 1, (count, 6))
    stature = 1.7 * (0.9 + 0.2 * colours[:, 0])
    depth, focal = rng.uniform(2, 6, count), rng.uniform(350, 700, count)
    middle = rng.uniform((150, 150), (490, 330), (count, 2))
    parts = []
    for row in range(count):
        half = np.array([0.3, 0.5]) * stature[row] * focal[row] / depth[row]
        camera = Camera(640, 480, np.array([[focal[row], 0, 319.5], [0, focal[row], 239.5], [0, 0, 1]]))
        box = np.concatenate([middle[row] - half, middle[row] + half])
        image = np.full((480, 640, 3), 128, np.uint8)
        top, bottom = (255 * colours[row].reshape(2, 3)).astype(np.uint8)
        (x1, y1, x2, y2), y = np.clip(box, 0, 640).astype(int), int(middle[row, 1])
        image[y1:y, x1:x2], image[y:y2, x1:x2] = top, bottom
        parts.append(inputs_from_boxes(image, box[None], camera, CROP_SIZE))
    views = parts[0]
    for part in parts[1:]:
        views = views.joined(part)
    sight = np.concatenate([(middle - (319.5, 239.5)) / focal[:, None], np.ones((count, 1))], axis=1)
    rotvecs, betas = (colours - 0.5) @ of_pose, 2 * (colours - 0.5) @ of_shape
    arrays = rotvecs.reshape(count, 24, 3), betas, sight * depth[:, None]
    return Boxes(views, *(np.asarray(a, np.float32) for a in arrays))


@cache
def trained_vit(preset: str, steps: int = 120) -> MetricHMR:
    """A network that has learnt to read boxes, in evaluation mode. Shared by tests: copy it before changing it."""
    torch.manual_seed(0)
    model, data = MetricHMR(build(ModelConfig, VIT[preset])).train(), boxes(1024, seed=1)
    batch, betas, transl = CropBatch.of(data.views), torch.from_numpy(data.betas), torch.from_numpy(data.transl)
    rotmats = roma.rotvec_to_rotmat(torch.from_numpy(data.rotvecs))
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    for _ in range(steps):
        rows = torch.randint(len(transl), (32,))
        found = model(batch.select(rows))
        place = (found.transl - transl[rows]).norm(dim=-1) / transl[rows, 2]
        turn = (found.rotmats - rotmats[rows]).square().mean((1, 2, 3))
        loss = place.mean() + turn.mean() + 0.1 * (found.betas - betas[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval().requires_grad_(False)
