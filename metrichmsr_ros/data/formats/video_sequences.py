"""Readers of 3DPW and EMDB: one pickle per sequence, SMPL in a world frame, one moving camera.

Both use the restricted unpickler, so a data set file cannot run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.body.pickles import load_array_pickle
from metrichmsr_ros.data.formats.labels import JointsOf, LabelError, LabelTable, box_around, label_table, to_camera
from metrichmsr_ros.data.formats.smpl_npz import pelvis_of
from metrichmsr_ros.errors import errors_as, naming
from metrichmsr_ros.types import AnyArray

GENDERS = {"m": "male", "f": "female", "male": "male", "female": "female", "neutral": "neutral"}


def read_3dpw(root: Path, sequence: str, joints_of: JointsOf, split: str = "*") -> list[LabelTable]:
    """One sequence of 3DPW, one table per actor, without frames whose camera pose is invalid.

    Args:
        root: folder with `sequenceFiles/<split>/<sequence>.pkl` and `imageFiles/<sequence>/image_00000.jpg`.
        joints_of: gendered SMPL (see `labels.joints_of`); its pelvis is needed to transform to the camera frame.
    """
    found = sorted((root / "sequenceFiles").glob(f"{split}/{sequence}.pkl"))
    if len(found) != 1:
        raise LabelError(f"{root}/sequenceFiles/{split}/{sequence}.pkl: {len(found)} files found, expected one")
    data = _fields(
        found[0],
        ("poses", "trans", "betas", "genders", "jointPositions", "campose_valid", "cam_poses", "cam_intrinsics"),
    )
    images = root / "imageFiles" / sequence
    wrong = f"{found[0]} does not have 3DPW's layout, or is damaged; download it again"
    with naming(LabelError, found[0]), errors_as(LabelError, wrong):
        return [_actor_3dpw(data, actor, images, joints_of) for actor in range(len(data["poses"]))]


def _actor_3dpw(data: dict[str, Any], actor: int, images: Path, joints_of: JointsOf) -> LabelTable:
    frames = np.flatnonzero(np.asarray(data["campose_valid"][actor], bool))
    count = len(frames)
    gender = [GENDERS[str(data["genders"][actor])]] * count
    betas = np.tile(np.asarray(data["betas"][actor], np.float32).reshape(-1)[:10], (count, 1))
    cameras = np.asarray(data["cam_poses"], np.float64)[frames]
    pelvis = pelvis_of(betas, gender, joints_of)
    pose, transl = to_camera(
        np.asarray(data["poses"][actor], np.float64)[frames],
        np.asarray(data["trans"][actor], np.float64)[frames],
        cameras,
        pelvis,
    )
    world = np.asarray(data["jointPositions"][actor], np.float64)[frames].reshape(count, 24, 3)
    joints_2d = _project(world, cameras, np.asarray(data["cam_intrinsics"], np.float64))
    return label_table(
        person=[f"3dpw/{images.name}/{frame:05d}#{actor}" for frame in frames],
        image=[images / f"image_{frame:05d}.jpg" for frame in frames],
        gender=gender,
        intrinsics=np.tile(np.asarray(data["cam_intrinsics"], np.float64), (count, 1, 1)),
        bbox=box_around(joints_2d[..., :2]),
        pose=pose,
        betas=betas,
        transl=transl,
        pelvis=pelvis,
        joints_2d=joints_2d,
        **_all_labelled(count),
    )


def read_emdb(sequence: Path, joints_of: JointsOf) -> LabelTable:
    """One sequence of EMDB, e.g. `P0/09_outdoor_walk`: without frames in which the person is too occluded.

    Args:
        sequence: folder with `<P>_<name>_data.pkl` and `images/00000.jpg`.
        joints_of: gendered SMPL; its pelvis is needed to transform to the camera frame.
    """
    found = sorted(sequence.glob("*_data.pkl"))
    if len(found) != 1:
        raise LabelError(f"{sequence}: {len(found)} files *_data.pkl found, expected one")
    data = _fields(found[0], ("gender", "name", "good_frames_mask", "camera", "smpl", "kp2d", "bboxes"))
    wrong = f"{found[0]} does not have EMDB's layout, or is damaged; download it again"
    with naming(LabelError, found[0]), errors_as(LabelError, wrong):
        return _person_emdb(sequence, data, joints_of)


def _person_emdb(sequence: Path, data: dict[str, Any], joints_of: JointsOf) -> LabelTable:
    invalid = np.asarray(data["bboxes"]["invalid_idxs"], np.int64).reshape(-1)
    good = np.asarray(data["good_frames_mask"], bool).reshape(-1).copy()
    good[invalid] = False
    frames = np.flatnonzero(good)
    count = len(frames)
    smpl, camera = data["smpl"], data["camera"]
    gender = [GENDERS[str(data["gender"])]] * count
    betas = np.tile(np.asarray(smpl["betas"], np.float32).reshape(-1)[:10], (count, 1))
    pelvis = pelvis_of(betas, gender, joints_of)
    world_pose = np.concatenate([smpl["poses_root"], smpl["poses_body"]], 1).astype(np.float64)[frames]
    extrinsics = np.asarray(camera["extrinsics"], np.float64)[frames]
    pose, transl = to_camera(world_pose, np.asarray(smpl["trans"], np.float64)[frames], extrinsics, pelvis)
    joints_2d = np.ones((count, 24, 3), np.float32)
    joints_2d[..., :2] = np.asarray(data["kp2d"], np.float32)[frames]
    return label_table(
        person=[f"emdb/{data['name']}/{frame:05d}" for frame in frames],
        image=[sequence / "images" / f"{frame:05d}.jpg" for frame in frames],
        gender=gender,
        intrinsics=np.tile(np.asarray(camera["intrinsics"], np.float64), (count, 1, 1)),
        bbox=np.asarray(data["bboxes"]["bboxes"], np.float32)[frames],
        pose=pose,
        betas=betas,
        transl=transl,
        pelvis=pelvis,
        joints_2d=joints_2d,
        **_all_labelled(count),
    )


def _all_labelled(count: int) -> dict[str, AnyArray]:
    return {name: np.ones(count, bool) for name in ("has_pose", "has_betas", "has_transl")}


def _fields(path: Path, required: tuple[str, ...]) -> dict[str, Any]:
    data = load_array_pickle(path)
    missing = [name for name in required if name not in data]
    if missing:
        raise LabelError(f"{path}: field(s) missing: {', '.join(missing)}; the file has: {', '.join(data)}")
    return data


def _project(world: AnyArray, world_to_camera: AnyArray, intrinsics: AnyArray) -> AnyArray:
    """Project world points (N, K, 3) to pixels with confidence (N, K, 3): 1 in front of the camera, 0 behind it."""
    camera = np.einsum("nij,nkj->nki", world_to_camera[:, :3, :3], world) + world_to_camera[:, None, :3, 3]
    pixels = camera @ intrinsics.T
    ahead = camera[..., 2] > 0.1
    depth = np.where(ahead, camera[..., 2], 0.1)
    return np.concatenate([pixels[..., :2] / depth[..., None], ahead[..., None]], -1).astype(np.float32)
