"""One frame as the viewer keeps it: people, camera, picture and depth, in the camera's optical frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import AnyArray, Float32Array, Float64Array, ImageArray

_PICTURE_WIDTH, _QUALITY = 720, 80
_CLOUD_POINTS = 20_000
_EDGE = 0.12  # relative step of depth between neighbours above which a point is between two surfaces


@dataclass(frozen=True, eq=False)
class ViewPerson:
    """One person; metres, radians, camera's optical frame. Unknown numbers are NaN.

    Attributes:
        id: unique while the person is followed.
        confidence: 0 to 1.
        is_occluded: predicted, not seen.
        pose: (72,) axis-angle.
        betas: (10,) shape of the source's body.
        transl: (3,) SMPL's translation.
        joints: (24, 3).
        covariance: (3, 3) of the translation, m^2.
        height: standing height.
    """

    id: str
    confidence: float
    is_occluded: bool
    pose: Float32Array
    betas: Float32Array
    transl: Float32Array
    joints: Float32Array
    covariance: Float64Array
    height: float = float("nan")


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points (N, 3) float32 m in the camera's optical frame, with their RGB (N, 3) uint8."""

    points: Float32Array
    colours: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ViewFrame:
    """One frame.

    Attributes:
        number: in its source.
        time_s: since the first frame; photographs are 1 s apart.
        people: everybody.
        camera: of the picture; None if unknown.
        picture: JPEG; empty if there is none.
        world_from_camera: (4, 4), of recordings with transforms.
        floor: measured plane of the floor in the camera frame.
        cloud: the scene's depth.
        problem: why there are no estimates; else empty.
    """

    number: int
    time_s: float
    people: tuple[ViewPerson, ...] = ()
    camera: Camera | None = None
    picture: bytes = b""
    world_from_camera: Float64Array | None = None
    floor: Plane | None = None
    cloud: PointCloud | None = None
    problem: str = ""


def jpeg_of(image: ImageArray) -> bytes:
    """A picture (H, W, 3) uint8 RGB as a JPEG of at most 720 pixels in width."""
    share = min(1.0, _PICTURE_WIDTH / image.shape[1])
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else image
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError(f"OpenCV does not write a picture of shape {image.shape} as JPEG")
    return data.tobytes()


def image_of(jpeg: bytes) -> ImageArray:
    """The picture (H, W, 3) uint8 RGB of `jpeg_of`."""
    stored = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert stored is not None  # it is our own
    return np.ascontiguousarray(stored[..., ::-1], np.uint8)


def cloud_of(metres: AnyArray, image: ImageArray | None, camera: Camera) -> PointCloud:
    """The points of a depth map, at most about 20,000, without those between two surfaces.

    Args:
        metres: (H, W) along z of `camera`; NaN and 0 are unknown.
        image: (H, W, 3) RGB, for the colours; None: grey.
        camera: of the depth map.
    """
    depth = np.nan_to_num(metres, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    window = np.ones((3, 3), np.uint8)
    step = cv2.dilate(depth, window) - cv2.erode(depth, window)
    stride = max(1, int(np.ceil(np.sqrt(depth.size / _CLOUD_POINTS))))
    kept = np.zeros(depth.shape, bool)
    kept[::stride, ::stride] = True
    v, u = np.nonzero(kept & (depth > 0) & (step < _EDGE * depth))
    points = camera.back_project(np.stack([u, v], axis=-1), depth[v, u].astype(np.float64))
    colours = np.full((len(v), 3), 150, np.uint8) if image is None else image[v, u]
    return PointCloud(points.astype(np.float32), colours)
