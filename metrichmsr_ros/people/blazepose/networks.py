"""BlazePose's two networks in LiteRT: the person detector and the landmark network.

    blazepose = BlazePose()
    for detection in blazepose.detect(image):
        found = blazepose.landmarks(image, detection.roi())

Pre- and post-processing follow MediaPipe's published graphs (`pose_detection_cpu`, `pose_landmark_by_roi_cpu`,
`tensors_to_pose_landmarks_and_segmentation`), in this project's pixel convention (integer pixel centres).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.assets import model_path
from metrichmsr_ros.body.joints import MIRROR_ALL_LANDMARKS
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.people.blazepose.anchors import INPUT_SIZE, decode, make_anchors, weighted_nms
from metrichmsr_ros.people.blazepose.crops import Tile, cut_out, letterbox
from metrichmsr_ros.people.blazepose.heatmaps import refine_from_heatmaps, sigmoid
from metrichmsr_ros.people.blazepose.landmarks import CROP_SIZE, NUM_LANDMARKS, Detection, LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.masking import mask_bodies
from metrichmsr_ros.types import FloatingArray

__all__ = ["BlazePose", "Detection", "ImageError", "LandmarkSet", "Roi"]


class ImageError(MetricHMRError, ValueError):
    """The networks cannot read the image; the message names its type and shape, and the expected ones."""


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

    An instance holds the interpreters' input and output buffers. It is not thread-safe: make one per thread.

    Args:
        num_threads: threads of each network's interpreter.
        detector_path: `pose_detection.tflite`; None: the one in the user's cache.
        heavy: use the heavier landmark network, which has the same inputs and outputs and is about three times as slow.
        landmark_path: `pose_landmark_full.tflite` or `pose_landmark_heavy.tflite`; None: the one in the user's cache.
        min_score: detections with a lower score are dropped.
        max_iou: detections whose boxes overlap by more are merged.
    """

    def __init__(
        self,
        num_threads: int = 2,
        *,
        heavy: bool = False,
        detector_path: str | Path | None = None,
        landmark_path: str | Path | None = None,
        min_score: float = 0.5,
        max_iou: float = 0.3,
    ) -> None:
        detector_path = detector_path or model_path("pose_detection.tflite")
        landmark_path = landmark_path or model_path(f"pose_landmark_{'heavy' if heavy else 'full'}.tflite")
        self._detector = _Network(detector_path, num_threads, (1, INPUT_SIZE, INPUT_SIZE, 3))
        self._landmarker = _Network(landmark_path, num_threads, (1, CROP_SIZE, CROP_SIZE, 3))
        self._anchors = make_anchors()
        self._min_score, self._max_iou, self._heavy = min_score, max_iou, heavy

    def detect(
        self, image: np.ndarray, tile: Tile | None = None, without: Sequence[LandmarkSet] = ()
    ) -> list[Detection]:
        """People in an image or in one tile of it, best first.

        Args:
            image: HWC uint8 RGB of any size.
            tile: the part to search; None searches all of it.
            without: known people to mask first, so that the detector finds others.

        Returns:
            Detections in px of `image`.
        """
        check_image(image)
        tile = tile or Tile(0, 0, image.shape[1], image.shape[0])
        square, matrix = letterbox(tile.cut(image), tile)
        if without:
            square = mask_bodies(square, matrix, without)
        raw, logits = self._detector.run(square * np.float32(2 / 255) - np.float32(1), (0, 1))
        scores, points = decode(raw[0], logits[0, :, 0], self._anchors, self._min_score)
        scores, points = weighted_nms(scores, points, self._max_iou)
        pixels = (points * INPUT_SIZE - 0.5 - matrix[:2, 2]) / np.diag(matrix)[:2]
        return [Detection(float(s), p[:2].reshape(4), p[2:]) for s, p in zip(scores, pixels, strict=True)]

    def landmarks(
        self,
        image: np.ndarray,
        roi: Roi,
        min_score: float = 0.5,
        *,
        without: Sequence[LandmarkSet] = (),
        keep: LandmarkSet | None = None,
        mirrored: bool = False,
    ) -> LandmarkSet | None:
        """Landmarks of the person in `roi`, or None if the network finds no person or the ROI lies outside the image.

        Args:
            image: HWC uint8 RGB.
            roi: rotated square in px of `image`; it may reach over the border.
            min_score: presence below which the result is None; 0 returns every result.
            without: other people, who are masked so that the network does not drift to them.
            keep: the last landmarks of this person, whose pixels stay unmasked where others overlap them.
            mirrored: pass the mirrored crop to the network and mirror its output back; the errors of this view differ.
        """
        check_image(image)
        if not roi.is_usable(image.shape[1], image.shape[0]):
            return None
        matrix = roi.matrix()
        crop = cut_out(image, roi, matrix)
        if without:
            crop = mask_bodies(crop, matrix, without, keep)
        score, points, metres, certainty = self._read_crop(crop[:, ::-1] if mirrored else crop)
        if not score >= min_score:
            return None
        if mirrored:
            points, metres, certainty = (part[list(MIRROR_ALL_LANDMARKS)] for part in (points, metres, certainty))
            points[:, 0] = CROP_SIZE - 1 - points[:, 0]
            metres[:, 0] *= -1
        inverse = np.linalg.inv(matrix)
        return LandmarkSet(
            roi=roi,
            score=score,
            crop_landmarks=points,
            visibility=certainty[:, 0],
            presence=certainty[:, 1],
            world=metres,
            crop_matrix=matrix,
            pixels=(points[:, :2] @ inverse[:2, :2].T + inverse[:2, 2]).astype(np.float32),
            peaks=certainty[:, 2],
            heavy=self._heavy,
        )

    def _read_crop(self, crop: np.ndarray) -> tuple[float, FloatingArray, FloatingArray, FloatingArray]:
        """Score; x, y, z (39, 3) px; metres (39, 3); visibility, presence and heatmap's peak (39, 3), each 0..1."""
        raw, score, heatmaps, world = self._landmarker.run(crop * np.float32(1 / 255), (0, 1, 3, 4))
        values = raw.reshape(NUM_LANDMARKS, 5)
        points = values[:, :3].copy()
        refined, peaks = refine_from_heatmaps(values[:, :2], heatmaps[0])
        points[:, :2] = refined - 0.5
        certainty = np.stack([sigmoid(values[:, 3]), sigmoid(values[:, 4]), peaks], axis=1)
        return float(score.reshape(())), points, world.reshape(NUM_LANDMARKS, 3).copy(), certainty


class _Network:
    """One LiteRT interpreter: one float32 input, numbered outputs."""

    def __init__(self, path: str | Path, num_threads: int, input_shape: tuple[int, ...]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if not Path(path).is_file():
            raise FileNotFoundError(
                f"{path} is not a file; run `metrichmsr setup` or pass the path of the .tflite file"
            )
        self._interpreter = Interpreter(str(path), num_threads=num_threads)
        self._interpreter.allocate_tensors()
        entry = self._interpreter.get_input_details()[0]
        if tuple(entry["shape"]) != input_shape:
            raise ValueError(f"{path} takes input {tuple(entry['shape'])}, not {input_shape}: wrong network file")
        self._input = entry["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def run(self, batch: FloatingArray, outputs: tuple[int, ...]) -> list[FloatingArray]:
        """Copies of the outputs with these positions; `batch` (H, W, 3) float32 becomes a batch of one."""
        self._interpreter.set_tensor(self._input, batch[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(self._outputs[i]) for i in outputs]
