"""A person who walks on the floor of a world, as exact or disturbed estimates of one camera; without rendering."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.resize import Resizer
from metrichmsr_ros.refinement.track import RecordedTrack
from metrichmsr_ros.types import Float64Array

WORLD_FROM_SMPL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
WORLD_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
CAMERA_HEIGHT_M = 1.1


def camera_pose(x: float = 0.0) -> Float64Array:
    """(4, 4) level camera over the floor that looks along the world's x."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = WORLD_FROM_OPTICAL, (x, 0.0, CAMERA_HEIGHT_M)
    return pose


def exact_track(body: BodyEngine, images: int = 60, fps: float = 20.0, height: float | None = None) -> RecordedTrack:
    """Somebody of mean shape, or of a height in metres, who walks across 5 m before the camera, without errors."""
    walk = np.load(asset_path("walk_cycle.npz"))
    cycle, cycle_fps, speed = walk["pose"], float(walk["fps"]), float(walk["speed"])
    betas = np.zeros((1, 10), np.float32)
    if height is not None:
        betas = Resizer(body)(betas, (height / body.height(betas)).astype(np.float32))
    stamps = np.arange(images) / fps
    poses = cycle[(stamps * cycle_fps).astype(int) % len(cycle)].reshape(images, 24, 3)
    rotmats = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(images, 24, 3, 3)
    to_side = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    rotmats[:, 0] = to_side @ WORLD_FROM_SMPL @ rotmats[:, 0]
    shape = np.repeat(betas, images, axis=0)
    mesh = body.posed(shape, rotmats.astype(np.float32), np.zeros((images, 3), np.float32))
    places = np.stack([np.full(images, 5.0), -1.5 + speed * stamps, -mesh.vertices[..., 2].min(axis=1)], axis=1)
    track = RecordedTrack(
        stamps_s=stamps,
        rotmats=rotmats,
        betas=shape.astype(np.float64),
        transl_cam=places,
        transl_cov=np.tile(np.diag([0.01, 0.01, 0.09]), (images, 1, 1)),
        confidence=np.full(images, 0.9),
        is_seen=np.ones(images, bool),
        feet_seen=np.ones((images, 2), bool),
        T_world_cam=np.tile(camera_pose(), (images, 1, 1)),
        focal_px=500.0,
    )
    return _in_camera(track, body)


def _in_camera(track: RecordedTrack, body: BodyEngine) -> RecordedTrack:
    """Poses and places of the world, in the camera."""
    rest = body.rest_joints(track.betas.astype(np.float32))[:, 0].astype(np.float64)
    rotmats = track.rotmats.copy()
    rotmats[:, 0] = np.swapaxes(track.turns, 1, 2) @ rotmats[:, 0]
    roots = track.to_camera((track.transl_cam + rest)[:, None])[:, 0]
    return replace(track, rotmats=rotmats, transl_cam=roots - rest)


def disturbed(
    track: RecordedTrack, body: BodyEngine, scale: float = 1.0, position_m: float = 0.0, pose_rad: float = 0.0
) -> RecordedTrack:
    """The same person estimated with errors: size and distance times `scale`, noise of position and pose; seeded."""
    rng = np.random.default_rng(3)
    betas = track.betas.astype(np.float32)
    rest = body.rest_joints(betas)[:, 0].astype(np.float64)
    larger = Resizer(body)(betas, np.full(len(betas), scale, np.float32))
    true_scale = (body.height(larger) / body.height(betas)).astype(np.float64)
    roots = (track.transl_cam + rest) * true_scale[:, None]
    along = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    roots = roots + along * rng.normal(0.0, position_m, (len(roots), 1))
    noise = Rotation.from_rotvec(rng.normal(0.0, pose_rad, (len(roots) * 24, 3))).as_matrix()
    moved = body.rest_joints(larger)[:, 0].astype(np.float64)
    return replace(
        track,
        betas=larger.astype(np.float64),
        transl_cam=roots - moved,
        rotmats=track.rotmats @ noise.reshape(-1, 24, 3, 3),
    )


def joints_cam(track: RecordedTrack, body: BodyEngine) -> Float64Array:
    """(T, 24, 3) joints of a track."""
    arrays = (track.betas, track.rotmats, track.transl_cam)
    return np.asarray(body.joints(*(array.astype(np.float32) for array in arrays)), np.float64)
