"""Cameras as robots carry them, aimed so that the image holds a wanted part of a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.data.rendering.bodies import PlacedCamera
from metrichmsr_ros.data.rendering.crops.framing import Framing, framing_of
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float64Array

_SIZES = ((640, 480), (640, 360), (848, 480), (480, 640), (960, 540), (1280, 720), (320, 240), (1920, 1080))
_SIZE_SHARES = (0.36, 0.10, 0.15, 0.08, 0.10, 0.11, 0.04, 0.06)
_TRIES = 8
_LEAST_PX = 28  # of a whole person; BlazePose finds hardly anybody who is smaller
_PELVIS, _HEAD, _CHEST = 0, 15, 9


@dataclass(frozen=True)
class Shot:
    """A kind of picture: the framing, its share, and the range of distances (m, drawn evenly in the logarithm)."""

    framing: Framing
    share: float
    near: float
    far: float


SHOTS = (
    Shot(Framing.WHOLE, 0.26, 1.6, 10.0),
    Shot(Framing.WHOLE, 0.10, 10.0, 40.0),
    Shot(Framing.FEET_CUT, 0.17, 0.8, 3.5),
    Shot(Framing.WAIST_UP, 0.20, 0.5, 1.6),
    Shot(Framing.CHEST_UP, 0.13, 0.4, 1.2),
    Shot(Framing.PART, 0.14, 0.6, 8.0),
)
"""Wanted pictures; `PART` stands for any framing: the person is anywhere in or partly outside the image."""


def random_shot(rng: np.random.Generator) -> Shot:
    """One of `SHOTS`, by its share."""
    return SHOTS[rng.choice(len(SHOTS), p=[shot.share for shot in SHOTS])]


def random_intrinsics(rng: np.random.Generator, far: bool) -> Camera:
    """A pinhole camera of a common size and field of view; people far away are not seen in the smallest images."""
    shares = np.array(_SIZE_SHARES) * np.array([1, 1, 1, 1, 1, 2, 0, 3] if far else 1.0)
    width, height = _SIZES[rng.choice(len(_SIZES), p=shares / shares.sum())]
    long_side = max(width, height)
    fov = np.deg2rad(rng.uniform(25, 120) if rng.random() < 0.35 else np.clip(rng.normal(65, 14), 30, 110))
    if far:
        fov = np.deg2rad(rng.uniform(18, 75))
    focal = long_side / 2 / np.tan(fov / 2)
    k = np.array([[focal, 0, (width - 1) / 2], [0, focal * rng.normal(1, 0.004), (height - 1) / 2], [0, 0, 1.0]])
    k[:2, 2] += rng.normal(0, 0.012, 2) * long_side
    return Camera(width, height, k, "none", np.zeros(0), "given")


def place_camera(joints: Float64Array, shot: Shot, rng: np.random.Generator) -> tuple[PlacedCamera, Framing]:
    """A camera that takes `shot` of a person, and the framing that results.

    Args:
        joints: (24, 3) m in the world, y up, with the floor at y = 0.
        shot: the wanted picture; after several tries the last camera is taken as it is.
        rng: random generator.
    """
    for _ in range(_TRIES):
        camera = random_intrinsics(rng, shot.near >= 10)
        view = _aimed(camera, joints, shot, rng)
        seen = view.to_camera(joints)
        pixels = camera.project(seen)
        framing = framing_of(pixels, seen[:, 2], (camera.width, camera.height))
        if _sensible(seen) and (
            framing == shot.framing or (shot.framing == Framing.PART and _torso_seen(pixels, view))
        ):
            break
    return view, framing


def _sensible(seen: Float64Array) -> bool:
    return bool(seen[:, 2].min() > 0.25)


def _torso_seen(pixels: Float64Array, view: PlacedCamera) -> bool:
    """Whether hips or shoulders lie in the image."""
    size = np.array([view.camera.width, view.camera.height])
    torso = pixels[[1, 2, 16, 17]]
    return int(((torso > 0) & (torso < size - 1)).all(1).sum()) >= 2


def _aimed(camera: Camera, joints: Float64Array, shot: Shot, rng: np.random.Generator) -> PlacedCamera:
    distance = float(np.exp(rng.uniform(np.log(shot.near), np.log(shot.far))))
    top, bottom = joints[:, 1].max() + 0.2, joints[:, 1].min() - 0.05
    middle = joints[[_PELVIS, _CHEST, _HEAD]].mean(0) if shot.framing != Framing.WHOLE else joints.mean(0)
    target, row = _anchor(joints, shot, rng)
    height, width = camera.height, camera.width
    if shot.framing != Framing.PART:
        low = bottom if shot.framing == Framing.WHOLE else target[1]
        span = max(top - low, 0.3)
        least = camera.intrinsics[1, 1] * span / height * rng.uniform(1.0, 1.25)
        distance = max(distance, least)
        if shot.framing == Framing.WHOLE:
            distance = min(distance, camera.intrinsics[1, 1] * span / _LEAST_PX)
            slack = max(0.0, 0.5 - 0.5 * camera.intrinsics[1, 1] * span / distance / height - 0.02)
            row = 0.5 + rng.uniform(-slack, slack)
    side = 0.30 if shot.framing != Framing.PART else 0.5
    place = np.array([0.5 + rng.uniform(-side, side), row]) * (width, height)
    eye = np.array([middle[0], _eye_height(distance, top, rng), middle[2] + distance])
    roll = rng.normal(0, 0.04) if rng.random() < 0.94 else rng.normal(0, 0.3)
    return PlacedCamera.aimed(camera, eye, target, place, roll)


def _anchor(joints: Float64Array, shot: Shot, rng: np.random.Generator) -> tuple[Float64Array, float]:
    """A point of the person and the share of the image's height at which it appears."""
    pelvis, chest, head = joints[_PELVIS], joints[_CHEST], joints[_HEAD]
    feet = joints[:, 1].min()
    if shot.framing == Framing.WHOLE:
        return np.array([pelvis[0], (feet + head[1] + 0.15) / 2, pelvis[2]]), 0.5
    if shot.framing == Framing.FEET_CUT:
        share = rng.uniform(0.1, 0.85)
        return np.array([pelvis[0], feet + share * max(pelvis[1] - 0.1 - feet, 0.05), pelvis[2]]), 1.0
    if shot.framing == Framing.WAIST_UP:
        return pelvis + rng.uniform(0.0, 0.45) * (chest - pelvis), 1.0
    if shot.framing == Framing.CHEST_UP:
        return pelvis + rng.uniform(0.55, 1.05) * (chest - pelvis), 1.0
    return joints[rng.choice([0, 6, 9, 12, 15, 4])], rng.uniform(0.0, 1.0)


def _eye_height(distance: float, top: float, rng: np.random.Generator) -> float:
    """Height of a camera on a low robot, at the eyes' height or under a ceiling; never steep when very near."""
    heights = [rng.uniform(0.25, 0.9), rng.normal(1.35, 0.3), rng.uniform(1.9, 3.4), rng.uniform(3.0, 7.0)]
    shares = (0.27, 0.58, 0.15, 0.0) if distance < 10 else (0.25, 0.45, 0.12, 0.18)
    height = float(heights[rng.choice(4, p=shares)])
    return float(np.clip(height, max(0.2, 0.6 * top - 1.2 * distance), 0.8 * top + 0.9 * distance))
