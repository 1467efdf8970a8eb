"""Tars with the pictures in them: 4D-Humans, and the open set's shards."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import cv2
import numpy as np
import torch

from helpers.layouts.files import add_to_tar, jpeg
from helpers.layouts.smpl_npz import keypoints_44
from helpers.layouts.world import World, box, camera_frame, make_world, picture, project
from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.types import AnyArray, ImageArray


def write_4dhumans_tar(root: Path) -> tuple[Path, World]:
    """One picture with two people, and the detector's masks beside it."""
    world = make_world(2, (640, 480))
    known, (centre, side), points = camera_frame(world), box(world), keypoints_44(world)
    people = [
        {
            "keypoints_2d": points[row],
            "keypoints_3d": np.zeros((44, 4)),
            "center": centre[row],
            "scale": np.array([side[row] * 0.5, side[row]]) / 200,
            "body_pose": known["pose"][row],
            "betas": world.betas[row],
            "has_body_pose": np.float64(row == 0),
            "has_betas": np.float64(row == 0),
            "extra_info": {"detection_npz_idx": row},
        }
        for row in range(2)
    ]
    with tarfile.open(root / "000000.tar", "w") as tar:
        add_to_tar(tar, "coco/000000000139.jpg", jpeg(picture(world, 0)))
        add_to_tar(tar, "coco/000000000139.data.pyd", pickle.dumps(people, protocol=2))
        add_to_tar(tar, "coco/000000000139.detection.npz", b"not read")
    return root / "000000.tar", world


def write_open(path: Path, count: int = 4, seed: int = 7, aside: float = 0.2) -> Path:
    """An open shard: one picture a person, the last sample without its picture. Truth of the light open body.

    People stand `aside` metres (standard deviation) from the middle of the picture, 4 m away.
    """
    size = (320, 240)
    body, rng = load_body("open_light"), np.random.default_rng(seed)
    focal = 0.9 * size[0]
    intrinsics = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
    with tarfile.open(path, "w") as tar:
        for n in range(count):
            pose = rng.normal(0, 0.2, 72)
            pose[:3] = [np.pi, 0, 0]
            truth = {
                "pose": pose,
                "betas": rng.normal(0, 0.7, 10),
                "transl": rng.normal(0, [aside, aside, 0.2]) + np.array([0, 0, 4.0]),
            }
            rows = {name: value[None].astype(np.float32) for name, value in truth.items()}
            with torch.no_grad():
                joints = body.joints(*(torch.from_numpy(rows[name]) for name in ("betas", "pose", "transl"))).numpy()
            content = io.BytesIO()
            np.savez(content, **rows, joints_cam=joints, intrinsics=intrinsics, image_size=np.array(size))
            add_to_tar(tar, f"{n:05d}.npz", content.getvalue())
            if n < count - 1 or count == 1:
                figure = stick_figure(project(joints[0], intrinsics), size)
                add_to_tar(tar, f"{n:05d}.jpg", jpeg(figure))
    return path


def stick_figure(pixels: AnyArray, size: tuple[int, int]) -> ImageArray:
    """Limbs as lines of their own colours, so that there is something to see."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            start, end = (np.rint(pixels[j]).astype(int).tolist() for j in (joint, parent))
            cv2.line(image, start, end, (10 * joint, 255 - 10 * joint, 120), 3)
    return image
