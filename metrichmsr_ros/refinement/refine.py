"""Refine the people of one recording: size, front and back, pose, path and feet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.resize import Resizer
from metrichmsr_ros.refinement.facing import exchanged, other_side
from metrichmsr_ros.refinement.feet import Stance, root_shifts, stance_places, stances, toe_targets
from metrichmsr_ros.refinement.gait import GaitPoses, with_own_gait
from metrichmsr_ros.refinement.legs import reach
from metrichmsr_ros.refinement.position import Path, smoothed_path
from metrichmsr_ros.refinement.size import (
    combined_scale,
    floor_scale,
    mean_log_height,
    shared_camera_height,
)
from metrichmsr_ros.refinement.smoothing import smoothed_rotations
from metrichmsr_ros.refinement.track import NUM_JOINTS, RecordedTrack, RefinedTrack
from metrichmsr_ros.types import Float32Array, Float64Array

ROOT_STDS_M = (0.015, 0.05, 0.2, 0.2)  # how far the root moves for stances; the later for what legs do not reach
SMALLEST_DISTANCE_M = 0.1
ASSUMED_HEIGHT_M = 1.0  # of the lowest camera over a floor of unknown height; any gives the same result


@dataclass(frozen=True)
class RefineConfig:
    """What is done.

    Attributes:
        pose_stiffness: of the smoothing of joint rotations, s^3.
        floor_z: height of the floor in the world, m; None: not known.
        shares_floor: whether all people walk on one floor where its height is not known.
        locks_feet: whether feet that stand are held, and walking people keep their own gait; needs the camera's motion.
        knows_vertical: whether the world's z points up exactly, so that a gait says how a person leans.
    """

    pose_stiffness: float = 2e-4
    floor_z: float | None = None
    shares_floor: bool = True
    locks_feet: bool = True
    knows_vertical: bool = True


def refine(
    tracks: Mapping[str, RecordedTrack], body: BodyEngine, config: RefineConfig | None = None
) -> dict[str, RefinedTrack]:
    """All people of one recording, refined.

    Args:
        tracks: by id, each with at least one image in which the person is seen; others are left out.
        body: model of their betas.
        config: what is done; None: the defaults.
    """
    config = config or RefineConfig()
    seen = {id: track for id, track in tracks.items() if track.is_seen.any()}
    heights = {id: np.asarray(body.height(t.betas.astype(np.float32)), np.float64) for id, t in seen.items()}
    scales = _scales(seen, heights, body, config)
    resize = Resizer(body)
    return {id: _refined(t, heights[id], scales[id], body, resize, config) for id, t in seen.items()}


def _scales(
    tracks: Mapping[str, RecordedTrack], heights: Mapping[str, Float64Array], body: BodyEngine, config: RefineConfig
) -> dict[str, tuple[float, float]]:
    """Log scale and deviation by id."""
    if config.floor_z is not None:
        floors = {id: floor_scale(t, body, heights[id], config.floor_z) for id, t in tracks.items()}
        return {id: combined_scale(floor) for id, floor in floors.items()}
    if not config.shares_floor or not tracks:
        return {id: combined_scale(None) for id in tracks}
    level = min(float(t.T_world_cam[:, 2, 3].min()) for t in tracks.values()) - ASSUMED_HEIGHT_M
    assumed = {id: floor_scale(t, body, heights[id], level) for id, t in tracks.items()}
    shared = shared_camera_height([scale for scale in assumed.values() if scale is not None])
    if shared is None:
        return {id: combined_scale(None) for id in tracks}
    return {id: combined_scale(floor, *shared) for id, floor in assumed.items()}


def _refined(
    track: RecordedTrack,
    heights: Float64Array,
    scale: tuple[float, float],
    body: BodyEngine,
    resize: Resizer,
    config: RefineConfig,
) -> RefinedTrack:
    mean = mean_log_height(track, heights)
    height = float(np.exp(mean + scale[0]))
    betas = _one_shape(track, height, body, resize)
    places = _resized_places(track, body, height / heights)
    covariances = _covariances(track, places, scale[1])
    path = _path(track, places, covariances)
    turned = exchanged(track, path.velocities)
    rotmats = np.where(turned[:, None, None, None], other_side(track.rotmats), track.rotmats)
    gait = _pose(track.with_rotmats(rotmats), path, body, betas, config)
    roots, rotmats, stance = _with_still_feet(track, body, betas, gait, path.positions, config)
    roots_cam = track.to_camera(roots[:, None])[:, 0]
    joints = _joints(body, betas, rotmats, roots_cam)
    turns = track.turns
    return RefinedTrack(
        rotmats=rotmats,
        betas=betas,
        height=float(body.height(betas[None])[0]),
        transl_cam=roots_cam - _rest_root(body, betas),
        transl_cov=np.swapaxes(turns, 1, 2) @ path.covariances[:, :3, :3] @ turns,
        joints_cam=joints,
        velocity_world=path.velocities,
        turned=turned,
        stance=stance,
    )


def _with_still_feet(
    track: RecordedTrack,
    body: BodyEngine,
    betas: Float32Array,
    gait: GaitPoses,
    roots: Float64Array,
    config: RefineConfig,
) -> tuple[Float64Array, Float64Array, NDArray[np.bool_]]:
    """Roots (T, 3) in the world, poses, and which feet stand (T, 2)."""
    stance, rotmats = np.zeros((len(track), 2), bool), gait.rotmats
    joints_world = track.to_world(_joints(body, betas, rotmats, track.to_camera(roots[:, None])[:, 0]))
    found = stances(joints_world, track.stamps_s, track.is_seen, gait.phases) if len(track) > 2 else []
    if not found or not config.locks_feet:
        return roots, rotmats, stance
    for item in found:
        stance[item.images, item.foot] = True
    places: Float64Array | None = None
    for root_std in ROOT_STDS_M:
        shifts = root_shifts(joints_world, track.stamps_s, found, track.is_seen, root_std, places)
        roots, joints_world = roots + shifts, joints_world + shifts[:, None]
        places = stance_places(joints_world, found, track.is_seen) if places is None else places
        rotmats = _on_their_places(track, rotmats, joints_world, found, places)
        joints_world = track.to_world(_joints(body, betas, rotmats, track.to_camera(roots[:, None])[:, 0]))
    return roots, rotmats, stance


def _one_shape(track: RecordedTrack, height: float, body: BodyEngine, resize: Resizer) -> Float32Array:
    """The mean shape, resized to a height."""
    betas = np.average(track.betas, axis=0, weights=track.weights).astype(np.float32)[None]
    return np.asarray(resize(betas, (height / body.height(betas)).astype(np.float32))[0])


def _resized_places(track: RecordedTrack, body: BodyEngine, scale: Float64Array) -> Float64Array:
    """(T, 3) roots in the camera's frame at another size: along the same rays, as much farther as larger."""
    roots = track.transl_cam + body.rest_joints(track.betas.astype(np.float32))[:, 0]
    return np.asarray(roots * scale[:, None])


