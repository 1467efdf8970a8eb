"""Records of frames: the people's estimates, a digest, durations; and their file format.

A record can come from a `Scene` (replay) or from a recorded `HumanMeshArray` (the node over DDS, or a truth topic);
equal estimates give equal digests from both sources.

Layout of `estimates.npz`, which is also the input format for predictions of other systems:

    frame_stamp_ns  (F,)       int64, every processed frame, people or not
    stamp_ns        (N,)       int64, the frame of each person
    id              (N,)       str
    joints_cam      (N,24,3)   float32, m, camera optical frame, SMPL order
    pose (N,72), betas (N,10), transl (N,3), confidence (N,), height (N,), bbox (N,4): float32, NaN if unknown
    joint_confidence (N,24): float32, NaN if unknown, as are
    joint_cov       (N,24,3,3) float32, m^2, of joints relative to the middle of the hips
    orientation_cov (N,3,3)    float32, rad^2
    occluded        (N,)       bool
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.io.npz import NpzError, read_npz
from metrichmsr_ros.ros.frames import joint_covariance_matrices
from metrichmsr_ros.types import Float32Array

_SHAPES = {
    "joints_cam": (24, 3),
    "pose": (72,),
    "betas": (10,),
    "transl": (3,),
    "confidence": (),
    "height": (),
    "bbox": (4,),
    "joint_confidence": (24,),
    "joint_cov": (24, 3, 3),
    "orientation_cov": (3, 3),
}


@dataclass(frozen=True)
class PersonRecord:
    """One person in one frame; camera optical frame, SI units, float32."""

    id: str
    joints_cam: Float32Array  # (24, 3)
    pose: Float32Array  # (72,)
    betas: Float32Array  # (10,)
    transl: Float32Array  # (3,)
    confidence: float
    height: float
    bbox: Float32Array  # (4,) x0 y0 x1 y1
    occluded: bool = False
    joint_confidence: Float32Array = field(default_factory=lambda: _unknown(24))  # (24,)
    joint_cov: Float32Array = field(default_factory=lambda: _unknown(24, 3, 3))  # m^2, about the middle of the hips
    orientation_cov: Float32Array = field(default_factory=lambda: _unknown(3, 3))  # rad^2

    @property
    def root(self) -> Float32Array:
        """(3,) position of the root joint."""
        return self.joints_cam[0]


@dataclass(frozen=True)
class FrameRecord:
    """One processed frame."""

    stamp_ns: int
    people: tuple[PersonRecord, ...]
    seconds: dict[str, float] = field(default_factory=dict)  # stage -> duration

    @property
    def digest(self) -> str:
        """Hex sha256 over all but durations, boxes and uncertainty; equal only for the same estimates bit by bit."""
        sha = hashlib.sha256(str(self.stamp_ns).encode())
        for person in sorted(self.people, key=lambda p: p.id):
            sha.update(person.id.encode() + bytes([person.occluded]))
            for name in ("joints_cam", "pose", "betas", "transl", "confidence", "height"):
                sha.update(np.ascontiguousarray(getattr(person, name), dtype="<f4").tobytes())
        return sha.hexdigest()


def sequence_digest(frames: Iterable[FrameRecord]) -> str:
    """Hex sha256 over the digests of all frames, in order."""
    sha = hashlib.sha256()
    for frame in frames:
        sha.update(frame.digest.encode())
    return sha.hexdigest()


def person_from_estimate(person: Any) -> PersonRecord:
    """Record of a `PersonEstimate`."""
    return PersonRecord(
        id=person.id,
        joints_cam=_float32(person.joints_cam),
        pose=_float32(person.pose),
        betas=_float32(person.betas),
        transl=_float32(person.transl_cam),
        confidence=float(np.float32(person.confidence)),
        height=float(np.float32(person.height)),
        bbox=_float32(person.bbox),
        occluded=bool(person.is_occluded),
        joint_confidence=_float32(person.joint_confidence),
        joint_cov=_float32(person.joint_cov),
        orientation_cov=_float32(person.orientation_cov),
    )


def person_from_message(human: Any) -> PersonRecord:
    """Record of a metrichmsr_ros/msg/HumanMesh, from rclpy or from rosbags."""
    roi = human.roi
    box = (roi.x_offset, roi.y_offset, roi.x_offset + roi.width, roi.y_offset + roi.height)
    move = human.translation
    return PersonRecord(
        id=human.id,
        joints_cam=_float32(human.joints).reshape(24, 3),
        pose=_float32(human.pose),
        betas=_float32(human.betas),
        transl=_float32((move.x, move.y, move.z)),
        confidence=float(human.confidence),
        height=float(human.height),
        bbox=_float32(box),
        occluded=bool(human.is_occluded),
        **_uncertainty_of(human),
    )


def _uncertainty_of(human: Any) -> dict[str, Float32Array]:
    """Of joints and orientation; nothing of a message from before those fields, whose orientation had a parameter."""
    if not hasattr(human, "joint_confidence"):
        return {}
    return {
        "joint_confidence": _float32(human.joint_confidence),
        "joint_cov": _float32(joint_covariance_matrices(human.joint_covariances)),
        "orientation_cov": _float32(human.body.covariance).reshape(6, 6)[3:, 3:],
    }


def _unknown(*shape: int) -> Float32Array:
    return np.full(shape, np.nan, np.float32)


def _float32(values: ArrayLike) -> Float32Array:
    return np.array(values, dtype=np.float32)


def save_records(path: Path, frames: Sequence[FrameRecord]) -> None:
    """Write `estimates.npz` (layout above); without durations."""
    rows = [(frame.stamp_ns, person) for frame in frames for person in frame.people]
    arrays: dict[str, NDArray[Any]] = {
        name: np.array([getattr(person, name) for _, person in rows], np.float32).reshape(len(rows), *shape)
        for name, shape in _SHAPES.items()
    }
    arrays["frame_stamp_ns"] = np.array([frame.stamp_ns for frame in frames], np.int64)
    arrays["stamp_ns"] = np.array([stamp for stamp, _ in rows], np.int64)
    arrays["id"] = np.array([person.id for _, person in rows], dtype=np.str_)
    arrays["occluded"] = np.array([person.occluded for _, person in rows], bool)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def load_records(path: Path) -> list[FrameRecord]:
    """Read `estimates.npz`; missing optional fields become NaN.

    Raises:
        MetricInputError: not an npz file, a missing field, or a wrong shape; the message names the field.
    """
    try:
        arrays = read_npz(path)
    except NpzError as error:
        raise MetricInputError(str(error)) from None
    for name in ("stamp_ns", "id", "joints_cam"):
        if name not in arrays:
            raise MetricInputError(f"{path} lacks '{name}'; it has {', '.join(sorted(arrays))}")
    with errors_as(MetricInputError, f"{path} does not have the layout of a replay's estimates, or is damaged"):
        return _records(path, arrays)


def _records(path: Path, arrays: dict[str, NDArray[Any]]) -> list[FrameRecord]:
    count = len(arrays["id"])
    for name, shape in _SHAPES.items():
        values = arrays.setdefault(name, np.full((count, *shape), np.nan, np.float32))
        if values.shape != (count, *shape):
            raise MetricInputError(f"{path}: '{name}' has shape {values.shape}; expected {(count, *shape)}")
        if values.dtype.kind not in "fiu":
            raise MetricInputError(f"{path}: '{name}' is of type {values.dtype}; expected numbers")
    for name in ("stamp_ns", "frame_stamp_ns"):
        if name in arrays and (arrays[name].ndim != 1 or arrays[name].dtype.kind not in "iu"):
            raise MetricInputError(
                f"{path}: '{name}' is {arrays[name].dtype} {arrays[name].shape}; expected integers (N,)"
            )
    if len(arrays["stamp_ns"]) != count or len(arrays.get("occluded", arrays["id"])) != count:
        raise MetricInputError(f"{path}: 'stamp_ns', 'id' and 'occluded' must be of one length")
    stamps = arrays["stamp_ns"]
    hidden = arrays.get("occluded", np.zeros(count, bool))
    people: dict[int, list[PersonRecord]] = {int(s): [] for s in arrays.get("frame_stamp_ns", stamps)}
    for row in range(count):
        fields = {name: arrays[name][row] for name in _SHAPES}
        fields |= {"confidence": float(fields["confidence"]), "height": float(fields["height"])}
        person = PersonRecord(id=str(arrays["id"][row]), occluded=bool(hidden[row]), **fields)
        people.setdefault(int(stamps[row]), []).append(person)
    return [FrameRecord(stamp, tuple(found)) for stamp, found in sorted(people.items())]
