"""npz files of SMPL labels beside pictures: BEDLAM, CameraHMR, 4D-Humans."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from helpers.layouts.files import save_picture
from helpers.layouts.world import World, box, camera_frame, make_world, picture
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.formats.joint_maps import BODY_44
from metrichmsr_ros.types import AnyArray


def write_bedlam(root: Path, closeup: bool) -> tuple[Path, Path, World]:
    """Three frames of one sequence; those of a close-up are stored turned. Labels, images, truth."""
    world = make_world(3, (720, 1280) if closeup else (1280, 720))
    labels = root / ("20221011_1_closeup_6fps.npz" if closeup else "20221010_3_hdri_6fps.npz")
    names = [f"seq_000000/seq_000000_{row:04d}.png" for row in range(3)]
    for row, name in enumerate(names):
        image = picture(world, row)
        stored = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE) if closeup else image
        save_picture(root / "images" / name, stored)
    known, (centre, side) = camera_frame(world), box(world)
    extrinsics = np.tile(np.eye(4), (3, 1, 1))
    extrinsics[:, :3, 3] = np.random.default_rng(5).normal(0.0, 1.0, (3, 3))
    np.savez(
        labels,
        imgname=np.array(names),
        center=centre,
        scale=side / 200.0,
        pose_cam=known["pose"],
        pose_world=world.pose,
        shape=world.betas,
        trans_cam=known["transl"] - extrinsics[:, :3, 3],
        cam_int=np.tile(world.intrinsics, (3, 1, 1)),
        cam_ext=extrinsics,
        gtkps=world.pixels,
        gender=np.array(["neutral"] * 3),
        sub=np.array(["rp_a"] * 3),
        motion_info=np.array(["walk"] * 3),
    )
    return labels, root / "images", world


def keypoints_44(world: World) -> AnyArray:
    """(N, 44, 3): joints of the body where the set's names match, from the second half of the set for knees."""
    points = np.zeros((len(world.pixels), 44, 3))
    for k, name in enumerate(BODY_44):
        if name in JOINT_NAMES and ("knee" not in name or k >= 25):
            points[:, k, :2], points[:, k, 2] = world.pixels[:, JOINT_NAMES.index(name)], 0.5 if k < 25 else 0.9
    return points


def write_camerahmr(root: Path, pose_field: str = "pose_cam") -> tuple[Path, Path, World]:
    """Two people in a picture each. Labels, images, truth."""
    world = make_world(2, (640, 480))
    names = ["train2014/a.jpg", "train2014/b.jpg"]
    for row, name in enumerate(names):
        save_picture(root / name, picture(world, row))
    centre, side = box(world)
    fields = {pose_field: camera_frame(world)["pose"]}
    np.savez(
        root / "coco-release.npz",
        imgname=np.array(names),
        center=centre,
        scale=side / 200.0,
        shape=world.betas,
        cam_int=np.tile(world.intrinsics, (2, 1, 1)),
        gtkps=keypoints_44(world),
        **fields,  # type: ignore[arg-type]
    )
    return root / "coco-release.npz", root, world


def write_4dhumans(root: Path) -> tuple[Path, Path, World]:
    """Two people in a picture each, the second without pose and betas. Labels, images, truth."""
    world = make_world(2, (640, 480))
    names = ["images/a.jpg", "images/b.jpg"]
    for row, name in enumerate(names):
        save_picture(root / name, picture(world, row))
    centre, side = box(world)
    points = keypoints_44(world)
    np.savez(
        root / "mpii_train.npz",
        imgname=np.array(names),
        center=centre,
        scale=np.stack([side * 0.5, side], 1),
        body_pose=camera_frame(world)["pose"],
        has_body_pose=np.array([1.0, 0.0]),
        betas=world.betas,
        has_betas=np.array([1.0, 0.0]),
        body_keypoints_2d=points[:, :25],
        extra_keypoints_2d=points[:, 25:],
    )
    return root / "mpii_train.npz", root, world