def _covariances(track: RecordedTrack, places: Float64Array, scale_std: float) -> Float64Array:
    """(T, 3, 3) in the camera's frame: along the ray what the size leaves, across as stated."""
    distance = np.maximum(np.linalg.norm(places, axis=1, keepdims=True), SMALLEST_DISTANCE_M)
    ray = places / distance
    stated = np.einsum("ti,tij,tj->t", ray, track.transl_cov, ray)
    left = np.minimum((scale_std * distance[:, 0]) ** 2, stated)
    return np.asarray(track.transl_cov + (left - stated)[:, None, None] * ray[:, :, None] * ray[:, None, :])


def _path(track: RecordedTrack, places: Float64Array, covariances: Float64Array) -> Path:
    turns = track.turns
    world = track.to_world(places[:, None])[:, 0]
    return smoothed_path(track.stamps_s, world, turns @ covariances @ np.swapaxes(turns, 1, 2), track.is_seen)


def _pose(track: RecordedTrack, path: Path, body: BodyEngine, betas: Float32Array, config: RefineConfig) -> GaitPoses:
    """Smoothed; where the camera's motion is known, a walking person's is drawn to the person's gait."""
    smooth = _smoothed_pose(track, config.pose_stiffness)
    if not config.locks_feet:
        return GaitPoses(smooth, np.full(len(track), np.nan))
    joints = _joints(body, betas, track.rotmats, track.to_camera(path.positions[:, None])[:, 0])
    drawn = with_own_gait(track, smooth, path.velocities, joints)
    if not config.knows_vertical:
        drawn.rotmats[:, 0] = smooth[:, 0]
    return drawn


def _smoothed_pose(track: RecordedTrack, stiffness: float) -> Float64Array:
    """(T, 24, 3, 3): each joint's rotation smoothed, the root's in the world."""
    posed = track.rotmats.copy()
    posed[:, 0] = track.turns @ posed[:, 0]
    for joint in range(NUM_JOINTS):
        posed[:, joint] = smoothed_rotations(posed[:, joint], track.weights, track.stamps_s, stiffness)
    posed[:, 0] = np.swapaxes(track.turns, 1, 2) @ posed[:, 0]
    return posed


def _on_their_places(
    track: RecordedTrack,
    rotmats: Float64Array,
    joints_world: Float64Array,
    found: list[Stance],
    places: Float64Array,
) -> Float64Array:
    targets = toe_targets(joints_world, track.stamps_s, found, places)
    in_world = rotmats.copy()
    in_world[:, 0] = track.turns @ rotmats[:, 0]
    for side in (0, 1):
        in_world = reach(in_world, joints_world, targets[:, side], side)
    in_world[:, 0] = rotmats[:, 0]
    return in_world


def _rest_root(body: BodyEngine, betas: Float32Array) -> Float64Array:
    return np.asarray(body.rest_joints(betas[None])[0, 0], np.float64)


def _joints(body: BodyEngine, betas: Float32Array, rotmats: Float64Array, roots_cam: Float64Array) -> Float64Array:
    """(T, 24, 3) in the camera's frame, with the root at `roots_cam` (T, 3)."""
    count = len(rotmats)
    placed = body.joints(np.tile(betas, (count, 1)), rotmats.astype(np.float32), np.zeros((count, 3), np.float32))
    return np.asarray(placed - placed[:, :1] + roots_cam[:, None], np.float64)
