"""Shards of rendered crops as batches with truth, endless and resumable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.synthesis.crops.shard_files import CropArrays, batches, crop_shards, read_crops
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.ray_map import inverted
from metrichmsr_ros.people.blazepose.networks import MAPS

CROP_SIZE = 256
NAMES = (
    *("landmarks", "visibility", "presence", "world", "crop_matrix", "crop_intrinsics", "intrinsics", "image_size"),
    *(*MAPS, "joints", "betas", "framing"),
)
"""The arrays of a shard that training reads."""
CropTensors = dict[str, torch.Tensor]
"""Looks as tensors by the names of a shard's arrays; each has the looks as its first dimension."""


@dataclass(frozen=True)
class CropTruth:
    """B people. transl: (B, 3) m, of SMPL; joints: (B, 24, 3) m, both in the camera frame; betas: (B, 10);
    height: (B,) m; framing: (B,) int, of `rendering.crops.framing.Framing`.
    """

    transl: torch.Tensor
    joints: torch.Tensor
    betas: torch.Tensor
    height: torch.Tensor
    framing: torch.Tensor


@dataclass(frozen=True)
class Position:
    """Where an endless stream of batches stands: pass over the shards, and batches taken of it."""

    epoch: int = 0
    taken: int = 0


def endless(folder: Path, size: int, seed: int, start: Position) -> Iterator[tuple[Position, CropTensors]]:
    """Batches from `start` on, each with the position after it; every pass takes the shards that are finished by then.

    Raises:
        CropShardError: no shard, or one that cannot be read.
    """
    position = start
    while True:
        passed = batches(crop_shards(folder), size, np.random.default_rng([seed, position.epoch]), NAMES)
        count = 0
        for count, arrays in enumerate(passed, 1):
            if count > position.taken:
                yield Position(position.epoch, count), as_tensors(arrays)
        if not count:
            raise too_few(folder, size)
        position = Position(position.epoch + 1, 0)


def too_few(folder: Path, size: int) -> ValueError:
    """The error where the shards do not fill one batch."""
    return ValueError(f"{folder}: the shards hold fewer than {size} crops; lower batch_size or make more crops")


def held_out(folder: Path) -> list[CropArrays]:
    """The shards for validation."""
    return [read_crops(path, NAMES) for path in crop_shards(folder, held_out=True)]


def held_out_batches(shards: Sequence[CropArrays], body: BodyModel, size: int) -> Iterator[tuple[CropBatch, CropTruth]]:
    """All crops of the shards in their order, up to `size` at a time."""
    for shard in shards:
        for first in range(0, len(shard["betas"]), size):
            part = {name: values[first : first + size] for name, values in shard.items()}
            yield batch_of(as_tensors(part), body)


def as_tensors(arrays: CropArrays) -> CropTensors:
    """The arrays of looks as tensors on the CPU; maps keep their half precision."""
    return {
        name: torch.from_numpy(np.asarray(values, np.float16 if name in MAPS else np.float32))
        for name, values in arrays.items()
    }


def batch_of(looks: CropTensors, body: BodyModel, device: torch.device | str = "cpu") -> tuple[CropBatch, CropTruth]:
    """Inputs and truth of one batch, on the device of `body`; those of mirrored views are of the mirrored image."""

    def tensor(name: str) -> torch.Tensor:
        return looks[name].to(device, torch.float32)

    landmarks = tensor("landmarks")
    pixels = _image_pixels(landmarks, tensor("crop_matrix"))
    batch = CropBatch(
        landmarks=landmarks,
        visibility=tensor("visibility"),
        presence=tensor("presence"),
        world=tensor("world"),
        crop_intrinsics=tensor("crop_intrinsics"),
        intrinsics=tensor("intrinsics"),
        image_size=tensor("image_size"),
        bbox=torch.cat([pixels.amin(1), pixels.amax(1)], dim=-1),
        crop_size=(CROP_SIZE, CROP_SIZE),
        heavy=torch.zeros(len(pixels), dtype=torch.bool, device=device),
        trunk_maps=tensor("s16"),
        decoder_maps=tensor("t8"),
    )
    betas = tensor("betas")
    with torch.no_grad():
        pelvis, height = body.rest_joints(betas)[:, 0], body.height(betas)
    joints = tensor("joints")
    return batch, CropTruth(joints[:, 0] - pelvis, joints, betas, height, tensor("framing").long())


def _image_pixels(landmarks: torch.Tensor, crop_matrix: torch.Tensor) -> torch.Tensor:
    """(B, 33, 2) landmarks (B, 39, 3) of crops in pixels of their images."""
    inverse = inverted(crop_matrix.double())
    return (landmarks[:, :33, :2].double() @ inverse[:, :2, :2].mT + inverse[:, None, :2, 2]).float()
