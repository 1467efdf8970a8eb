"""The pose bank: distinct poses of all clips in one array, split by clip, and one walking cycle.

    python -m metrichmsr_ros.data.mocap.pose_bank MOTION_FOLDER OUT.npz

This command made the package's `poses.npz` from DeepMimic's clips (MIT), reactidle's BVH (MIT) and CMU's motion
capture (mocap.cs.cmu.edu; created with funding from NSF EIA-0196217).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.base import chain
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.mocap.clip import Clip, MotionError, resample
from metrichmsr_ros.data.mocap.deepmimic import read_deepmimic
from metrichmsr_ros.data.mocap.read import read_motion_folder
from metrichmsr_ros.data.mocap.retarget import retarget
from metrichmsr_ros.io.npz import read_npz
from metrichmsr_ros.io.whole_files import whole_file

SPLIT_EVERY = 8  # one clip of eight is held out for validation
WALK_FPS = 30.0
_WALK_FRAMES = (0, 38)  # DeepMimic's walk is one cycle of two steps and loops


@dataclass(frozen=True)
class PoseBank:
    """Poses and a walking cycle.

    Attributes:
        poses: (N, 72) float32 axis-angle; the root keeps its tilt but has no heading (faces +z), y up.
        held_out: (N,) bool, True for poses of validation clips.
        sources: (N,) index of each pose's clip in `names`.
        names: names of the clips.
        walk: (T, 72) float32, one cycle of walking towards +z at `WALK_FPS`.
        walk_root: (T, 3) float32 root positions of the cycle in metres, for a 1.7 m body; z increases.
    """

    poses: np.ndarray
    held_out: np.ndarray
    sources: np.ndarray
    names: tuple[str, ...]
    walk: np.ndarray
    walk_root: np.ndarray

    @classmethod
    def load(cls, path: Path | None = None) -> PoseBank:
        """Read a bank; None reads the package's own. Raises MotionError if `path` is not a bank."""
        try:
            return cls._read(path or asset_path("poses.npz"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            command = "python -m metrichmsr_ros.data.mocap.pose_bank MOTION_FOLDER OUT.npz"
            raise MotionError(f"{path}: not a bank of poses; make one with `{command}`") from None

    @classmethod
    def _read(cls, path: Path) -> PoseBank:
        file = read_npz(path)
        return cls(
            poses=file["poses"].astype(np.float32),
            held_out=file["held_out"],
            sources=file["sources"],
            names=tuple(str(n) for n in file["names"]),
            walk=file["walk"].astype(np.float32),
            walk_root=file["walk_root"].astype(np.float32),
        )

    def save(self, path: Path) -> None:
        """Write the bank, poses as float16 (0.001 rad)."""
        with whole_file(path) as part, part.open("wb") as stream:
            np.savez_compressed(
                stream,
                poses=self.poses.astype(np.float16),
                held_out=self.held_out,
                sources=self.sources.astype(np.uint8),
                names=np.array(self.names),
                walk=self.walk.astype(np.float16),
                walk_root=self.walk_root.astype(np.float32),
            )


def without_heading(poses: np.ndarray) -> np.ndarray:
    """Rotate poses (N, 72) about the vertical axis until the pelvis faces +z; tilt and roll do not change."""
    root = Rotation.from_rotvec(poses[:, :3])
    front = root.apply(np.array([0.0, 0.0, 1.0]))
    up = root.apply(np.array([0.0, 1.0, 0.0]))
    # People who lie face up or down; the direction to the head defines their heading.
    level = np.where(np.abs(front[:, 1:2]) < 0.8, front, up * -np.sign(front[:, 1:2]))
    turn = Rotation.from_rotvec(np.outer(-np.arctan2(level[:, 0], level[:, 2]), (0.0, 1.0, 0.0)))
    result = poses.copy()
    result[:, :3] = (turn * root).as_rotvec()
    return result


def joint_positions(poses: np.ndarray, rest_joints: np.ndarray) -> np.ndarray:
    """Joints (N, 24, 3) of poses (N, 72) on a skeleton (24, 3), root at the origin; float64."""
    rotations = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    rest = torch.from_numpy(rest_joints).expand(len(poses), 24, 3)
    joints: np.ndarray = chain(torch.from_numpy(rotations), rest)[1].numpy()
    return joints - joints[:, :1]


def distinct(joints: np.ndarray, distance: float) -> np.ndarray:
    """Indices of frames whose mean joint distance to every frame kept before is at least `distance`.

    Args:
        joints: (T, 24, 3), in time order.
        distance: metres.
    """
    flat = joints.reshape(len(joints), 24, 3)
    kept: list[int] = []
    for index in range(len(flat)):
        if kept:
            gap = np.linalg.norm(flat[kept] - flat[index], axis=2).mean(1)
            if gap.min() < distance:
                continue
        kept.append(index)
    return np.array(kept, dtype=np.int64)


def build_bank(folder: Path, distance: float = 0.03, fps: float = 15.0, limit: int = 14000) -> PoseBank:
    """Retarget every clip under `folder` to the open body and keep distinct poses.

    Args:
        folder: folder with the unpacked motion archives.
        distance: mean joint distance in metres from which two poses of a clip are distinct.
        fps: frame rate after resampling.
        limit: largest number of poses; more are reduced by a random choice.

    Raises:
        MotionError: `folder` has no clips, or DeepMimic's walk is missing.
    """
    rest = load_body("open_light").joint_template.numpy().astype(np.float64)
    chosen, names, sources = [], [], []
    for clip in read_motion_folder(folder, fps):
        if "dog3d" in clip.name or "_mirror" in clip.name:
            continue
        poses = without_heading(retarget(clip, rest))[1:]  # CMU's first frame is its calibration pose
        keep = distinct(joint_positions(poses, rest), distance)
        names.append(clip.name)
        chosen.append(poses[keep])
        sources.append(np.full(len(keep), len(names) - 1))
    poses, source = np.concatenate(chosen), np.concatenate(sources)
    if len(poses) > limit:
        pick = np.sort(np.random.default_rng(0).choice(len(poses), limit, replace=False))
        poses, source = poses[pick], source[pick]
    walk, walk_root = _walk_cycle(folder, rest)
    held_out = source % SPLIT_EVERY == SPLIT_EVERY // 2
    return PoseBank(poses.astype(np.float32), held_out, source, tuple(names), walk, walk_root)


def _walk_cycle(folder: Path, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    paths = sorted(Path(folder).rglob("humanoid3d_walk.txt"))
    if not paths:
        raise MotionError(f"{folder}: humanoid3d_walk.txt is missing; it has the walking cycle")
    clip: Clip = resample(read_deepmimic(paths[0]), WALK_FPS)
    first, last = _WALK_FRAMES
    root = clip.root[first:last] - clip.root[first] * np.array([1.0, 0.0, 1.0])
    return retarget(clip, rest)[first:last].astype(np.float32), root.astype(np.float32)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("use: python -m metrichmsr_ros.data.mocap.pose_bank MOTION_FOLDER OUT.npz")
    bank = build_bank(Path(sys.argv[1]))
    bank.save(Path(sys.argv[2]))
    print(f"{len(bank.poses)} poses of {len(bank.names)} clips, {int(bank.held_out.sum())} held out; {sys.argv[2]}")
