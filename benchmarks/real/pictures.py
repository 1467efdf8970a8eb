"""The sets of real RGB-D pictures: colour, depth in metres, camera, and the people in view as annotated by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from benchmarks.people import noisy
from metrichmsr_ros.depth.sources.base import DepthMap, resampled
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.rectify import Rectifier
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene
from metrichmsr_ros.types import Float32Array, Float64Array, ImageArray

ANNOTATION = Path(__file__).with_name("people_in_view.json")
FRAMINGS = ("whole", "feet cut", "waist up", "seated", "from behind", "hidden")
"""How a person appears. People who are "hidden" behind things or others may be found or not: they do not count."""
REALSENSE = Camera(640, 480, np.array([[617.25, 0, 317.39], [0, 617.55, 245.98], [0, 0, 1.0]]))


class PictureError(MetricHMRError, ValueError):
    """A set of pictures cannot be read; the message names the file and what is expected."""


@dataclass(frozen=True, eq=False)
class PersonInView:
    """A person who was annotated: how they appear, and the box (4,) x0, y0, x1, y1 px around what is visible."""

    framing: str
    box: Float64Array


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, without distortion.

    Attributes:
        name: of the set and the picture.
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 metres along z, NaN where the depth camera measured nothing.
        camera: of both.
        people: everybody in view.
        is_original: as it was taken, not a copy with noise.
    """

    name: str
    image: ImageArray
    depth: Float32Array
    camera: Camera
    people: tuple[PersonInView, ...]
    is_original: bool = True


def read_pictures(folder: Path) -> Iterator[Picture]:
    """The pictures of all sets in a folder: `kinect_bags/*.bag` and `realsense/{color,depth}/*.png`.

    Raises:
        PictureError: the folder has none of the sets, or a file of a set cannot be used.
    """
    annotated = json.loads(ANNOTATION.read_text(encoding="utf-8"))
    bags, colours = sorted(folder.glob("kinect_bags/*.bag")), sorted(folder.glob("realsense/color/*.png"))
    if not bags and not colours:
        raise PictureError(f"{folder} has neither kinect_bags/*.bag nor realsense/color/*.png")
    for bag in bags:
        yield _undistorted(f"kinect_bags/{bag.stem}", *_read_bag(bag), annotated)
    for colour in colours:
        yield _undistorted(f"realsense/{colour.stem}", *_read_pair(colour), REALSENSE, annotated)


def copies_of(picture: Picture, count: int) -> Iterator[Picture]:
    """The picture, then copies with noise of one grey level: figures that depend on rounding differ among them."""
    for seed in range(count):
        (image,) = noisy(iter([picture.image]), seed)
        yield replace(picture, image=image, is_original=seed == 0)


def scene_of(pipeline: Pipeline, picture: Picture, frames: int, request: OutputRequest) -> Scene:
    """The picture alone, or the last of that many equal images of a video."""
    if frames == 1:
        return pipeline.estimate(picture.image, picture.camera, request=request)
    pipeline.reset()
    for number in range(frames):
        scene = pipeline.track(picture.image, picture.camera, number / 10, request=request)
    return scene


def _undistorted(name: str, image: ImageArray, depth: Float32Array, camera: Camera, annotated: Any) -> Picture:
    """Rectified: colours interpolated, depth from the nearest pixel. Boxes are annotated in the raw picture."""
    if name not in annotated:
        raise PictureError(f"{name} is not annotated in {ANNOTATION.name}; add the people in view, or an empty list")
    people = tuple(PersonInView(p["framing"], np.array(p["box"], np.float64)) for p in annotated[name])
    if not camera.is_distorted:
        return Picture(name, image, depth, camera, people)
    rectifier = Rectifier(camera)
    measured = resampled(DepthMap(depth, camera, "depth camera", is_sensor=True), rectifier.camera)
    return Picture(name, rectifier.rectify(image), measured, rectifier.camera, people)


def _read_bag(path: Path) -> tuple[ImageArray, Float32Array, Camera]:
    """Image, registered depth and camera of a ROS 1 bag with one message each."""
    found: dict[str, Any] = {}
    with AnyReader([path]) as reader:
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            found[getattr(message, "encoding", "camera_info")] = message
    missing = {"camera_info", "rgb8", "32FC1"} - found.keys()
    if missing:
        raise PictureError(f"{path} has no {', no '.join(sorted(missing))}")
    info, colour, depth = found["camera_info"], found["rgb8"], found["32FC1"]
    camera = Camera(info.width, info.height, info.K.reshape(3, 3), info.distortion_model, info.D)
    shape = (info.height, info.width)
    image: NDArray[np.uint8] = colour.data.reshape(*shape, 3)
    return image, _measured(depth.data.view(np.float32).reshape(shape)), camera


def _read_pair(colour: Path) -> tuple[ImageArray, Float32Array]:
    """Image and depth, a 16-bit PNG in millimetres, of two files of one name."""
    depth = colour.parent.parent / "depth" / colour.name
    image, millimetres = _imread(colour, cv2.IMREAD_COLOR), _imread(depth, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(image[..., ::-1]), _measured(millimetres.astype(np.float32) / np.float32(1000))


def _imread(path: Path, mode: int) -> NDArray[Any]:
    pixels: NDArray[Any] | None = cv2.imread(str(path), mode)
    if pixels is None:
        raise PictureError(f"{path} is missing or is not an image")
    return pixels


def _measured(depth: Float32Array) -> Float32Array:
    return np.where(depth > 0, depth, np.nan).astype(np.float32)
