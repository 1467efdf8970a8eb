"""The common label format of all data sets: people in images, in the camera frame, with masks for missing labels.

A reader returns one `LabelTable`, arrays over all its people; a row of it is a `PersonLabel`. Images stay on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.formats.tar_samples import read_file
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.images import ImageDataError, decode_image
from metrichmsr_ros.types import AnyArray

JointsOf = Callable[[AnyArray, AnyArray, str], AnyArray]
"""(betas (10,), pose (72,), gender) -> joints (24, 3) of the data set's body model with zero translation, metres."""

AS_STORED, CLOCKWISE, MIRRORED, UPRIGHT = "as stored", "clockwise", "mirrored", "upright"


class LabelError(MetricHMRError, ValueError):
    """A label file or image is missing, or does not have the published layout; the message names the file and field."""


@dataclass(frozen=True)
class PersonLabel:
    """One person in one image; lengths in metres, camera frame: x right, y down, z forward; integer pixel centres."""

    person: str  # name for messages: data set, image and person
    image: Path
    turn: str  # from the stored image to the labels: "as stored", "clockwise", "mirrored", "upright" (by its EXIF)
    body: str  # body model of the parameters: "smpl", "smplx" or "open"
    gender: str  # "neutral", "female", "male"
    intrinsics: AnyArray  # (3, 3); NaN if the data set has no intrinsics
    distortion: AnyArray  # (5,) OpenCV's plumb_bob, zeros without distortion
    bbox: AnyArray  # (4,) x1, y1, x2, y2 px
    pose: AnyArray  # (72,)
    betas: AnyArray  # (10,)
    transl: AnyArray  # (3,) vertices = body(pose, betas) + transl
    pelvis: AnyArray  # (3,) root joint of the rest pose of these betas, needed to rotate the camera frame
    joints_2d: AnyArray  # (24, 3) u, v px and confidence 0..1
    has_pose: bool
    has_betas: bool
    has_transl: bool
    weight: float = 1.0  # of the person in the loss
    position_sigma: float = 0.0  # standard deviation of the labelled position, m; 0: exact


@dataclass(frozen=True)
class LabelTable:
    """N people as arrays with the fields of `PersonLabel`; text fields are lists."""

    person: list[str]
    image: list[Path]
    turn: str
    body: str
    gender: list[str]
    intrinsics: AnyArray  # (N, 3, 3)
    distortion: AnyArray  # (N, 5)
    bbox: AnyArray  # (N, 4)
    pose: AnyArray  # (N, 72)
    betas: AnyArray  # (N, 10)
    transl: AnyArray  # (N, 3)
    pelvis: AnyArray  # (N, 3)
    joints_2d: AnyArray  # (N, 24, 3)
    has_pose: AnyArray  # (N,) bool
    has_betas: AnyArray  # (N,) bool
    has_transl: AnyArray  # (N,) bool
    weight: AnyArray  # (N,)
    position_sigma: AnyArray  # (N,) m

    def __len__(self) -> int:
        """Number of people."""
        return len(self.person)

    def __getitem__(self, index: int) -> PersonLabel:
        """The label of one person."""
        shared: dict[str, Any] = {"turn": self.turn, "body": self.body}
        rows = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name not in shared}
        return PersonLabel(**shared, **rows)

    def select(self, rows: Sequence[int] | AnyArray) -> LabelTable:
        """The people of `rows` (indices), in that order."""
        index = np.asarray(rows, np.int64)
        picked: dict[str, Any] = {
            f.name: [value[i] for i in index] if isinstance(value, list) else value[index]
            for f in fields(self)
            if not isinstance(value := getattr(self, f.name), str)
        }
        return replace(self, **picked)


def label_table(*, person: Sequence[str], image: Sequence[Path], **columns: Any) -> LabelTable:
    """Build a table; missing columns get defaults: neutral gender, zeros, masks False, NaN for intrinsics and bbox,
    weight 1."""
    count = len(person)
    defaults: dict[str, Any] = {
        "turn": AS_STORED,
        "body": "smpl",
        "gender": ["neutral"] * count,
        "intrinsics": np.full((count, 3, 3), np.nan),
        "distortion": np.zeros((count, 5)),
        "bbox": np.full((count, 4), np.nan, np.float32),
        "joints_2d": np.zeros((count, 24, 3), np.float32),
        "weight": np.ones(count, np.float32),
        "position_sigma": np.zeros(count, np.float32),
    }
    for name, width in (("pose", 72), ("betas", 10), ("transl", 3), ("pelvis", 3)):
        defaults[name] = np.zeros((count, width), np.float32)
    for name in ("has_pose", "has_betas", "has_transl"):
        defaults[name] = np.zeros(count, bool)
    table = LabelTable(**{**defaults, **columns, "person": list(person), "image": list(image)})
    for field in fields(LabelTable):
        value = getattr(table, field.name)
        if not isinstance(value, str) and len(value) != count:
            raise LabelError(f"{field.name}: {len(value)} rows for {count} people")
        wanted = defaults.get(field.name)
        if isinstance(wanted, np.ndarray) and value.shape != wanted.shape:
            raise LabelError(f"{field.name}: shape {value.shape}, expected {wanted.shape}")
    return table


