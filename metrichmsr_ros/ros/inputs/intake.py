"""Prepare image messages for the pipeline, in the same way for the node and for a replay.

An image is converted to RGB, paired with its camera, checked by its stamp, and paired with the floor, depth and
detections of its time. The sources of camera and observations (topics or a bag) are injected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import SceneContext
from metrichmsr_ros.ros.frame_names import bare, in_frame
from metrichmsr_ros.ros.inputs.bit_depth import BitDepth
from metrichmsr_ros.ros.inputs.camera_mixture import CameraMixture
from metrichmsr_ros.ros.inputs.image_conversion import ConversionError, image_from_compressed, image_from_message
from metrichmsr_ros.ros.inputs.scene_context import ContextParameters, ContextProvider
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped, StampGate, stamp_ns
from metrichmsr_ros.ros.inputs.waiting import WaitBudget
from metrichmsr_ros.ros.topic_names import names_rectified_image
from metrichmsr_ros.types import ImageArray

BLACK_BELOW = 10  # of 255: an image without a brighter pixel is black
_SAMPLE_STRIDE = 4  # of the rows and columns whose brightness is checked


@dataclass(frozen=True)
class ReadyFrame:
    """One image ready for the pipeline.

    Attributes:
        header: std_msgs/Header of the image message. Its frame has no leading slash, and is the CameraInfo's frame if
            the image has none.
        stamp_ns: its stamp; the time of arrival if the stamp is 0.
        arrived_ns: time of arrival: on the node's monotonic clock, or the log time in a bag.
        image: (H, W, 3) uint8 RGB.
        camera: of this image.
        jump_s: seconds by which stamps jumped, after which all tracks must end; None: they go on.
        frame_before: frame of the last image if it was another one, as of a topic that is switched to another camera,
            after which all tracks must end; None: the same.
        context: floor, depth and detections at the image's time.
        seconds: duration by stage: `convert` and `pair`.
    """

    header: Any
    stamp_ns: int
    arrived_ns: int
    image: ImageArray
    camera: Camera
    jump_s: float | None
    context: SceneContext
    seconds: dict[str, float] = field(default_factory=dict)
    frame_before: str | None = None

    @property
    def starts_anew(self) -> bool:
        """Whether this image does not go on with the video of the last one."""
        return self.jump_s is not None or self.frame_before is not None

    @property
    def stamp_s(self) -> float:
        """The stamp in seconds."""
        return self.stamp_ns / 1e9


class CameraSource(Protocol):
    """Gives each image its camera, as `CameraInfos` does."""

    @property
    def pairing(self) -> str:
        """How the last image was paired, for diagnostics."""

    def camera(self, header: Any, size: tuple[int, int], rectified: bool | None) -> Camera:
        """Camera of an image of `size` (width, height); raises FrameDropped without one."""


class IntakeParameters(ContextParameters, Protocol):
    """The node's parameters of the same names."""

    @property
    def rectified(self) -> bool | None:
        """Whether images are rectified; None: by the topic's name, else by D of the CameraInfo."""

    @property
    def max_pixels(self) -> int:
        """Larger images are dropped."""


