"""Recorded images as the pipeline takes them: converted, paired with their camera and gated by the node's own code."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scale.fusion import Surroundings
from metrichmsr_ros.replay.bag_context import RecordedKnowledge
from metrichmsr_ros.ros.bags.reader import Bag, Recorded
from metrichmsr_ros.ros.bags.topics import ImageTopics
from metrichmsr_ros.ros.inputs.camera_info import CameraInfos, FrameDropped, StampGate, names_rectified_image, stamp_ns
from metrichmsr_ros.ros.inputs.image_conversion import ConversionError, image_from_compressed, image_from_message


@dataclass(frozen=True)
class Given:
    """Intrinsics from the user, for bags without CameraInfo.

    Attributes:
        fov_x: horizontal field of view, rad. intrinsics: fx, fy, cx, cy in pixels; wins over `fov_x`.
    """

    fov_x: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None

    def __bool__(self) -> bool:
        """Whether anything is given."""
        return self.fov_x is not None or self.intrinsics is not None

    def camera(self, width: int, height: int) -> Camera:
        """Camera of an image of this size."""
        if self.intrinsics is not None:
            fx, fy, cx, cy = self.intrinsics
            return Camera(width, height, np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), source="given")
        if self.fov_x is None:
            raise ValueError("neither a field of view nor intrinsics are given")
        return Camera.from_fov(width, height, self.fov_x)


@dataclass(frozen=True)
class Ready:
    """One image ready for the pipeline.

    Attributes:
        message: the image message. log_ns: when it was recorded. stamp_ns: its header's stamp (`log_ns` when that is
            zero). image: (H, W, 3) uint8 RGB. camera: of this image. starts_anew: forget everybody first.
        around: what was known besides.
        convert_s: seconds that decoding took.
    """

    message: Any
    log_ns: int
    stamp_ns: int
    image: NDArray[np.uint8]
    camera: Camera
    starts_anew: bool
    around: Surroundings
    convert_s: float


class Feed:
    """Images of one bag, in order; those that cannot be used are counted by cause, never silently lost.

    Args:
        bag: opened.
        topics: from :meth:`Bag.select`.
        given: intrinsics that replace CameraInfo.
        knowledge: what the bag knows besides images.
        rectified: whether the images are rectified; None decides by topic name and D, as the node does.
    """

    def __init__(
        self, bag: Bag, topics: ImageTopics, given: Given, knowledge: RecordedKnowledge, rectified: bool | None = None
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}  # cause -> the first text told about it
        self.knowledge = knowledge
        self._bag, self._topics, self._given = bag, topics, given
        self._rectified = True if rectified is None and names_rectified_image(topics.image) else rectified
        self._infos, self._gate = CameraInfos(), StampGate()
        self._camera: Camera | None = None

    def __iter__(self) -> Iterator[Ready]:
        """Yield every usable image."""
        for recorded in self._paired():
            try:
                yield self._ready(recorded)
            except FrameDropped as reason:
                self.drop(reason.cause, str(reason))
            except ConversionError as error:
                self.drop("bad image", str(error))

    def drop(self, cause: str, text: str) -> None:
        """Count an image that gives no result, and keep the first words about it."""
        self.dropped[cause] += 1
        self.reasons.setdefault(cause, text)

    def _paired(self) -> Iterator[Recorded]:
        """Images, each when what was recorded up to the node's waiting time after it has been taken in."""
        image, info = self._topics.image, self._topics.camera_info
        infos = [] if info is None else [info]
        # Images before the first CameraInfo get that one: on a robot they would be lost, here nothing need be.
        for first in self._bag.messages(*infos) if infos else ():
            self._infos.add(first.message)
            break
        waiting: deque[Recorded] = deque()
        for recorded in self._bag.messages(image, *infos, *self.knowledge.topics):
            while waiting and waiting[0].log_ns + self.knowledge.wait_s * 1e9 < recorded.log_ns:
                yield waiting.popleft()
            if recorded.topic == image:
                waiting.append(recorded)
            elif recorded.topic == info:
                self._infos.add(recorded.message)
            else:
                self.knowledge.take(recorded)
        yield from waiting

    def _ready(self, recorded: Recorded) -> Ready:
        began = time.perf_counter()
        message = recorded.message
        image = image_from_compressed(message) if self._topics.compressed else image_from_message(message)
        camera = self._camera_of(message.header, (image.shape[1], image.shape[0]))
        stamp = stamp_ns(message.header) or recorded.log_ns
        anew = self._gate.admit(stamp)
        converted = time.perf_counter() - began
        around = self.knowledge.around(message.header, camera)
        return Ready(message, recorded.log_ns, stamp, image, camera, anew, around, converted)

    def _camera_of(self, header: Any, size: tuple[int, int]) -> Camera:
        if not self._given:
            return self._infos.camera(header, size, self._rectified)
        if self._camera is None or self._camera.size != size:
            self._camera = self._given.camera(*size)
        return self._camera
