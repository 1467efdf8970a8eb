"""Sequences of pictures with SMPL in a pickle: 3DPW, EMDB."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers.layouts.files import save_picture, write_pickle
from helpers.layouts.world import World, before_the_cameras_of, make_world, one_shape, picture
from metrichmsr_ros.types import AnyArray


def write_3dpw(root: Path) -> tuple[str, list[World], AnyArray]:
    """Two actors, four frames, the third of which has no valid camera. Sequence, truth, valid frames."""
    shared = make_world(4, (1080, 1920), "male", seed=1)
    other = make_world(4, (1080, 1920), "female", seed=2)
    actors = [one_shape(actor) for actor in (shared, before_the_cameras_of(shared, other))]
    sequence = "downtown_walk_00"
    valid = np.array([1, 1, 0, 1])
    for frame in range(4):
        save_picture(root / "imageFiles" / sequence / f"image_{frame:05d}.jpg", picture(actors[0], frame))
    write_pickle(
        root / "sequenceFiles" / "test" / f"{sequence}.pkl",
        {
            "sequence": sequence,
            "poses": [actor.pose for actor in actors],
            "trans": [actor.transl for actor in actors],
            "betas": [np.append(actor.betas[0], np.zeros(290)) for actor in actors],
            "genders": ["m", "f"],
            "jointPositions": [actor.joints_world.reshape(4, 72) for actor in actors],
            "poses2d": [np.zeros((4, 3, 18)) for _ in actors],
            "campose_valid": [valid, valid],
            "cam_poses": shared.extrinsics,
            "cam_intrinsics": shared.intrinsics,
            "img_frame_ids": np.arange(4) * 2,
        },
    )
    return sequence, actors, np.flatnonzero(valid)


def write_emdb(root: Path, part: str = "emdb1", frames: int = 5) -> tuple[Path, World, AnyArray]:
    """Some frames: the second is not good, the fourth has no valid box. Folder, truth, frames that count."""
    world = one_shape(make_world(frames, (720, 960), "female", seed=3))
    good = np.arange(frames) != 1
    sequence = root / "P0" / "09_outdoor_walk"
    for frame in range(frames):
        save_picture(sequence / "images" / f"{frame:05d}.jpg", picture(world, frame))
    low, high = world.pixels.min(1), world.pixels.max(1)
    content = {
        "gender": "female",
        "name": "P0_09_outdoor_walk",
        "emdb1": part == "emdb1",
        "emdb2": part == "emdb2",
        "n_frames": frames,
        "good_frames_mask": good,
        "camera": {"intrinsics": world.intrinsics, "extrinsics": world.extrinsics, "width": 720, "height": 960},
        "smpl": {
            "poses_root": world.pose[:, :3],
            "poses_body": world.pose[:, 3:],
            "trans": world.transl,
            "betas": world.betas[0],
        },
        "kp2d": world.pixels,
        "bboxes": {"bboxes": np.concatenate([low, high], 1), "invalid_idxs": np.array([3])},
    }
    write_pickle(sequence / "P0_09_outdoor_walk_data.pkl", content)
    return sequence, world, np.flatnonzero(good & (np.arange(frames) != 3))