class Intake:
    """Turns image messages into ready frames, in the order of their arrival.

    Args:
        topic: name of the image topic, which may show that images are rectified.
        cameras: source of each image's camera.
        contexts: source of the floor, depth and detections at an image's time.
        problem: called with cause and text if an image has a problem but is processed.
        budget: waiting time of an image, shared by its camera and its context.
    """

    def __init__(
        self,
        topic: str,
        cameras: CameraSource,
        contexts: ContextProvider,
        problem: Callable[[str, str], None],
        budget: WaitBudget | None = None,
    ) -> None:
        self._topic, self._is_named_rectified = topic, names_rectified_image(topic)
        self._cameras, self._contexts, self._problem = cameras, contexts, problem
        self._budget = budget or WaitBudget()
        self._stamp_gate = StampGate()
        self._bit_depth, self._camera_mixture = BitDepth(), CameraMixture()
        self._has_reported_empty_frame = False
        self._pending_jump_s: float | None = None  # not yet in a ready frame
        self._frame: str | None = None  # of the last ready frame

    @property
    def health(self) -> dict[str, str]:
        """Diagnostics of the last image: its CameraInfo, floor and depth, and used bits of 16-bit images."""
        bits = {"bits in use": f"{self._bit_depth.bits} of 16"} if self._bit_depth.bits else {}
        return {"camera_info": self._cameras.pairing, **bits, **self._contexts.health}

    def frame(self, message: Any, arrived_ns: int, parameters: IntakeParameters) -> ReadyFrame:
        """Prepare one image.

        Args:
            message: sensor_msgs/Image or CompressedImage, from rclpy or a bag.
            arrived_ns: time of arrival in nanoseconds; replaces a stamp of 0.
            parameters: current values.

        Raises:
            FrameDropped: the image cannot be used; the text names the cause, the value and the remedy.
        """
        self._budget.begin()
        began = time.perf_counter()
        image = self._converted(message, parameters.max_pixels)
        self._check_brightness(image)
        converted = time.perf_counter()
        header, size = message.header, (image.shape[1], image.shape[0])
        camera = self._camera(header, size, parameters)
        header = in_frame(header, self._frame_of(header))
        stamp = self._stamp_of(header, arrived_ns)
        self._pending_jump_s = self._stamp_gate.admit(stamp) or self._pending_jump_s
        context = self._contexts.of(header, camera, parameters)
        jump_s, self._pending_jump_s = self._pending_jump_s, None
        before, self._frame = self._frame, header.frame_id
        other = before if before not in (None, header.frame_id) else None
        seconds = {"convert": converted - began, "pair": time.perf_counter() - converted}
        return ReadyFrame(header, stamp, arrived_ns, image, camera, jump_s, context, seconds, other)

    def _is_rectified(self, parameters: IntakeParameters) -> bool | None:
        given = parameters.rectified
        return True if given is None and self._is_named_rectified else given

    def _camera(self, header: Any, size: tuple[int, int], parameters: IntakeParameters) -> Camera:
        try:
            camera = self._cameras.camera(header, size, self._is_rectified(parameters))
        except FrameDropped:
            self._check_for_several_cameras(header, size, None)
            raise
        self._check_for_several_cameras(header, size, camera)
        return camera

    def _converted(self, message: Any, max_pixels: int) -> ImageArray:
        convert = image_from_message if hasattr(message, "encoding") else image_from_compressed
        try:
            return convert(message, self._bit_depth, max_pixels)
        except ConversionError as error:
            raise FrameDropped("bad image", str(error)) from error

    def _check_brightness(self, image: ImageArray) -> None:
        brightest = int(image[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE].max())
        if brightest < BLACK_BELOW:
            self._problem(
                "black image",
                f"the image is black, its brightest pixel has {brightest} of 255: check the lens cover, the exposure "
                "and the encoding",
            )

    def _check_for_several_cameras(self, header: Any, size: tuple[int, int], camera: Camera | None) -> None:
        text = self._camera_mixture.problem(bare(header.frame_id), size, camera)
        if text:
            self._problem("several cameras", f"{text}; give each camera a topic and a node of its own ({self._topic})")

    def _frame_of(self, header: Any) -> str:
        """The image's frame, else its CameraInfo's; reports once if both are empty."""
        frame = bare(header.frame_id) or str(getattr(self._cameras, "frame_id", ""))
        if not frame and not self._has_reported_empty_frame:
            self._has_reported_empty_frame = True
            self._problem(
                "no frame",
                "images and CameraInfo have an empty frame_id, so the node neither broadcasts nor looks up transforms; "
                "set the frame in the camera driver",
            )
        return frame

    def _stamp_of(self, header: Any, arrived_ns: int) -> int:
        """The image's stamp, or the time of arrival, for the tracker, if the stamp is 0; the header stays unchanged."""
        stamp = stamp_ns(header)
        if stamp == 0:
            self._problem(
                "no stamp",
                "images have a stamp of zero, so no transforms are sent and synchronisation fails; let the driver "
                "write stamps",
            )
        return stamp or arrived_ns
