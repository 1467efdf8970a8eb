"""Frames of one input as the annotator takes them, whatever they are read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.hmr.camera_estimator import CameraEstimator
from metrichmsr_ros.pipeline.scene import SceneContext
from metrichmsr_ros.types import Float64Array, ImageArray


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One frame.

    Attributes:
        index: in the source, from 0.
        image: (H, W, 3) uint8 RGB; None if it cannot be used, for the reason in `problem`.
        camera: of the image.
        stamp_ns: its time; 0 in photographs.
        name: file or key of the picture.
        fps: nominal frames per second.
        world_from_camera: (4, 4), of recordings with transforms.
        context: what was measured beside the image.
        jumped: time jumped before this frame, so that tracks end.
        problem: why there is no image.
    """

    index: int
    image: ImageArray | None
    camera: Camera | None
    stamp_ns: int = 0
    name: str | None = None
    fps: float | None = None
    world_from_camera: Float64Array | None = None
    context: SceneContext = field(default_factory=SceneContext)
    jumped: bool = False
    problem: str | None = None


class FrameStream(Protocol):
    """Frames in order.

    Attributes:
        is_video: whether they follow each other in time, so that people are tracked.
        total: number of frames if it is known.
        damage: once all frames are read: why there are fewer than there should be; else empty.
    """

    is_video: bool
    total: int | None
    damage: str

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames."""
        ...


class Cameras:
    """The cameras of images without calibration: by the options, else estimated.

    Args:
        given: field of view or intrinsics.
    """

    def __init__(self, given: CameraOptions) -> None:
        self._given = given
        self._estimator: CameraEstimator | None = None

    def of(self, image: ImageArray, orientation: int = 1) -> Camera:
        """The camera of an image.

        Args:
            image: (H, W, 3), upright.
            orientation: EXIF orientation of the stored pixels.

        Raises:
            CameraError: the intrinsics cannot be those of an image of this size.
        """
        if self._given:
            return self._given.camera(image.shape[1], image.shape[0], orientation)
        if self._estimator is None:
            self._estimator = CameraEstimator.load()
        return self._estimator.estimate(image)
