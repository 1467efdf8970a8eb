"""Training samples of MetricHMR from labelled people: the image crop, its camera K' = A K, and the truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, PersonLabel, read_image
from metrichmsr_ros.data.image_augment import (
    NO_AUGMENT,
    CropDraw,
    ImageAugment,
    ViewChange,
    change_colours,
    draw_crop,
    draw_view_change,
    occlude_patch,
)
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import apply_matrix, crop_matrix, enclosing_size, warp_crop
from metrichmsr_ros.hmr.inputs import NUM_LANDMARKS
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.losses import Truth
from metrichmsr_ros.types import AnyArray

PersonSample = tuple[CropBatch, Truth]
AssumedCamera = Callable[[int, int], Camera]
"""(width, height) -> the camera to assume for images of data sets without intrinsics, e.g. `Camera.long_side`."""


class DrawnPeople(Protocol):
    """A data set whose samples are augmented with a given generator."""

    def sample(self, index: int, rng: np.random.Generator) -> PersonSample:
        """The sample of one person, augmented with `rng`."""

    def name(self, index: int) -> str:
        """The person's name in messages."""


@dataclass(frozen=True)
class PeopleCrops(torch.utils.data.Dataset[PersonSample]):
    """A torch data set over a label table: item i is a CropBatch and a Truth of one person.

    Attributes:
        table: the labelled people.
        body: body model of the trained network.
        crop_size: (width, height) of the crops.
        box_margin: ratio of the crop's side to the larger side of the person's box.
        augment: ranges of the augmentation.
        seed: seed of the augmentation; the same (seed, epoch, index) gives the same sample.
        epoch: epoch of the training, see `seed`.
        assumed_camera: camera for people whose intrinsics are NaN; None raises LabelError for them.
        label_bodies: body models of the labels, by gender; None if the labels are of the trained body. They compute the
            true joints; betas of another body are masked.
    """

    table: LabelTable
    body: BodyModel
    crop_size: tuple[int, int]
    box_margin: float = 1.0
    augment: ImageAugment = NO_AUGMENT
    seed: int = 0
    epoch: int = 0
    assumed_camera: AssumedCamera | None = None
    label_bodies: Mapping[str, BodyModel] | None = None

    def __len__(self) -> int:
        """Number of people."""
        return len(self.table)

    def name(self, index: int) -> str:
        """The person's name in messages."""
        return self.table.person[index]

    def __getitem__(self, index: int) -> PersonSample:
        """The sample of one person; raises LabelError with the person's name if the image or camera is missing."""
        return self.sample(index, np.random.default_rng([self.seed, self.epoch, index]))

    def sample(self, index: int, rng: np.random.Generator) -> PersonSample:
        """The sample of one person, augmented with `rng`. Raises as `__getitem__`."""
        label = self.table[index]
        image, label = without_distortion(read_image(label), label)
        label = self._with_camera(label, image.shape[1], image.shape[0])
        view = draw_view_change(self.augment, image.shape[1], label.intrinsics, rng)
        draw = draw_crop(self.augment, rng)
        inputs, matrix = crop_inputs(
            label, view, draw, (image.shape[1], image.shape[0]), self.crop_size, self.box_margin
        )
        crop = warp_crop(image, matrix, self.crop_size)
        crop = occlude_patch(change_colours(crop, self.augment, rng), self.augment, rng)
        pixels = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255.0
        return dataclasses.replace(inputs, image=pixels), truth_of(label, view, self.body, self.label_bodies)

    def _with_camera(self, label: PersonLabel, width: int, height: int) -> PersonLabel:
        if np.isfinite(label.intrinsics).all():
            return label
        if self.assumed_camera is None:
            raise LabelError(
                f"{label.person}: the data set has no intrinsics; set assumed_camera to a camera to assume"
            )
        return dataclasses.replace(label, intrinsics=self.assumed_camera(width, height).intrinsics)


