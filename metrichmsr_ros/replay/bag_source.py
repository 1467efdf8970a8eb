"""Recorded images, prepared for the pipeline by the node's own intake."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.replay.bag_context import RecordedContext, RecordedParameters
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.ros.bags.reader import Bag, Recorded
from metrichmsr_ros.ros.bags.topics import ImageTopics
from metrichmsr_ros.ros.inputs.camera_info import CameraInfos
from metrichmsr_ros.ros.inputs.intake import Intake, ReadyFrame
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped

_RECTIFIED = {"auto": None, "true": True, "false": False}


class GivenCamera:
    """The same intrinsics for every image, instead of CameraInfo.

    Args:
        given: field of view or intrinsics.
    """

    pairing = "given"

    def __init__(self, given: CameraOptions) -> None:
        self._given = given
        self._camera: Camera | None = None

    def camera(self, header: Any, size: tuple[int, int], rectified: bool | None) -> Camera:
        """Camera of an image of `size` (width, height); the same object while the size is the same."""
        if self._camera is None or self._camera.size != size:
            try:
                self._camera = self._given.camera(*size)  # reused, so that rectification maps are built once
            except CameraError as error:
                raise ReplayError(str(error), ExitCode.USAGE) from error
        return self._camera


class BagSource:
    """Images of one bag, in order; unusable images are counted by cause.

    Args:
        bag: opened.
        topics: from :meth:`Bag.select`.
        given: intrinsics that replace CameraInfo.
        context: transforms and depth images of the bag.
        parameters: the node's parameters.

    Attributes:
        dropped: number of unusable images, by cause.
        reasons: the first message for each cause.
    """

    def __init__(
        self,
        bag: Bag,
        topics: ImageTopics,
        given: CameraOptions,
        context: RecordedContext,
        parameters: RecordedParameters,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self.context = context
        self._bag, self._topics, self._parameters = bag, topics, parameters
        # No waiting: messages are read ahead of the image.
        self._infos = CameraInfos(wait_s=0.0, problem=context.doubt)
        cameras = GivenCamera(given) if given else self._infos
        self._intake = Intake(topics.image, cameras, context.provider, context.doubt)

    def __iter__(self) -> Iterator[ReadyFrame]:
        """Yield every usable image."""
        for recorded in self._paired():
            try:
                yield self._intake.frame(recorded.message, recorded.log_ns, self._parameters)
            except FrameDropped as reason:
                self.drop(reason.cause, str(reason))

    def drop(self, cause: str, text: str) -> None:
        """Count an image without a result, and keep the first text of each cause."""
        self.dropped[cause] += 1
        self.reasons.setdefault(cause, text)

    def _paired(self) -> Iterator[Recorded]:
        """Images, each after the messages recorded up to `context.wait_s` later have been added."""
        image, info = self._topics.image, self._topics.camera_info
        infos = [] if info is None else [info]
        # Images before the first CameraInfo use the first one; a live node would have to drop them.
        for first in self._bag.messages(*infos) if infos else ():
            self._infos.add(first.message)
            break
        waiting: deque[Recorded] = deque()
        for recorded in self._bag.messages(image, *infos, *self.context.topics):
            while waiting and waiting[0].log_ns + self.context.wait_s * 1e9 < recorded.log_ns:
                yield waiting.popleft()
            if recorded.topic == image:
                waiting.append(recorded)
            if recorded.topic == info:
                self._infos.add(recorded.message)
            if recorded.topic in self.context.topics:  # depth may have the images' CameraInfo
                self.context.take(recorded)
        yield from waiting


def source_of(bag: Bag, options: ReplayOptions) -> tuple[BagSource, tuple[str, str]]:
    """The images of a bag by the options, and the names of the image topic and of where the intrinsics are from.

    Raises:
        ReplayError: an option is wrong.
        BagError: a topic is not in the bag or ambiguous.
    """
    if options.image_rectified not in _RECTIFIED:
        raise ReplayError(f"image_rectified is {options.image_rectified!r}; choose auto, true or false", ExitCode.USAGE)
    try:
        given = CameraOptions.from_degrees(options.fov, options.intrinsics)
    except CameraError as error:
        raise ReplayError(str(error), ExitCode.USAGE) from error
    topics = bag.select(options.image, options.camera_info, needs_info=not given)
    parameters = RecordedParameters(
        _RECTIFIED[options.image_rectified],
        options.ground_frame,
        options.use_floor,
        options.use_depth,
        max_pixels=int(options.max_megapixels * 2**20),
    )
    source = BagSource(bag, topics, given, RecordedContext(bag, options), parameters)
    return source, (topics.image, topics.camera_info or f"none, {given}")
