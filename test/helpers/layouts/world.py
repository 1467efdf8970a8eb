"""People of known pose in a world, and the camera that sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from helpers.layouts.bodies import joints_at_origin
from metrichmsr_ros.types import AnyArray, ImageArray

DOT = (220, 40, 30)
"""RGB of the dot on a person's root joint."""


@dataclass(frozen=True)
class World:
    """N people in a world frame, one (moving) camera, and their joints in the camera frame."""

    pose: AnyArray  # (N, 72) world
    betas: AnyArray  # (N, 10)
    transl: AnyArray  # (N, 3) world
    extrinsics: AnyArray  # (N, 4, 4) world to camera
    intrinsics: AnyArray  # (3, 3)
    size: tuple[int, int]
    gender: str
    joints_world: AnyArray  # (N, 24, 3)
    joints_cam: AnyArray  # (N, 24, 3)
    pixels: AnyArray  # (N, 24, 2)


def make_world(count: int, size: tuple[int, int], gender: str = "neutral", moving: bool = True, seed: int = 0) -> World:
    """People 3 to 5 m before a camera that stands anywhere in the world."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0.0, 0.25, (count, 72))
    betas = rng.normal(0.0, 0.8, (count, 10))
    if moving:
        turns = Rotation.from_rotvec(rng.normal(0.0, 1.0, (count, 3))).as_matrix()
        places = rng.normal(0.0, 2.0, (count, 3))
    else:
        turns, places = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
    roots_cam = np.stack([rng.uniform(-0.4, 0.4, count), rng.uniform(-0.2, 0.2, count), rng.uniform(3, 5, count)], 1)
    extrinsics = np.tile(np.eye(4), (count, 1, 1))
    extrinsics[:, :3, :3], extrinsics[:, :3, 3] = turns, places
    upright = Rotation.from_matrix(turns.transpose(0, 2, 1)) * Rotation.from_rotvec([np.pi, 0.0, 0.0])
    pose[:, :3] = (upright * Rotation.from_rotvec(rng.normal(0.0, 0.3, (count, 3)))).as_rotvec()
    still = joints_at_origin(gender, betas, pose)
    roots_world = np.einsum("nji,nj->ni", turns, roots_cam - places)
    transl = roots_world - still[:, 0]
    joints_world = still + transl[:, None]
    joints_cam = np.einsum("nij,nkj->nki", turns, joints_world) + places[:, None]
    focal = 0.9 * max(size)
    intrinsics = np.array([[focal, 0, size[0] / 2 + 3], [0, 1.02 * focal, size[1] / 2 - 5], [0, 0, 1.0]])
    pixels = project(joints_cam, intrinsics)
    return World(pose, betas, transl, extrinsics, intrinsics, size, gender, joints_world, joints_cam, pixels)


def project(points: AnyArray, intrinsics: AnyArray) -> AnyArray:
    """(..., 2) pixels of points (..., 3) in the camera frame."""
    projected = points @ intrinsics.T
    return projected[..., :2] / projected[..., 2:]


def to_camera(points: AnyArray, extrinsics: AnyArray) -> AnyArray:
    """(N, K, 3) in the world, one camera a row -> the camera frame."""
    return np.einsum("nij,nkj->nki", extrinsics[:, :3, :3], points) + extrinsics[:, None, :3, 3]


def picture(world: World, row: int) -> ImageArray:
    """Grey BGR image with a dot on the root joint of person `row`."""
    image = np.full((world.size[1], world.size[0], 3), 110, np.uint8)
    centre = tuple(round(float(value)) for value in world.pixels[row, 0])
    cv2.circle(image, centre, 9, DOT[::-1], -1)
    return image


def box(world: World) -> tuple[AnyArray, AnyArray]:
    """Centre (N, 2) and side (N,) of a square box 1.2 times around the joints."""
    low, high = world.pixels.min(1), world.pixels.max(1)
    return (low + high) / 2, 1.2 * (high - low).max(1)


def camera_frame(world: World) -> dict[str, AnyArray]:
    """pose_cam (N, 72) and translation (N, 3) that put the same joints into the camera frame, by their definition."""
    root = Rotation.from_matrix(world.extrinsics[:, :3, :3]) * Rotation.from_rotvec(world.pose[:, :3])
    pose = np.concatenate([root.as_rotvec(), world.pose[:, 3:]], 1)
    still = joints_at_origin(world.gender, world.betas, pose)
    return {"pose": pose, "transl": world.joints_cam[:, 0] - still[:, 0]}


def one_shape(world: World) -> World:
    """The same people with the first row's betas throughout, their roots where they were."""
    betas = np.tile(world.betas[:1], (len(world.betas), 1))
    still = joints_at_origin(world.gender, betas, world.pose)
    transl = world.joints_world[:, 0] - still[:, 0]
    joints_world = still + transl[:, None]
    joints_cam = to_camera(joints_world, world.extrinsics)
    pixels = project(joints_cam, world.intrinsics)
    return replace(world, betas=betas, transl=transl, joints_world=joints_world, joints_cam=joints_cam, pixels=pixels)


def before_the_cameras_of(other: World, person: World) -> World:
    """`person` moved in the world so that the cameras of `other` see what their own saw."""
    moved = np.einsum("nij,njk->nik", np.linalg.inv(other.extrinsics), person.extrinsics)
    root = Rotation.from_matrix(moved[:, :3, :3]) * Rotation.from_rotvec(person.pose[:, :3])
    pose = np.concatenate([root.as_rotvec(), person.pose[:, 3:]], 1)
    joints = to_camera(person.joints_world, moved)
    transl = joints[:, 0] - joints_at_origin(person.gender, person.betas, pose)[:, 0]
    return replace(person, pose=pose, transl=transl, extrinsics=other.extrinsics, joints_world=joints)


def flat_hands(world: World) -> World:
    """The same people with joints 22 and 23 unposed, as SMPL-X has no such joints."""
    world.pose[:, 66:] = 0.0
    return world


def still_camera(world: World, seed: int) -> World:
    """The same people in a world in which their camera, so far its origin, stands anywhere, and still."""
    turn = Rotation.random(random_state=seed)
    place = np.array([0.5, -1.0, 2.0])
    pose = world.pose.copy()
    pose[:, :3] = (turn.inv() * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    joints = (world.joints_cam - place) @ turn.as_matrix()
    extrinsics = np.tile(np.eye(4), (len(pose), 1, 1))
    extrinsics[:, :3, :3], extrinsics[:, :3, 3] = turn.as_matrix(), place
    transl = joints[:, 0] - (world.joints_world[:, 0] - world.transl)  # less the rest pelvis
    return replace(world, pose=pose, transl=transl, extrinsics=extrinsics, joints_world=joints)
