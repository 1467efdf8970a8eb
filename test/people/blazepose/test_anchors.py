"""The detector's decoding against a naive loop over anchors, written from the published graph."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.people.blazepose.anchors import decode, make_anchors, weighted_nms


def naive_anchors():
    strides, anchors, layer = [8, 16, 32, 32, 32], [], 0
    while layer < len(strides):
        last = layer
        while last < len(strides) and strides[last] == strides[layer]:
            last += 1
        cells = 224 // strides[layer]
        for y in range(cells):
            for x in range(cells):
                for _ in range(2 * (last - layer)):
                    anchors.append([(x + 0.5) / cells, (y + 0.5) / cells])
        layer = last
    return np.array(anchors)


def test_anchors_are_those_of_the_published_graph():
    anchors = make_anchors()
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors, naive_anchors(), atol=1e-6)


def test_decode_agrees_with_a_loop_over_anchors():
    rng = np.random.default_rng(0)
    anchors = make_anchors()
    raw, logits = rng.normal(0, 30, (2254, 12)), rng.normal(-3, 2, 2254)
    scores, points = decode(raw, logits, anchors, 0.5)
    expected = []
    for i in range(2254):
        score = 1 / (1 + np.exp(-logits[i]))
        if score > 0.5:
            x, y, w, h = raw[i, :4] / 224
            x, y = x + anchors[i, 0], y + anchors[i, 1]
            keypoints = [raw[i, 4 + 2 * k : 6 + 2 * k] / 224 + anchors[i] for k in range(4)]
            expected.append((score, [[x - w / 2, y - h / 2], [x + w / 2, y + h / 2], *keypoints]))
    expected.sort(key=lambda pair: -pair[0])
    assert len(scores) == len(expected) > 10
    np.testing.assert_allclose(scores, [pair[0] for pair in expected])
    np.testing.assert_allclose(points, [pair[1] for pair in expected], atol=1e-9)


def test_decode_of_extreme_logits_warns_nothing():
    logits = np.full(2254, -1e4, np.float32)
    logits[:2] = 1e4
    with np.errstate(all="raise"):
        scores, points = decode(np.zeros((2254, 12), np.float32), logits, make_anchors(), 0.5)
    assert scores.tolist() == [1.0, 1.0]
    assert points.shape == (2, 6, 2)


def test_nothing_above_the_score_gives_empty_arrays():
    scores, points = decode(np.zeros((2254, 12)), np.full(2254, -9.0), make_anchors(), 0.5)
    scores, points = weighted_nms(scores, points, 0.3)
    assert scores.shape == (0,)
    assert points.shape == (0, 6, 2)


def test_nms_merges_by_score_and_keeps_apart_what_does_not_overlap():
    def entry(x, size=1.0):
        return np.array([[x, 0], [x + size, size], [x, 0.5], [x, 0], [x, 1], [x, 2]], float)

    scores = np.array([0.9, 0.8, 0.6])
    points = np.stack([entry(0.0), entry(5.0), entry(0.2)])
    kept_scores, kept = weighted_nms(scores, points, 0.3)
    assert kept_scores.tolist() == [0.9, 0.8]
    np.testing.assert_allclose(kept[0], (0.9 * points[0] + 0.6 * points[2]) / 1.5)
    np.testing.assert_allclose(kept[1], points[1])


def test_nms_ends_on_boxes_without_area():
    points = np.zeros((3, 6, 2))
    scores, kept = weighted_nms(np.array([0.9, 0.8, 0.7]), points, 0.3)
    assert len(scores) == len(kept) == 3
