"""CropBatch: the network inputs of a batch of people, built from detections in an image and the image's Camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.geometry.crop import crop_matrix, enclosing_size, warp_crop

if TYPE_CHECKING:
    from metrichmsr_ros.geometry.camera import Camera
    from metrichmsr_ros.hmr.config import ModelConfig
    from metrichmsr_ros.people.blazepose.networks import LandmarkSet

NUM_LANDMARKS = 39
BOX_MARGIN = 1.2  # crop size over the size of the box around a person's joints, as in the public training labels


@dataclass(frozen=True)
class CropBatch:
    """B people, each with its crop. float32 tensors; integer pixel centres; camera axes x right, y down, z forward.

    landmarks: (B,39,3) BlazePose x, y, z in pixels of the crop; visibility, presence: (B,39) in 0..1;
    world: (B,39,3) m, BlazePose's metric landmarks in crop-aligned axes, unchanged;
    crop_intrinsics: (B,3,3) K' = A K; intrinsics: (B,3,3) K of the full, rectified image; image_size: (B,2) width,
    height; bbox: (B,4) x1, y1, x2, y2 in full-image pixels; crop_size: (width, height) of all crops;
    image: (B,3,height,width) RGB in 0..1, or None if the encoder needs no pixels;
    heavy: (B,) bool, whether the landmarks come from the heavy landmark network; None: from none.
    trunk_maps: (B,88,16,16), decoder_maps: (B,288,8,8) of the full landmark network, of the crop as it saw it (mirrored
    in a mirrored view); zeros for views of the heavy network; None if they were not asked for.
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
    heavy: torch.Tensor | None = None
    trunk_maps: torch.Tensor | None = None
    decoder_maps: torch.Tensor | None = None

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

    def where(self, which: torch.Tensor, otherwise: CropBatch) -> CropBatch:
        """These people where `which` (B,) bool is true, those of `otherwise` elsewhere."""
        own = self.tensors()
        return otherwise.with_tensors({k: choose(which, own[k], v) for k, v in otherwise.tensors().items()})

    def joined(self, others: CropBatch) -> CropBatch:
        """These people followed by those of `others`; tensors that one of the two lacks are left out."""
        added = others.tensors()
        joint = {k: torch.cat([v, added[k]]) if k in added else None for k, v in self.tensors().items()}
        return dataclasses.replace(self, **joint)  # type: ignore[arg-type]

    def select(self, index: torch.Tensor) -> CropBatch:
        """The people at `index` (int or bool tensor), in that order."""
        return self.with_tensors({k: v[index] for k, v in self.tensors().items()})


