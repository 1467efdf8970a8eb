"""BlazePose's two networks through LiteRT: where people are, and their landmarks.

    blazepose = BlazePose()
    for detection in blazepose.detect(image):
        found = blazepose.landmarks(image, detection.roi())

Pre- and post-processing follow MediaPipe's published graphs (`pose_detection_cpu`, `pose_landmark_by_roi_cpu`,
`tensors_to_pose_landmarks_and_segmentation`), in this project's pixel convention (integer pixel centres).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.assets import model_path
from metrichmsr_ros.people.landmarks import (
    CROP_SIZE,
    NUM_LANDMARKS,
    Detection,
    FloatArray,
    LandmarkSet,
    Roi,
)
from metrichmsr_ros.people.ssd import INPUT_SIZE, decode, make_anchors, weighted_nms

__all__ = ["BlazePose", "Detection", "ImageError", "LandmarkSet", "Roi"]

HEATMAP_STRIDE = 4
HEATMAP_KERNEL = 7
HEATMAP_MIN_CONFIDENCE = 0.5


class ImageError(ValueError):
    """The image is not what the networks can read; the message says what it is and what it should be."""


def check_image(image: Any) -> None:
    """Raise `ImageError` unless `image` is HWC uint8 RGB with at least one pixel."""
    if not isinstance(image, np.ndarray):
        raise ImageError(f"image is a {type(image).__name__}; pass a numpy array, height x width x 3, uint8, RGB")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            f"image has shape {image.shape} and dtype {image.dtype}; pass height x width x 3 uint8 RGB "
            "(grey: cv2.cvtColor(image, cv2.COLOR_GRAY2RGB); float 0..1: (image * 255).astype(numpy.uint8))"
        )


class BlazePose:
    """Detector and landmark network.

    An instance holds the interpreters' input and output buffers, so it may be used from one thread at a time; make one
    per thread.

    Args:
        num_threads: threads of each network's interpreter.
        detector_path: `pose_detection.tflite`; None: the one in the user's cache.
        landmark_path: `pose_landmark_full.tflite`; None: the one in the user's cache.
        min_score: detector score below which an answer is dropped.
        max_iou: overlap of the detector's boxes above which answers are merged.
    """

    def __init__(
        self,
        num_threads: int = 2,
        *,
        detector_path: str | Path | None = None,
        landmark_path: str | Path | None = None,
        min_score: float = 0.5,
        max_iou: float = 0.3,
    ) -> None:
        detector_path = detector_path or model_path("pose_detection.tflite")
        landmark_path = landmark_path or model_path("pose_landmark_full.tflite")
        self._detector = _Network(detector_path, num_threads, (1, INPUT_SIZE, INPUT_SIZE, 3))
        self._landmarker = _Network(landmark_path, num_threads, (1, CROP_SIZE, CROP_SIZE, 3))
        self._anchors = make_anchors()
        self._min_score, self._max_iou = min_score, max_iou

    def detect(self, image: np.ndarray) -> list[Detection]:
        """People in an image or tile, HWC uint8 RGB of any size; best first; coordinates in px of `image`."""
        check_image(image)
        square, scale, offset = _letterbox(image)
        raw, logits = self._detector.run(square * np.float32(2 / 255) - np.float32(1), (0, 1))
        scores, points = decode(raw[0], logits[0, :, 0], self._anchors, self._min_score)
        scores, points = weighted_nms(scores, points, self._max_iou)
        pixels = (points * INPUT_SIZE - offset) / scale - 0.5
        return [Detection(float(s), p[:2].reshape(4), p[2:]) for s, p in zip(scores, pixels, strict=True)]

    def landmarks(self, image: np.ndarray, roi: Roi, min_score: float = 0.5) -> LandmarkSet | None:
        """Landmarks of the person in `roi`, or None where the network sees nobody or the ROI misses the image.

        Args:
            image: HWC uint8 RGB.
            roi: rotated square in px of `image`; it may reach over the border.
            min_score: presence below which None comes back; 0 returns whatever the network says.
        """
        check_image(image)
        if not roi.is_usable(image.shape[1], image.shape[0]):
            return None
        matrix = roi.matrix()
        crop = cv2.warpAffine(
            image, matrix[:2], (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        raw, score, heatmaps, world = self._landmarker.run(crop * np.float32(1 / 255), (0, 1, 3, 4))
        presence_score = float(score.reshape(()))
        if not presence_score >= min_score:
            return None
        values = raw.reshape(NUM_LANDMARKS, 5)
        points = values[:, :3].copy()
        points[:, :2] = refine_from_heatmaps(values[:, :2], heatmaps[0]) - 0.5
        inverse = np.linalg.inv(matrix)
        return LandmarkSet(
            roi=roi,
            score=presence_score,
            crop_landmarks=points,
            visibility=_sigmoid(values[:, 3]),
            presence=_sigmoid(values[:, 4]),
            world=world.reshape(NUM_LANDMARKS, 3).copy(),
            crop_matrix=matrix,
            pixels=(points[:, :2] @ inverse[:2, :2].T + inverse[:2, 2]).astype(np.float32),
        )


class _Network:
    """One LiteRT interpreter: one float32 input, numbered outputs."""

    def __init__(self, path: str | Path, num_threads: int, input_shape: tuple[int, ...]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if not Path(path).is_file():
            raise FileNotFoundError(
                f"no network at {path}; run `metrichmsr setup` or pass the path of the .tflite file"
            )
        self._interpreter = Interpreter(str(path), num_threads=num_threads)
        self._interpreter.allocate_tensors()
        entry = self._interpreter.get_input_details()[0]
        if tuple(entry["shape"]) != input_shape:
            raise ValueError(f"{path} takes input {tuple(entry['shape'])}, not {input_shape}: wrong network file")
        self._input = entry["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def run(self, batch: FloatArray, outputs: tuple[int, ...]) -> list[FloatArray]:
        """Copies of the outputs with these positions; `batch` (H, W, 3) float32 becomes a batch of one."""
        self._interpreter.set_tensor(self._input, batch[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(self._outputs[i]) for i in outputs]


def refine_from_heatmaps(points: FloatArray, heatmaps: FloatArray) -> FloatArray:
    """Move landmarks to the centre of mass of their heatmap nearby, where the heatmap is sure.

    Args:
        points: (L, 2) x, y in crop px, pixel edges at whole numbers (the network's convention).
        heatmaps: (G, G, L) logits.

    Returns:
        (L, 2) float32 refined points; those outside the heatmap or without a confident peak stay.
    """
    grid = heatmaps.shape[0]
    cell = np.floor(points / HEATMAP_STRIDE).astype(np.int64)
    inside = ((cell >= 0) & (cell < grid)).all(1)
    reach = np.arange(HEATMAP_KERNEL) - HEATMAP_KERNEL // 2
    cols, rows = cell[:, 0, None] + reach, cell[:, 1, None] + reach  # (L, 7)
    on_map = ((rows >= 0) & (rows < grid))[:, :, None] & ((cols >= 0) & (cols < grid))[:, None, :]
    landmark = np.arange(len(points))[:, None, None]
    logits = heatmaps[np.clip(rows, 0, grid - 1)[:, :, None], np.clip(cols, 0, grid - 1)[:, None, :], landmark]
    weights = np.where(on_map, _sigmoid(logits), 0.0)  # (L, 7, 7)
    total = np.maximum(weights.sum((1, 2)), 1e-9)
    mean = np.stack([(weights.sum(1) * cols).sum(1), (weights.sum(2) * rows).sum(1)], axis=1) / total[:, None]
    sure = inside & (weights.max((1, 2)) >= HEATMAP_MIN_CONFIDENCE)
    return np.where(sure[:, None], mean * HEATMAP_STRIDE, points).astype(np.float32)


def _letterbox(image: np.ndarray) -> tuple[np.ndarray, FloatArray, FloatArray]:
    """Fit the image into the detector's square, centred, black around; also the (2,) scale and (2,) offset it took."""
    height, width = image.shape[:2]
    ratio = INPUT_SIZE / max(height, width)
    new = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    resized = cv2.resize(image, new, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    left, top = (INPUT_SIZE - new[0]) // 2, (INPUT_SIZE - new[1]) // 2
    square = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), np.uint8)
    square[top : top + new[1], left : left + new[0]] = resized
    scale = np.array([new[0] / width, new[1] / height])
    return square, scale, np.array([left, top], np.float64)


def _sigmoid(logits: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0)))
