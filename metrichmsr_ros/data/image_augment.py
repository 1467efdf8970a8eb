"""Augmentation of labelled images: consistent changes of pixels, labels and camera.

A change of view is a pair (G, Q): G (3, 3) maps pixels of the source image to pixels of the changed image, Q (3, 3),
orthogonal, maps the source camera frame to the changed one. The changed camera is K' = G K Q^T, so that a labelled
point projects to its moved pixel for every change:

    mirror   G = x -> w - 1 - x      Q = diag(-1, 1, 1)     swaps left and right labels
    roll     G = K Q K^-1            Q = rotation about z   rolls the camera, and people in its frame
    crop     G = A                   Q = 1                  scale, shift and rotation of the crop only

Colour and occlusion change only pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import MIRROR_JOINTS, mirror_pose
from metrichmsr_ros.geometry.crop import apply_matrix
from metrichmsr_ros.types import AnyArray


@dataclass(frozen=True)
class ImageAugment:
    """Ranges of the augmentation; the defaults are for photographs. All zeros disable it."""

    mirror: float = 0.5  # probability
    roll: float = 0.15  # standard deviation of the camera's roll, radians
    scale: float = 0.2  # largest relative change of the crop's size
    shift: float = 0.08  # standard deviation of the crop's centre, relative to its size
    crop_rotation: float = 0.1  # standard deviation of the crop's rotation, radians
    tight_crop: float = 0.1  # probability of a crop of half the body
    colour: float = 0.25  # largest relative change of brightness, contrast and each channel
    blur: float = 0.2  # probability of a blur of up to 2 px
    noise: float = 4.0  # largest standard deviation of pixel noise, grey levels
    occlusion: float = 0.3  # probability of a patch that hides part of the crop


NO_AUGMENT = ImageAugment(**dict.fromkeys(ImageAugment.__dataclass_fields__, 0.0))


@dataclass(frozen=True)
class ViewChange:
    """A change of view: `pixels` G (3, 3) and `frame` Q (3, 3), both float64."""

    pixels: AnyArray
    frame: AnyArray

    @classmethod
    def identity(cls) -> ViewChange:
        """No change."""
        return cls(np.eye(3), np.eye(3))

    @classmethod
    def mirrored(cls, width: int) -> ViewChange:
        """Mirror an image of `width` pixels left to right."""
        return cls(np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]]), np.diag([-1.0, 1.0, 1.0]))

    @classmethod
    def rolled(cls, angle: float, intrinsics: AnyArray) -> ViewChange:
        """Rotate the camera about its optical axis by `angle` (radians): the image rotates by -angle, K stays."""
        turn = Rotation.from_rotvec([0.0, 0.0, -angle]).as_matrix()
        return cls(intrinsics @ turn @ np.linalg.inv(intrinsics), turn)

    def then(self, other: ViewChange) -> ViewChange:
        """This change followed by `other`."""
        return ViewChange(other.pixels @ self.pixels, other.frame @ self.frame)

    @property
    def is_mirror(self) -> bool:
        """Whether left and right are swapped."""
        return bool(np.linalg.det(self.frame) < 0)

    def intrinsics(self, intrinsics: AnyArray) -> AnyArray:
        """K' (3, 3) of the changed image in the changed camera frame."""
        return self.pixels @ intrinsics @ self.frame.T

    def points(self, points_cam: AnyArray) -> AnyArray:
        """Camera points (..., 3) in the changed frame; after a mirror the caller must swap left and right points."""
        return points_cam @ self.frame.T

    def joints_2d(self, joints_2d: AnyArray) -> AnyArray:
        """Joints (24, 3) u, v, confidence in the changed image; a mirror swaps left and right."""
        moved = np.concatenate([apply_matrix(self.pixels, joints_2d[:, :2]), joints_2d[:, 2:]], 1)
        return (moved[list(MIRROR_JOINTS)] if self.is_mirror else moved).astype(np.float32)

    def body(self, pose: AnyArray, transl: AnyArray, pelvis: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Pose (72,) and translation (3,) of a body in the changed frame.

        The root joint's new position is exact; `pelvis` (3,) is the rest pelvis of the body's betas.
        """
        turn = self.frame
        if self.is_mirror:
            pose, turn = mirror_pose(np.asarray(pose, np.float64)), turn @ np.diag([-1.0, 1.0, 1.0])
        root = Rotation.from_matrix(turn) * Rotation.from_rotvec(np.asarray(pose[:3], np.float64))
        changed = np.concatenate([root.as_rotvec(), pose[3:]])
        placed = self.frame @ (np.asarray(pelvis, np.float64) + transl) - pelvis
        return changed.astype(np.float32), placed.astype(np.float32)


@dataclass(frozen=True)
class CropDraw:
    """A random crop: its scale relative to the box, its shift in box sizes, and its rotation in radians."""

    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0


def draw_view_change(config: ImageAugment, width: int, intrinsics: AnyArray, rng: np.random.Generator) -> ViewChange:
    """Draw a random mirror and roll; `intrinsics` are those of the image before the change."""
    view = ViewChange.mirrored(width) if rng.random() < config.mirror else ViewChange.identity()
    angle = config.roll * float(np.clip(rng.standard_normal(), -3, 3))
    return view.then(ViewChange.rolled(angle, view.intrinsics(intrinsics))) if angle else view


def draw_crop(config: ImageAugment, rng: np.random.Generator) -> CropDraw:
    """Draw a random scale, shift and rotation of the crop; `tight_crop` of the crops have half of the box."""
    scale = float(np.exp(rng.uniform(-config.scale, config.scale)))
    shift = config.shift * np.clip(rng.standard_normal(2), -2.5, 2.5)
    rotation = config.crop_rotation * float(np.clip(rng.standard_normal(), -3, 3))
    if rng.random() < config.tight_crop:
        scale, shift = 0.55 * scale, shift + np.array([0.0, rng.choice([-0.25, 0.25])])
    return CropDraw(scale, (float(shift[0]), float(shift[1])), rotation)


def change_colours(image: NDArray[np.uint8], config: ImageAugment, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness, contrast and channels of a crop (H, W, 3) RGB; add blur and noise."""
    gain = (1 + rng.uniform(-config.colour, config.colour)) * (1 + rng.uniform(-config.colour, config.colour, 3))
    contrast = 1 + rng.uniform(-config.colour, config.colour)
    changed = (image.astype(np.float32) - 127.5) * contrast + 127.5
    changed *= gain.astype(np.float32)
    if rng.random() < config.blur:
        changed = np.asarray(cv2.GaussianBlur(changed, (0, 0), rng.uniform(0.4, 2.0)))
    if config.noise:
        deviation = rng.uniform(0.0, config.noise)
        changed += deviation * rng.standard_normal(changed.shape, dtype=np.float32)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def occlude_patch(image: NDArray[np.uint8], config: ImageAugment, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cover a rectangle of 10 to 45 % of each side with one colour and noise, with probability `occlusion`."""
    if rng.random() >= config.occlusion:
        return image
    height, width = image.shape[:2]
    rows, columns = (rng.uniform(0.1, 0.45, 2) * (height, width)).astype(int) + 1
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    patch = rng.integers(0, 256, 3) + 20.0 * rng.standard_normal((rows, columns, 3))
    hidden = image.copy()
    hidden[top : top + rows, left : left + columns] = np.clip(patch, 0, 255).astype(np.uint8)
    return hidden
