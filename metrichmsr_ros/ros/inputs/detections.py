"""Boxes of another detector (vision_msgs/Detection2DArray) as image regions to search for people."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.frame_names import is_same_frame
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.types import Float64Array

MAX_AGE_S = 0.5  # detections arrive late; people move little in that time compared with the size of their box


class DetectedBoxes:
    """The newest boxes. The executor's thread fills it, the worker's thread reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: Any | None = None

    def add(self, message: Any) -> None:
        """Add one vision_msgs/Detection2DArray."""
        with self._lock:
            self._newest = message

    def of(self, header: Any, camera: Camera, class_id: str, min_score: float) -> Float64Array:
        """Boxes (N, 4) x0, y0, x1, y1 in pixels of the rectified image; N is 0 if they are of another time or frame.

        Args:
            header: of the image. camera: of the image, whose raw pixels the boxes are in.
            class_id: the detector's class of people; empty: all classes.
            min_score: lowest score of a hypothesis.
        """
        with self._lock:
            message = self._newest
        if message is None or not is_same_frame(message.header.frame_id, header.frame_id):
            return np.zeros((0, 4))
        if abs(stamp_ns(header) - stamp_ns(message.header)) > MAX_AGE_S * 1e9:
            return np.zeros((0, 4))
        boxes = [_box(item.bbox) for item in message.detections if _is_person(item, class_id, min_score)]
        return _rectified(np.array(boxes).reshape(-1, 4), camera)


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
    moved = camera.rectified().project(camera.back_project(corners, np.ones(corners.shape[:2])))
    straight = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    return np.asarray(straight[np.isfinite(straight).all(axis=1)])
