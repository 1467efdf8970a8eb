"""CropBatch: everything MetricHMR reads about a batch of people, made from BlazePose landmarks and a Camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from metrichmsr_ros.geometry.camera import Camera
    from metrichmsr_ros.people.blazepose import LandmarkSet

NUM_LANDMARKS = 39


@dataclass(frozen=True)
class CropBatch:
    """B people, each with its crop. float32 tensors; integer pixel centres; camera axes x right, y down, z forward.

    landmarks: (B,39,3) BlazePose x, y, z in pixels of the crop; visibility, presence: (B,39) in 0..1;
    world: (B,39,3) m, BlazePose's metric landmarks in crop-aligned axes, as the network gives them;
    crop_intrinsics: (B,3,3) K' = A K; intrinsics: (B,3,3) K of the full, rectified image; image_size: (B,2) width,
    height; bbox: (B,4) x1, y1, x2, y2 in full-image pixels; crop_size: (width, height) of all crops;
    image: (B,3,height,width) RGB in 0..1, or None where the encoder needs no pixels.
    """

    landmarks: torch.Tensor
    visibility: torch.Tensor
    presence: torch.Tensor
    world: torch.Tensor
    crop_intrinsics: torch.Tensor
    intrinsics: torch.Tensor
    image_size: torch.Tensor
    bbox: torch.Tensor
    crop_size: tuple[int, int]
    image: torch.Tensor | None = None

    def __len__(self) -> int:
        """Number of people."""
        return len(self.crop_intrinsics)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensor fields by name, without those that are None."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in fields.items() if isinstance(value, torch.Tensor)}

    def with_tensors(self, tensors: Mapping[str, torch.Tensor]) -> CropBatch:
        """The same batch with some tensor fields replaced."""
        changes: dict[str, Any] = dict(tensors)
        return dataclasses.replace(self, **changes)

    def to(self, device: torch.device | str) -> CropBatch:
        """The same batch on `device`."""
        return self.with_tensors({k: v.to(device) for k, v in self.tensors().items()})

    def select(self, index: torch.Tensor) -> CropBatch:
        """The people named by `index` (int or bool tensor), in that order."""
        return self.with_tensors({k: v[index] for k, v in self.tensors().items()})


def crop_batch_from_landmarks(landmark_sets: Sequence[LandmarkSet], camera: Camera) -> CropBatch:
    """The batch of the people found in one image of `camera` (without distortion, as BlazePose saw it)."""
    if camera.is_distorted:
        raise ValueError("camera is distorted; use camera.rectified() and the rectified image")
    count = len(landmark_sets)

    def stack(name: str, shape: tuple[int, ...]) -> np.ndarray:
        rows = [getattr(s, name) for s in landmark_sets]
        return np.asarray(rows, np.float64).reshape(count, *shape)

    K = np.asarray(camera.intrinsics, np.float64)
    pixels = stack("pixels", (NUM_LANDMARKS, 2))[:, :33]  # the six auxiliary points lie outside of the person
    crop_intrinsics = stack("crop_matrix", (3, 3)) @ K
    arrays = {
        "landmarks": stack("crop_landmarks", (NUM_LANDMARKS, 3)),
        "visibility": stack("visibility", (NUM_LANDMARKS,)),
        "presence": stack("presence", (NUM_LANDMARKS,)),
        "world": stack("world", (NUM_LANDMARKS, 3)),
        "crop_intrinsics": crop_intrinsics,
        "intrinsics": np.broadcast_to(K, (count, 3, 3)),
        "image_size": np.broadcast_to((camera.width, camera.height), (count, 2)),
        "bbox": np.concatenate([pixels.min(1), pixels.max(1)], axis=-1),
    }
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float32)) for k, v in arrays.items()}
    return CropBatch(**tensors, crop_size=(256, 256))
