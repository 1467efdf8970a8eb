"""The replica of Nav2's obstacle layer: which cells are marked and cleared, and in which order; what it measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml
from helpers.costmap_steps import CAMERA, walk
from helpers.repository import ROOT

from benchmarks.robot.costmap import WAYS, record
from benchmarks.robot.obstacle_layer import LayerConfig, Observation, ObstacleLayer, line_cells
from metrichmsr_ros.data.synthesis.walking_sequence import level_camera
from metrichmsr_ros.people.tracking.clearing import RANGE_M, clearing_points

CONFIG = LayerConfig(origin=(0.0, 0.0), size=(4.0, 4.0), resolution=0.1)
SENSOR = np.array([0.05, 2.05, 1.0])


def test_the_replica_has_the_values_of_the_sample_for_nav2():
    sample = yaml.safe_load((ROOT / "config" / "nav2" / "people_costmap.yaml").read_text())
    layer = sample["local_costmap"]["local_costmap"]["ros__parameters"]["people_layer"]
    assert layer["observation_sources"].split() == ["nobody", "bodies"]
    bodies, nobody = layer["bodies"], layer["nobody"]
    assert (bodies["marking"], bodies["clearing"], nobody["marking"], nobody["clearing"]) == (True, False, False, True)
    assert (bodies["topic"], nobody["topic"]) == ("/perception/body_points", "/perception/clearing_points")
    assert bodies["observation_persistence"] == nobody["observation_persistence"] == 0.0
    config = LayerConfig()
    for source in (layer, bodies):
        heights = source["min_obstacle_height"], source["max_obstacle_height"]
        assert heights == (config.min_obstacle_height, config.max_obstacle_height)
    assert bodies["obstacle_max_range"] == config.obstacle_max_range
    assert config.obstacle_max_range < nobody["raytrace_max_range"] == config.raytrace_max_range < RANGE_M
    ends = clearing_points(CAMERA, np.zeros((0, 3)))
    assert np.abs(ends[:, 1]).max() < nobody["max_obstacle_height"] == -nobody["min_obstacle_height"]


def seen(*points):
    return Observation(SENSOR, np.array(points, np.float64).reshape(-1, 3))


def marked(layer):
    return {tuple(cell) for cell in np.argwhere(layer.is_marked).tolist()}


def test_a_point_marks_its_cell():
    layer = ObstacleLayer(CONFIG)
    layer.update(seen((1.01, 2.0, 0.5), (1.09, 2.0, 0.5)), None)
    assert marked(layer) == {(10, 20)}


@pytest.mark.parametrize("point", [(1.0, 2.0, -0.6), (1.0, 2.0, 2.6), (9.0, 2.0, 0.5)])
def test_points_outside_heights_or_window_mark_nothing(point):
    layer = ObstacleLayer(CONFIG)
    layer.update(seen(point), None)
    assert not layer.is_marked.any()


def test_points_beyond_the_obstacle_range_mark_nothing():
    layer = ObstacleLayer(replace(CONFIG, obstacle_max_range=2.0))
    layer.update(seen((2.0, 2.05, 0.5), (2.1, 2.05, 0.5)), None)
    assert marked(layer) == {(20, 20)}


def test_a_mark_stays_until_a_ray_passes_through_it():
    layer = ObstacleLayer(CONFIG)
    layer.update(seen((1.05, 2.05, 0.5), (2.05, 2.05, 0.5), (2.05, 3.05, 0.5)), None)
    layer.update(seen(), seen((1.55, 2.05, 0.0)))
    assert marked(layer) == {(20, 20), (20, 30)}  # the first lay on the ray, the second behind its end
    layer.update(seen(), seen())
    assert marked(layer) == {(20, 20), (20, 30)}


def test_what_a_ray_clears_is_marked_again_in_the_same_update():
    layer = ObstacleLayer(CONFIG)
    both = seen((1.05, 2.05, 0.5))
    layer.update(both, None)
    layer.update(both, seen((3.05, 2.05, 0.0)))
    assert marked(layer) == {(10, 20)}


def test_rays_clear_no_farther_than_the_raytrace_range():
    layer = ObstacleLayer(replace(CONFIG, raytrace_max_range=1.5))
    layer.update(seen((1.0, 2.05, 0.5), (3.05, 2.05, 0.5)), None)
    layer.update(seen(), seen((30.0, 2.05, 0.0)))
    assert marked(layer) == {(30, 20)}


def test_a_ray_that_leaves_the_window_clears_up_to_its_edge():
    layer = ObstacleLayer(CONFIG)
    layer.update(seen((3.95, 2.05, 0.5), (2.05, 3.95, 0.5)), None)
    layer.update(seen(), seen((40.05, 2.05, 0.0)))
    assert marked(layer) == {(20, 39)}


def test_a_sensor_outside_the_window_neither_clears_nor_marks():
    layer = ObstacleLayer(CONFIG)
    layer.update(seen((1.05, 2.05, 0.5)), None)
    outside = Observation(np.array([-1.0, 2.05, 1.0]), np.array([[3.0, 2.05, 0.5]]))
    layer.update(outside, outside)
    assert marked(layer) == {(10, 20)}


def bresenham(start, end):
    """One line, step by step."""
    (x, y), (dx, dy) = start, np.abs(np.subtract(end, start))
    sx, sy = (1 if b > a else -1 for a, b in zip(start, end, strict=True))
    cells, error = [(x, y)], max(dx, dy) // 2
    for _ in range(max(dx, dy)):
        error += min(dx, dy)
        is_across = error >= max(dx, dy)
        error -= max(dx, dy) * is_across
        x, y = (x + sx, y + sy * is_across) if dx >= dy else (x + sx * is_across, y + sy)
        cells.append((x, y))
    return cells


def drawn_in(origin, end, low, high):
    """The end of one ray, cut side by side as in Nav2's ObstacleLayer::raytraceFreespace."""
    x, y = end
    a, b = x - origin[0], y - origin[1]
    if x < low[0]:
        x, y = low[0], origin[1] + b * (low[0] - origin[0]) / a
    if y < low[1]:
        x, y = origin[0] + a * (low[1] - origin[1]) / b, low[1]
    if x > high[0]:
        x, y = high[0] - 0.001, origin[1] + b * (high[0] - origin[0]) / a
    if y > high[1]:
        x, y = origin[0] + a * (high[1] - origin[1]) / b, high[1] - 0.001
    return x, y


