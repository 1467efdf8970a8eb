"""CropInputs: the network inputs of a batch of people, built from detections in an image and the image's Camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import crop_matrix, enclosing_size, warp_crop
from metrichmsr_ros.types import AnyArray, Float32Array, Float64Array, ImageArray

if TYPE_CHECKING:
    from metrichmsr_ros.hmr.config import ModelConfig
    from metrichmsr_ros.people.blazepose.networks import LandmarkSet

NUM_LANDMARKS = 39
TRUNK_CHANNELS, TRUNK_CELLS = 88, 16
DECODER_CHANNELS, DECODER_CELLS = 288, 8
"""Of the maps of the landmark network that a branch over pixels reads."""
BOX_MARGIN = 1.2  # crop size over the size of the box around a person's joints, as in the public training labels


@dataclass(frozen=True, eq=False)
class UncutCrops:
    """Crops that the device of the network cuts itself, out of one image.

    Attributes:
        image: (H, W, 3) uint8 RGB. matrices: (B, 3, 3), image pixels to crop pixels.
    """

    image: ImageArray
    matrices: Float64Array


@dataclass(frozen=True, eq=False)
class CropInputs:
    """B people, each with its crop. float32; integer pixel centres; camera axes x right, y down, z forward.

    landmarks: (B,39,3) BlazePose x, y, z in pixels of the crop; visibility, presence: (B,39) in 0..1;
    world: (B,39,3) m, BlazePose's metric landmarks in crop-aligned axes, unchanged;
    crop_intrinsics: (B,3,3) K' = A K; intrinsics: (B,3,3) K of the full, rectified image; image_size: (B,2) width,
    height; bbox: (B,4) x1, y1, x2, y2 in full-image pixels; crop_size: (width, height) of all crops;
    image: (B,3,height,width) RGB in 0..1, or None if the encoder needs no pixels or they are `uncut`;
    heavy: (B,) bool, whether the landmarks come from the heavy landmark network; None: from none.
    trunk_maps: (B,88,16,16), decoder_maps: (B,288,8,8) of the full landmark network, of the crop as it saw it (mirrored
    in a mirrored view); zeros for views of the heavy network; None if they were not asked for.
    """

    landmarks: Float32Array
    visibility: Float32Array
    presence: Float32Array
    world: Float32Array
    crop_intrinsics: Float32Array
    intrinsics: Float32Array
    image_size: Float32Array
    bbox: Float32Array
    crop_size: tuple[int, int]
    image: Float32Array | None = None
    heavy: NDArray[np.bool_] | None = None
    trunk_maps: Float32Array | None = None
    decoder_maps: Float32Array | None = None
    uncut: UncutCrops | None = None

    def __len__(self) -> int:
        """Number of people."""
        return len(self.crop_intrinsics)

    def arrays(self) -> dict[str, AnyArray]:
        """The array fields by name, without those that are None."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}

    def without_maps(self) -> CropInputs:
        """The same people without maps of the landmark network."""
        return dataclasses.replace(self, trunk_maps=None, decoder_maps=None)

    def joined(self, others: CropInputs) -> CropInputs:
        """These people followed by those of `others`; arrays that one of the two lacks are left out."""
        ours, added = self.cut(), others.cut().arrays()
        joint: dict[str, Any] = {
            k: np.concatenate([v, added[k]]) if k in added else None for k, v in ours.arrays().items()
        }
        return dataclasses.replace(ours, **joint)

    def select(self, index: AnyArray) -> CropInputs:
        """The people at `index` (int or bool), in that order."""
        chosen: dict[str, Any] = {k: v[index] for k, v in self.arrays().items()}
        if self.uncut is not None:
            chosen["uncut"] = UncutCrops(self.uncut.image, self.uncut.matrices[index])
        return dataclasses.replace(self, **chosen)

    def cut(self) -> CropInputs:
        """The same people, with their crops cut here if they are `uncut`."""
        if self.uncut is None:
            return self
        pixels = _pixels(self.uncut.image, self.uncut.matrices, self.crop_size)
        return dataclasses.replace(self, image=pixels, uncut=None)


def refuse_heavy(heavy: Any) -> None:
    """Reject views of the heavy landmark network, for weights that were not trained on them, with a ValueError.

    Args:
        heavy: (N,) bool, an array or a tensor; None: there are none.
    """
    if heavy is not None and heavy.any():
        raise ValueError("these weights were not trained on the heavy landmark network; leave out its views")


def crop_inputs(
    config: ModelConfig,
    image: ImageArray,
    landmark_sets: Sequence[LandmarkSet],
    camera: Camera,
    leaves_uncut: bool = False,
) -> CropInputs:
    """The input of a network of `config` for people detected in `image` (H, W, 3) RGB: landmarks or pixels.

    Args:
        config: of the network. image, landmark_sets, camera: the people.
        leaves_uncut: leave crops of pixels to the engine, see `HMREngine.cuts_crops`.

    Raises:
        ValueError: the camera is distorted.
    """
    if config.image_encoder.reads_landmarks:
        return inputs_from_landmarks(landmark_sets, camera)
    boxes = np.array([found.bbox() for found in landmark_sets]).reshape(-1, 4)
    size = config.image_encoder.crop_size
    return inputs_from_boxes(image, boxes, camera, size, leaves_uncut=leaves_uncut)


