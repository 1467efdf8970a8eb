"""Readers of COCO, MPII and AI Challenger in their original formats: 2D key points and boxes only.

The sets have no camera, pose or shape: `intrinsics` are NaN, and `has_pose`, `has_betas` and `has_transl` are False. An
annotated point gets confidence 1, visible or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from metrichmsr_ros.data.formats.joint_maps import AIC_14, COCO_17, MPII_16, to_joints
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, box_of_side, label_table
from metrichmsr_ros.errors import reads
from metrichmsr_ros.io.texts import TextFileError, read_json
from metrichmsr_ros.types import AnyArray

MPII_PIXELS_PER_SCALE = 200.0
MPII_BOX_MARGIN = 1.25  # `scale` is the person's height; boxes of the other releases are a little larger


@reads(LabelError, "a label file of COCO")
def read_coco(labels: Path, images: Path) -> LabelTable:
    """COCO's `person_keypoints_<split>.json`: people with at least one key point, without crowds."""
    data = _json(labels)
    if not isinstance(data, dict) or not {"images", "annotations"} <= data.keys():
        raise LabelError(f"{labels}: 'images' and 'annotations' expected; is this COCO's person_keypoints_*.json?")
    names = {entry["id"]: entry["file_name"] for entry in data["images"]}
    people = [a for a in data["annotations"] if not a.get("iscrowd") and a.get("num_keypoints", 0) > 0]
    points = np.array([a["keypoints"] for a in people], np.float32).reshape(-1, len(COCO_17), 3)
    corners = np.array([a["bbox"] for a in people], np.float32).reshape(-1, 4)
    return _table(
        [f"coco/{names[a['image_id']]}#{a.get('id', row)}" for row, a in enumerate(people)],
        [images / names[a["image_id"]] for a in people],
        np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], 1),
        to_joints(_with_confidence(points, points[..., 2] > 0), COCO_17),
    )


@reads(LabelError, "a label file of AI Challenger")
def read_aic(labels: Path, images: Path) -> LabelTable:
    """AI Challenger's `keypoint_<split>_annotations_*.json`; images are `<image_id>.jpg`."""
    entries = _json(labels)
    if not isinstance(entries, list) or (entries and "keypoint_annotations" not in entries[0]):
        raise LabelError(f"{labels}: a list with 'keypoint_annotations' expected; is this AI Challenger's file?")
    people = [(entry, name) for entry in entries for name in sorted(entry["keypoint_annotations"])]
    points = np.array([e["keypoint_annotations"][name] for e, name in people], np.float32).reshape(-1, len(AIC_14), 3)
    boxes = np.array([e["human_annotations"][name] for e, name in people], np.float32).reshape(-1, 4)
    placed = (points[..., 2] == 1) | (points[..., 2] == 2)  # 1 visible, 2 hidden, 3 not labelled
    return _table(
        [f"aic/{entry['image_id']}#{name}" for entry, name in people],
        [images / f"{entry['image_id']}.jpg" for entry, _ in people],
        boxes,
        to_joints(_with_confidence(points, placed), AIC_14),
    )


@reads(LabelError, "MPII's label file")
def read_mpii(labels: Path, images: Path) -> LabelTable:
    """MPII's `mpii_human_pose_v1_u12_1.mat`: the people of the training images who have joints, a position and a scale.

    Pixel coordinates of the file start at 1, those of the table at 0.
    """
    if not labels.is_file():
        raise LabelError(f"label file {labels} is missing")
    release = loadmat(labels, squeeze_me=True, struct_as_record=False).get("RELEASE")
    if release is None:
        raise LabelError(f"{labels}: field RELEASE is missing; is this MPII's mpii_human_pose_v1_u12_1.mat?")
    found = [
        (str(entry.image.name), index, rect)
        for entry, train in zip(_entries(release.annolist), _entries(release.img_train), strict=True)
        if train
        for index, rect in enumerate(_entries(entry.annorect))
        if all(_has_field(rect, name) for name in ("annopoints", "objpos", "scale"))
    ]
    points = np.zeros((len(found), len(MPII_16), 3), np.float32)
    for row, (_, _, rect) in enumerate(found):
        for point in _entries(rect.annopoints.point):
            points[row, int(point.id)] = [point.x - 1, point.y - 1, 1.0]
    centre = np.array([[rect.objpos.x - 1, rect.objpos.y - 1] for _, _, rect in found], np.float32).reshape(-1, 2)
    side = MPII_BOX_MARGIN * MPII_PIXELS_PER_SCALE * np.array([rect.scale for _, _, rect in found], np.float32)
    return _table(
        [f"mpii/{name}#{index}" for name, index, _ in found],
        [images / name for name, _, _ in found],
        box_of_side(centre, side),
        to_joints(points, MPII_16),
    )


def _table(person: list[str], image: list[Path], bbox: AnyArray, joints_2d: AnyArray) -> LabelTable:
    return label_table(person=person, image=image, bbox=bbox.astype(np.float32), joints_2d=joints_2d)


def _with_confidence(points: AnyArray, placed: AnyArray) -> AnyArray:
    return np.where(placed[..., None], np.concatenate([points[..., :2], np.ones_like(points[..., :1])], -1), 0.0)


def _entries(value: Any) -> Iterator[Any]:
    """The entries of a squeezed MATLAB array, which has none, one or several."""
    yield from np.atleast_1d(np.asarray(value, object)).ravel()


def _has_field(struct: Any, name: str) -> bool:
    value = getattr(struct, name, None)
    return value is not None and not (isinstance(value, np.ndarray) and value.size == 0)


def _json(path: Path) -> Any:
    if not path.is_file():
        raise LabelError(f"label file {path} is missing")
    try:
        return read_json(path)
    except TextFileError as error:
        raise LabelError(str(error)) from None
