"""Small whole files of arrays, as programs of others write them, from one template of names and shapes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.fuzz.choices import Choices
from metrichmsr_ros.types import AnyArray

Arrays = Mapping[str, AnyArray]
_TYPES = ("<f8", "<f4", "<i8", "<i4", "|u1", "|b1", "<U3", ">f8", "<c16", "<f2")


def lying(template: Arrays, choices: Choices) -> dict[str, AnyArray]:
    """The arrays of a template with up to four lies: a field missing, of another shape or type, or odd numbers."""
    arrays = {name: np.array(values) for name, values in template.items()}
    for _ in range(choices.below(5)):
        name = choices.pick(sorted(template))
        if choices.is_rare(6):
            arrays.pop(name, None)
        elif name in arrays:
            arrays[name] = _lie(arrays[name], choices)
    return arrays


def _lie(values: AnyArray, choices: Choices) -> AnyArray:
    kind = choices.below(6)
    if kind == 0:
        return values.reshape(-1)[: choices.below(values.size + 1)]
    if kind == 1:
        return values[None]
    if kind == 2:
        return values[: choices.below(len(values) + 1)] if values.ndim else values.reshape(1)
    if kind == 3:
        return np.zeros(tuple(choices.below(4) for _ in range(choices.below(4))), choices.pick(_TYPES))
    if kind == 4:
        return np.full(values.shape, choices.text()[:8])
    odd = np.array(values, np.float64 if values.dtype.kind in "fiub" else values.dtype)
    if odd.dtype.kind == "f" and odd.size:
        for _ in range(choices.below(4) + 1):
            odd.reshape(-1)[choices.below(odd.size)] = choices.number()
        with np.errstate(all="ignore"):
            return odd.astype(values.dtype) if choices.is_rare(2) else odd
    return odd


def npz(arrays: Arrays) -> bytes:
    """An npz file."""
    with io.BytesIO() as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()


def pickled(content: Any) -> bytes:
    """A pickle as Python 2 wrote them."""
    return pickle.dumps(content, protocol=2)


def nested(arrays: Arrays) -> dict[str, Any]:
    """Arrays of names like "smpl/betas" as dictionaries of dictionaries; a text of one entry as a text."""
    content: dict[str, Any] = {}
    for name, values in arrays.items():
        *outer, last = name.split("/")
        place = content
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = str(values) if values.ndim == 0 and values.dtype.kind == "U" else values
    return content


def smpl(vertices: int = 5) -> dict[str, AnyArray]:
    """The arrays of an SMPL file."""
    return {
        "v_template": np.zeros((vertices, 3)),
        "shapedirs": np.zeros((vertices, 3, 10)),
        "posedirs": np.zeros((vertices, 3, 207)),
        "J_regressor": np.full((24, vertices), 1 / vertices),
        "weights": np.full((vertices, 24), 1 / 24),
        "kintree_table": np.array([[-1, *range(23)], range(24)]),
        "f": np.array([[0, 1, 2], [2, 3, 4]]),
    }


def bedlam(count: int = 2) -> dict[str, AnyArray]:
    """The labels of BEDLAM, with the names that CameraHMR and 4D-Humans have too."""
    return {
        "imgname": np.array(["a.png"] * count),
        "center": np.full((count, 2), 50.0),
        "scale": np.full(count, 0.5),
        "pose_cam": np.zeros((count, 72)),
        "shape": np.zeros((count, 11)),
        "trans_cam": np.tile([0.0, 0.0, 3.0], (count, 1)),
        "cam_int": np.tile(np.eye(3), (count, 1, 1)),
        "cam_ext": np.tile(np.eye(4), (count, 1, 1)),
        "gtkps": np.zeros((count, 44, 3)),
        "body_pose": np.zeros((count, 72)),
        "betas": np.zeros((count, 10)),
        "body_keypoints_2d": np.zeros((count, 25, 3)),
        "extra_keypoints_2d": np.zeros((count, 19, 3)),
    }


def dpw(frames: int = 2) -> dict[str, AnyArray]:
    """A sequence of 3DPW."""
    return {
        "poses": np.zeros((1, frames, 72)),
        "trans": np.zeros((1, frames, 3)),
        "betas": np.zeros((1, 10)),
        "genders": np.array(["m"]),
        "jointPositions": np.zeros((1, frames, 72)),
        "campose_valid": np.ones((1, frames)),
        "cam_poses": np.tile(np.eye(4), (frames, 1, 1)),
        "cam_intrinsics": np.eye(3),
    }


def emdb(frames: int = 2) -> dict[str, AnyArray]:
    """A sequence of EMDB."""
    return {
        "gender": np.array("male"),
        "name": np.array("P0"),
        "good_frames_mask": np.ones(frames, bool),
        "camera/intrinsics": np.eye(3),
        "camera/extrinsics": np.tile(np.eye(4), (frames, 1, 1)),
        "smpl/poses_root": np.zeros((frames, 3)),
        "smpl/poses_body": np.zeros((frames, 69)),
        "smpl/trans": np.zeros((frames, 3)),
        "smpl/betas": np.zeros(10),
        "kp2d": np.zeros((frames, 24, 2)),
        "bboxes/bboxes": np.zeros((frames, 4)),
        "bboxes/invalid_idxs": np.zeros(0, int),
    }


def prox() -> dict[str, AnyArray]:
    """A fit of PROX or RICH."""
    return {
        "transl": np.zeros((1, 3)),
        "global_orient": np.zeros((1, 3)),
        "body_pose": np.zeros((1, 63)),
        "betas": np.zeros((1, 10)),
    }


def estimates(rows: int = 3) -> dict[str, AnyArray]:
    """`estimates.npz` of a replay, which is a sequence of motions too."""
    return {
        "stamp_ns": np.arange(rows),
        "frame_stamp_ns": np.arange(rows),
        "frame": np.arange(rows),
        "id": np.array(["p1"] * rows),
        "occluded": np.zeros(rows, bool),
        "joints": np.zeros((rows, 24, 3)),
        "joints_cam": np.zeros((rows, 24, 3), np.float32),
        "pose": np.zeros((rows, 72), np.float32),
        "betas": np.zeros((rows, 10), np.float32),
        "transl": np.zeros((rows, 3), np.float32),
        "confidence": np.ones(rows, np.float32),
        "height": np.ones(rows, np.float32),
        "bbox": np.zeros((rows, 4), np.float32),
        "world_from_camera": np.tile(np.eye(4), (rows, 1, 1)),
    }