def choose(which: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    """(B, ...): the rows of `yes` where `which` (B,) bool is true, else those of `no`."""
    return torch.where(which.view(-1, *[1] * (no.ndim - 1)), yes, no)


def crop_batch(
    config: ModelConfig, image: NDArray[np.uint8], landmark_sets: Sequence[LandmarkSet], camera: Camera
) -> CropBatch:
    """The input of a network of `config` for people detected in `image` (H, W, 3) RGB: landmarks or pixels.

    Raises:
        ValueError: the camera is distorted.
    """
    if config.image_encoder.reads_landmarks:
        return crop_batch_from_landmarks(landmark_sets, camera)
    boxes = np.array([found.bbox() for found in landmark_sets]).reshape(-1, 4)
    return crop_batch_from_boxes(image, boxes, camera, config.image_encoder.crop_size)


def crop_batch_from_boxes(
    image: NDArray[np.uint8], boxes: ArrayLike, camera: Camera, crop_size: tuple[int, int], margin: float = BOX_MARGIN
) -> CropBatch:
    """The batch with pixels of the people in `boxes` (N, 4) x1, y1, x2, y2 of one undistorted image.

    Each crop is `margin` times as large as the person's box and has the aspect ratio of `crop_size` (width, height).
    """
    _refuse_distortion(camera)
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    low, high = corners[:, :2], corners[:, 2:]
    matrices = np.array(
        [
            crop_matrix(middle, margin * enclosing_size(np.maximum(extent, 1.0), crop_size), crop_size)
            for middle, extent in zip((low + high) / 2, high - low, strict=True)
        ]
    ).reshape(-1, 3, 3)
    crops = np.array([warp_crop(image, matrix, crop_size) for matrix in matrices], np.uint8)
    pixels = torch.from_numpy(crops.reshape(-1, crop_size[1], crop_size[0], 3)).permute(0, 3, 1, 2).float() / 255
    zeros = np.zeros((len(corners), NUM_LANDMARKS, 3))
    return _batch(
        camera,
        matrices,
        corners,
        crop_size,
        {"landmarks": zeros, "world": zeros, "visibility": zeros[..., 0], "presence": zeros[..., 0]},
        pixels,
    )


def crop_batch_from_landmarks(landmark_sets: Sequence[LandmarkSet], camera: Camera) -> CropBatch:
    """The batch of the people detected in one image of `camera`, undistorted as it was for BlazePose."""
    _refuse_distortion(camera)
    count = len(landmark_sets)

    def stack(name: str, shape: tuple[int, ...]) -> np.ndarray:
        rows = [getattr(s, name) for s in landmark_sets]
        return np.asarray(rows, np.float64).reshape(count, *shape)

    pixels = stack("pixels", (NUM_LANDMARKS, 2))[:, :33]  # the six auxiliary points may lie outside the person
    landmarks = {
        "landmarks": stack("crop_landmarks", (NUM_LANDMARKS, 3)),
        "visibility": stack("visibility", (NUM_LANDMARKS,)),
        "presence": stack("presence", (NUM_LANDMARKS,)),
        "world": stack("world", (NUM_LANDMARKS, 3)),
    }
    heavy = torch.tensor([found.heavy for found in landmark_sets], dtype=torch.bool)
    maps = _trunk_maps(landmark_sets)
    boxes = np.concatenate([pixels.min(1), pixels.max(1)], axis=-1)
    batch = _batch(camera, stack("crop_matrix", (3, 3)), boxes, (256, 256), landmarks, None)
    return batch.with_tensors({"heavy": heavy} | maps)


def _trunk_maps(landmark_sets: Sequence[LandmarkSet]) -> dict[str, torch.Tensor]:
    """Maps of all views, zeros for those without; nothing where no view has any."""
    first = next((found.maps for found in landmark_sets if found.maps is not None), None)
    if first is None:
        return {}
    empty = np.zeros_like(first.s16), np.zeros_like(first.t8)
    pairs = [empty if found.maps is None else (found.maps.s16, found.maps.t8) for found in landmark_sets]
    names = ("trunk_maps", "decoder_maps")
    return {
        name: torch.from_numpy(np.stack(maps).astype(np.float32))
        for name, maps in zip(names, zip(*pairs, strict=True), strict=True)
    }


def _batch(
    camera: Camera,
    matrices: np.ndarray,
    boxes: np.ndarray,
    crop_size: tuple[int, int],
    landmarks: dict[str, np.ndarray],
    image: torch.Tensor | None,
) -> CropBatch:
    count, K = len(matrices), np.asarray(camera.intrinsics, np.float64)
    arrays = landmarks | {
        "crop_intrinsics": matrices @ K,
        "intrinsics": np.broadcast_to(K, (count, 3, 3)),
        "image_size": np.broadcast_to((camera.width, camera.height), (count, 2)),
        "bbox": boxes,
    }
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float32)) for k, v in arrays.items()}
    return CropBatch(**tensors, crop_size=crop_size, image=image)


def _refuse_distortion(camera: Camera) -> None:
    if camera.is_distorted:
        raise ValueError("the camera is distorted; use camera.rectified() and the rectified image")
