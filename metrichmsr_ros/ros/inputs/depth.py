"""Depth images for the colour images: from a sensor or another node, in millimetres or metres, of any size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from metrichmsr_ros.depth.sources.base import DepthError, DepthMap, stretched
from metrichmsr_ros.depth.sources.files import metres
from metrichmsr_ros.geometry.calibration_checks import Doubt, warn_of_calibration
from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.people.stamps import older_or_newer
from metrichmsr_ros.ros.frame_names import is_same_frame
from metrichmsr_ros.ros.inputs.encodings import canonical
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.waiting import Habit, WaitBudget
from metrichmsr_ros.ros.topic_names import names_rectified_image

SAME_MOMENT_S = 0.05  # largest difference between the stamps of an image and its depth
_SAME_MOMENT_NS = round(SAME_MOMENT_S * 1e9)
PARTNER_WAIT_S = 0.05
CACHED_IMAGES = 8
_TYPES = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4", "64FC1": "f8"}


class DepthImages:
    """Depth by stamp. The executor's thread fills it, the worker's thread reads it.

    Args:
        wait_s: how long an image waits for its depth, which arrives late because registration takes time. It waits for
            depth of equal stamp only if the last ones arrived in time. Otherwise it uses the nearest depth at once.
        budget: waiting time of an image, shared by all its inputs.
        problem: called with cause and text for every depth image whose calibration is unusual but used.
        topic: name of the depth topic, which may show that depth images are rectified.
    """

    def __init__(
        self,
        wait_s: float = PARTNER_WAIT_S,
        budget: WaitBudget | None = None,
        problem: Callable[[str, str], None] = lambda cause, text: warn_of_calibration(text),
        topic: str = "depth",
    ) -> None:
        self._is_rectified = names_rectified_image(topic)
        self._wait_s, self._budget, self._problem = wait_s, budget or WaitBudget(), problem
        self._equal, self._near = Habit(), Habit()  # depth of equal stamp, and of a near stamp
        self._arrived = threading.Condition()
        self._by_stamp: OrderedDict[int, Any] = OrderedDict()
        self._info: Any | None = None

    def add(self, message: Any) -> None:
        """Add one depth image (sensor_msgs/Image)."""
        with self._arrived:
            stamp = stamp_ns(message.header)
            self._by_stamp[stamp] = message
            self._equal.came(stamp)
            self._near.came(stamp, _SAME_MOMENT_NS)
            if len(self._by_stamp) > CACHED_IMAGES:
                self._by_stamp.popitem(last=False)
            self._arrived.notify_all()

    @property
    def has_come(self) -> bool:
        """Whether any depth image was received."""
        return bool(self._by_stamp)

    def add_info(self, info: Any) -> None:
        """Add the depth camera's sensor_msgs/CameraInfo."""
        with self._arrived:
            self._info = info

    def of(self, header: Any, camera: Camera) -> DepthMap:
        """Depth at the time of an image.

        Without a CameraInfo of the depth camera, depth is assumed to cover what the image covers: the raw image with
        its distortion, as drivers align it, or the rectified one if the depth topic's name says so.

        Args:
            header: the image's header.
            camera: the image's camera.

        Raises:
            DepthError: no depth arrived in time, or it cannot be used; the text names the cause and the remedy.
        """
        message = self._nearest(stamp_ns(header))
        if not is_same_frame(message.header.frame_id, header.frame_id):
            raise DepthError(
                f"depth is of frame {message.header.frame_id!r}, the image of {header.frame_id!r}: register it to the "
                "colour camera first (depth_image_proc, or the driver's aligned depth)"
            )
        return depth_map(message, self._info, camera, self._doubt, self._is_rectified)

    def _doubt(self, text: str) -> None:
        self._problem("doubtful depth_info", f"CameraInfo of the depth image: {text}")

    def _nearest(self, stamp: int) -> Any:
        with self._arrived:
            if self._by_stamp:
                self._wait(stamp, self._budget.left(self._wait_s))
            found = self._found(stamp)
            if found is None:
                newest = next(reversed(self._by_stamp), None)
                last = "none was received"
                if newest is not None:
                    last = f"the newest is {older_or_newer((stamp - newest) / 1e9)}"
                raise DepthError(f"no depth image for this image, {last}: check the remapping and the delay of depth")
            return self._by_stamp[found]

    def _wait(self, stamp: int, left_s: float) -> None:
        """Wait for depth of equal stamp, or of a near stamp, if the last ones arrived in time."""
        is_equal, is_near = stamp in self._by_stamp, self._found(stamp) is not None
        self._note(self._equal, is_equal, stamp, left_s)
        self._note(self._near, is_near, stamp, left_s)
        if left_s and not is_equal and self._equal.is_worth_waiting:
            self._arrived.wait_for(lambda: stamp in self._by_stamp, left_s)
        elif left_s and not is_near and self._near.is_worth_waiting:
            self._arrived.wait_for(lambda: self._found(stamp) is not None, left_s)

    @staticmethod
    def _note(habit: Habit, is_there: bool, stamp: int, for_s: float) -> None:
        if is_there:
            habit.found()
        else:
            habit.missing(stamp, for_s)

    def _found(self, stamp: int) -> int | None:
        """The nearest stamp within `SAME_MOMENT_S`; None without one."""
        near = min(self._by_stamp, key=lambda other: abs(other - stamp), default=None)
        return near if near is not None and abs(near - stamp) <= _SAME_MOMENT_NS else None


def depth_map(
    message: Any,
    info: Any | None,
    camera: Camera,
    doubt: Doubt = warn_of_calibration,
    is_rectified: bool = False,
) -> DepthMap:
    """One depth message as metres on its own grid.

    Args:
        message: sensor_msgs/Image, 16UC1 or 32FC1.
        info: its CameraInfo; None without one.
        camera: of the colour image.
        doubt: as for `camera_from_info`.
        is_rectified: whether depth has no distortion although its camera, or that of the image, has.

    Raises:
        DepthError: unknown encoding, truncated data, or a CameraInfo that contradicts it.
    """
    depth = metres(_pixels(message), canonical(message.encoding))
    size = (message.width, message.height)
    source = "topic"
    if info is None:
        return DepthMap(depth, stretched(camera.rectified() if is_rectified else camera, *size), source, is_sensor=True)
    try:
        own = camera_from_info(info, size, True if is_rectified else None, doubt)
    except CameraError as error:
        raise DepthError(f"CameraInfo of the depth image: {error}") from error
    return DepthMap(depth, own, source, is_sensor=True)


def _pixels(message: Any) -> npt.NDArray[Any]:
    encoding = canonical(message.encoding)
    if encoding not in _TYPES:
        raise DepthError(f"depth image has encoding {message.encoding!r}; publish 16UC1 (mm) or 32FC1 (m)")
    dtype = np.dtype((">" if message.is_bigendian else "<") + _TYPES[encoding])
    row = message.width * dtype.itemsize
    step = message.step or row  # 0: the driver did not set it
    needed = step * (message.height - 1) + row
    if message.width == 0 or message.height == 0 or step < row or len(message.data) < needed:
        raise DepthError(
            f"depth image {message.width}x{message.height} {message.encoding} with step {message.step} has "
            f"{len(message.data)} bytes: empty or truncated"
        )
    strides = (step, dtype.itemsize)
    pixels = np.ndarray((message.height, message.width), dtype, buffer=message.data, strides=strides)
    return pixels.astype(dtype.newbyteorder("="))
