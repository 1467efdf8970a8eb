"""Pair images with CameraInfo: the one of equal stamp, else the newest one of the same camera at that time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from metrichmsr_ros.geometry.calibration_checks import Doubt, warn_of_calibration
from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.ros.frame_names import bare, is_same_frame
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped, stamp_ns
from metrichmsr_ros.ros.inputs.waiting import Habit, WaitBudget

PARTNER_WAIT_S = 0.03
CACHED_INFOS = 32
AHEAD_S = 0.02  # some drivers stamp the image at exposure and its CameraInfo when they send it
STEADY_INFOS = 10  # after this many equal ones in a row the next is assumed to be equal, and no image waits for it


class CameraInfos:
    """CameraInfo by stamp, with the newest as fallback. The executor's thread fills it, the worker's thread reads it.

    Args:
        where: end of the error text if no CameraInfo was received: the topic and the remedy.
        wait_s: how long an image waits for the CameraInfo of equal stamp, if the driver sends one.
        problem: called with cause and text for every image whose calibration is unusual but used.
        budget: waiting time of an image, shared by all its inputs.
    """

    def __init__(
        self,
        where: Callable[[], str] = lambda: "before this image",
        wait_s: float = PARTNER_WAIT_S,
        problem: Callable[[str, str], None] = lambda cause, text: warn_of_calibration(text),
        budget: WaitBudget | None = None,
    ) -> None:
        self._wait_s = wait_s
        self._where = where
        self._problem = problem
        self._arrived = threading.Condition()
        self._infos: deque[Any] = deque(maxlen=CACHED_INFOS)  # in order of arrival
        self._budget = budget or WaitBudget()
        self._habit = Habit()  # of infos with the stamp of their image
        self._lags = False  # whether one has arrived after its image
        self._newest: tuple[Any, ...] | None = None  # frame and calibration of the newest info
        self._alike = 0  # how many in a row were equal to it
        self._size: tuple[int, int] | None = None  # of the last image
        self._camera: tuple[Any, Camera, list[str]] | None = None  # with what is unusual about it
        self.pairing = "none yet"  # of the last image, for diagnostics
        self.frame_id = ""  # of the last image's CameraInfo

    def add(self, info: Any) -> None:
        """Add one sensor_msgs/CameraInfo."""
        frame = bare(info.header.frame_id)
        says = (frame, _numbers_of(info))
        with self._arrived:
            stamp = stamp_ns(info.header)
            self._alike = self._alike + 1 if says == self._newest else 1
            self._newest = says
            kept = [i for i in self._infos if stamp_ns(i.header) != stamp or bare(i.header.frame_id) != frame]
            self._infos = deque([*kept, info], maxlen=CACHED_INFOS)
            self._lags = self._habit.came(stamp) or self._lags
            self._arrived.notify_all()

    def camera(self, header: Any, size: tuple[int, int], rectified: bool | None) -> Camera:
        """Camera of an image: from the CameraInfo of equal stamp, else from the newest of the same frame and size.

        The image waits for the CameraInfo of equal stamp if the calibration changes, as with a zoom lens, or if
        CameraInfo arrives after its image. So a change applies from its first image on. The image does not wait if
        the calibration is constant and CameraInfo arrives before its image.

        Args:
            header: the image's header.
            size: (width, height) of the image.
            rectified: as for `camera_from_info`.

        Raises:
            FrameDropped: no CameraInfo was received, or it is uncalibrated or contradicts the image.
        """
        info = self._paired(stamp_ns(header), header.frame_id, size)
        if info is None:
            raise FrameDropped("no camera_info", f"no CameraInfo received {self._where()}")
        if not _is_of(info, header.frame_id):
            raise FrameDropped(
                "camera_info of another frame",
                f"CameraInfo is of frame {info.header.frame_id!r}, the image of {header.frame_id!r}: remap "
                "camera_info to the topic of the same camera",
            )
        self.frame_id = bare(info.header.frame_id)
        key = _numbers_of(info), size, rectified
        if self._camera is None or self._camera[0] != key:  # else the same object, whose rectification maps stay valid
            doubts: list[str] = []
            self._camera = key, _camera_from_info(info, size, rectified, doubts.append), doubts
        for text in self._camera[2]:
            self._problem("doubtful camera_info", text)
        return self._camera[1]

    def _paired(self, stamp: int, frame: str, size: tuple[int, int]) -> Any | None:
        with self._arrived:
            steady = self._alike >= STEADY_INFOS and size == self._size
            self._size = size
            own = self._own(stamp, frame)
            if own is None:
                left = self._budget.left(self._wait_s)
                self._habit.missing(stamp, left)
                if left and self._habit.is_worth_waiting and (self._lags or not steady):
                    self._arrived.wait_for(lambda: self._own(stamp, frame) is not None, left)
                    own = self._own(stamp, frame)
            else:
                self._habit.found()
            if own is not None:
                self.pairing = "of the image's stamp"
                return own
            self.pairing = "the newest" if self._infos else "none yet"
            return self._newest_for(stamp, frame, size)

    def _own(self, stamp: int, frame: str) -> Any | None:
        """The CameraInfo of an image's stamp and frame."""
        return next((i for i in self._infos if stamp_ns(i.header) == stamp and _is_of(i, frame)), None)

    def _newest_for(self, stamp: int, frame: str, size: tuple[int, int]) -> Any | None:
        """The newest one of the image's camera at the image's time; a later one may have another calibration."""
        newest_first = list(reversed(self._infos))
        candidates = _of_frame(newest_first, frame) or newest_first[:1]  # the error names the newest
        for is_fit in (
            lambda info: _size_of(info) == size,
            lambda info: stamp_ns(info.header) <= stamp + AHEAD_S * 1e9,
        ):
            candidates = [info for info in candidates if is_fit(info)] or candidates
        return candidates[0] if candidates else None


def _of_frame(infos: list[Any], frame: str) -> list[Any]:
    """Those of an image's frame; those without one fit every image, but only while the newest has none either."""
    named = [info for info in infos if bare(info.header.frame_id) == bare(frame)] if bare(frame) else []
    if named or not infos or not _is_of(infos[0], frame):
        return named
    return [info for info in infos if _is_of(info, frame)]


def _is_of(info: Any, frame: str) -> bool:
    return is_same_frame(info.header.frame_id, frame)


def _size_of(info: Any) -> tuple[int, int]:
    """(width, height) of the images that a CameraInfo describes."""
    roi = info.roi
    width, height = (roi.width, roi.height) if roi.width or roi.height else (info.width, info.height)
    return width // max(info.binning_x, 1), height // max(info.binning_y, 1)


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