def test_rays_of_any_length_and_direction_clear_the_cells_of_a_plain_loop():
    origin, rng = np.array([1.23, 2.34, 1.0]), np.random.default_rng(0)
    for end in rng.uniform(-8, 12, (300, 2)):
        layer = ObstacleLayer(CONFIG)
        layer.is_marked[:] = True
        layer.update(None, Observation(origin, np.array([[*end, 0.0]])))
        cell = np.floor(np.array(drawn_in(origin, end, (0.0, 0.0), (4.0, 4.0))) / 0.1).astype(int)
        if (cell < 0).any() or (cell > 39).any():
            assert layer.is_marked.all()  # Nav2 leaves such a ray out
            continue
        expected = bresenham((12, 23), tuple(cell.tolist()))
        assert {tuple(free) for free in np.argwhere(~layer.is_marked).tolist()} == set(expected)


def test_lines_go_through_the_cells_of_bresenhams_algorithm():
    rng = np.random.default_rng(0)
    ends = rng.integers(-30, 30, (200, 2))
    start = np.array([3, -4])
    expected = {cell for end in ends.tolist() for cell in bresenham((3, -4), end)}
    assert {tuple(cell) for cell in line_cells(start, ends, 1000).tolist()} == expected


@pytest.mark.parametrize("way", WAYS[2:])
def test_a_walk_is_marked_when_seen_and_leaves_no_trail_with_the_clearing_cloud(way):
    found = record(walk(), way)
    assert found.delays_s == pytest.approx([0.2])
    assert min(found.exact) == 1.0
    assert max(found.trail) == max(found.far) == 0


def test_a_walk_leaves_a_trail_without_the_clearing_cloud():
    found = record(walk(), WAYS[0])
    assert found.trail[-1] == 3 * 12  # three points side by side; the last 0.6 s of 18 images are no trail yet
    assert found.far[-1] > 0


@pytest.mark.parametrize("pitch", [-0.2, 0.0, 0.2, 0.5])
def test_the_clearing_cloud_clears_all_that_a_tilted_camera_sees_of_people(pitch):
    layer = ObstacleLayer(LayerConfig(origin=(-2.0, -5.0), size=(10.0, 10.0)))
    pose = level_camera((0.0, 0.0, 1.1), 0.3, pitch)
    layer.is_marked[:] = True
    ends = clearing_points(CAMERA, np.zeros((0, 3))).astype(np.float64)
    layer.update(None, Observation(pose[:3, 3], ends @ pose[:3, :3].T + pose[:3, 3]))
    x, y, z = np.meshgrid(np.arange(-1.97, 8, 0.05), np.arange(-4.97, 5, 0.05), np.arange(0.1, 1.8, 0.1), indexing="ij")
    pixels = CAMERA.project((np.stack([x, y, z], -1) - pose[:3, 3]) @ pose[:3, :3])
    is_seen = ((pixels >= 0) & (pixels < CAMERA.size)).all(axis=-1).any(axis=-1)
    assert is_seen.sum() > 5000
    assert (layer.is_marked & is_seen).sum() == 0
    behind = (x[..., 0] - pose[0, 3]) * np.cos(0.3) + (y[..., 0] - pose[1, 3]) * np.sin(0.3) < -1.0
    assert layer.is_marked[behind].all()