def joints_of(models: Mapping[str, BodyModel]) -> JointsOf:
    """`JointsOf` from body models by gender ("male", "female", "neutral"), e.g. `load_body("smpl:...")`."""

    def joints(betas: AnyArray, pose: AnyArray, gender: str) -> AnyArray:
        if gender not in models:
            raise LabelError(f"no body model for gender {gender!r}; available: {', '.join(models) or 'none'}")
        as_row = [torch.from_numpy(np.asarray(value, np.float32))[None] for value in (betas, pose, np.zeros(3))]
        with torch.no_grad():
            return models[gender].joints(*as_row)[0].numpy()

    return joints


_FARTHEST_M = 1e9  # of a camera


def to_camera(
    pose: AnyArray, transl: AnyArray, world_to_camera: AnyArray, pelvis: AnyArray
) -> tuple[AnyArray, AnyArray]:
    """Transform body parameters from world to camera: rotate the root; t_cam = R (J0 + t) + T - J0.

    A body model rotates about its pelvis J0, not about its origin: R t + T would have an error of (R - 1) J0.

    Args:
        pose: (N, 72) axis-angle, world frame.
        transl: (N, 3) metres, world frame.
        world_to_camera: (N, 4, 4) or (4, 4); the 3x3 part is orthogonal with determinant +1.
        pelvis: (N, 3) rest pelvis J0 of the people's betas.
    """
    if not (np.abs(world_to_camera) <= _FARTHEST_M).all():  # SciPy's search for the nearest rotation would not end
        raise LabelError("camera poses are not finite, or beyond 1e9 m; download the file again")
    matrix = np.asarray(world_to_camera, np.float64)
    turn, shift = matrix[..., :3, :3], matrix[..., :3, 3]
    root = Rotation.from_matrix(turn) * Rotation.from_rotvec(np.asarray(pose[:, :3], np.float64))
    moved = np.concatenate([np.atleast_2d(root.as_rotvec()), pose[:, 3:]], 1)
    pelvis = np.asarray(pelvis, np.float64)
    placed = (turn @ (pelvis + transl)[..., None])[..., 0] + shift - pelvis
    return moved.astype(np.float32), placed.astype(np.float32)


def box_around(points: AnyArray, margin: float = 1.2) -> AnyArray:
    """Boxes (N, 4) x1, y1, x2, y2 around pixels (N, K, 2), enlarged by the factor `margin`; not made square."""
    low, high = points.min(1), points.max(1)
    middle, half = (low + high) / 2, margin * (high - low) / 2
    return np.concatenate([middle - half, middle + half], 1).astype(np.float32)


def box_of_side(centre: AnyArray, side: AnyArray) -> AnyArray:
    """Boxes (N, 4) of `side` (N,) px around `centre` (N, 2)."""
    half = np.asarray(side, np.float32).reshape(-1, 1) / 2
    return np.concatenate([centre - half, centre + half], 1).astype(np.float32)


def read_image(label: PersonLabel) -> NDArray[np.uint8]:
    """Read the label's image (H, W, 3) RGB, rotated or mirrored as `label.turn` states.

    Raises:
        LabelError: the file is missing, not an image, or a truncated JPEG.
    """
    stored = read_file(label.image)
    if not stored:
        raise LabelError(f"{label.person}: image {label.image} is missing or unreadable")
    try:
        image = decode_image(stored, upright=label.turn == UPRIGHT)
    except ImageDataError as error:
        raise LabelError(f"{label.person}: image {label.image}: {error}") from None
    if label.turn == CLOCKWISE:
        return np.asarray(cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE), np.uint8)
    if label.turn == MIRRORED:
        return np.asarray(cv2.flip(image, 1), np.uint8)
    return image
