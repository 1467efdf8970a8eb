"""Rendered people who are seen from all sides: they walk straight, on circles, turn on the spot, or are cut off.

Half of the scenes are as clear as the renderer makes them. In the others it is dark, blurred and noisy, and hair and
face have one colour: there, landmark networks take backs for fronts. Each scene is rendered once into a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.data.rendering.clothing import PlainOutfit, Rgb
from metrichmsr_ros.data.synthesis.walkers import SKINS, Walker
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import FloatingArray, ImageArray

KINDS = ("straight", "circle", "turn", "near")
SECONDS, FPS = 4.0, 10.0
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Turner(Walker):
    """A person on the spot: half a turn, a pause, half a turn on, and so on.

    Attributes:
        turn: length of the walk, at the person's pace, in which half a turn is made, m; the pause is as long.
    """

    turn: float = 1.0

    def place_after(self, length: float) -> tuple[tuple[float, float], float]:
        """As for a walker: the place stays, the heading turns."""
        rounds, rest = divmod(length / self.turn, 2.0)
        return self.start, self.heading + np.pi * (rounds + min(rest, 1.0))


@dataclass(frozen=True)
class SceneFrame:
    """One image with the truth of its person.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        camera: of the image.
        stamp_s: s.
        pose: (72,) axis-angle, the root in the camera frame.
        joints: (24, 3) m, camera frame.
    """

    image: ImageArray
    camera: Camera
    stamp_s: float
    pose: FloatingArray
    joints: FloatingArray


def rendered(kind: str, seed: int, cache: Path) -> Iterator[SceneFrame]:
    """The images of one scene of `KINDS`, rendered into `cache` unless they are there."""
    path = cache / f"{kind}_{seed}.npz"
    if not path.is_file():
        _render(kind, seed, path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    width, height = arrays["size"].tolist()
    camera = Camera(width, height, arrays["intrinsics"])
    for number, jpeg in enumerate(np.split(arrays["jpeg"], np.cumsum(arrays["lengths"])[:-1])):
        image = _decoded(jpeg)
        yield SceneFrame(image, camera, number / FPS, arrays["pose"][number], arrays["joints"][number])


def _decoded(jpeg: ImageArray) -> ImageArray:
    bgr = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _render(kind: str, seed: int, path: Path) -> None:
    rng = np.random.default_rng([KINDS.index(kind), seed])
    scene = _scene(kind, seed, rng)
    exposure, sigma = (1.0, 0.0) if seed % 2 == 0 else (float(rng.uniform(0.12, 0.3)), float(rng.uniform(0.8, 1.6)))
    frames = list(scene)
    jpegs = [_jpeg(_degraded(frame.image, exposure, sigma, rng)) for frame in frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        jpeg=np.concatenate(jpegs),
        lengths=[len(jpeg) for jpeg in jpegs],
        size=scene.camera.size,
        intrinsics=scene.camera.intrinsics,
        pose=[frame.people[0].pose for frame in frames],
        joints=[frame.people[0].joints_cam for frame in frames],
    )
    part.rename(path)


def _jpeg(image: ImageArray) -> ImageArray:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].ravel()


def _degraded(image: ImageArray, exposure: float, sigma: float, rng: np.random.Generator) -> ImageArray:
    """Darker by `exposure` and blurred by `sigma` px, with noise; unchanged for 1 and 0."""
    if exposure == 1.0 and sigma == 0.0:
        return image
    dark = exposure * cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
    return np.clip(dark + rng.normal(0.0, 5.0, dark.shape), 0, 255).astype(np.uint8)


def _scene(kind: str, seed: int, rng: np.random.Generator) -> WalkingSequence:
    """One person before a camera of random height and lens; in VGA if near, else half of that in every second scene."""
    walker = {"straight": _straight, "circle": _circle, "turn": _turn, "near": _near}[kind](rng, seed)
    low, high = (1.0, 1.5) if kind == "near" else (0.3, 1.8)
    size = (640, 480) if kind == "near" or seed % 4 < 2 else (320, 240)
    return WalkingSequence(
        round(SECONDS * FPS),
        FPS,
        size,
        fov_x=float(rng.uniform(0.9, 1.4)),
        walkers=[walker],
        camera_height=float(rng.uniform(low, high)),
    )


def _straight(rng: np.random.Generator, seed: int) -> Walker:
    """Away, to the left, towards the camera and to the right in turn, and obliquely."""
    heading = np.pi / 2 * seed + float(rng.uniform(-0.6, 0.6))
    middle = np.array([rng.uniform(3.5, 6.0), rng.uniform(-0.4, 0.4)])
    start = middle - 0.4 * SECONDS * np.array([np.cos(heading), np.sin(heading)])
    return Walker(**_person(rng, seed), start=(float(start[0]), float(start[1])), heading=heading)


def _circle(rng: np.random.Generator, seed: int) -> Walker:
    place, heading = _place(rng, 3.0, 6.0)
    return Walker(**_person(rng, seed), start=place, heading=heading, radius=float(rng.uniform(0.5, 0.9)))


def _turn(rng: np.random.Generator, seed: int) -> Walker:
    place, heading = _place(rng, 2.5, 6.0)
    return Turner(**_person(rng, seed), start=place, heading=heading, turn=float(rng.uniform(0.75, 1.5)))


def _near(rng: np.random.Generator, seed: int) -> Walker:
    """So near that feet, legs or the head are outside the image."""
    place, heading = _place(rng, 1.2, 1.9)
    if seed % 4 < 2:
        return Turner(**_person(rng, seed), start=place, heading=heading, turn=float(rng.uniform(0.75, 1.5)))
    return Walker(**_person(rng, seed), start=place, heading=heading, radius=float(rng.uniform(0.15, 0.3)))


def _place(rng: np.random.Generator, near: float, far: float) -> tuple[tuple[float, float], float]:
    """Place on the floor, m, between two distances, and a direction."""
    distance = float(rng.uniform(near, far))
    return (distance, float(rng.uniform(-0.2, 0.2)) * distance), float(rng.uniform(-np.pi, np.pi))


def _person(rng: np.random.Generator, seed: int) -> dict[str, Any]:
    def colour() -> Rgb:
        red, green, blue = rng.integers(20, 236, 3).tolist()
        return red, green, blue

    shirt, trousers, hair, shoes = (colour() for _ in range(4))
    skin = hair if seed % 2 else SKINS[int(rng.integers(len(SKINS)))]
    return {
        "id": "walker",
        "betas": tuple(rng.normal(0.0, 1.0, 10).tolist()),
        "outfit": PlainOutfit(shirt, trousers, skin, hair, shoes),
        "enters_s": 0.0,
        "pace": float(rng.uniform(0.7, 1.2)),
    }
