"""Readers of label releases in npz files: BEDLAM, CameraHMR (AIC, COCO, MPII) and 4D-Humans.

docs/reference/data_formats.md lists the fields of each layout.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metrichmsr_ros.data.formats.joint_maps import BODY_44, to_joints
from metrichmsr_ros.data.formats.labels import (
    AS_STORED,
    CLOCKWISE,
    JointsOf,
    LabelError,
    LabelTable,
    box_of_side,
    label_table,
)
from metrichmsr_ros.errors import reads
from metrichmsr_ros.io.npz import NpzError, names_in, read_npz
from metrichmsr_ros.types import AnyArray

PIXELS_PER_SCALE = 200.0  # `scale` of the SPIN family: box side in px / 200


@reads(LabelError, "a label file of BEDLAM")
def read_bedlam(labels: Path, images: Path, joints_of: JointsOf | None = None) -> LabelTable:
    """BEDLAM's training labels of one scene (`bedlam-labels-smpl`).

    `body_model` (N,), which only files of `metrichmsr convert` have, says that the betas are of the open body.
    Camera-frame vertices are SMPL(pose_cam, shape) + trans_cam + cam_ext[:3, 3]. Scenes whose file name has "closeup"
    were rendered on their side: their labels belong to the image rotated by 90 degrees clockwise (720 x 1280).

    Args:
        labels: the scene's npz.
        images: folder that `imgname` is relative to.
        joints_of: neutral SMPL, for the pelvis of each person; without it, the camera frame must not be rotated.
    """
    data = _read(
        labels, ("imgname", "center", "scale", "pose_cam", "shape", "trans_cam", "cam_int", "cam_ext", "gtkps")
    )
    betas = data["shape"][:, :10].astype(np.float32)
    joints = np.zeros((len(betas), 24, 3), np.float32)
    body = bedlam_body(labels)
    joints[..., :2], joints[..., 2] = data["gtkps"][:, :24, :2], 1.0
    if data["gtkps"].shape[2] > 2:
        joints[..., 2] = data["gtkps"][:, :24, 2]
    return label_table(
        person=_people("bedlam", labels, data),
        image=[images / str(name) for name in data["imgname"]],
        body=body,
        turn=CLOCKWISE if "closeup" in labels.name else AS_STORED,
        intrinsics=data["cam_int"].astype(np.float64),
        bbox=box_of_side(data["center"], PIXELS_PER_SCALE * data["scale"]),
        pose=data["pose_cam"].astype(np.float32),
        betas=betas,
        transl=(data["trans_cam"] + data["cam_ext"][:, :3, 3]).astype(np.float32),
        # The open body's rest pelvis is the origin for every shape.
        pelvis=pelvis_of(betas, ["neutral"] * len(betas), joints_of if body == "smpl" else None),
        joints_2d=joints,
        has_pose=np.ones(len(betas), bool),
        has_betas=np.ones(len(betas), bool),
        has_transl=np.ones(len(betas), bool),
    )


@reads(LabelError, "a label file of BEDLAM")
def bedlam_body(labels: Path) -> str:
    """Body model of the betas in a BEDLAM file: "open" or "smpl".

    Raises:
        LabelError: the file is missing or damaged, or its betas are of several bodies.
    """
    if not labels.is_file():
        raise LabelError(f"label file {labels} is missing")
    try:
        names = {str(name) for name in read_npz(labels, {"body_model"}).get("body_model", ["smpl"])}
    except NpzError as error:
        raise LabelError(str(error)) from None
    bodies = {"open" if name.startswith("open") else name for name in names}
    if len(bodies) != 1 or not bodies <= {"open", "smpl"}:
        raise LabelError(
            f"{labels}: body_model holds {', '.join(sorted(names)) or 'nothing'}; it must be one of open, smpl"
        )
    return bodies.pop()


@reads(LabelError, "a label file of CameraHMR")
def read_camerahmr(labels: Path, images: Path, joints_of: JointsOf | None = None) -> LabelTable:
    """CameraHMR's pseudo labels of AIC, COCO or MPII (`aic-release.npz`, `coco-release.npz`, `mpii-release.npz`).

    They have a camera and a pose (`pose_cam` or `pose`) but no translation; `gtkps` starts with the 44 points of the
    SPIN family.
    """
    data = _read(labels, ("imgname", "center", "scale", "shape", "cam_int", "gtkps"))
    pose = data.get("pose_cam", data.get("pose"))
    if pose is None:
        raise LabelError(f"{labels}: fields 'pose_cam' and 'pose' are missing; is this a CameraHMR release?")
    betas = data["shape"][:, :10].astype(np.float32)
    return label_table(
        person=_people(labels.stem, labels, data),
        image=[images / str(name) for name in data["imgname"]],
        intrinsics=data["cam_int"].astype(np.float64),
        bbox=box_of_side(data["center"], PIXELS_PER_SCALE * data["scale"]),
        pose=pose.reshape(len(betas), -1)[:, :72].astype(np.float32),
        betas=betas,
        pelvis=pelvis_of(betas, ["neutral"] * len(betas), joints_of),
        joints_2d=to_joints(data["gtkps"][:, : len(BODY_44)], BODY_44),
        has_pose=np.ones(len(betas), bool),
        has_betas=np.ones(len(betas), bool),
    )


@reads(LabelError, "a label file of 4D-Humans")
def read_4dhumans(labels: Path, images: Path, joints_of: JointsOf | None = None) -> LabelTable:
    """A label npz of the 4D-Humans release (COCO, MPII, AIC, InstaVariety ...).

    `scale` is the box in px (width, height or one side), `has_body_pose` and `has_betas` are masks. The set
    has no intrinsics, so they are NaN; the user must state which camera to assume.
    """
    fields = ("imgname", "center", "scale", "body_pose", "betas", "body_keypoints_2d", "extra_keypoints_2d")
    data = _read(labels, fields)
    count = len(data["imgname"])
    side = data["scale"].reshape(count, -1).max(1)
    points = np.concatenate([data["body_keypoints_2d"], data["extra_keypoints_2d"]], 1)
    betas = data["betas"][:, :10].astype(np.float32)
    return label_table(
        person=_people(labels.stem, labels, data),
        image=[images / str(name) for name in data["imgname"]],
        bbox=box_of_side(data["center"], side),
        pose=data["body_pose"].reshape(count, -1)[:, :72].astype(np.float32),
        betas=betas,
        pelvis=pelvis_of(betas, ["neutral"] * count, joints_of),
        joints_2d=to_joints(points, BODY_44),
        has_pose=_mask(data, "has_body_pose", count),
        has_betas=_mask(data, "has_betas", count),
    )


def pelvis_of(betas: AnyArray, genders: list[str], joints_of: JointsOf | None) -> AnyArray:
    """Rest pelvis (N, 3) of each person's betas (N, 10); zeros without `joints_of`."""
    if joints_of is None:
        return np.zeros((len(betas), 3), np.float32)
    rest = np.zeros(72, np.float32)
    known: dict[bytes, AnyArray] = {}
    for row, gender in zip(betas, genders, strict=True):
        key = gender.encode() + row.tobytes()
        if key not in known:
            known[key] = joints_of(row, rest, gender)[0]
    return np.array([known[g.encode() + row.tobytes()] for row, g in zip(betas, genders, strict=True)], np.float32)


def _read(path: Path, required: tuple[str, ...]) -> dict[str, AnyArray]:
    if not path.is_file():
        raise LabelError(f"label file {path} is missing")
    optional = ("pose", "pose_cam", "has_body_pose", "has_betas", "sub")
    try:
        data = read_npz(path, {*required, *optional})
    except NpzError as error:
        raise LabelError(str(error)) from None
    missing = [name for name in required if name not in data]
    if missing:
        raise LabelError(f"{path}: field(s) missing: {', '.join(missing)}; the file has: {', '.join(names_in(path))}")
    lengths = {name: len(value) for name, value in data.items()}
    if len(set(lengths.values())) != 1:
        raise LabelError(f"{path}: fields of unequal length: {lengths}")
    return data


def _people(name: str, path: Path, data: dict[str, AnyArray]) -> list[str]:
    return [f"{name}/{path.stem}/{image}#{row}" for row, image in enumerate(data["imgname"])]


def _mask(data: dict[str, AnyArray], name: str, count: int) -> AnyArray:
    return data[name].reshape(count).astype(bool) if name in data else np.ones(count, bool)
