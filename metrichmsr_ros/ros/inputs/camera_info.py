"""Which CameraInfo belongs to an image: that of its stamp, else the newest of the same camera."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from metrichmsr_ros.geometry.calibration_checks import Doubt, warn_of_calibration
from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped, stamp_ns

PARTNER_WAIT_S = 0.03
CACHED_INFOS = 32
STEADY_INFOS = 10  # so many alike, one after the other: the next is taken to be like them, and not waited for


class CameraInfos:
    """CameraInfo by stamp, with the newest as fallback. Filled in the executor's thread, read in the worker's.

    Args:
        where: words for a message that none has come: on which topic, and the remedy.
        wait_s: how long an image waits for the CameraInfo of its own stamp, where the driver sends one.
        problem: called with cause and text, for every image, about a calibration that is used but unusual.
    """

    def __init__(
        self,
        where: Callable[[], str] = lambda: "before this image",
        wait_s: float = PARTNER_WAIT_S,
        problem: Callable[[str, str], None] = lambda cause, text: warn_of_calibration(text),
    ) -> None:
        self._wait_s = wait_s
        self._where = where
        self._problem = problem
        self._arrived = threading.Condition()
        self._by_stamp: OrderedDict[int, Any] = OrderedDict()
        self._missed: int | None = None  # stamp of the last image that waited in vain
        self._pairs = True  # whether images and infos have been found to carry equal stamps
        self._newest: tuple[Any, ...] | None = None  # what the newest info says
        self._alike = 0  # how many in a row have said that
        self._size: tuple[int, int] | None = None  # of the last image
        self._camera: tuple[Any, Camera, list[str]] | None = None  # with what is unusual about it
        self.pairing = "none yet"  # of the last image, for diagnostics

    def add(self, info: Any) -> None:
        """Take in one sensor_msgs/CameraInfo."""
        says = (info.header.frame_id, _numbers_of(info))
        with self._arrived:
            stamp = stamp_ns(info.header)
            self._alike = self._alike + 1 if says == self._newest else 1
            self._newest = says
            self._by_stamp.pop(stamp, None)
            self._by_stamp[stamp] = info
            if len(self._by_stamp) > CACHED_INFOS:
                self._by_stamp.popitem(last=False)
            self._pairs = self._pairs or stamp == self._missed
            self._arrived.notify_all()

    def camera(self, header: Any, size: tuple[int, int], rectified: bool | None) -> Camera:
        """Camera of an image: from the CameraInfo of equal stamp, else from the newest of the same frame and size.

        The one of equal stamp is waited for as long as calibration changes, as with a zoom; a steady one is not.

        Args:
            header: the image's header.
            size: (width, height) of the image.
            rectified: as for `camera_from_info`.

        Raises:
            FrameDropped: none has come yet, it is uncalibrated or contradicts the image.
        """
        info = self._paired(stamp_ns(header), size)
        if info is None:
            raise FrameDropped("no camera_info", f"no CameraInfo received {self._where()}")
        if info.header.frame_id != header.frame_id:
            raise FrameDropped(
                "camera_info of another frame",
                f"CameraInfo is of frame {info.header.frame_id!r}, the image of {header.frame_id!r}: remap "
                "camera_info to that of the same camera",
            )
        key = _numbers_of(info), size, rectified
        if self._camera is None or self._camera[0] != key:  # the same object again: rectification maps stay valid
            doubts: list[str] = []
            self._camera = key, _camera_from_info(info, size, rectified, doubts.append), doubts
        for text in self._camera[2]:
            self._problem("doubtful camera_info", text)
        return self._camera[1]

    def _paired(self, stamp: int, size: tuple[int, int]) -> Any | None:
        with self._arrived:
            steady = self._alike >= STEADY_INFOS and size == self._size
            self._size = size
            if stamp not in self._by_stamp and (self._pairs or not self._by_stamp) and not steady:
                found = self._arrived.wait_for(lambda: stamp in self._by_stamp, self._wait_s)
                self._pairs = found
                self._missed = None if found else stamp
            if stamp in self._by_stamp:
                self.pairing = "of the image's stamp"
                return self._by_stamp[stamp]
            self.pairing = "the newest" if self._by_stamp else "none yet"
            return next(reversed(self._by_stamp.values()), None)


def _numbers_of(info: Any) -> tuple[Any, ...]:
    roi = info.roi
    return (
        info.width, info.height, info.distortion_model, bytes(info.d), bytes(info.k), bytes(info.r), bytes(info.p),
        info.binning_x, info.binning_y, (roi.x_offset, roi.y_offset, roi.width, roi.height, roi.do_rectify),
    )  # fmt: skip


def _camera_from_info(info: Any, size: tuple[int, int], rectified: bool | None, doubt: Doubt) -> Camera:
    try:
        return camera_from_info(info, size, rectified, doubt)
    except CameraError as error:
        raise FrameDropped("bad camera_info", str(error)) from error
