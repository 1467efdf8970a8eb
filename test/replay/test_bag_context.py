"""A replay passes floor and depth of a bag to the pipeline as the node does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.bag_messages import HEIGHT, WIDTH
from helpers.pixel_pipeline import ContextPipeline
from helpers.recorded_bags import Recipe, write_bag

from metrichmsr_ros.replay.options import ReplayError, ReplayOptions
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics

RECIPE = Recipe(info_first=True, moving_camera=True, depth_image=True)
KNOWN = ReplayOptions(ground_frame="map", depth="/cam/depth")


def replayed(tmp_path, options, recipe=RECIPE):
    pipeline = ContextPipeline()
    done = replay_bag(write_bag(tmp_path / "bag", recipe), tmp_path / "out", options, pipeline)
    return done, pipeline.contexts


def test_without_options_there_is_no_context(tmp_path):
    _, contexts = replayed(tmp_path, ReplayOptions())
    assert all(context.floor is None and context.depth is None and not context.boxes for context in contexts)


def test_the_floor_follows_from_the_transforms(tmp_path):
    done, contexts = replayed(tmp_path, KNOWN)
    assert len(contexts) == len(RECIPE.depths)
    for context in contexts:
        np.testing.assert_allclose(context.floor.up, [0, -1, 0], atol=1e-9)  # y of the camera points down
        assert context.floor.height == pytest.approx(-1.2)  # the camera is 1.2 m above it
    assert done.missing == {}


def test_depth_has_the_stamp_of_its_image(tmp_path):
    _, contexts = replayed(tmp_path, KNOWN)
    for context, depth in zip(contexts, RECIPE.depths, strict=True):
        assert context.depth.is_sensor
        assert context.depth.depth.shape == (HEIGHT // 2, WIDTH // 2)
        np.testing.assert_allclose(context.depth.depth, depth)


def test_both_can_be_switched_off_as_in_the_node(tmp_path):
    options = ReplayOptions(ground_frame="map", depth="/cam/depth", use_floor=False, use_depth=False)
    _, contexts = replayed(tmp_path, options)
    assert not any(context.measures_scale for context in contexts)


def test_missing_depth_and_transforms_are_counted_and_reported(tmp_path):
    options = ReplayOptions(ground_frame="nowhere", depth="/cam/depth")
    done, contexts = replayed(tmp_path, options)
    assert done.missing == {"no floor": len(RECIPE.depths)}
    assert "nowhere" in done.reasons["no floor"]
    assert all(context.depth is not None for context in contexts)
    assert read_metrics(tmp_path / "out")["result"]["missing"] == done.missing
    assert "nowhere" in (tmp_path / "out" / "report.html").read_text()


def test_images_used_with_a_problem_are_counted_by_themselves(tmp_path):
    """CameraInfo of half the resolution, for the image and, twice the size of its depth, refused for the depth."""
    recipe = replace(RECIPE, centre=(15.5, 11.5))
    options = ReplayOptions(ground_frame="map", depth="/cam/depth", depth_info="/cam/camera_info")
    done, contexts = replayed(tmp_path, options, recipe)
    count = len(recipe.depths)
    assert (done.dropped, done.doubtful) == ({}, {"doubtful camera_info": count})
    assert done.missing == {"no depth": count}
    assert all(context.depth is None and context.floor is not None for context in contexts)
    assert "another resolution" in done.reasons["doubtful camera_info"]
    result = read_metrics(tmp_path / "out")["result"]
    assert (result["missing"], result["doubtful"]) == (done.missing, done.doubtful)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h2>Images used with a problem</h2>" in page
    assert "another resolution" in page


@pytest.mark.parametrize(
    ("options", "recipe", "words"),
    [
        (ReplayOptions(ground_frame="map"), Recipe(), "no transforms"),
        (ReplayOptions(depth="/cam/dpeth"), RECIPE, "--depth /cam/dpeth: without messages .*/cam/depth"),
        (ReplayOptions(depth="/cam/camera_info"), RECIPE, "of type sensor_msgs/msg/CameraInfo"),
        (ReplayOptions(depth="/cam/depth", depth_info="/cam/depth"), RECIPE, "--depth-info /cam/depth"),
    ],
)
def test_topics_and_frames_that_the_bag_lacks_are_refused(tmp_path, options, recipe, words):
    with pytest.raises(ReplayError, match=words):
        replayed(tmp_path, options, recipe)