def crop_inputs(
    label: PersonLabel,
    view: ViewChange,
    draw: CropDraw,
    image_size: tuple[int, int],
    crop_size: tuple[int, int],
    box_margin: float = 1.0,
) -> tuple[CropBatch, AnyArray]:
    """All inputs of MetricHMR except the pixels, and the matrix (3, 3) from pixels of the stored image to the crop.

    The crop has the aspect ratio of `crop_size` and encloses the person's augmented box.
    """
    x1, y1, x2, y2 = np.asarray(label.bbox, np.float64)
    if not (np.isfinite(label.bbox).all() and x2 > x1 and y2 > y1):
        raise LabelError(f"{label.person}: bounding box {label.bbox} is empty or unknown")
    corners = apply_matrix(view.pixels, [[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    low, high = corners.min(0), corners.max(0)
    size = draw.scale * box_margin * enclosing_size(high - low, crop_size)
    crop = crop_matrix((low + high) / 2 + np.array(draw.shift) * size, size, crop_size, draw.rotation)
    intrinsics = view.intrinsics(np.asarray(label.intrinsics, np.float64))
    rows = {
        "crop_intrinsics": crop @ intrinsics,
        "intrinsics": intrinsics,
        "image_size": np.array(image_size),
        "bbox": np.concatenate([low, high]),
    }
    tensors = {name: torch.from_numpy(value.astype(np.float32))[None] for name, value in rows.items()}
    unseen = torch.zeros(1, NUM_LANDMARKS)
    no_landmarks = torch.zeros(1, NUM_LANDMARKS, 3)
    batch = CropBatch(
        landmarks=no_landmarks,
        visibility=unseen,
        presence=unseen,
        world=no_landmarks,
        crop_size=crop_size,
        **tensors,
    )
    return batch, crop @ view.pixels


def truth_of(
    label: PersonLabel, view: ViewChange, body: BodyModel, label_bodies: Mapping[str, BodyModel] | None = None
) -> Truth:
    """The label in the augmented camera frame, as a Truth of one person of the trained `body`.

    Joints come from the label's body model: `label_bodies[gender]`, or `body` without `label_bodies`. Betas count if
    both are the same body. SMPL-X labels (`label.body`) have a root joint and a pose, but no other joints.
    """
    pose, transl = view.body(label.pose, label.transl, label.pelvis)
    rows = {
        "pose": pose,
        "betas": np.asarray(label.betas),
        "transl": transl,
        "joints_2d": view.joints_2d(label.joints_2d),
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(row, np.float32))[None] for name, row in rows.items()}
    own = label_bodies[label.gender] if label_bodies else body
    is_foreign = label.body == "smplx"
    with torch.no_grad():
        joints = own.joints(tensors["betas"], tensors["pose"], tensors["transl"])
        if is_foreign:
            root = torch.from_numpy(label.pelvis + transl).to(joints)
            joints = joints + (root - joints[:, :1])
    masks = {
        "has_pose": label.has_pose,
        "has_betas": label.has_betas and own is body and not is_foreign,
        "has_transl": label.has_transl,
        "has_joints_cam": label.has_pose and label.has_betas and not is_foreign,
        "has_joints_2d": bool((label.joints_2d[:, 2] > 0).any()),
    }
    importance = {
        "weight": torch.tensor([label.weight], dtype=torch.float32),
        "position_sigma": torch.tensor([label.position_sigma], dtype=torch.float32),
    }
    known = {name: torch.tensor([bool(mask)]) for name, mask in masks.items()}
    return Truth(**tensors, joints_cam=joints, **known, **importance)


def without_distortion(image: NDArray[np.uint8], label: PersonLabel) -> tuple[NDArray[np.uint8], PersonLabel]:
    """Remove the lens distortion from image and label; both are unchanged without distortion."""
    if not np.any(label.distortion):
        return image, label
    camera, lens = np.asarray(label.intrinsics, np.float64), np.asarray(label.distortion, np.float64)

    def straight(points: AnyArray) -> AnyArray:
        pixels = np.ascontiguousarray(points, np.float64).reshape(-1, 1, 2)
        return np.asarray(cv2.undistortPoints(pixels, camera, lens, P=camera)).reshape(-1, 2)

    corners = straight(np.asarray(label.bbox)[[0, 1, 2, 1, 2, 3, 0, 3]])
    joints = np.asarray(label.joints_2d).copy()
    joints[:, :2] = straight(joints[:, :2])
    changed = dataclasses.replace(
        label,
        distortion=np.zeros(5),
        bbox=np.concatenate([corners.min(0), corners.max(0)]).astype(np.float32),
        joints_2d=joints,
    )
    return np.asarray(cv2.undistort(image, camera, lens), np.uint8), changed


def collate(samples: Sequence[PersonSample]) -> PersonSample:
    """Combine samples of one person into one batch, for `torch.utils.data.DataLoader(collate_fn=collate)`."""
    inputs, truths = zip(*samples, strict=True)
    joined = {name: torch.cat([batch.tensors()[name] for batch in inputs]) for name in inputs[0].tensors()}
    labels = {name: torch.cat([truth.tensors()[name] for truth in truths]) for name in truths[0].tensors()}
    return dataclasses.replace(inputs[0], **joined), Truth(**labels)
