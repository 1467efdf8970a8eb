"""The person detector: YOLOX-Nano (Megvii, Apache-2.0), of whose 80 classes only "person" is kept.

    detector = PersonDetector()
    for seen in detector.detect(image):
        print(seen.score, seen.box)

`scripts/export_person_detector.py` made the file. The network takes pixels 0..255 and gives, for each cell of three
grids (strides 8, 16, 32), a box and two probabilities whose product is the score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.session import OnnxNetwork
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import FloatingArray, ImageArray

LONG_SIDE = 416
"""Longer side of the input, px; the network was trained with it."""
MIN_SCORE = 0.15
_MULTIPLE = 32
_OUTPUTS = ("stride8", "stride16", "stride32")
_GREY = 114  # colour of the input where the image does not reach, as in the network's training
_MAX_IOU = 0.6


@dataclass(frozen=True, eq=False)
class PersonBox:
    """Where the detector sees somebody.

    Attributes:
        score: 0..1.
        box: (4,) x0, y0, x1, y1 px around the visible part of the person; it may reach a little over the image.
    """

    score: float
    box: FloatingArray

    def moved(self, shift: FloatingArray) -> PersonBox:
        """The box shifted by (2,) px."""
        return replace(self, box=self.box + np.tile(shift, 2))


class PersonDetector:
    """The network. Calls from several threads at a time are allowed; each uses `num_threads`.

    Args:
        num_threads: as for `BlazePose`.
        path: the ONNX file; None: the one that ships with the package.
        providers: what computes; see `providers_of`.

    Raises:
        FileNotFoundError: `path` is not a file.
        OnnxNetworkError: it is not an ONNX graph.
    """

    def __init__(self, num_threads: int = 1, path: str | Path | None = None, providers: Providers = CPU) -> None:
        self._network = OnnxNetwork(path or asset_path("person_detector.onnx"), num_threads, providers)

    def detect(self, image: ImageArray, tile: Tile | None = None, min_score: float = MIN_SCORE) -> list[PersonBox]:
        """People in an image or in one tile of it, best first.

        Args:
            image: HWC uint8 RGB of any size, in which people are upright.
            tile: the part to search; None searches all of it.
            min_score: boxes with a lower score are left out.
        """
        tile = tile or Tile(0, 0, image.shape[1], image.shape[0])
        square, ratio = _fit(tile.cut(image))
        pixels = np.ascontiguousarray(square.transpose(2, 0, 1)[None], np.float32)
        grids = self._network.run({"images": pixels}, _OUTPUTS)
        scores, boxes = _decode(grids, square.shape[0], min_score)
        kept = _best_of_each(scores, boxes)
        corner = np.array([tile.x, tile.y, tile.x, tile.y])
        return [PersonBox(float(scores[k]), (boxes[k] + 0.5) / ratio - 0.5 + corner) for k in kept]


def _fit(part: ImageArray) -> tuple[ImageArray, FloatingArray]:
    """A tile at the network's scale, grey at the right and below; also (4,) input px per image px, x, y, x, y."""
    height, width = part.shape[:2]
    ratio = LONG_SIDE / max(height, width)
    new = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    resized = cv2.resize(part, new, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    rows, columns = (-(-side // _MULTIPLE) * _MULTIPLE for side in (new[1], new[0]))
    square = np.full((rows, columns, 3), _GREY, np.uint8)
    square[: new[1], : new[0]] = resized
    return square, np.array([new[0] / width, new[1] / height] * 2)


def _decode(grids: list[FloatingArray], height: int, min_score: float) -> tuple[FloatingArray, FloatingArray]:
    """(K,) scores and (K, 4) boxes in input px of all cells above a score."""
    scores, boxes = [], []
    for grid in grids:
        values, stride = grid[0].transpose(1, 2, 0), height / grid.shape[2]
        score = values[..., 4] * values[..., 5]
        rows, columns = np.nonzero(score >= min_score)
        chosen = values[rows, columns]
        centre = (chosen[:, :2] + np.stack([columns, rows], axis=1)) * stride
        half = np.exp(np.minimum(chosen[:, 2:4], 10.0)) * stride / 2
        scores.append(score[rows, columns])
        boxes.append(np.concatenate([centre - half, centre + half], axis=1) - 0.5)
    return np.concatenate(scores), np.concatenate(boxes)


def _best_of_each(scores: FloatingArray, boxes: FloatingArray) -> list[int]:
    """Rows that stay, best first: of boxes that overlap by more than `_MAX_IOU` the best one."""
    left, kept = np.argsort(-scores, kind="stable"), []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][box_iou(boxes[left[:1]], boxes[left[1:]])[0] <= _MAX_IOU]
    return kept


def detect_in_tiles(
    image: ImageArray,
    detector: PersonDetector,
    tiles: list[Tile],
    min_score: float = MIN_SCORE,
    workers: Workers | None = None,
) -> list[PersonBox]:
    """People in all tiles, best first, once each. A box that a tile's border may cut off is left out.

    `workers` search several tiles at a time.
    """
    found = []
    in_tiles = (workers or Workers()).map(lambda tile: detector.detect(image, tile, min_score), tiles)
    for tile, seen in zip(tiles, in_tiles, strict=True):
        found += [person for person in seen if tile.holds(person.box, (image.shape[1], image.shape[0]))]
    if not found:
        return []
    kept = _best_of_each(np.array([p.score for p in found]), np.array([p.box for p in found]))
    return [found[k] for k in kept]
