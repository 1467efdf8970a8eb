"""Intersection over union and covered shares by hand, by counting pixels, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.geometry.boxes import box_iou, share_covered

BOXES = st.tuples(*[st.floats(-10, 10)] * 4).map(
    lambda b: np.array([min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])])
)


def test_pairs_by_hand():
    first = np.array([[0.0, 0, 2, 2], [0, 0, 10, 10]])
    second = np.array([[1.0, 0, 3, 2], [0, 0, 2, 2], [5, 5, 6, 6], [1, 1, 1, 1]])
    np.testing.assert_allclose(box_iou(first, second), [[1 / 3, 1, 0, 0], [0.04, 0.04, 0.01, 0]])


@pytest.mark.parametrize(("other", "expected"), [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((20, 0, 30, 10), 0)])
def test_boxes_of_whole_numbers(other, expected):
    iou = box_iou([(0, 0, 10, 10)], [other])
    assert iou.dtype == np.float64
    assert iou[0, 0] == pytest.approx(expected)


def test_iou_is_the_share_of_pixels():
    corners = np.random.default_rng(0).integers(0, 30, (12, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    v, u = np.mgrid[:30, :30]
    masks = [(u >= x0) & (u < x1) & (v >= y0) & (v < y1) for x0, y0, x1, y1 in boxes]
    counted = [[(a & b).sum() / max((a | b).sum(), 1) for b in masks] for a in masks]
    np.testing.assert_allclose(box_iou(boxes, boxes), counted)


@settings(max_examples=60, deadline=None)
@given(BOXES, BOXES)
def test_iou_is_symmetric_and_bounded(first, second):
    forward, backward = box_iou(first[None], second[None])[0, 0], box_iou(second[None], first[None])[0, 0]
    assert forward == pytest.approx(backward)
    assert 0.0 <= forward <= 1.0 + 1e-9
    if np.prod(first[2:] - first[:2]) > 1e-6:
        assert box_iou(first[None], first[None])[0, 0] == pytest.approx(1.0)


def test_boxes_without_area_or_of_nan_overlap_nothing():
    nothing = np.array([[1.0, 1, 1, 1], [np.nan] * 4, [2, 2, 1, 1]])
    with np.errstate(all="raise"):
        iou = box_iou(nothing, np.array([[1.0, 1, 1, 1], [0, 0, 2, 2], [np.nan] * 4]))
    np.testing.assert_array_equal(iou, np.zeros((3, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    assert box_iou(np.zeros((2, 4), dtype), np.zeros((0, 4), dtype)).shape == (2, 0)
    assert box_iou(np.zeros((2, 4), dtype), np.zeros((3, 4), dtype)).dtype == dtype


def test_share_covered_is_of_the_first_box_and_zero_without_area():
    boxes = [[0, 0, 10, 10], [0, 0, 4, 5], [20, 20, 30, 30], [3, 3, 3, 9]]
    share = share_covered(boxes, boxes[:2])
    np.testing.assert_allclose(share, [[1, 0.2], [1, 1], [0, 0], [0, 0]])
