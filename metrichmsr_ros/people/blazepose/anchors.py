"""Decoding of BlazePose's single-shot detector: anchors, boxes and weighted non-maximum suppression.

Constants are those of MediaPipe's published graph `pose_detection_cpu.pbtxt`.
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.types import FloatingArray

INPUT_SIZE = 224
STRIDES = (8, 16, 32, 32, 32)
ANCHORS_PER_CELL = 2
"""Per layer: one of the layer's scale and one between it and the next; both lie on the cell's centre."""


def make_anchors() -> FloatingArray:
    """(2254, 2) float32 anchor centres in 0..1; layers of one stride interleave within each cell.

    Anchors have a fixed size of 1, so their centres define them.
    """
    layers = []
    for stride in dict.fromkeys(STRIDES):
        cells = INPUT_SIZE // stride
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, ANCHORS_PER_CELL * STRIDES.count(stride), axis=0))
    return np.concatenate(layers)


def decode(
    raw: FloatingArray, logits: FloatingArray, anchors: FloatingArray, min_score: float
) -> tuple[FloatingArray, FloatingArray]:
    """Turn the network's output into boxes and keypoints above a score.

    Args:
        raw: (N, 12) centre x, y, width, height and four keypoints x, y; input px, centre and keypoints from the anchor.
        logits: (N,) scores before the sigmoid.
        anchors: (N, 2) from `make_anchors`.
        min_score: 0..1.

    Returns:
        (K,) float32 scores, best first, and (K, 6, 2) float32 points in 0..1 of the input square: box low corner, box
        high corner, four keypoints.
    """
    limit = np.log(min_score / (1.0 - min_score))
    chosen = np.flatnonzero(logits > limit)
    chosen = chosen[np.argsort(-logits[chosen], kind="stable")]
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits[chosen], -80.0, 80.0)))
    values = raw[chosen].reshape(-1, 6, 2) / INPUT_SIZE
    centre, half = values[:, 0] + anchors[chosen], values[:, 1] / 2
    points = values + anchors[chosen, None]
    points[:, 0], points[:, 1] = centre - half, centre + half
    return scores, points


def weighted_nms(scores: FloatingArray, points: FloatingArray, max_iou: float) -> tuple[FloatingArray, FloatingArray]:
    """Merge detections with overlapping boxes into their score-weighted mean, which keeps the best score of its group.

    Args:
        scores: (K,) sorted, best first.
        points: (K, 6, 2) as returned by `decode`.
        max_iou: boxes that overlap the group's best box by more than this intersection over union join the group.

    Returns:
        (M,) scores and (M, 6, 2) points, M <= K.
    """
    left = np.arange(len(scores))
    kept_scores, kept_points = [], []
    while len(left):
        best = left[0]
        same = box_iou(points[best, :2].reshape(1, 4), points[left, :2].reshape(-1, 4))[0] > max_iou
        same[0] = True  # a degenerate box overlaps nothing, not even itself
        group = left[same]
        kept_scores.append(scores[best])
        kept_points.append(np.average(points[group], axis=0, weights=scores[group]))
        left = left[~same]
    if not kept_scores:
        return scores[:0], points[:0]
    return np.array(kept_scores, scores.dtype), np.stack(kept_points).astype(points.dtype)
