"""Frames of a video file, or of a part of it, decoded one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.annotation.frames import Cameras, SourceFrame
from metrichmsr_ros.annotation.options import SourceError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.io.avi import stored_pictures

_MISSING = 0.01  # share of the announced frames or time that a whole video may lack: containers round its length
_COUNTING = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # first boxes of MP4 and QuickTime
_LATEST_NS = 2**62  # stamps are 64 bits
_MISSING_FRAMES = 3
_ORIENTATIONS = {90: 6, 180: 3, 270: 8}  # EXIF's, by the degrees that OpenCV turns frames clockwise


class VideoFrames:
    """Frames of a video; see `frames.FrameStream`.

    Args:
        path: the file.
        cameras: give the camera of its first frame, which is that of all. Intrinsics are those of the stored pixels, as
            of photographs: OpenCV turns frames as the file says.
        first: index of the first frame to yield.
        count: frames to yield; None: to the end.

    Raises:
        SourceError: it cannot be opened.
    """

    is_video = True

    def __init__(self, path: Path, cameras: Cameras, first: int = 0, count: int | None = None) -> None:
        self.damage = ""
        self._cameras, self._first, self._count = cameras, first, count
        self._video = cv2.VideoCapture(str(path))
        if not self._video.isOpened():
            raise SourceError("OpenCV cannot open this video: it is damaged, or of a codec that OpenCV lacks")
        self._announced, self._stored = _announced_frames(self._video), stored_pictures(path)
        self._counts_frames, self._begin = _counts_frames(path), 0
        fps = float(self._video.get(cv2.CAP_PROP_FPS))
        self._fps = fps if math.isfinite(fps) and fps > 0 else None
        last = math.inf if count is None else first + count
        frames = self._announced if self._stored is None else self._stored
        self.total = None if frames is None else int(max(0, min(frames, last) - first))

    def close(self) -> None:
        """Close the file."""
        self._video.release()

    def __iter__(self) -> Iterator[SourceFrame]:
        """Every frame of the part.

        Frames before it are decoded too: seeking lands on other frames in some files.
        """
        camera: Camera | None = None
        index, stamp_ns = -1, -1
        end = math.inf if self._count is None else self._first + self._count
        while index + 1 < end:
            if not self._video.grab():
                self._check_length(index + 1, stamp_ns)
                return
            index, stamp_ns = index + 1, self._stamp_after(stamp_ns)
            if index == 0:
                self._begin = self._slot()
            if camera is not None and index < self._first:
                continue
            decoded, picture = self._video.retrieve()
            if not decoded or picture is None:  # OpenCV says so of some frames that it has no picture of
                self.damage = f"frame {index} cannot be decoded; the video was read up to there"
                return
            image = np.ascontiguousarray(picture[..., ::-1], np.uint8)
            camera = camera or self._cameras.of(image, orientation_of(self._video))
            if index >= self._first:
                yield SourceFrame(index, image, camera, stamp_ns, fps=self._fps)

    def _check_length(self, read: int, last_ns: int) -> None:
        """Tell damage if frames are missing at the end.

        Only MP4 and QuickTime store how many frames there are. Of others OpenCV announces duration times rate, which
        is too many where the rate varies or the first frame comes late; but the last frame is at the end. An AVI that
        is not cut off has no more frames than pictures, whatever rate and length its header states.
        """
        announced = self._announced
        if announced is None or (self._stored is not None and not _lacks(self._stored, read)):
            return
        reached = read if self._counts_frames or not self._fps else self._begin + round(last_ns * self._fps / 1e9) + 1
        if _lacks(announced, max(read, reached)):
            self.damage = f"the video ends after {read} of {announced} frames; it is cut off or damaged"

    def _slot(self) -> int:
        """Time of the grabbed frame in the file, in frames of its rate; the stamps count from the first frame."""
        of_slot = getattr(cv2, "CAP_PROP_PTS", None)  # OpenCV before 4.11 does not tell
        slot = math.nan if of_slot is None else float(self._video.get(of_slot))
        return int(slot) if math.isfinite(slot) and 0 <= slot < _LATEST_NS else 0

    def _stamp_after(self, before_ns: int) -> int:
        """Time of the grabbed frame, after the one before it also where the file does not say."""
        stamp_ms = float(self._video.get(cv2.CAP_PROP_POS_MSEC))
        if math.isfinite(stamp_ms) and before_ns < stamp_ms * 1e6 < _LATEST_NS:
            return round(stamp_ms * 1e6)
        if self._fps is None:
            raise SourceError("the video has neither times nor a frame rate; write it anew with a frame rate")
        return before_ns + round(1e9 / self._fps)


def _lacks(frames: int, read: int) -> bool:
    """Whether more are missing than containers round."""
    return frames - read > max(_MISSING_FRAMES, _MISSING * frames)


def _counts_frames(path: Path) -> bool:
    """Whether the file is of a kind that stores its number of frames."""
    with path.open("rb") as file:
        return file.read(8)[4:] in _COUNTING


def frames_of(path: Path) -> int | None:
    """Number of frames of a video before it is decoded; None if it does not say or cannot be opened."""
    video = cv2.VideoCapture(str(path))
    frames = (stored_pictures(path) or _announced_frames(video)) if video.isOpened() else None
    video.release()
    return frames


def _announced_frames(video: cv2.VideoCapture) -> int | None:
    """Number of frames that the file claims to have; None if it does not say."""
    count = float(video.get(cv2.CAP_PROP_FRAME_COUNT))
    return int(count) if math.isfinite(count) and count > 0 else None


def orientation_of(video: cv2.VideoCapture) -> int:
    """EXIF orientation of the stored pixels, by the rotation of the file that OpenCV applies to its frames; else 1."""
    is_applied = video.get(cv2.CAP_PROP_ORIENTATION_AUTO) > 0
    degrees = float(video.get(cv2.CAP_PROP_ORIENTATION_META))
    return _ORIENTATIONS.get(int(degrees) % 360, 1) if is_applied and math.isfinite(degrees) else 1
