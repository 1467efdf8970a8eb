"""People at random, on whom graphs are compared with torch. No images: landmarks lie where the body has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import roma
import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import crop_matrix
from metrichmsr_ros.hmr.inputs import (
    DECODER_CELLS,
    DECODER_CHANNELS,
    NUM_LANDMARKS,
    TRUNK_CELLS,
    TRUNK_CHANNELS,
    CropInputs,
    inputs_from_boxes,
)
from metrichmsr_ros.types import Float32Array

IMAGE = (640, 480)
CROP_SIDE = 256
_HANDS_AND_HEAD = (0, 15, 22, 20, 23, 21)  # joints at BlazePose's six auxiliary points


@dataclass(frozen=True, eq=False)
class RandomPeople:
    """N people: their bodies (betas (N, 10), rotmats (N, 24, 3, 3), transl (N, 3) m) and the networks' inputs."""

    betas: Float32Array
    rotmats: Float32Array
    transl: Float32Array
    views: CropInputs


def random_people(count: int, seed: int = 0) -> RandomPeople:
    """Poses of the package's bank, 1 to 8 m away, in cameras of 40 to 90 degrees; maps are noise, every third heavy."""
    rng = np.random.default_rng(seed)
    bank = PoseBank.load().poses.astype(np.float32)
    poses = torch.from_numpy(bank[rng.integers(len(bank), size=count)]).reshape(count, 24, 3)
    rotmats = roma.rotvec_to_rotmat(poses)
    turns = torch.tensor([[math.pi, 0.0, 0.0]]), torch.tensor(rng.uniform(-math.pi, math.pi, (count, 1)))
    about_y = torch.nn.functional.pad(turns[1].float(), (1, 1))
    rotmats[:, 0] = roma.rotvec_to_rotmat(turns[0]) @ roma.rotvec_to_rotmat(about_y)
    betas = rng.normal(0, 1, (count, 10)).astype(np.float32)
    depth = rng.uniform(1, 8, count)
    transl = np.stack([depth * rng.uniform(-0.3, 0.3, count), rng.uniform(-0.3, 0.3, count), depth], -1)
    focal = IMAGE[0] / 2 / np.tan(np.radians(rng.uniform(40, 90, count)) / 2)
    points = _points(torch.from_numpy(betas), rotmats, torch.from_numpy(transl.astype(np.float32)))
    views = _views(points, transl, focal, rng)
    return RandomPeople(betas, rotmats.numpy(), transl.astype(np.float32), views)


def random_crops(count: int, crop_size: tuple[int, int], seed: int = 0) -> CropInputs:
    """Crops of random colours anywhere in images of one camera, for networks over pixels."""
    rng = np.random.default_rng(seed)
    width, height = IMAGE
    camera = Camera(width, height, np.array([[500.0, 0, (width - 1) / 2], [0, 500, (height - 1) / 2], [0, 0, 1]]))
    squares = rng.integers(0, 256, (height // 20, width // 20, 3), np.uint8)
    image = np.ascontiguousarray(squares.repeat(20, axis=0).repeat(20, axis=1))
    low = rng.uniform((0, 0), (width / 2, height / 2), (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(60, 300, (count, 2))], axis=1)
    return inputs_from_boxes(image, boxes, camera, crop_size)


@torch.inference_mode()
def _points(betas: torch.Tensor, rotmats: torch.Tensor, transl: torch.Tensor) -> Float32Array:
    """BlazePose's 39 points (N, 39, 3) on the bodies, m."""
    body = load_body("open_light")
    assert isinstance(body, OpenBody)
    posed = body(betas, rotmats, transl)
    points: Float32Array = torch.cat(
        [body.landmarks(posed.vertices), posed.joints[:, list(_HANDS_AND_HEAD)]], dim=1
    ).numpy()
    return points


def _views(points: Float32Array, transl: np.ndarray, focal: np.ndarray, rng: np.random.Generator) -> CropInputs:
    count = len(points)
    K = np.zeros((count, 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = focal
    K[:, :, 2] = (IMAGE[0] - 1) / 2, (IMAGE[1] - 1) / 2, 1
    depth = np.maximum(points[..., 2:], 0.1)
    pixels = (points[..., :2] * focal[:, None, None] / depth) + K[:, None, :2, 2]
    low, high = pixels.min(1), pixels.max(1)
    sides = 1.4 * (high - low).max(1)
    turns = rng.normal(0, 0.3, count)
    matrices = np.stack(
        [
            crop_matrix(middle, side, CROP_SIDE, turn)
            for middle, side, turn in zip((low + high) / 2, sides, turns, strict=True)
        ]
    )
    crop = np.einsum("nij,npj->npi", matrices[:, :2, :2], pixels) + matrices[:, None, :2, 2]
    scale = CROP_SIDE / sides * focal / transl[:, 2]
    relative = points - transl[:, None]
    arrays = {
        "landmarks": np.concatenate([crop, relative[..., 2:] * scale[:, None, None]], -1),
        "visibility": rng.uniform(0, 1, (count, NUM_LANDMARKS)),
        "presence": rng.uniform(0.5, 1, (count, NUM_LANDMARKS)),
        "world": relative,
        "crop_intrinsics": matrices @ K,
        "intrinsics": K,
        "image_size": np.tile(IMAGE, (count, 1)),
        "bbox": np.concatenate([low, high], -1),
        "trunk_maps": rng.normal(0, 1, (count, TRUNK_CHANNELS, TRUNK_CELLS, TRUNK_CELLS)),
        "decoder_maps": rng.normal(0, 1, (count, DECODER_CHANNELS, DECODER_CELLS, DECODER_CELLS)),
    }
    values: dict[str, Any] = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return CropInputs(
        **values,
        crop_size=(CROP_SIDE, CROP_SIDE),
        heavy=np.arange(count) % 3 == 2,
    )