def inputs_from_boxes(
    image: ImageArray,
    boxes: ArrayLike,
    camera: Camera,
    crop_size: tuple[int, int],
    margin: float = BOX_MARGIN,
    leaves_uncut: bool = False,
) -> CropInputs:
    """The input with pixels of the people in `boxes` (N, 4) x1, y1, x2, y2 of one undistorted image.

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
    pixels = None if leaves_uncut else _pixels(image, matrices, crop_size)
    uncut = UncutCrops(image, matrices) if leaves_uncut else None
    zeros = np.zeros((len(corners), NUM_LANDMARKS, 3), np.float32)
    landmarks: dict[str, Any] = {
        "landmarks": zeros,
        "world": zeros,
        "visibility": zeros[..., 0],
        "presence": zeros[..., 0],
    }
    geometry = _geometry(camera, matrices, corners)
    return CropInputs(**landmarks, **geometry, crop_size=crop_size, image=pixels, uncut=uncut)


def _pixels(image: ImageArray, matrices: Float64Array, size: tuple[int, int]) -> Float32Array:
    """(N, 3, height, width) in 0..1."""
    crops = np.array([warp_crop(image, matrix, size) for matrix in matrices], np.uint8)
    channels: Float32Array = crops.reshape(-1, size[1], size[0], 3).transpose(0, 3, 1, 2).astype(np.float32)
    return channels / np.float32(255)


def blank_views(crop_size: tuple[int, int]) -> CropInputs:
    """One person in black, in the middle of a camera with a long side of one focal length: to try a network on."""
    width, height = crop_size
    focal = float(max(crop_size))
    camera = Camera(width, height, np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]]))
    box = np.array([[0, 0, width - 1, height - 1]])
    return inputs_from_boxes(np.zeros((height, width, 3), np.uint8), box, camera, crop_size)


def blank_landmarks(crop_size: tuple[int, int]) -> CropInputs:
    """One person whose landmarks are all in the corner of the crop, with maps of zeros: to try a network on."""
    return dataclasses.replace(
        blank_views(crop_size),
        image=None,
        heavy=np.zeros(1, np.bool_),
        trunk_maps=np.zeros((1, TRUNK_CHANNELS, TRUNK_CELLS, TRUNK_CELLS), np.float32),
        decoder_maps=np.zeros((1, DECODER_CHANNELS, DECODER_CELLS, DECODER_CELLS), np.float32),
    )


def inputs_from_landmarks(landmark_sets: Sequence[LandmarkSet], camera: Camera) -> CropInputs:
    """The input of the people detected in one image of `camera`, undistorted as it was for BlazePose."""
    _refuse_distortion(camera)
    count = len(landmark_sets)

    def stack(name: str, *shape: int) -> AnyArray:
        rows = [getattr(s, name) for s in landmark_sets]
        return np.asarray(rows, np.float64).reshape(count, *shape)

    pixels = stack("pixels", NUM_LANDMARKS, 2)[:, :33]  # the six auxiliary points may lie outside the person
    boxes = np.concatenate([pixels.min(1), pixels.max(1)], axis=-1)
    return CropInputs(
        landmarks=stack("crop_landmarks", NUM_LANDMARKS, 3).astype(np.float32),
        visibility=stack("visibility", NUM_LANDMARKS).astype(np.float32),
        presence=stack("presence", NUM_LANDMARKS).astype(np.float32),
        world=stack("world", NUM_LANDMARKS, 3).astype(np.float32),
        heavy=np.array([found.heavy for found in landmark_sets], np.bool_),
        crop_size=(256, 256),
        **_geometry(camera, stack("crop_matrix", 3, 3), boxes),
        **_trunk_maps(landmark_sets),
    )


def _trunk_maps(landmark_sets: Sequence[LandmarkSet]) -> dict[str, Any]:
    """Maps of all views, zeros for those without; nothing where no view has any."""
    first = next((found.maps for found in landmark_sets if found.maps is not None), None)
    if first is None:
        return {}
    empty = np.zeros_like(first.s16), np.zeros_like(first.t8)
    pairs = [empty if found.maps is None else (found.maps.s16, found.maps.t8) for found in landmark_sets]
    trunk, decoder = (np.stack(maps).astype(np.float32) for maps in zip(*pairs, strict=True))
    return {"trunk_maps": trunk, "decoder_maps": decoder}


def _geometry(camera: Camera, matrices: AnyArray, boxes: AnyArray) -> dict[str, Any]:
    """Intrinsics, image size and boxes of the crops that `matrices` (B, 3, 3) cut out of the camera's image."""
    count, K = len(matrices), np.asarray(camera.intrinsics, np.float64)
    return {
        "crop_intrinsics": (matrices @ K).astype(np.float32),
        "intrinsics": np.tile(K.astype(np.float32), (count, 1, 1)),
        "image_size": np.tile(np.array([camera.width, camera.height], np.float32), (count, 1)),
        "bbox": np.asarray(boxes, np.float32),
    }


def _refuse_distortion(camera: Camera) -> None:
    if camera.is_distorted:
        raise ValueError("the camera is distorted; use camera.rectified() and the rectified image")
