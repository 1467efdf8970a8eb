"""Figures in an image that is not there: their landmarks, and stand-ins for the networks that find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi
from metrichmsr_ros.people.detection.person_detector import PersonBox
from metrichmsr_ros.types import Float32Array, ImageArray

# x, y of the 39 landmarks of a standing figure of height 1, hip centre at the origin, y down.
FIGURE = np.zeros((39, 2))
FIGURE[0:11] = [0.0, -0.42]
for _index, _point in {
    11: (0.1, -0.3), 12: (-0.1, -0.3), 13: (0.14, -0.15), 14: (-0.14, -0.15), 15: (0.15, 0.0), 16: (-0.15, 0.0),
    23: (0.06, 0.0), 24: (-0.06, 0.0), 25: (0.07, 0.24), 26: (-0.07, 0.24), 27: (0.07, 0.46), 28: (-0.07, 0.46),
    29: (0.07, 0.48), 30: (-0.07, 0.48), 31: (0.1, 0.5), 32: (-0.1, 0.5), 34: (0.0, -0.5),
}.items():  # fmt: skip
    FIGURE[_index] = _point
FIGURE[17:23] = FIGURE[[15, 16, 15, 16, 15, 16]]


@dataclass
class Figure:
    """A person in the image: hip centre and height in px. The networks find no hidden one."""

    x: float
    y: float
    height: float = 100.0
    hidden: bool = False
    peak: float = 0.7

    def pixels(self) -> Float32Array:
        """(39, 2) landmarks in px."""
        return (FIGURE * self.height + [self.x, self.y]).astype(np.float32)


def landmark_set(figure: Figure, roi: Roi | None = None, score: float = 0.99) -> LandmarkSet:
    """What the landmark network answers in `roi`, by default the one around the figure."""
    pixels = figure.pixels()
    roi = roi or Roi.from_points(pixels[33], pixels[34])
    matrix = roi.matrix()
    crop = np.zeros((39, 3), np.float32)
    crop[:, :2] = pixels @ matrix[:2, :2].T + matrix[:2, 2]
    ones = np.ones(39, np.float32)
    return LandmarkSet(
        roi=roi, score=score, crop_landmarks=crop, visibility=ones, presence=ones, world=np.zeros((39, 3), np.float32),
        crop_matrix=matrix, pixels=pixels, peaks=ones * np.float32(figure.peak),
    )  # fmt: skip


class FigureFinder:
    """Has the methods of BlazePose; answers from `figures` instead of pixels and counts its calls."""

    def __init__(self, figures: list[Figure]) -> None:
        self.figures = figures
        self.detector_calls = 0
        self.landmark_calls = 0

    def detect(
        self, image: ImageArray, tile: Tile | None = None, without: Sequence[LandmarkSet] = ()
    ) -> list[Detection]:
        """The figures whose middle is in the tile and whose size fits it."""
        self.detector_calls += 1
        tile = tile or Tile(0, 0, image.shape[1], image.shape[0])
        found = []
        for figure in self._seen(without):
            inside = tile.x <= figure.x < tile.x + tile.width and tile.y <= figure.y < tile.y + tile.height
            if inside and 0.15 < figure.height / tile.width < 0.95:
                p = figure.pixels()
                keypoints = np.stack([p[33], p[34], p[11:13].mean(0), p[0]])
                found.append(Detection(0.9, np.concatenate([p[0] - 5, p[0] + 5]), keypoints))
        return found

    def landmarks(
        self,
        image: ImageArray,
        roi: Roi,
        min_score: float = 0.5,
        *,
        without: Sequence[LandmarkSet] = (),
        keep: LandmarkSet | None = None,
    ) -> LandmarkSet | None:
        """The figure nearest to the middle of `roi`, if one is near."""
        self.landmark_calls += 1
        near = [f for f in self._seen(without) if np.hypot(f.x - roi.centre[0], f.y - roi.centre[1]) < 0.4 * f.height]
        if not near:
            return None
        figure = min(near, key=lambda f: np.hypot(f.x - roi.centre[0], f.y - roi.centre[1]))
        return landmark_set(figure, roi)

    def _seen(self, without: Sequence[LandmarkSet]) -> list[Figure]:
        def is_covered(figure: Figure) -> bool:
            return any(np.abs(body.pixels[33] - [figure.x, figure.y]).max() < 0.05 * figure.height for body in without)

        return [figure for figure in self.figures if not figure.hidden and not is_covered(figure)]


def box_of(figure: Figure, score: float = 0.9) -> PersonBox:
    """The box of a figure that is seen as a whole."""
    points = figure.pixels()[:33].astype(np.float64)
    return PersonBox(score, np.concatenate([points.min(0), points.max(0)]))


class FigureDetector:
    """Has the methods of PersonDetector; gives the boxes of figures who are large enough, and counts its calls."""

    def __init__(self, figures: list[Figure], smallest: float = 0.08, score: float = 0.9) -> None:
        self.figures, self.smallest, self.score = figures, smallest, score
        self.tiles: list[Tile | None] = []

    def detect(self, image: ImageArray, tile: Tile | None = None, min_score: float = 0.15) -> list[PersonBox]:
        """The figures in the tile whose height is at least the share `smallest` of its longer side."""
        self.tiles.append(tile)
        tile = tile or Tile(0, 0, image.shape[1], image.shape[0])
        size = (image.shape[1], image.shape[0])
        boxes = [box_of(f, self.score) for f in self.figures if not f.hidden and self._is_seen(f, tile)]
        return [box for box in boxes if tile.holds(box.box, size, 0.0)] if self.score >= min_score else []

    def _is_seen(self, figure: Figure, tile: Tile) -> bool:
        inside = tile.x <= figure.x < tile.x + tile.width and tile.y <= figure.y < tile.y + tile.height
        return inside and figure.height >= self.smallest * max(tile.width, tile.height)
