"""BlazePose's two networks in ONNX Runtime: the person detector and the landmark network.

    blazepose = BlazePose()
    for detection in blazepose.detect(image):
        found = blazepose.landmarks(image, detection.roi())

Pre- and post-processing follow MediaPipe's published graphs (`pose_detection_cpu`, `pose_landmark_by_roi_cpu`,
`tensors_to_pose_landmarks_and_segmentation`), in this project's pixel convention (integer pixel centres).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from metrichmsr_ros.body.joints import MIRROR_ALL_LANDMARKS
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.devices import checked_device, in_place_of
from metrichmsr_ros.people.blazepose.anchors import INPUT_SIZE, decode, make_anchors, weighted_nms
from metrichmsr_ros.people.blazepose.crops import Tile, cut_out, letterbox
from metrichmsr_ros.people.blazepose.heatmaps import refine_from_heatmaps, sigmoid
from metrichmsr_ros.people.blazepose.landmarks import (
    CROP_SIZE,
    NUM_LANDMARKS,
    Detection,
    LandmarkSet,
    Roi,
    TrunkMaps,
)
from metrichmsr_ros.people.blazepose.masking import mask_bodies
from metrichmsr_ros.people.blazepose.network_files import NETWORKS, converted, graph_of, make_graph, sha256_of
from metrichmsr_ros.runtime.providers import CPU, Providers, lack_of
from metrichmsr_ros.runtime.session import DamagedNetworkError, OnnxNetwork, OnnxNetworkError
from metrichmsr_ros.types import AnyArray, FloatingArray, ImageArray

__all__ = ["BlazePose", "Detection", "ImageError", "LandmarkSet", "Roi"]

DETECTOR, FULL, HEAVY = NETWORKS
LANDMARK_OUTPUTS = ("landmarks", "score", "heatmaps", "world")
MAPS = ("s16", "t8")
DETECTOR_OUTPUTS = ("boxes", "scores")


CropAnswer = tuple[float, FloatingArray, FloatingArray, FloatingArray, TrunkMaps | None]
"""Score; x, y, z (39, 3) px; metres (39, 3); visibility, presence, heatmap's peak (39, 3), each 0..1; maps."""


