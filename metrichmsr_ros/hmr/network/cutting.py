"""Crops that the device cuts itself: an image is uploaded once, and no crop is made on the host."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from metrichmsr_ros.hmr.inputs import UncutCrops


def cut_on(device: torch.device | str, crops: UncutCrops, size: tuple[int, int]) -> Tensor:
    """Crops (N, 3, height, width) float32 RGB in 0..1 on a device, bilinear, black outside the image.

    Args:
        device: where the crops are.
        crops: the image, which is uploaded as it is, and the crops' matrices.
        size: (width, height) of the crops.
    """
    source = np.linalg.inv(np.asarray(crops.matrices, np.float64))[:, :2]
    limits = np.array([crops.image.shape[1] - 1, crops.image.shape[0] - 1], np.float64)
    # grid_sample's coordinates: -1 and 1 are the centres of the first and the last pixel.
    scaled = source * (2 / np.maximum(limits, 1))[:, None] - np.array([[0, 0, 1], [0, 0, 1]])
    pixels = torch.from_numpy(np.ascontiguousarray(crops.image)).to(device)
    to_image = torch.from_numpy(scaled.astype(np.float32)).to(device)
    return cut(pixels.permute(2, 0, 1).float() / 255, to_image, size)


def cut(image: Tensor, to_image: Tensor, size: tuple[int, int]) -> Tensor:
    """Crops (N, 3, height, width) of an image (3, H, W).

    Args:
        image: float32.
        to_image: (N, 2, 3), crop pixels to coordinates of `grid_sample`.
        size: (width, height) of the crops.
    """
    width, height = size
    across = torch.arange(width, device=image.device, dtype=to_image.dtype)
    down = torch.arange(height, device=image.device, dtype=to_image.dtype)
    points = torch.stack([across.expand(height, width), down[:, None].expand(height, width)], dim=-1)
    grid = torch.einsum("hwc,nkc->nhwk", points, to_image[:, :, :2]) + to_image[:, None, None, :, 2]
    many = image.expand(len(to_image), *image.shape)
    return functional.grid_sample(many, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
