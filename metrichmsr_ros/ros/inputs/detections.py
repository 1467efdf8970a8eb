"""Boxes of another detector (vision_msgs/Detection2DArray) as image regions to search for people."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.stamps import older_or_newer
from metrichmsr_ros.ros.frame_names import is_same_frame
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.types import Float64Array

MAX_AGE_S = 0.5  # detections arrive late; people move little in that time compared with the size of their box


class DetectionsError(MetricHMRError, ValueError):
    """Detections cannot be used; the message names the cause and the remedy."""


class NoNewDetectionsError(DetectionsError):
    """The newest detections are too old and nothing came since: some detectors publish only when they find somebody."""


class DetectedBoxes:
    """The newest boxes. The executor's thread fills it, the worker's thread reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: Any | None = None
        self._is_new = False  # since the last image

    def add(self, message: Any) -> None:
        """Add one vision_msgs/Detection2DArray."""
        with self._lock:
            self._newest, self._is_new = message, True

    @property
    def has_come(self) -> bool:
        """Whether any message was received."""
        return self._newest is not None

    def of(self, header: Any, camera: Camera, class_id: str, min_score: float) -> Float64Array:
        """Boxes (N, 4) x0, y0, x1, y1 in pixels of the rectified image.

        Args:
            header: of the image. camera: of the image, whose raw pixels the boxes are in.
            class_id: the detector's class of people; empty: all classes.
            min_score: lowest score of a hypothesis.

        Raises:
            DetectionsError: the newest boxes are of another time or frame, their classes are named in another way, or
                a box has no area.
            NoNewDetectionsError: the detector is silent.
        """
        with self._lock:
            message, is_new, self._is_new = self._newest, self._is_new, False
        if message is None:
            return np.zeros((0, 4))
        _check_frame(message.header, header)
        _check_time(message.header, header, is_new)
        _check_classes(message.detections, class_id)
        boxes = [_box(item.bbox) for item in message.detections if _is_person(item, class_id, min_score)]
        return _rectified(_checked(np.array(boxes).reshape(-1, 4)), camera)


def _check_frame(theirs: Any, image: Any) -> None:
    if not is_same_frame(theirs.frame_id, image.frame_id):
        raise DetectionsError(
            f"their frame is {theirs.frame_id}, that of the image is {image.frame_id}: remap `detections` to the "
            "detector of this camera"
        )


def _check_time(theirs: Any, image: Any, is_new: bool) -> None:
    away = (stamp_ns(image) - stamp_ns(theirs)) / 1e9
    if abs(away) <= MAX_AGE_S:
        return
    text = f"the newest are {older_or_newer(away)} than the image, more than {MAX_AGE_S} s"
    if away > 0 and not is_new:
        raise NoNewDetectionsError(text)
    raise DetectionsError(f"{text}: check that the detector keeps the image's stamp, and is fast enough")


def _check_classes(detections: Any, class_id: str) -> None:
    """Raises DetectionsError where classes are numbers and `class_id` is a name, or the reverse."""
    found = {result.hypothesis.class_id for item in detections for result in item.results}
    if class_id and found and all(name.isdigit() != class_id.isdigit() for name in found):
        example = min(found)
        raise DetectionsError(
            f"their classes are named like '{example}', `detections_class` is '{class_id}': set it to the detector's "
            "class of people"
        )


def _checked(boxes: Float64Array) -> Float64Array:
    wrong = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
    if wrong.any():
        raise DetectionsError(
            f"{wrong.sum()} of {len(boxes)} boxes have no area or are not finite, for example x0, y0, x1, y1 = "
            f"{boxes[wrong][0].tolist()}: correct the detector's centre and size"
        )
    return boxes


def _is_person(detection: Any, class_id: str, min_score: float) -> bool:
    hypotheses = (result.hypothesis for result in detection.results)
    return any(h.score >= min_score and class_id in ("", h.class_id) for h in hypotheses)


def _box(bbox: Any) -> tuple[float, float, float, float]:
    x, y = bbox.center.position.x, bbox.center.position.y
    return x - bbox.size_x / 2, y - bbox.size_y / 2, x + bbox.size_x / 2, y + bbox.size_y / 2


def _rectified(boxes: Float64Array, camera: Camera) -> Float64Array:
    if not camera.is_distorted or not len(boxes):
        return boxes
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    rays = camera.back_project(corners, np.ones(corners.shape[:2]))
    moved = camera.rectified().project(rays @ camera.rectification.T)
    straight = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    return np.asarray(straight[np.isfinite(straight).all(axis=1)])