class Network(Protocol):
    """What runs one of the networks."""

    @property
    def inputs(self) -> Mapping[str, Sequence[int | str]]:
        """Shapes by name."""

    @property
    def takes_batches(self) -> bool:
        """Whether several images a call cost less than as many calls."""

    @property
    def runs_on(self) -> str:
        """What runs it, for diagnostics."""

    def run(self, inputs: Mapping[str, AnyArray], outputs: Sequence[str]) -> Sequence[AnyArray]:
        """The named outputs."""


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

    Calls from several threads at a time are allowed; each uses `num_threads`.

    Args:
        num_threads: CPU threads of a call. More than one gain little; calls at the same time gain all of it.
        detector_path: `pose_detection.tflite`, converted in memory; None: the graph in the user's cache.
        heavy: use the heavier landmark network, which has the same inputs and outputs and is about three times as slow.
        with_maps: give maps of the network's trunk with all landmarks; they are by-products of the same call.
        landmark_path: `pose_landmark_full.tflite` or `pose_landmark_heavy.tflite`, converted in memory; None: the graph
            in the user's cache.
        min_score: detections with a lower score are dropped.
        max_iou: detections whose boxes overlap by more are merged.
        providers: what computes; see `providers_of`.
        torch_device: a device of torch, such as "cuda", on which the networks run in torch instead; not with paths.

    Raises:
        AssetError: a network is not fetched.
        GraphError: its file is damaged, or its graph cannot be written to the cache.
        FileNotFoundError: `detector_path` or `landmark_path` is not a file.
        ValueError: it is another file, or is named beside `torch_device`.
        DeviceError: torch does not have `torch_device`.
    """

    def __init__(
        self,
        num_threads: int = 1,
        *,
        heavy: bool = False,
        with_maps: bool = False,
        detector_path: str | Path | None = None,
        landmark_path: str | Path | None = None,
        min_score: float = 0.5,
        max_iou: float = 0.3,
        providers: Providers = CPU,
        torch_device: str | None = None,
    ) -> None:
        if torch_device is not None and (detector_path or landmark_path):
            raise ValueError("networks in torch are those in the user's cache: leave the paths out, or torch_device")
        self._num_threads, self._providers, self._torch_device = num_threads, providers, torch_device
        self._outputs = LANDMARK_OUTPUTS + (MAPS if with_maps else ())
        self._detector = self._load(DETECTOR, DETECTOR_OUTPUTS, detector_path)
        self._landmarker = self._load(HEAVY if heavy else FULL, self._outputs, landmark_path)
        self._anchors = make_anchors()
        self._min_score, self._max_iou, self._heavy = min_score, max_iou, heavy

    @property
    def runs_on(self) -> str:
        """What runs the networks, for diagnostics."""
        return self._landmarker.runs_on

    def heavier(self) -> BlazePose:
        """The same with the heavier landmark network, and without maps; both use one detector.

        Raises:
            AssetError: the network is not fetched.
            GraphError: its file is damaged, or its graph cannot be written to the cache.
        """
        other = copy(self)
        other._landmarker = self._load(HEAVY, LANDMARK_OUTPUTS)
        other._outputs, other._heavy = LANDMARK_OUTPUTS, True
        return other

    def _load(self, name: str, outputs: Sequence[str], path: str | Path | None = None) -> Network:
        if self._torch_device is not None:
            return _load_in_torch(name, outputs, self._torch_device)
        return _load(name, path, self._num_threads, self._providers)

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
        raw, logits = self._detector.run({"images": square[None]}, DETECTOR_OUTPUTS)
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
        answer = self._read_crops([crop[:, ::-1] if mirrored else crop])[0]
        return self._landmark_set(roi, matrix, answer, min_score, mirrored)

    def landmarks_of_many(
        self, images: Sequence[np.ndarray], rois: Sequence[Roi], min_score: float = 0.5
    ) -> list[LandmarkSet | None]:
        """As `landmarks` for each image and its ROI, in one call of the network where that is faster."""
        for image in images:
            check_image(image)
        found: list[LandmarkSet | None] = [None] * len(rois)
        pairs = enumerate(zip(images, rois, strict=True))
        usable = [number for number, (image, roi) in pairs if roi.is_usable(image.shape[1], image.shape[0])]
        matrices = [rois[number].matrix() for number in usable]
        crops = [cut_out(images[n], rois[n], matrix) for n, matrix in zip(usable, matrices, strict=True)]
        for number, matrix, answer in zip(usable, matrices, self._read_crops(crops), strict=True):
            found[number] = self._landmark_set(rois[number], matrix, answer, min_score)
        return found

    def _landmark_set(
        self, roi: Roi, matrix: FloatingArray, answer: CropAnswer, min_score: float, mirrored: bool = False
    ) -> LandmarkSet | None:
        score, points, metres, certainty, maps = answer
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
            maps=maps,
        )

    def _read_crops(self, crops: Sequence[ImageArray]) -> list[CropAnswer]:
        if crops and self._landmarker.takes_batches:
            return self._read_batch(np.stack(crops))
        return [answer for crop in crops for answer in self._read_batch(np.ascontiguousarray(crop)[None])]

    def _read_batch(self, images: ImageArray) -> list[CropAnswer]:
        outputs = self._landmarker.run({"images": images}, self._outputs)
        return [_answer(*(values[row] for values in outputs)) for row in range(len(images))]


def _answer(
    raw: FloatingArray, score: FloatingArray, heatmaps: FloatingArray, world: FloatingArray, *maps: FloatingArray
) -> CropAnswer:
    values = raw.reshape(NUM_LANDMARKS, 5)
    points = values[:, :3].copy()
    refined, peaks = refine_from_heatmaps(values[:, :2], heatmaps.transpose(1, 2, 0))
    points[:, :2] = refined - 0.5
    certainty = np.stack([sigmoid(values[:, 3]), sigmoid(values[:, 4]), peaks], axis=1)
    trunk = TrunkMaps(maps[0], maps[1]) if maps else None
    return float(score.reshape(())), points, world.reshape(NUM_LANDMARKS, 3), certainty, trunk


def _load_in_torch(name: str, outputs: Sequence[str], device: str) -> Network:
    """The network on a device of torch."""
    with in_place_of(lack_of(device)):
        checked = checked_device(device)
    from metrichmsr_ros.people.blazepose.torch_network import TorchSession  # robots do without torch

    return TorchSession(name, outputs, checked)


def _load(name: str, path: str | Path | None, num_threads: int, providers: Providers) -> OnnxNetwork:
    """The network in the cache or in the file that the caller names."""
    try:
        if path is None:
            network = _load_cached(name, num_threads, providers)
        else:
            network = OnnxNetwork(graph_of(path), num_threads, providers)
    except OnnxNetworkError as error:
        raise OnnxNetworkError(f"{error}; `metrichmsr setup` makes the graphs again") from error
    side, found = INPUT_SIZE if name == DETECTOR else CROP_SIZE, network.inputs.get("images", ())
    if found[1:] != (side, side, 3):
        raise ValueError(f"{path or name} takes input {found}, not (n, {side}, {side}, 3): wrong network file")
    return network


def _load_cached(name: str, num_threads: int, providers: Providers) -> OnnxNetwork:
    """The network in the cache, whose graph is made again where it is damaged."""
    graph = converted(name)
    try:
        return OnnxNetwork.checked(graph, sha256_of(graph), num_threads, providers)
    except DamagedNetworkError as error:
        print(f"{error}; it is made again", file=sys.stderr)
        return OnnxNetwork(make_graph(name), num_threads, providers)
